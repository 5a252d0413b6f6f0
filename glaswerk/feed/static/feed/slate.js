// The queue of videos: slates asked for one after the other, without repetition, and renewed when the viewer reacts.

import { call } from "./api.js";
import { flush } from "./events.js";

/** @typedef {import("./shapes.js").Item} Item */
/** @typedef {import("./shapes.js").Slate} Slate */

const LIMIT = 10;
/** Ask again when no more than this many are left. */
const REMAINING = 3;
/** Ask again after this many were shown, so that what is shown follows what was watched. */
const CONSUMED = 5;
/** Ask again after this many strong reactions: a finish, a skip, a like. */
const REACTIONS = 2;
/** These many after the current one are being loaded already and stay. */
const PRELOADED = 2;

export class Queue extends EventTarget {
  /** @param {{feed?: string, hashtag?: string, creator?: string}} surface */
  constructor(surface) {
    super();
    this.surface = surface;
    /** @type {Item[]} */
    this.items = [];
    this.place = 0;
    this.ended = false;
    this.again = false;
    /** @type {Error|null} */
    this.failure = null;
    /** @type {Promise<void>|null} */
    this.asking = null;
    this.consumed = 0;
    this.reactions = 0;
    this.wanted = false;
  }

  /** @returns {Item|undefined} */
  get current() {
    return this.items[this.place];
  }

  /** The viewer is now at `place`. @param {number} place */
  arrive(place) {
    if (place > this.place) this.consumed += place - this.place;
    this.place = place;
    this.considerAsking();
  }

  /** The viewer showed strongly what they want. @param {number} weight REACTIONS or more renews at once */
  react(weight = 1) {
    this.reactions += weight;
    this.considerAsking();
  }

  considerAsking() {
    if (this.ended) return;
    const few = this.items.length - 1 - this.place <= REMAINING;
    if (few || this.consumed >= CONSUMED || this.reactions >= REACTIONS) void this.ask();
  }

  /** Begin anew, with videos that were seen already. */
  startAgain() {
    this.again = true;
    this.ended = false;
    this.items = [];
    this.place = 0;
    this.changed();
    return this.ask();
  }

  /** Ask for the next slate; a wish while one is under way is fulfilled after it. */
  ask() {
    if (this.asking) {
      this.wanted = true;
      return this.asking;
    }
    this.asking = this.fetchSlate().finally(() => {
      this.asking = null;
      if (this.wanted && !this.ended) {
        this.wanted = false;
        this.considerAsking();
      }
    });
    return this.asking;
  }

  async fetchSlate() {
    this.consumed = 0;
    this.reactions = 0;
    const query = new URLSearchParams({ limit: String(LIMIT) });
    for (const [name, value] of Object.entries(this.surface)) if (value) query.set(name, value);
    if (this.again) query.set("again", "1");
    try {
      // The next slate is to know everything that happened until now.
      await flush();
      this.take(/** @type {Slate} */ (await call("GET", `/api/feed?${query}`)));
      this.failure = null;
    } catch (error) {
      this.failure = /** @type {Error} */ (error);
    }
    this.changed();
  }

  /**
   * Put a slate behind what is shown and loaded; what waited behind that is stale and goes, unless it is all there is.
   * @param {Slate} slate
   */
  take(slate) {
    const kept = this.items.slice(0, this.place + 1 + PRELOADED);
    const stale = this.items.slice(this.place + 1 + PRELOADED);
    // With `again` a video may return, but not while it is still among the last few.
    const known = new Set((this.again ? kept.slice(-LIMIT) : kept).map((item) => item.video.id));
    const at = performance.now();
    const fresh = [];
    for (const slot of slate.slots) {
      if (known.has(slot.video.id)) continue;
      known.add(slot.video.id);
      fresh.push({ slate: slate.slate, at, ...slot });
    }
    if (fresh.length < LIMIT) for (const item of stale) if (!known.has(item.video.id)) fresh.push(item);
    this.items = [...kept, ...fresh];
    this.ended = fresh.length === 0;
  }

  /** Take out what comes later and the viewer does not want. @param {(item: Item) => boolean} unwanted */
  drop(unwanted) {
    this.items = this.items.filter((item, place) => place <= this.place || !unwanted(item));
    this.changed();
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}
