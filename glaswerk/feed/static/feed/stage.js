// The stage: slots one above the other, of which one fills the screen. It knows which one is current and who saw what.

import { SlotView } from "./slot.js";

/** @typedef {import("./slate.js").Queue} Queue */
/** @typedef {import("./player.js").Player} Player */

/** A slot counts as shown when at least half of it was on the screen for this long. */
const SHOWN_MS = 300;
/** Slots further away than this are empty shells. */
const NEAR = 4;

export class Stage extends EventTarget {
  /**
   * @param {HTMLElement} root @param {Queue} queue @param {Player} player
   * @param {{own: string}} viewer @param {HTMLElement} tail what stands after the last slot
   */
  constructor(root, queue, player, viewer, tail) {
    super();
    this.root = root;
    this.queue = queue;
    this.player = player;
    this.viewer = viewer;
    this.tail = tail;
    /** @type {SlotView[]} */
    this.views = [];
    this.place = -1;
    this.atEnd = false;
    /** @type {Set<SlotView>} shown already, so that each slot counts once */
    this.shown = new Set();
    /** @type {Map<Element, number>} timers of slots that are on the screen */
    this.timers = new Map();
    /** @type {SlotView|null} where a key or a button leads at the moment; what is scrolled past on the way is not arrived at */
    this.heading = null;
    root.addEventListener("scrollend", () => this.settle());
    for (const name of ["pointerdown", "wheel"]) root.addEventListener(name, () => (this.heading = null), { passive: true });
    this.observer = new IntersectionObserver((entries) => this.look(entries), { root, threshold: [0.5] });
    this.observer.observe(tail);
    queue.addEventListener("change", () => this.build());
  }

  /** @returns {SlotView|undefined} */
  get current() {
    return this.views[this.place];
  }

  /** Make the slots on the page those of the queue; what is shown stays where it is. */
  build() {
    const items = this.queue.items;
    const old = new Map(this.views.map((view) => [view.item, view]));
    this.views = items.map((item) => old.get(item) ?? new SlotView(item, this.viewer));
    const kept = new Set(this.views);
    if (this.player.view && !kept.has(this.player.view)) this.player.leave();
    for (const view of old.values()) {
      if (kept.has(view)) continue;
      view.hold(null);
      this.observer.unobserve(view.root);
      view.root.remove();
    }
    /** @type {Element|null} */
    let before = null;
    for (const view of this.views) {
      const stands = view.root.parentNode === this.root && view.root.previousElementSibling === before;
      if (!stands) {
        if (before) before.after(view.root);
        else this.root.prepend(view.root);
        this.observer.observe(view.root);
      }
      before = view.root;
    }
    this.views.forEach((view, place) => {
      view.root.setAttribute("aria-posinset", String(place + 1));
      view.root.setAttribute("aria-setsize", this.queue.ended ? String(this.views.length) : "-1");
    });
    if (this.place >= this.views.length) this.place = -1;
    this.dispatchEvent(new Event("build"));
    if (this.place < 0 && this.views.length) this.arrive(Math.min(this.queue.place, this.views.length - 1));
    else if (this.views.length) this.tend();
  }

  /** @param {IntersectionObserverEntry[]} entries */
  look(entries) {
    for (const { target, isIntersecting, intersectionRatio } of entries) {
      const on = isIntersecting && intersectionRatio >= 0.5;
      clearTimeout(this.timers.get(target));
      this.timers.delete(target);
      if (target === this.tail) {
        if (on) this.reachEnd();
        continue;
      }
      const place = this.views.findIndex((view) => view.root === target);
      if (!on || place < 0) continue;
      if (this.heading && this.views[place] !== this.heading) continue;
      if (place !== this.place || this.atEnd) this.arrive(place);
      this.countWhenShown(this.views[place]);
    }
  }

  /** The scrolling has ended: what is on the screen now is the current one, whatever was passed on the way. */
  settle() {
    this.heading = null;
    const middle = this.root.scrollTop + this.root.clientHeight / 2;
    const place = this.views.findIndex(({ root }) => root.offsetTop <= middle && middle < root.offsetTop + root.offsetHeight);
    if (place < 0) return;
    if (place !== this.place && !this.atEnd) this.arrive(place);
    this.countWhenShown(this.views[place]);
  }

  /** @param {SlotView} view */
  countWhenShown(view) {
    if (this.shown.has(view) || this.timers.has(view.root)) return;
    const timer = window.setTimeout(() => {
      if (document.visibilityState === "hidden" || this.shown.has(view)) return;
      this.shown.add(view);
      this.dispatchEvent(new CustomEvent("impression", { detail: { view } }));
    }, SHOWN_MS);
    this.timers.set(view.root, timer);
  }

  /** The slot at `place` is the current one now. @param {number} place @param {number} [from] seconds */
  arrive(place, from = 0) {
    this.place = place;
    this.atEnd = false;
    this.views.forEach((view, at) => (view.root.inert = at !== place));
    this.root.classList.remove("at-end");
    this.tend(from);
    this.views[place]?.measureCaption();
    this.queue.arrive(place);
    this.dispatchEvent(new Event("arrive"));
  }

  /** The viewer looks at what stands after the last slot. */
  reachEnd() {
    // Before the first video comes, the end is all there is to see.
    if (!this.views.length) return;
    this.player.leave();
    this.atEnd = true;
    this.place = this.views.length;
    this.root.classList.add("at-end");
    this.queue.arrive(this.views.length - 1);
    for (const view of this.views) view.root.inert = true;
    this.dispatchEvent(new Event("end"));
  }

  /** Fill what is near, empty what is far. @param {number} [from] where the current video begins, in seconds */
  tend(from = 0) {
    const near = (/** @type {number} */ at) => Math.abs(at - this.place) <= NEAR;
    this.views.forEach((view, at) => near(at) && view.fill());
    if (!this.atEnd) this.player.show(this.views, this.place, from);
    this.views.forEach((view, at) => !near(at) && view.empty());
  }

  /**
   * Bring a slot onto the screen.
   * @param {number} place @param {{smooth?: boolean}} [how]
   */
  go(place, { smooth = true } = {}) {
    const target = place >= this.views.length ? this.tail : this.views[Math.max(0, place)]?.root;
    if (!target || target.hidden) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    target.scrollIntoView({ behavior: smooth && !calm ? "smooth" : "instant", block: "start" });
  }

  next() {
    this.step(this.place + 1);
  }

  previous() {
    this.step(this.place - 1);
  }

  /** Go to a neighbour, whose video begins at once: who has pressed a key does not wait for the scrolling. @param {number} place */
  step(place) {
    if (this.views[place]) {
      this.heading = this.views[place];
      this.arrive(place);
    }
    this.go(place);
  }

  /** Show an item's new counts and states wherever it stands. @param {(view: SlotView) => boolean} which */
  refresh(which) {
    for (const view of this.views) if (which(view)) view.refresh();
  }
}
