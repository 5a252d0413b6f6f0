// Playing a timeline: a clock, players that follow it, and a picture for every moment.

import { mediaAt } from "./arrange.js";
import { Compositor } from "./compositor.js";
import { Mixer } from "./mixer.js";
import { Players } from "./players.js";
import { within } from "./times.js";

/** @typedef {import("./arrange.js").Arrangement} Arrangement */
/** @typedef {import("./arrange.js").ClipView} ClipView */
/** @typedef {import("./arrange.js").AudioView} AudioView */

/** Clips begin to load and to be in place this long before they are seen. */
const READY_MS = 400;
/** The clock waits this long for a player at most; then it goes on without it. */
const PATIENCE_MS = 4000;

export class Preview extends EventTarget {
  /**
   * @param {HTMLCanvasElement} canvas @param {import("./looks.js").Looks} looks
   * @param {{media: (address: string) => import("./players.js").Media|undefined, sticker: (name: string) => CanvasImageSource|null}} finds
   */
  constructor(canvas, looks, finds) {
    super();
    this.compositor = new Compositor(canvas, looks);
    this.finds = finds;
    this.mixer = new Mixer();
    this.players = new Players(finds.media, () => this.redraw());
    /** @type {Arrangement|null} */
    this.all = null;
    this.at = 0;
    this.playing = false;
    this.waits = false;
    /** Whether what should be seen now has no picture yet. */
    this.lacks = false;
    this.lastFrame = 0;
    this.waitingSince = 0;
    this.asked = 0;
    document.addEventListener("visibilitychange", () => document.hidden && this.pause());
  }

  /** @param {Arrangement} all */
  show(all) {
    this.all = all;
    this.at = within(this.at, 0, all.duration);
    this.redraw();
  }

  /** Draw the picture anew before the next one of the screen. */
  redraw() {
    if (!this.asked) this.asked = requestAnimationFrame((now) => this.frame(now));
  }

  play() {
    if (!this.all?.duration) return;
    if (this.at >= this.all.duration - 20) this.at = 0;
    this.mixer.wake();
    this.playing = true;
    this.lastFrame = performance.now();
    this.waitingSince = this.lastFrame;
    this.redraw();
    this.dispatchEvent(new Event("play"));
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.players.pauseAll();
    this.redraw();
    this.dispatchEvent(new Event("pause"));
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** @param {number} at */
  seek(at) {
    this.at = within(at, 0, this.all?.duration ?? 0);
    this.redraw();
    this.dispatchEvent(new Event("time"));
  }

  /** @param {number} now */
  frame(now) {
    this.asked = 0;
    const { all } = this;
    if (!all) return;
    this.lacks = false;
    const ready = this.follow(all);
    if (this.playing) this.tick(all, now, ready);
    this.compositor.draw(all, Math.min(this.at, Math.max(0, all.duration - 1)), (clip) => this.shownOf(all, clip), this.finds.sticker);
    const waits = !ready || this.lacks;
    if (waits !== this.waits) {
      this.waits = waits;
      this.dispatchEvent(new Event("wait"));
    }
    if (this.playing || !ready) this.redraw();
  }

  /** @param {Arrangement} all @param {number} now @param {boolean} ready */
  tick(all, now, ready) {
    const passed = Math.min(200, now - this.lastFrame);
    this.lastFrame = now;
    if (ready) this.waitingSince = now;
    if (!ready && now - this.waitingSince < PATIENCE_MS) return;
    this.at += Math.max(0, passed);
    if (this.at >= all.duration) {
      this.at = all.duration;
      this.pause();
    }
    this.dispatchEvent(new Event("time"));
  }

  /** Let all players be where the clock is. @param {Arrangement} all @returns {boolean} whether they are */
  follow(all) {
    const { at, players } = this;
    const last = all.partner.at(-1);
    const partnerAt = last ? Math.min(at, last.end - 1) : at;
    const shownTimes = (/** @type {ClipView[]} */ clips) => clips.map((one) => ({ ...one, start: one.shownFrom, end: one.shownTo }));
    players.tend(shownTimes(all.clips), at, "main");
    players.tend(shownTimes(all.partner), partnerAt, "partner");
    players.tend([...all.music, ...all.voice], at, "audio");
    let ready = true;
    for (const [clips, tag, when] of /** @type {const} */ ([[all.clips, "main", at], [all.partner, "partner", partnerAt]])) {
      for (const clip of clips) ready = this.followClip(clip, `${tag}:${clip.id}`, when) && ready;
    }
    for (const one of [...all.music, ...all.voice]) this.followAudio(one);
    const music = all.music.find((one) => at >= one.start && at < one.end);
    this.mixer.duck(this.playing && music?.duck ? music.duckDb : 0);
    return ready;
  }

  /** @param {ClipView} clip @param {string} key @param {number} at @returns {boolean} */
  followClip(clip, key, at) {
    const { players, playing } = this;
    const media = this.finds.media(clip.address);
    const seen = at >= clip.shownFrom && at < clip.shownTo;
    if (seen && !media?.url) this.lacks = true;
    if (!players.held.has(key)) return !media?.url || !seen;
    if (!seen) {
      // The next one waits at its first picture.
      if (at < clip.shownFrom && clip.shownFrom - at < READY_MS) players.sync(key, mediaAt(clip, clip.shownFrom), { playing: false, speed: clip.speed });
      else players.pause(key);
      return true;
    }
    const there = players.sync(key, mediaAt(clip, at), { playing: playing, speed: clip.speed });
    const element = players.held.get(key)?.element;
    if (element instanceof HTMLMediaElement) this.mixer.set(element, "voices", clip.volume * this.shareOf(clip, at));
    return there;
  }

  /** How much of a clip's sound is heard in its transitions. @param {ClipView} clip @param {number} at */
  shareOf(clip, at) {
    if (clip.after && at >= clip.after.start) return Math.max(0, 1 - (at - clip.after.start) / (clip.after.end - clip.after.start));
    if (at < 2 * clip.start - clip.shownFrom) return within((at - clip.shownFrom) / Math.max(1, 2 * (clip.start - clip.shownFrom)), 0, 1);
    return 1;
  }

  /** @param {AudioView} one */
  followAudio(one) {
    const { at, players, playing } = this;
    const key = `audio:${one.id}`;
    const element = players.held.get(key)?.element;
    if (!(element instanceof HTMLMediaElement)) return;
    const heard = playing && at >= one.start && at < one.end;
    if (!heard) {
      if (at < one.start) players.sync(key, one.from, { playing: false, speed: one.speed });
      else players.pause(key);
      return;
    }
    players.sync(key, mediaAt(one, at), { playing: true, speed: one.speed });
    const rising = one.fadeIn ? within((at - one.start) / one.fadeIn, 0, 1) : 1;
    const falling = one.fadeOut ? within((one.end - at) / one.fadeOut, 0, 1) : 1;
    this.mixer.set(element, one.family === "music" ? "music" : "voices", one.volume * rising * falling);
  }

  /** @param {Arrangement} all @param {ClipView} clip @returns {import("./compositor.js").Shown} */
  shownOf(all, clip) {
    const tag = all.clips.includes(clip) ? "main" : "partner";
    const element = this.players.get(`${tag}:${clip.id}`);
    if (element instanceof HTMLImageElement) return element.complete ? { picture: element, width: element.naturalWidth, height: element.naturalHeight } : null;
    if (!(element instanceof HTMLVideoElement) || element.readyState < 2) return null;
    return { picture: element, width: element.videoWidth, height: element.videoHeight };
  }
}
