// Playing: four video elements that wander along with the viewer, so that memory stays flat however long the feed is.

/** @typedef {import("./slot.js").SlotView} SlotView */

const MUTED = "glaswerk.muted";
/** The current video, one behind it and two ahead have a video element; nothing else does. */
const BEHIND = 1;
const AHEAD = 2;

/** @param {SlotView} view @returns {string} the address of the rendition that suits this screen and connection */
export function chooseRendition(view) {
  const { renditions } = view.item.video;
  const connection = /** @type {any} */ (navigator).connection;
  const sorted = [...renditions].sort((a, b) => a.bitrate - b.bitrate);
  if (!sorted.length) return "";
  if (connection?.saveData) return sorted[0].url;
  // A rendition a quarter smaller than the pixels it covers is not told apart in motion.
  const needed = view.root.clientWidth * Math.min(devicePixelRatio, 2) * 0.75;
  const affordable = connection?.downlink ? connection.downlink * 1e6 * 0.8 : Infinity;
  const fitting = sorted.filter((one) => one.bitrate <= affordable);
  const choices = fitting.length ? fitting : sorted.slice(0, 1);
  return (choices.find((one) => Math.min(one.width, one.height) >= needed) ?? choices[choices.length - 1]).url;
}

/** Counts what was really played of one visit to a video. */
class Meter {
  constructor() {
    this.playedMs = 0;
    this.loops = 0;
    this.last = 0;
    this.finished = false;
  }

  /** @param {HTMLVideoElement} video */
  read(video) {
    const now = video.currentTime;
    let step = now - this.last;
    if (step < 0 && this.last > video.duration * 0.5) {
      step = video.duration - this.last + now;
      this.loops += 1;
    }
    // Larger steps are jumps, and what was jumped over was not watched.
    if (step > 0 && step < 2.5) this.playedMs += step * 1000;
    this.last = now;
    if (this.playedMs >= video.duration * 900) this.finished = true;
  }
}

export class Player extends EventTarget {
  constructor() {
    super();
    this.muted = readMuted();
    this.rate = 1;
    /** @type {SlotView|null} */
    this.view = null;
    this.meter = new Meter();
    this.pausedByPerson = false;
    this.videos = Array.from({ length: BEHIND + 1 + AHEAD }, () => this.makeVideo());
  }

  makeVideo() {
    const video = document.createElement("video");
    video.playsInline = true;
    video.loop = true;
    video.muted = this.muted;
    video.disableRemotePlayback = true;
    video.setAttribute("aria-hidden", "true");
    video.tabIndex = -1;
    const ours = () => (this.view?.video === video ? this.view : null);
    video.addEventListener("timeupdate", () => {
      if (!ours()) return;
      const before = this.meter.finished;
      this.meter.read(video);
      if (this.meter.finished && !before) this.dispatchEvent(new Event("finish"));
      this.dispatchEvent(new Event("time"));
    });
    video.addEventListener("loadeddata", () => video.closest(".slot")?.classList.add("has-picture"));
    video.addEventListener("playing", () => ours()?.root.classList.remove("stalled"));
    video.addEventListener("waiting", () => ours()?.root.classList.add("stalled"));
    video.addEventListener("error", () => video.getAttribute("src") && video.closest(".slot")?.classList.add("broken"));
    return video;
  }

  /**
   * Give the videos to the slots around the current one and play it.
   * @param {SlotView[]} views @param {number} place @param {number} [from] seconds to begin at
   */
  show(views, place, from = 0) {
    const near = views.slice(Math.max(0, place - BEHIND), place + AHEAD + 1);
    const free = this.videos.filter((video) => !near.some((view) => view.video === video));
    for (const view of views) if (view.video && !near.includes(view)) view.hold(null);
    // The current one first: it is what the viewer waits for.
    for (const view of [views[place], ...near]) {
      if (!view || view.video) continue;
      const video = /** @type {HTMLVideoElement} */ (free.pop());
      video.preload = "auto";
      video.src = chooseRendition(view);
      view.hold(video);
    }
    const next = views[place];
    if (this.view === next) return;
    this.leave();
    this.view = next ?? null;
    if (!next) return;
    this.meter = new Meter();
    this.pausedByPerson = false;
    next.showPaused(false);
    const video = /** @type {HTMLVideoElement} */ (next.video);
    video.currentTime = from;
    this.meter.last = from;
    this.play();
  }

  /** Stop the current video and say goodbye to it. */
  leave() {
    const view = this.view;
    if (!view) return;
    if (view.video) {
      this.meter.read(view.video);
      view.video.pause();
    }
    this.dispatchEvent(new CustomEvent("leave", { detail: { view, watched: this.watched } }));
    this.view = null;
  }

  /** What was played on this visit so far. */
  get watched() {
    return { watched_ms: Math.round(this.meter.playedMs), loops: this.meter.loops };
  }

  /** Let go of all videos, for when the queue begins anew. @param {SlotView[]} views */
  release(views) {
    this.leave();
    for (const view of views) view.hold(null);
    for (const video of this.videos) {
      video.removeAttribute("src");
      video.load();
    }
  }

  async play() {
    const video = this.view?.video;
    if (!video || this.pausedByPerson || document.visibilityState === "hidden") return;
    video.muted = this.muted;
    video.playbackRate = this.rate;
    try {
      await video.play();
    } catch (error) {
      // Browsers refuse sound until the person has touched the page; without sound they play.
      if (/** @type {DOMException} */ (error).name !== "NotAllowedError" || this.view?.video !== video) return;
      if (video.muted) {
        this.pausedByPerson = true;
        this.view.showPaused(true);
        return;
      }
      this.muted = true;
      this.dispatchEvent(new Event("mute"));
      void this.play();
    }
  }

  pause() {
    this.view?.video?.pause();
  }

  /** Pause or go on, as the person wishes. */
  toggle() {
    if (!this.view?.video) return;
    this.pausedByPerson = !this.view.video.paused;
    this.view.showPaused(this.pausedByPerson);
    if (this.pausedByPerson) this.pause();
    else void this.play();
  }

  /** @param {boolean} muted the person's choice, kept for next time */
  setMuted(muted) {
    this.muted = muted;
    // All of them at once, within the person's touch: that is what lets the next ones play with sound.
    for (const video of this.videos) video.muted = muted;
    try {
      localStorage.setItem(MUTED, muted ? "1" : "0");
    } catch {
      // Then it holds for this page.
    }
    this.dispatchEvent(new Event("mute"));
  }

  /** @param {number} rate 1 is as recorded */
  setRate(rate) {
    this.rate = rate;
    if (this.view?.video) this.view.video.playbackRate = rate;
  }

  /** @param {number} seconds */
  seek(seconds) {
    const video = this.view?.video;
    if (!video || !Number.isFinite(video.duration)) return;
    video.currentTime = Math.min(Math.max(0, seconds), Math.max(0, video.duration - 0.05));
    this.meter.last = video.currentTime;
    this.dispatchEvent(new Event("time"));
  }
}

/** @returns {boolean} whether to begin without sound: so it is until the person chooses otherwise */
function readMuted() {
  try {
    return localStorage.getItem(MUTED) !== "0";
  } catch {
    return true;
  }
}

/** @returns {boolean} whether the person has ever chosen */
export function choseSound() {
  try {
    return localStorage.getItem(MUTED) !== null;
  } catch {
    return false;
  }
}
