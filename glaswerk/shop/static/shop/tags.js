// Which products the videos show. A slate brings what its videos sell; asked for is what came without, and again what has
// some when it comes onto the screen, because a price may be a few seconds old and not more.

import { call } from "./calls.js";

/** @typedef {import("./shapes.js").Tag} Tag */

const FRESH_MS = 5000;
const MOST = 50;

export class Tags {
  constructor() {
    /** @type {Map<string, {at: number, tags: Tag[]}>} by video */
    this.known = new Map();
    /** @type {Set<string>} */
    this.asking = new Set();
  }

  /** @param {string} video @returns {Tag[]} */
  of(video) {
    return this.known.get(video)?.tags ?? [];
  }

  /** What this video shows at a moment of it, the first in its creator's order. @param {string} video @param {number} ms */
  at(video, ms) {
    return this.of(video).find((tag) => tag.from_ms <= ms && ms < tag.to_ms);
  }

  /** Take what a slate brought, unless something newer is known. @param {{video: {id: string}, products?: Tag[], at?: number}} item */
  take({ video, products, at }) {
    if (!products || at === undefined) return;
    const kept = this.known.get(video.id);
    if (!kept || kept.at < at) this.known.set(video.id, { at, tags: products });
  }

  /**
   * Learn of the video on the screen and of those that come next.
   * @param {string} current @param {string[]} others @returns {Promise<void>}
   */
  async learn(current, others) {
    const kept = this.known.get(current);
    const isStale = kept && kept.tags.length > 0 && performance.now() - kept.at > FRESH_MS;
    const wanted = (isStale ? [current] : [current, ...others].filter((video) => !this.known.has(video))).filter((video) => !this.asking.has(video)).slice(0, MOST);
    if (!wanted.length) return;
    for (const video of wanted) this.asking.add(video);
    try {
      const { videos } = await call("GET", `/api/shop/tagged?videos=${wanted.join(",")}`);
      const at = performance.now();
      for (const video of wanted) this.known.set(video, { at, tags: videos[video] ?? [] });
    } catch {
      // A video without its chip is still a video; the next one that comes asks again.
    } finally {
      for (const video of wanted) this.asking.delete(video);
    }
  }
}
