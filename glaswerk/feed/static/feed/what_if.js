// "What if": the dials, and the switch of the personal feed, beside the very slate that they would change. Moving one orders its posters anew at once.

import { element } from "../web/elements.js";
import { toast } from "../web/toasts.js";
import { fill, gettext, ngettext } from "../web/words.js";
import { call } from "./api.js";
import { buildDial, copyDials, NAMES, sameDials } from "./dial.js";

/** @typedef {import("./dial.js").Dials} Dials */
/** @typedef {{id: string, poster: string, caption: string}} Still */
/** @typedef {{position: number, was: number|null, video: Still, value: number, dials_term: number, explored: boolean}} Slot */

/** A dial that is being moved is asked about when it rests for this long. */
const REST_MS = 120;
const MOVE_MS = 200;
/** How many hashtags of the video get a dial here. */
const TOPICS = 3;

/** @returns {boolean} */
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class WhatIf {
  /**
   * @param {{slate: string, video: string, hashtags: string[], stillOf: (id: string) => Still|undefined, applied: () => void}} parts
   *   stillOf: what the page knows of a video; applied: runs when the dials are stored
   */
  constructor({ slate, video, hashtags, stillOf, applied }) {
    this.slate = slate;
    this.video = video;
    this.hashtags = hashtags.slice(0, TOPICS);
    this.stillOf = stillOf;
    this.applied = applied;
    /** @type {Map<string, Still>} */
    this.stills = new Map();
    /** @type {Map<string, HTMLElement>} */
    this.tiles = new Map();
    /** @type {Dials|null} what is stored, and what the dials here say */
    this.stored = null;
    /** @type {Dials|null} */
    this.chosen = null;
    /** Whether the feed may be personal: as it is stored, and as the switch here says. */
    this.storedPersonal = true;
    this.personal = true;
    this.timer = 0;
    this.asked = 0;
    this.build();
  }

  build() {
    this.posters = /** @type {HTMLOListElement} */ (element("ol", { class: "what-if-posters", "aria-label": gettext("This feed, ordered by the dials below") }));
    this.summary = element("p", { class: "what-if-summary", role: "status" });
    this.dials = element("div", { class: "dials" });
    this.switch = /** @type {HTMLInputElement} */ (
      element("input", { type: "checkbox", role: "switch", disabled: true, on: { change: () => this.turn(() => (this.personal = this.switch.checked)) } })
    );
    this.apply = /** @type {HTMLButtonElement} */ (element("button", { class: "button primary small", type: "button", disabled: true, text: gettext("Apply to my feed"), on: { click: () => void this.store() } }));
    this.back = /** @type {HTMLButtonElement} */ (element("button", { class: "button small", type: "button", disabled: true, text: gettext("Undo"), on: { click: () => this.undo() } }));
    this.buttons = element("div", { class: "what-if-buttons" }, this.apply, this.back);
    this.root = element(
      "section",
      { class: "why-section what-if" },
      element("h3", { text: gettext("What if?") }),
      element("p", { class: "why-intro", text: gettext("Move a dial, and see how this very feed would have been ordered.") }),
      element("div", { class: "what-if-shown" }, this.posters, this.summary),
      this.dials,
      element("label", { class: "switch" }, element("strong", { text: gettext("Personal feed") }), this.switch),
      this.buttons,
    );
  }

  /** Bring the dials into view and begin with the first. */
  reach() {
    this.root.scrollIntoView({ block: "start", behavior: calm() ? "auto" : "smooth" });
    /** @type {HTMLElement|null} */ (this.dials.querySelector("input"))?.focus({ preventScroll: true });
  }

  /** Fetch what is stored, and show the slate as those dials order it. */
  async open() {
    try {
      const settings = /** @type {import("./dial.js").FeedSettings} */ (await call("GET", "/api/dials"));
      this.stored = copyDials(settings.dials);
      this.chosen = copyDials(settings.dials);
      this.storedPersonal = this.personal = settings.profiling;
      this.drawDials();
      await this.ask();
    } catch (error) {
      this.root.replaceChildren(element("h3", { text: gettext("What if?") }), element("p", { class: "why-intro", text: /** @type {Error} */ (error).message }));
    }
  }

  drawDials() {
    this.switch.checked = this.personal;
    this.switch.disabled = false;
    const chosen = /** @type {Dials} */ (this.chosen);
    const topics = [...new Set([...this.hashtags, ...Object.keys(chosen.topics)])];
    // What this video is about is nearest to what somebody may want more or less of.
    this.dials.replaceChildren(
      ...topics.map((topic) =>
        buildDial({ name: topic, setting: chosen.topics[topic] ?? 0, topic: true, change: (setting) => this.turn(() => (chosen.topics[topic] = setting)) }),
      ),
      ...NAMES.map((name) => buildDial({ name, setting: chosen[name], change: (setting) => this.turn(() => (chosen[name] = setting)) })),
    );
  }

  /** @param {() => void} change */
  turn(change) {
    change();
    this.showButtons();
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.ask(), REST_MS);
  }

  /** @returns {boolean} whether anything is set here that is not stored */
  get changed() {
    return Boolean(this.stored && this.chosen && (!sameDials(this.stored, this.chosen) || this.personal !== this.storedPersonal));
  }

  showButtons() {
    const { changed } = this;
    this.apply.disabled = !changed;
    this.back.disabled = !changed;
    this.buttons.classList.toggle("changed", changed);
  }

  undo() {
    this.chosen = copyDials(/** @type {Dials} */ (this.stored));
    this.personal = this.storedPersonal;
    this.drawDials();
    this.dials.querySelector("input")?.focus();
    this.showButtons();
    void this.ask();
  }

  async ask() {
    const turn = ++this.asked;
    this.posters.setAttribute("aria-busy", "true");
    try {
      const answer = await call("POST", "/api/what-if", {
        slate: this.slate,
        dials: copyDials(/** @type {Dials} */ (this.chosen)),
        profiling: this.personal,
      });
      // Only the latest question counts; an answer that was overtaken says nothing any more.
      if (turn === this.asked) this.show(answer.slots, answer.left);
    } catch (error) {
      if (turn === this.asked) this.summary.textContent = /** @type {Error} */ (error).message;
    } finally {
      if (turn === this.asked) this.posters.removeAttribute("aria-busy");
    }
  }

  /** @param {Slot[]} slots @param {string[]} left */
  show(slots, left) {
    const places = new Map([...this.tiles].map(([id, tile]) => [id, tile.getBoundingClientRect()]));
    for (const slot of slots) this.stills.set(slot.video.id, slot.video);
    const shown = slots.map((slot) => this.tile(slot.video.id, slot));
    const gone = left.map((id) => this.tile(id, null));
    this.posters.replaceChildren(...shown, ...gone);
    for (const [id, from] of places) this.slide(this.tiles.get(id), from);
    this.summary.textContent = this.words(slots, left);
  }

  /** @param {string} id @param {Slot|null} slot null for what fell out */
  tile(id, slot) {
    let tile = this.tiles.get(id);
    if (!tile) {
      tile = /** @type {HTMLElement} */ (element("li", { data: { video: id } }));
      this.tiles.set(id, tile);
    }
    const still = this.stills.get(id) ?? this.stillOf(id);
    const moved = slot && slot.was !== null ? slot.was - slot.position : 0;
    tile.className = ["what-if-tile", id === this.video && "current", !slot && "left", slot && slot.was === null && "joined"].filter(Boolean).join(" ");
    const place = slot ? String(slot.position + 1) : "";
    const mark = !slot ? "×" : slot.was === null ? gettext("new") : moved > 0 ? `↑ ${moved}` : moved < 0 ? `↓ ${-moved}` : "";
    tile.replaceChildren(
      still?.poster ? element("img", { src: still.poster, alt: "", decoding: "async" }) : element("span", { class: "no-still" }),
      slot && element("span", { class: "tile-place", "aria-hidden": "true", text: place }),
      mark && element("span", { class: `tile-mark ${moved < 0 || !slot ? "down" : "up"}`, "aria-hidden": "true", text: mark }),
      element("span", { class: "visually-hidden", text: this.tileWords(still?.caption ?? "", slot, moved) }),
    );
    return tile;
  }

  /** @param {string} caption @param {Slot|null} slot @param {number} moved */
  tileWords(caption, slot, moved) {
    const what = caption || gettext("A video without a caption");
    if (!slot) return fill(gettext("Gone: {caption}"), { caption: what });
    const place = fill(gettext("Place {place}: {caption}"), { place: slot.position + 1, caption: what });
    if (slot.was === null) return `${place}. ${gettext("It was not there before.")}`;
    return moved ? `${place}. ${fill(gettext("It was at place {place}."), { place: slot.was + 1 })}` : place;
  }

  /** Let a tile come from where it was. @param {HTMLElement|undefined} tile @param {DOMRect} from */
  slide(tile, from) {
    if (!tile?.isConnected || calm()) return;
    const to = tile.getBoundingClientRect();
    const [x, y] = [from.left - to.left, from.top - to.top];
    if (!x && !y) return;
    tile.animate([{ translate: `${x}px ${y}px` }, { translate: "0 0" }], { duration: MOVE_MS, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" });
  }

  /** @param {Slot[]} slots @param {string[]} left @returns {string} */
  words(slots, left) {
    const moved = slots.filter((slot) => slot.was !== null && slot.was !== slot.position).length;
    const joined = slots.filter((slot) => slot.was === null).length;
    if (!moved && !joined && !left.length) {
      return this.changed ? gettext("Nothing moves: these videos do not differ enough in it.") : gettext("Just as it was shown to you.");
    }
    const parts = [
      moved && fill(ngettext("{count} video at another place", "{count} videos at another place", moved), { count: moved }),
      joined && fill(ngettext("{count} new", "{count} new ones", joined), { count: joined }),
      left.length && fill(ngettext("{count} gone", "{count} of them gone", left.length), { count: left.length }),
    ].filter(Boolean);
    return `${parts.join(", ")}.`;
  }

  async store() {
    const dials = copyDials(/** @type {Dials} */ (this.chosen));
    this.apply.disabled = true;
    try {
      const settings = await call("PUT", "/api/dials", this.personal === this.storedPersonal ? { dials } : { dials, profiling: this.personal });
      this.stored = copyDials(settings.dials);
      this.storedPersonal = settings.profiling;
      toast(gettext("Your feed follows these dials now."));
      this.applied();
    } catch (error) {
      toast(/** @type {Error} */ (error).message, { error: true });
    }
    this.showButtons();
  }
}
