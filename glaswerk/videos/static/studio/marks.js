// Texts and stickers on the preview: each has a frame that can be dragged, turned larger with a pinch or the wheel, and
// moved with the arrows.

import { element } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";
import { setParameters } from "./document.js";
import { boxOf } from "./texts.js";
import { within } from "./times.js";

const MIDDLE_NEAR = 0.015;
const STEP = 0.01;

/** @param {HTMLElement} box @param {import("./store.js").Store} store @param {{context: CanvasRenderingContext2D, at: () => number, isPlaying: () => boolean, open: (id: string) => void}} parts */
export function watchMarks(box, store, { context, at, isPlaying, open }) {
  /** @type {Map<string, HTMLElement>} */
  const marks = new Map();

  function show() {
    const { all } = store;
    const now = at();
    const shown = isPlaying() ? [] : all.overlays.filter((one) => now >= one.start && now < one.end);
    for (const [id, mark] of marks) {
      if (shown.some((one) => one.id === id)) continue;
      mark.remove();
      marks.delete(id);
    }
    for (const overlay of shown) {
      let mark = marks.get(overlay.id);
      if (!mark) {
        mark = /** @type {HTMLElement} */ (element("button", { class: "mark", type: "button", data: { mark: overlay.id } }));
        marks.set(overlay.id, mark);
        box.append(mark);
      }
      const words = overlay.kind === "text" ? fill(gettext("Text {words}"), { words: overlay.parameters.text }) : fill(gettext("Sticker {words}"), { words: overlay.parameters.name });
      mark.setAttribute("aria-label", `${words}. ${gettext("The arrows move it.")}`);
      mark.setAttribute("aria-pressed", String(overlay.id === store.selected));
      context.save();
      const place = boxOf(context, overlay, all.width, all.height);
      context.restore();
      const style = mark.style;
      style.setProperty("left", `${100 * place.x}%`);
      style.setProperty("top", `${100 * place.y}%`);
      style.setProperty("width", `${100 * place.width}%`);
      style.setProperty("height", `${100 * place.height}%`);
      style.setProperty("rotate", `${overlay.parameters.rotation}deg`);
    }
  }

  const find = (/** @type {EventTarget|null} */ target) => (target instanceof Element ? /** @type {HTMLElement|null} */ (target.closest("[data-mark]"))?.dataset.mark : undefined);
  const view = (/** @type {string} */ id) => store.all.overlays.find((one) => one.id === id);

  /** @param {string} id @param {Record<string, number>} parameters @param {string} name */
  function change(id, parameters, name) {
    store.edit(setParameters(store.doc, id, parameters), name === "size" ? gettext("Size") : gettext("Place"), `${name}:${id}`);
  }

  /** @type {Map<number, {x: number, y: number}>} */
  const fingers = new Map();
  box.addEventListener("pointerdown", (event) => {
    const id = find(event.target);
    const overlay = id && view(id);
    if (!id || !overlay) return;
    event.preventDefault();
    store.select(id);
    /** @type {HTMLElement} */ (event.target).focus({ preventScroll: true });
    const frame = box.getBoundingClientRect();
    const before = { ...overlay.parameters };
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const from = { x: event.clientX, y: event.clientY };
    const distance = () => {
      const [one, other] = [...fingers.values()];
      return Math.hypot(one.x - other.x, one.y - other.y);
    };
    let apart = fingers.size === 2 ? distance() : 0;
    let moved = false;
    const move = (/** @type {PointerEvent} */ now) => {
      if (!fingers.has(now.pointerId)) return;
      fingers.set(now.pointerId, { x: now.clientX, y: now.clientY });
      if (fingers.size === 2) {
        apart ||= distance();
        const limits = overlay.kind === "text" ? [0.01, 0.5] : [0.02, 1];
        change(id, { size: Math.round(within((before.size * distance()) / apart, limits[0], limits[1]) * 1000) / 1000 }, "size");
        return;
      }
      const [dx, dy] = [(now.clientX - from.x) / frame.width, (now.clientY - from.y) / frame.height];
      if (!moved && Math.hypot(dx * frame.width, dy * frame.height) < 4) return;
      moved = true;
      const settled = (/** @type {number} */ value) => (Math.abs(value - 0.5) < MIDDLE_NEAR ? 0.5 : Math.round(value * 1000) / 1000);
      change(id, { x: settled(within(before.x + dx, 0, 1)), y: settled(within(before.y + dy, 0, 1)) }, "place");
    };
    const stop = (/** @type {PointerEvent} */ now) => {
      fingers.delete(now.pointerId);
      if (fingers.size) return;
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", stop);
      window.removeEventListener("pointercancel", stop);
      if (!moved && !apart) open(id);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", stop);
    window.addEventListener("pointercancel", stop);
  });
  box.addEventListener("click", (event) => {
    // A click without a pointer comes from the keyboard.
    const id = find(event.target);
    if (id && event.detail === 0) {
      store.select(id);
      open(id);
    }
  });
  box.addEventListener("keydown", (event) => {
    const id = find(event.target);
    const overlay = id && view(id);
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!id || !overlay || !by || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    store.select(id);
    const far = event.shiftKey ? 5 : 1;
    const rounded = (/** @type {number} */ value) => Math.round(within(value, 0, 1) * 1000) / 1000;
    change(id, { x: rounded(overlay.parameters.x + far * by[0]), y: rounded(overlay.parameters.y + far * by[1]) }, "place");
  });
  box.addEventListener(
    "wheel",
    (event) => {
      const overlay = store.selected && view(store.selected);
      if (!overlay || find(event.target) !== store.selected) return;
      event.preventDefault();
      const limits = overlay.kind === "text" ? [0.01, 0.5] : [0.02, 1];
      change(overlay.id, { size: Math.round(within(overlay.parameters.size * (event.deltaY < 0 ? 1.05 : 1 / 1.05), limits[0], limits[1]) * 1000) / 1000 }, "size");
    },
    { passive: false },
  );
  return show;
}
