// The browser's players behind the preview: one for each clip and sound that is near the playhead, let go when it is not.

/** How long before it begins a clip is made ready. */
const AHEAD_MS = 2500;
const DRIFT_S = 0.14;

/** @typedef {{url: string|null, isPicture: boolean, durationMs: number}} Media */

export class Players {
  /** @param {(address: string) => Media|undefined} mediaOf @param {() => void} onChange when a picture has come */
  constructor(mediaOf, onChange) {
    this.mediaOf = mediaOf;
    this.onChange = onChange;
    /** @type {Map<string, {element: any, url: string, isPicture: boolean}>} */
    this.held = new Map();
  }

  /** @param {string} id of a clip @returns {any} its element, if it is held */
  get(id) {
    return this.held.get(id)?.element;
  }

  /** Hold what is near and let go of the rest. @param {{id: string, address: string, start: number, end: number}[]} items @param {number} at @param {string} tag */
  tend(items, at, tag) {
    const near = items.filter((one) => one.end > at - 500 && one.start < at + AHEAD_MS);
    const wanted = new Set();
    for (const item of near) {
      const media = this.mediaOf(item.address);
      if (!media?.url) continue;
      const key = `${tag}:${item.id}`;
      wanted.add(key);
      const held = this.held.get(key);
      if (held?.url === media.url) continue;
      if (held) this.release(key);
      this.held.set(key, { element: this.make(tag, media), url: media.url, isPicture: media.isPicture });
    }
    for (const key of [...this.held.keys()]) if (key.startsWith(`${tag}:`) && !wanted.has(key)) this.release(key);
  }

  /** @param {string} tag @param {Media} media */
  make(tag, media) {
    if (media.isPicture) {
      const image = new Image();
      image.addEventListener("load", this.onChange);
      image.src = media.url ?? "";
      return image;
    }
    const player = document.createElement(tag === "audio" ? "audio" : "video");
    player.preload = "auto";
    player.muted = true;
    player.setAttribute("playsinline", "");
    for (const kind of ["loadeddata", "seeked"]) player.addEventListener(kind, this.onChange);
    player.src = media.url ?? "";
    return player;
  }

  /** @param {string} key */
  release(key) {
    const held = this.held.get(key);
    this.held.delete(key);
    if (!held || held.isPicture) return;
    held.element.pause();
    held.element.removeAttribute("src");
    held.element.load();
  }

  /** Bring a player to its moment. @param {string} key @param {number} wantedMs @param {{playing: boolean, speed: number}} how
   * @returns {boolean} whether it is there */
  sync(key, wantedMs, { playing, speed }) {
    const held = this.held.get(key);
    if (!held) return false;
    const { element } = held;
    if (held.isPicture) return element.complete;
    if (element.readyState < 1) return false;
    const end = Number.isFinite(element.duration) ? element.duration : Infinity;
    const wanted = Math.min(wantedMs / 1000, Math.max(0, end - 0.02));
    const atEnd = wantedMs / 1000 >= end - 0.02;
    if (element.playbackRate !== speed) element.playbackRate = speed;
    if (!playing || atEnd) {
      if (!element.paused) element.pause();
      if (Math.abs(element.currentTime - wanted) > 0.012 && !element.seeking) element.currentTime = wanted;
      return !element.seeking && element.readyState >= 2;
    }
    if (Math.abs(element.currentTime - wanted) > DRIFT_S && !element.seeking) element.currentTime = wanted;
    if (element.paused) element.play().catch(() => {});
    return !element.seeking && element.readyState >= 2;
  }

  /** @param {string} key */
  pause(key) {
    const held = this.held.get(key);
    if (held && !held.isPicture && !held.element.paused) held.element.pause();
  }

  pauseAll() {
    for (const key of this.held.keys()) this.pause(key);
  }

  releaseAll() {
    for (const key of [...this.held.keys()]) this.release(key);
  }
}
