// The timeline on the page: lanes of items, a ruler, a playhead. It shows an arrangement and tells what the person wants;
// it changes nothing itself.

import { element, icon } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";
import { drawRuler } from "./ruler.js";
import { itemsOf } from "./timeline_items.js";
import { tenths, within } from "./times.js";
import { watchDragging } from "./dragging.js";
import { watchZooming } from "./zooming.js";

/** @typedef {import("./arrange.js").Arrangement} Arrangement */
/** @typedef {import("./timeline_items.js").Item} Item */

const LEAST_PX_PER_S = 8;
const MOST_PX_PER_S = 400;
const PHONE = matchMedia("(max-width: 56.24rem)");
const KINDS = { clip: "film", text: "text", sticker: "sticker", music: "note", voice: "mic", caption: "captions" };

export class TimelineView extends EventTarget {
  /**
   * @param {ParentNode} page
   * @param {{stills: import("./stills.js").Stills, waves: import("./waves.js").Waves, mediaOf: (address: string) => import("./players.js").Media|undefined,
   *   titleOf: (address: string) => string}} finds
   */
  constructor(page, finds) {
    super();
    const one = (/** @type {string} */ name) => /** @type {HTMLElement} */ (page.querySelector(`[data-${name}]`));
    this.finds = finds;
    this.scroll = one("scroll");
    this.content = one("content");
    this.lanes = one("lanes");
    this.playhead = one("playhead");
    this.rulerBox = one("ruler");
    this.ruler = element("canvas");
    this.rulerBox.append(this.ruler);
    /** @type {Arrangement|null} */
    this.all = null;
    /** @type {string|null} */
    this.selected = null;
    this.at = 0;
    this.pxPerMs = 0.06;
    /** @type {Map<string, HTMLElement>} */
    this.nodes = new Map();
    /** @type {Item[]} */
    this.items = [];
    this.expectedLeft = 0;
    this.focused = "";
    this.scroll.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.lanes.addEventListener("click", (event) => this.clicked(event));
    this.lanes.addEventListener("keydown", (event) => this.key(event));
    this.playhead.addEventListener("keydown", (event) => this.playheadKey(event));
    this.rulerBox.addEventListener("pointerdown", (event) => this.scrub(event));
    watchDragging(this);
    watchZooming(this.scroll, (factor) => this.zoom(factor));
    finds.stills.addEventListener("still", (event) => this.drawStills(/** @type {CustomEvent} */ (event).detail));
    new ResizeObserver(() => this.layOut()).observe(this.scroll);
    PHONE.addEventListener("change", () => this.layOut());
  }

  /** On a phone the playhead stands in the middle, and the timeline moves beneath it. */
  get centred() {
    return PHONE.matches;
  }

  get lead() {
    return this.centred ? this.scroll.clientWidth / 2 : 28;
  }

  /** @param {string} kind @param {any} detail */
  tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  /** @param {Arrangement} all @param {string|null} selected */
  show(all, selected) {
    const first = !this.all?.duration && all.duration > 0;
    this.all = all;
    this.selected = selected;
    this.items = itemsOf(all, this.finds.titleOf);
    if (first) this.fitAll();
    this.layOut();
  }

  fitAll() {
    const room = this.scroll.clientWidth * (this.centred ? 0.85 : 1) - 80;
    this.pxPerMs = within(room / Math.max(1000, this.all?.duration ?? 0), LEAST_PX_PER_S / 1000, 0.11);
  }

  /** @param {number} factor */
  zoom(factor) {
    this.pxPerMs = within(this.pxPerMs * factor, LEAST_PX_PER_S / 1000, MOST_PX_PER_S / 1000);
    this.layOut();
    this.bringIntoView();
  }

  layOut() {
    const { all, lead, pxPerMs } = this;
    if (!all) return;
    const furthest = Math.max(all.duration, ...this.items.map((one) => one.end));
    this.content.style.setProperty("width", `${Math.ceil(furthest * pxPerMs + 2 * lead)}px`);
    this.fillLanes();
    this.movePlayhead();
    this.drawRuler();
    if (this.centred) this.scrollTo(this.at * pxPerMs);
  }

  drawRuler() {
    const { all, scroll, lead, pxPerMs } = this;
    if (all) drawRuler(this.ruler, { pxPerMs, lead, left: scroll.scrollLeft, width: scroll.clientWidth, duration: all.duration });
  }

