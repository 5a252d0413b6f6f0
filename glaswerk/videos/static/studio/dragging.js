// Dragging in the timeline: handles trim, items move, clips change their order. With a finger only what is selected can be
// dragged, so that a swipe over the timeline scrolls it.

import { edgesOf, placeAmong, snap } from "./trims.js";

/** @typedef {{id: string, kind: string, start: number, end: number, from: number, speed: number}} Item */
/** @typedef {{lanes: HTMLElement, scroll: HTMLElement, items: Item[], all: import("./arrange.js").Arrangement|null, selected: string|null,
 *   at: number, pxPerMs: number, tell: (kind: string, detail: any) => void}} View the timeline; not imported, because it imports this */

const MOVED_PX = 5;
const SNAP_PX = 8;

/** @param {View} view */
export function watchDragging(view) {
  view.lanes.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const handle = /** @type {HTMLElement|null} */ (target.closest(".handle"));
    const body = /** @type {HTMLElement|null} */ (target.closest(".item-body"));
    const id = handle?.dataset.of ?? body?.dataset.item;
    const item = view.items.find((one) => one.id === id);
    if (!item || item.kind === "caption" || !view.all) return;
    if (!handle && event.pointerType !== "mouse" && id !== view.selected) return;
    if (handle) dragHandle(view, event, handle, item);
    else dragItem(view, event, /** @type {HTMLElement} */ (body), item);
  });
}

/**
 * @param {HTMLElement} target @param {PointerEvent} event @param {(dx: number) => void} move @param {(moved: boolean) => void} end
 */
function follow(target, event, move, end) {
  const from = event.clientX;
  let moved = false;
  const go = (/** @type {PointerEvent} */ now) => {
    const dx = now.clientX - from;
    if (!moved && Math.abs(dx) < MOVED_PX) return;
    if (!moved) target.setPointerCapture(event.pointerId);
    moved = true;
    move(dx);
  };
  const stop = () => {
    window.removeEventListener("pointermove", go);
    window.removeEventListener("pointerup", stop);
    window.removeEventListener("pointercancel", stop);
    end(moved);
  };
  window.addEventListener("pointermove", go);
  window.addEventListener("pointerup", stop);
  window.addEventListener("pointercancel", stop);
}

/** A drag ends with a click, which shall not select anything. @param {HTMLElement} target */
function swallowClick(target) {
  const swallow = (/** @type {Event} */ event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  target.addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => target.removeEventListener("click", swallow, { capture: true }), 50);
}

/** @param {View} view @param {PointerEvent} event @param {HTMLElement} handle @param {Item} item */
function dragHandle(view, event, handle, item) {
  event.preventDefault();
  handle.focus({ preventScroll: true });
  const side = handle.dataset.side ?? "end";
  const all = /** @type {import("./arrange.js").Arrangement} */ (view.all);
  const edges = edgesOf(all, view.at, item.id);
  const edge = side === "start" ? item.start : item.end;
  // The clips behind a trimmed beginning would slip away beneath the finger; the lanes stay until it is lifted.
  const holds = item.kind === "clip" && side === "start";
  follow(
    view.scroll,
    event,
    (dx) => {
      const by = dx / view.pxPerMs;
      const further = holds ? 0 : snap([edge + by], edges, SNAP_PX / view.pxPerMs);
      view.tell("trim", { id: item.id, side, by: by + further, span: item, joined: true });
      const now = view.items.find((one) => one.id === item.id);
      if (holds && now) view.lanes.style.setProperty("transform", `translateX(${(item.end - item.start - (now.end - now.start)) * view.pxPerMs}px)`);
    },
    () => {
      view.lanes.style.removeProperty("transform");
      view.tell("settle", item.id);
    },
  );
}

/** @param {View} view @param {PointerEvent} event @param {HTMLElement} body @param {Item} item */
function dragItem(view, event, body, item) {
  const all = /** @type {import("./arrange.js").Arrangement} */ (view.all);
  const node = /** @type {HTMLElement} */ (body.parentElement);
  const others = all.clips.filter((one) => one.id !== item.id);
  const edges = edgesOf(all, view.at, item.id);
  let to = -1;
  follow(
    body,
    event,
    (dx) => {
      node.classList.add("dragged");
      const by = dx / view.pxPerMs;
      if (item.kind === "clip") {
        node.style.setProperty("transform", `translateX(${dx}px)`);
        to = placeAmong(others, (item.start + item.end) / 2 + by);
        return;
      }
      const start = Math.max(0, item.start + by);
      const further = snap([start, start + item.end - item.start], edges, SNAP_PX / view.pxPerMs);
      view.tell("place", { id: item.id, start: Math.max(0, start + further) });
    },
    (moved) => {
      node.classList.remove("dragged");
      node.style.removeProperty("transform");
      if (!moved) return;
      swallowClick(body);
      if (item.kind === "clip" && to >= 0) view.tell("order", { id: item.id, to });
      view.tell("settle", item.id);
    },
  );
}
