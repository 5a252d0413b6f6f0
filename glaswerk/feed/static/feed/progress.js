// The progress line: thin while it is left alone, a slider while it is held.

import { fill, gettext } from "../web/words.js";
import { showStill } from "./storyboard.js";

/** @typedef {import("./player.js").Player} Player */

/** @param {number} seconds */
function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {HTMLElement} root the stage @param {Player} player */
export function watchProgress(root, player) {
  let scrubbing = false;
  let lastSecond = -1;

  function show() {
    const view = player.view;
    const video = view?.video;
    if (!view || !video || !(video.duration > 0)) return;
    const line = view.parts.progress;
    if (!line) return;
    line.style.setProperty("--done", String(video.currentTime / video.duration));
    const second = Math.floor(video.currentTime);
    if (second !== lastSecond) {
      lastSecond = second;
      line.setAttribute("aria-valuenow", String(second));
      line.setAttribute("aria-valuetext", fill(gettext("{now} of {all}"), { now: clock(second), all: clock(video.duration) }));
    }
    if (scrubbing) line.querySelector("output").textContent = `${clock(video.currentTime)} / ${clock(video.duration)}`;
  }

  // Between two `timeupdate`s, four a second, the line moves with every frame.
  function everyFrame() {
    if (player.view?.video && !player.view.video.paused) show();
    requestAnimationFrame(everyFrame);
  }
  requestAnimationFrame(everyFrame);
  player.addEventListener("time", show);

  const lineOf = (/** @type {Event} */ event) =>
    /** @type {HTMLElement|null} */ (event.target instanceof Element ? event.target.closest(".progress-line") : null);

  /** @param {PointerEvent} event */
  function seekTo(event) {
    const line = player.view?.parts.progress;
    const video = player.view?.video;
    if (!line || !video) return;
    const box = line.getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    player.seek(part * video.duration);
    show();
    const still = line.querySelector(".progress-still");
    line.style.setProperty("--at", String(part));
    if (still instanceof HTMLElement) void showStill(still, player.view?.item.video.storyboard, part * video.duration);
  }

  root.addEventListener("pointerdown", (event) => {
    const line = lineOf(event);
    if (!line) return;
    event.preventDefault();
    line.setPointerCapture(event.pointerId);
    scrubbing = true;
    player.pause();
    player.view?.root.classList.add("scrubbing");
    seekTo(event);
  });
  root.addEventListener("pointermove", (event) => {
    if (scrubbing) seekTo(event);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    root.addEventListener(kind, () => {
      if (!scrubbing) return;
      scrubbing = false;
      player.view?.root.classList.remove("scrubbing");
      void player.play();
    });
  }
  root.addEventListener("keydown", (event) => {
    const video = player.view?.video;
    if (!lineOf(event) || !video) return;
    const steps = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity });
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    const step = steps[event.key];
    player.seek(Number.isFinite(step) ? video.currentTime + step : step < 0 ? 0 : video.duration);
  });
}