  fillLanes() {
    const names = [...new Set(this.items.map((one) => one.lane))];
    if (!names.includes("main")) names.unshift("main");
    names.sort((a, b) => laneRank(a) - laneRank(b) || a.localeCompare(b));
    const kept = new Set();
    let before = /** @type {Element|null} */ (null);
    for (const name of names) {
      let lane = /** @type {HTMLElement|null} */ (this.lanes.querySelector(`[data-lane="${name}"]`));
      if (!lane) lane = element("ul", { class: `lane ${name.split("-")[0]}`, data: { lane: name }, role: "list", "aria-label": laneTitle(name) });
      if (before ? before.nextElementSibling !== lane : this.lanes.firstElementChild !== lane) {
        if (before) before.after(/** @type {HTMLElement} */ (lane));
        else this.lanes.prepend(/** @type {HTMLElement} */ (lane));
      }
      before = lane;
      kept.add(name);
    }
    for (const lane of [...this.lanes.children]) if (!kept.has(/** @type {HTMLElement} */ (lane).dataset.lane)) lane.remove();
    const seen = new Set();
    for (const item of this.items) {
      seen.add(item.id);
      this.placeItem(item);
    }
    for (const [id, node] of this.nodes) {
      if (seen.has(id)) continue;
      node.remove();
      this.nodes.delete(id);
    }
    this.placeCuts();
    this.order();
    this.roam();
  }

  /** @param {Item} item */
  placeItem(item) {
    let node = this.nodes.get(item.id);
    if (!node) {
      const body = element("button", { class: "item-body", type: "button", tabindex: "-1", data: { item: item.id } });
      if (item.kind === "clip") body.append(element("canvas", { class: "item-stills", height: "56", "aria-hidden": "true" }));
      body.append(element("span", { class: "item-text" }, icon(KINDS[/** @type {keyof typeof KINDS} */ (item.kind)], "tiny"), element("span", { data: { words: "" } })));
      node = element("li", { class: `item ${item.kind}`, data: { node: item.id } }, body);
      this.nodes.set(item.id, /** @type {HTMLElement} */ (node));
    }
    const made = /** @type {HTMLElement} */ (node);
    const lane = this.lanes.querySelector(`[data-lane="${item.lane}"]`);
    if (made.parentElement !== lane) lane?.append(made);
    const { lead, pxPerMs } = this;
    made.style.setProperty("left", `${lead + item.start * pxPerMs}px`);
    made.style.setProperty("width", `${Math.max(6, (item.end - item.start) * pxPerMs)}px`);
    const isSelected = item.id === this.selected;
    made.classList.toggle("selected", isSelected);
    const body = /** @type {HTMLElement} */ (made.firstElementChild);
    body.setAttribute("aria-pressed", String(isSelected));
    body.setAttribute("aria-label", item.label);
    const words = /** @type {HTMLElement} */ (body.querySelector("[data-words]"));
    if (words.textContent !== item.text) words.textContent = item.text;
    this.placeHandles(made, item, isSelected);
    if (item.kind === "clip") this.drawClip(made, item);
    else if (item.kind === "voice" || item.kind === "music") this.finds.waves.draw(made, item, (item.end - item.start) * pxPerMs);
  }

  /** @param {HTMLElement} node @param {Item} item @param {boolean} isSelected */
  placeHandles(node, item, isSelected) {
    let handles = /** @type {HTMLElement[]} */ ([...node.querySelectorAll(".handle")]);
    if (!isSelected || item.kind === "caption") {
      for (const handle of handles) handle.remove();
      return;
    }
    if (!handles.length) {
      handles = ["start", "end"].map((side) => element("span", { class: `handle ${side}`, role: "slider", tabindex: "0", data: { side, of: item.id } }));
      node.append(...handles);
    }
    for (const handle of handles) {
      const isStart = handle.dataset.side === "start";
      const at = isStart ? item.start : item.end;
      handle.setAttribute("aria-label", fill(isStart ? gettext("Start of {item}") : gettext("End of {item}"), { item: item.text || item.label }));
      handle.setAttribute("aria-valuemin", "0");
      handle.setAttribute("aria-valuemax", String(Math.max(at, this.all?.duration ?? 0)));
      handle.setAttribute("aria-valuenow", String(Math.round(at)));
      handle.setAttribute("aria-valuetext", tenths(at));
    }
  }

