// Playing: four video elements that wander along with the viewer, so that memory stays flat however long the feed is.

import { bufferedAhead, isBufferedToEnd, Line } from "./line.js";
import { Meter } from "./meter.js";
import { chooseRendition, learnToDecode } from "./renditions.js";
import { keepSubtitles, subtitle, wantsSubtitles } from "./subtitles.js";
import { takeOver } from "./switching.js";

/** @typedef {import("./slot.js").SlotView} SlotView */
/** @typedef {import("./shapes.js").Rendition} Rendition */

const MUTED = "glaswerk.muted";
/** The current video, one behind it and two ahead have a video element; nothing else does. */
const BEHIND = 1;
const AHEAD = 2;
/** So long the current video has the line to itself before the next ones are loaded, unless it can play sooner. */
const FIRST_MS = 1500;
/** With less than this in its buffer, a video that loads more slowly than it plays changes to a smaller rendition. */
const LOW_S = 2.5;
/** With so much in its buffer, a larger rendition may be tried. */
const PLENTY_S = 6;
/** A video that has waited so long changes to a smaller rendition in any case. */
const DRY_MS = 400;
/** What is longer plays as a stream, where the browser does so by itself: its first bytes say too little about its last. */
const LONG_MS = 60_000;
const STREAM = "application/vnd.apple.mpegurl";
/** Of what the line carries, this part is spent on a first choice and on a step down, and this one on a step up. */
const SPENT = 0.75;
const SPENT_UP = 0.55;
/** Between two changes lies at least so long. */
const CALM_MS = 5000;

export class Player extends EventTarget {
  constructor() {
    super();
    this.muted = readMuted();
    this.rate = 1;
    this.subtitled = wantsSubtitles();
    /** @type {SlotView|null} */
    this.view = null;
    this.meter = new Meter();
    this.pausedByPerson = false;
    this.line = new Line();
    /** @type {SlotView[]} the current one first */
    this.near = [];
    /** @type {WeakMap<HTMLVideoElement, Rendition>} what each element holds */
    this.held = new WeakMap();
    /** @type {AbortController|null} the change of rendition that is under way */
    this.changing = null;
    this.changedAt = -Infinity;
    /** @type {number|undefined} */
    this.dryTimer = undefined;
    /** @type {number|undefined} */
    this.aheadTimer = undefined;
    /** @type {HTMLVideoElement|null} the first video of a page that came with its first slate; it may play already */
    this.arrived = document.querySelector(".first-slot video");
    // One more than the slots need: a change of rendition takes a second element for a while.
    this.videos = Array.from({ length: BEHIND + 1 + AHEAD + 1 }, () => this.makeVideo());
  }