  /** @param {HTMLElement} node @param {Item} item */
  drawClip(node, item) {
    const canvas = /** @type {HTMLCanvasElement} */ (node.querySelector("canvas"));
    const clip = this.all?.clips.find((one) => one.id === item.id);
    const media = this.finds.mediaOf(item.address);
    if (!clip || !media) return;
    this.finds.stills.want(item.address, media);
    const width = Math.round(within((item.end - item.start) * this.pxPerMs, 8, 3000));
    const key = `${width}:${clip.from}:${clip.speed}:${this.finds.stills.stills.get(item.address)?.length}`;
    if (canvas.dataset.drawn === key) return;
    canvas.dataset.drawn = key;
    canvas.width = width;
    this.finds.stills.draw(canvas, clip);
  }

  /** @param {string} address */
  drawStills(address) {
    for (const item of this.items) if (item.address === address && item.kind === "clip") this.drawClip(/** @type {HTMLElement} */ (this.nodes.get(item.id)), item);
  }

  /** Between two clips stands a mark that leads to their transition. */
  placeCuts() {
    const lane = /** @type {HTMLElement} */ (this.lanes.querySelector('[data-lane="main"]'));
    const clips = this.all?.clips ?? [];
    const marks = /** @type {HTMLElement[]} */ ([...lane.querySelectorAll(".cut")]);
    clips.slice(0, -1).forEach((clip, at) => {
      const mark = marks[at] ?? element("li", { class: "cut" }, element("button", { class: "cut-mark", type: "button", tabindex: "-1" }, icon("transition", "tiny")));
      if (!marks[at]) lane.append(mark);
      mark.style.setProperty("left", `${this.lead + clip.end * this.pxPerMs}px`);
      mark.classList.toggle("has", Boolean(clip.after));
      const button = mark.firstElementChild;
      button.dataset.cut = clip.id;
      button.setAttribute("aria-label", fill(gettext("Transition after clip {number}"), { number: at + 1 }) + (clip.after ? "" : `, ${gettext("none")}`));
    });
    for (const mark of marks.slice(Math.max(0, clips.length - 1))) mark.remove();
  }

  /** The order on the page is the order in time, for whoever goes through with the keyboard or listens. */
  order() {
    for (const lane of this.lanes.children) {
      const left = (/** @type {Element} */ one) => parseFloat(/** @type {HTMLElement} */ (one).style.getPropertyValue("left"));
      const sorted = [...lane.children].sort((a, b) => left(a) - left(b));
      if (sorted.some((node, at) => lane.children[at] !== node)) {
        const focused = document.activeElement;
        lane.append(...sorted);
        if (focused instanceof HTMLElement && focused !== document.activeElement && lane.contains(focused)) focused.focus({ preventScroll: true });
      }
    }
  }

  // Focus: one item of the timeline can be reached with Tab, the arrows go from there ---------------------------------

  /** @returns {HTMLElement[][]} */
  rows() {
    return [...this.lanes.children].map((lane) => /** @type {HTMLElement[]} */ ([...lane.querySelectorAll(".item-body, .cut-mark")])).filter((row) => row.length);
  }

  roam() {
    const all = this.rows().flat();
    const name = (/** @type {HTMLElement} */ one) => one.dataset.item ?? `cut:${one.dataset.cut}`;
    const home = all.find((one) => name(one) === this.focused) ?? all.find((one) => one.dataset.item === this.selected) ?? all[0];
    for (const one of all) one.tabIndex = one === home ? 0 : -1;
  }

  /** @param {HTMLElement} body */
  focusItem(body) {
    this.focused = body.dataset.item ?? `cut:${body.dataset.cut}`;
    this.roam();
    body.focus({ preventScroll: true });
    body.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.matches(".handle")) {
      const steps = { ArrowLeft: -100, ArrowDown: -100, ArrowRight: 100, ArrowUp: 100, PageDown: -1000, PageUp: 1000 };
      const by = steps[/** @type {keyof typeof steps} */ (event.key)];
      if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.tell("trim", { id: target.dataset.of, side: target.dataset.side, by, joined: false });
      return;
    }
    if (event.ctrlKey || event.metaKey || !event.key.startsWith("Arrow")) return;
    const id = target.dataset.item;
    if (event.altKey) {
      if (id && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
        event.preventDefault();
        this.tell("shift", { id, by: event.key === "ArrowLeft" ? -1 : 1 });
      }
      return;
    }
    if (event.shiftKey) return;
    const rows = this.rows();
    const row = rows.findIndex((one) => one.includes(target));
    if (row < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const at = rows[row].indexOf(target);
    let next;
    if (event.key === "ArrowLeft") next = rows[row][at - 1];
    else if (event.key === "ArrowRight") next = rows[row][at + 1];
    else {
      const other = rows[row + (event.key === "ArrowUp" ? -1 : 1)];
      const x = target.getBoundingClientRect().left;
      next = other?.toSorted((a, b) => Math.abs(a.getBoundingClientRect().left - x) - Math.abs(b.getBoundingClientRect().left - x))[0];
    }
    if (next) this.focusItem(next);
  }

  /** @param {KeyboardEvent} event */
  playheadKey(event) {
    const steps = { ArrowLeft: -100, ArrowRight: 100, PageDown: -1000, PageUp: 1000, Home: -Infinity, End: Infinity };
    const by = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (by === undefined || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.tell("seek", within(this.at + by, 0, this.all?.duration ?? 0));
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const target = event.target instanceof Element ? event.target : null;
    const cut = /** @type {HTMLElement|null|undefined} */ (target?.closest("[data-cut]"));
    const item = /** @type {HTMLElement|null|undefined} */ (target?.closest("[data-item]"));
    if (cut) this.tell("cut", cut.dataset.cut);
    else if (item) this.tell("select", item.dataset.item);
    else if (!target?.closest(".handle")) this.tell("select", null);
    if (cut || item) this.focusItem(/** @type {HTMLElement} */ (cut ?? item));
  }

  // Time -------------------------------------------------------------------------------------------------------------------

  /** @param {number} at */
  setTime(at) {
    this.at = at;
    this.movePlayhead();
    this.bringIntoView();
  }

  movePlayhead() {
    const { all, playhead } = this;
    playhead.style.setProperty("left", `${this.lead + this.at * this.pxPerMs}px`);
    playhead.setAttribute("aria-valuemax", String(Math.round(all?.duration ?? 0)));
    playhead.setAttribute("aria-valuenow", String(Math.round(this.at)));
    playhead.setAttribute("aria-valuetext", tenths(this.at));
  }

  bringIntoView() {
    const x = this.at * this.pxPerMs;
    if (this.centred) {
      this.scrollTo(x);
      return;
    }
    const { scrollLeft, clientWidth } = this.scroll;
    const seen = this.lead + x - scrollLeft;
    if (seen < 12 || seen > clientWidth - 40) this.scrollTo(Math.max(0, x - clientWidth * 0.2));
  }

  /** @param {number} left */
  scrollTo(left) {
    this.scroll.scrollLeft = left;
    // The browser may round or stop it; what it made of it is not the person's doing.
    this.expectedLeft = this.scroll.scrollLeft;
  }

  scrolled() {
    this.drawRuler();
    if (!this.centred || Math.abs(this.scroll.scrollLeft - this.expectedLeft) < 1.5) return;
    this.expectedLeft = this.scroll.scrollLeft;
    this.tell("seek", within(this.scroll.scrollLeft / this.pxPerMs, 0, this.all?.duration ?? 0));
  }

  /** @param {PointerEvent} event */
  scrub(event) {
    if (this.centred && event.pointerType !== "mouse") return;
    const go = (/** @type {PointerEvent} */ moved) => {
      const x = moved.clientX - this.content.getBoundingClientRect().left - this.lead;
      this.tell("seek", within(x / this.pxPerMs, 0, this.all?.duration ?? 0));
    };
    go(event);
    if (this.centred) return;
    this.rulerBox.setPointerCapture(event.pointerId);
    this.rulerBox.addEventListener("pointermove", go);
    this.rulerBox.addEventListener("lostpointercapture", () => this.rulerBox.removeEventListener("pointermove", go), { once: true });
  }
}

/** @param {string} lane */
const laneRank = (lane) => ["overlays", "captions", "main", "music", "voice"].indexOf(lane.split("-")[0]);

/** @param {string} lane */
function laneTitle(lane) {
  const titles = { overlays: gettext("Texts and stickers"), captions: gettext("Captions"), main: gettext("Clips"), music: gettext("Sounds"), voice: gettext("Voice") };
  return titles[/** @type {keyof typeof titles} */ (lane.split("-")[0])];
}