  /** @param {HTMLVideoElement} [made] an element that came with the page */
  makeVideo(made) {
    const video = made ?? document.createElement("video");
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
      this.considerChange();
    });
    video.addEventListener("loadeddata", () => video.dataset.spare ?? video.closest(".slot")?.classList.add("has-picture"));
    video.addEventListener("playing", () => {
      if (!ours()) return;
      clearTimeout(this.dryTimer);
      ours()?.root.classList.remove("stalled");
    });
    video.addEventListener("waiting", () => {
      if (!ours()) return;
      ours()?.root.classList.add("stalled");
      clearTimeout(this.dryTimer);
      this.dryTimer = window.setTimeout(() => ours() && this.considerChange(), DRY_MS);
    });
    video.addEventListener("canplay", () => ours() && this.loadAhead());
    video.addEventListener("error", () => {
      if (video.getAttribute("src") && video.dataset.spare === undefined) video.closest(".slot")?.classList.add("broken");
    });
    this.line.hear(video, () => this.held.get(video)?.bitrate ?? 0);
    return video;
  }

  /**
   * Take the video that came with the page for one of our own, where it is this slot's.
   * @param {SlotView} view @returns {boolean} whether it is
   */
  adopt(view) {
    const video = this.arrived;
    if (!video) return false;
    this.arrived = null;
    const shown = view.item.video.renditions.find((one) => new URL(one.url, location.href).href === video.currentSrc);
    if (shown) {
      // Without its sources, which were for before there was a script, it is an element like the others.
      video.replaceChildren();
      video.autoplay = false;
      this.videos.pop();
      this.videos.push(this.makeVideo(video));
      this.held.set(video, shown);
      this.put(view, video);
      view.isBegun = true;
    } else drain(video);
    document.querySelector(".first-slot")?.remove();
    return Boolean(shown);
  }

  /** The page shows something else than it came with. */
  dismiss() {
    if (this.arrived) drain(this.arrived);
    this.arrived = null;
    document.querySelector(".first-slot")?.remove();
  }

  /** @param {SlotView} view @param {HTMLVideoElement} video */
  put(view, video) {
    view.hold(video);
    subtitle(video, view.item.video.captions ?? [], this.subtitled);
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) view.root.classList.add("has-picture");
  }

  /** @param {SlotView} view @param {number} [budget] bits a second @returns {Rendition|undefined} */
  choose(view, budget = this.line.bitrate * SPENT) {
    const place = { width: view.root.clientWidth, density: devicePixelRatio, budget, saves: this.line.saves };
    return chooseRendition(view.item.video.renditions, place);
  }

  /** @param {SlotView} view @param {HTMLVideoElement} video */
  load(view, video) {
    const rendition = this.choose(view);
    const { stream, duration_ms: duration } = view.item.video;
    video.preload = "auto";
    if (stream && duration > LONG_MS && video.canPlayType(STREAM)) {
      // The browser changes a stream's renditions by itself.
      this.held.delete(video);
      video.src = stream;
    } else if (rendition) {
      this.held.set(video, rendition);
      video.src = rendition.url;
    }
    this.put(view, video);
  }

  /**
   * Give the videos to the slots around the current one and play it.
   * @param {SlotView[]} views @param {number} place @param {number} [from] seconds to begin at
   */
  show(views, place, from = 0) {
    const near = views.slice(Math.max(0, place - BEHIND), place + AHEAD + 1);
    for (const view of near) void learnToDecode(view.item.video.renditions, this.line.saves);
    for (const view of views) if (view.video && !near.includes(view)) view.hold(null);
    this.near = [views[place], ...views.slice(place + 1, place + AHEAD + 1), ...views.slice(Math.max(0, place - BEHIND), place)];
    // The current one first: it is what the viewer waits for.
    this.fillOne(views[place]);
    const next = views[place];
    if (this.view === next) {
      this.loadAhead();
      return;
    }
    this.leave();
    this.view = next ?? null;
    if (!next) return;
    this.meter = new Meter();
    this.pausedByPerson = false;
    next.showPaused(false);
    const video = /** @type {HTMLVideoElement} */ (next.video);
    // What began with the page goes on, unless the viewer comes back to another second of it.
    if (!(next.isBegun && from === 0) && video.currentTime !== from) video.currentTime = from;
    next.isBegun = false;
    this.meter.last = video.currentTime;
    this.play();
    clearTimeout(this.aheadTimer);
    this.aheadTimer = window.setTimeout(() => this.loadAhead(true), FIRST_MS);
    this.loadAhead();
  }

  /** @param {SlotView|undefined} view */
  fillOne(view) {
    if (!view || view.video || this.adopt(view)) return;
    // Elements in use are in a picture, the one that a change is about to use as well.
    const free = this.videos.find((video) => !video.isConnected);
    if (free) this.load(view, free);
  }

  /**
   * Give the slots around the current one their videos, once the current one can play.
   * @param {boolean} [anyway] also where it cannot yet
   */
  loadAhead(anyway = false) {
    const video = this.view?.video;
    if (!video) return;
    if (!anyway && video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) return;
    for (const view of this.near) this.fillOne(view);
  }

  /** Change the current video's rendition where the line has become another than it was chosen for. */
  considerChange() {
    const view = this.view;
    const video = view?.video;
    const held = video && this.held.get(video);
    if (!view || !video || !held || this.changing || document.visibilityState === "hidden") return;
    const ahead = bufferedAhead(video);
    const whole = isBufferedToEnd(video);
    const isDry = !whole && !video.seeking && video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    const calm = performance.now() - this.changedAt > CALM_MS;
    if (!whole && (isDry || ahead < LOW_S)) {
      // Where the line can carry what plays, a low buffer is that of a beginning.
      const budget = Math.min(this.line.bitrate * SPENT, isDry ? held.bitrate * 0.9 : Infinity);
      const smaller = this.choose(view, budget);
      if (smaller && smaller.bitrate < held.bitrate && (calm || isDry)) void this.change(view, video, smaller);
      else if (isDry) this.giveWay();
    } else if (calm && (whole || ahead > PLENTY_S)) {
      const larger = this.choose(view, this.line.bitrate * SPENT_UP);
      if (larger && edgeOf(larger) > edgeOf(held)) void this.change(view, video, larger);
      else if (whole && this.line.isOld && !view.isTried) this.tryLarger(view, video, held);
    }
  }

  /**
   * Where all that plays is there and the line was not heard of for long, one step up tells how it is now, and risks nothing.
   * @param {SlotView} view @param {HTMLVideoElement} video @param {Rendition} held
   */
  tryLarger(view, video, held) {
    view.isTried = true;
    const larger = view.item.video.renditions.filter((one) => edgeOf(one) > edgeOf(held));
    const step = this.choose(view, Math.min(...larger.map((one) => one.bitrate)));
    if (step && edgeOf(step) > edgeOf(held)) void this.change(view, video, step);
  }

  /** What is loaded ahead of a video that has nothing to play gives it the line. */
  giveWay() {
    for (const view of this.near) {
      const video = view?.video;
      if (!video || view === this.view || video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) continue;
      view.hold(null);
      drain(video);
    }
  }

  /** @param {SlotView} view @param {HTMLVideoElement} video @param {Rendition} rendition */
  async change(view, video, rendition) {
    let spare = this.videos.find((one) => !one.isConnected);
    if (!spare) return;
    const changing = new AbortController();
    this.changing = changing;
    this.changedAt = performance.now();
    this.giveWay();
    spare.dataset.spare = "1";
    this.held.set(spare, rendition);
    video.before(spare);
    const next = spare;
    const changed = await takeOver(
      video,
      next,
      rendition.url,
      () => {
        delete next.dataset.spare;
        next.muted = this.muted;
        subtitle(next, view.item.video.captions ?? [], this.subtitled);
        view.video = next;
        this.meter.last = next.currentTime;
        view.root.classList.remove("stalled");
        view.root.classList.add("has-picture");
        spare = video;
        this.dispatchEvent(new CustomEvent("rendition", { detail: { view, rendition } }));
        next.dispatchEvent(new Event("rendition"));
      },
      changing.signal,
    );
    spare.pause();
    spare.remove();
    delete spare.dataset.spare;
    drain(spare);
    if (this.changing === changing) this.changing = null;
    this.changedAt = performance.now();
    if (changed) this.loadAhead();
  }

  /** Stop the current video and say goodbye to it. */
  leave() {
    const view = this.view;
    this.changing?.abort();
    this.changing = null;
    clearTimeout(this.dryTimer);
    if (!view) return;
    view.root.classList.remove("stalled");
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
    for (const video of this.videos) drain(video);
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

  /** @param {boolean} wanted the person's choice, kept for next time */
  setSubtitles(wanted) {
    this.subtitled = wanted;
    keepSubtitles(wanted);
    for (const view of this.near) if (view?.video) subtitle(view.video, view.item.video.captions ?? [], wanted);
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

/** @param {Rendition} rendition @returns {number} pixels along its shorter edge */
const edgeOf = (rendition) => Math.min(rendition.width, rendition.height);

/** Let go of what an element has loaded. @param {HTMLVideoElement} video */
function drain(video) {
  video.replaceChildren();
  video.removeAttribute("src");
  video.load();
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
