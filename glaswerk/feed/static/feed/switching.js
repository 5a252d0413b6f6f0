// Changing the rendition while a video plays: a second element, beneath the first, gets ready at a moment to come, and takes
// over when the first has come there.  Nothing is thrown away before its successor shows a picture, so nothing stalls.

import { bufferedAhead, isBufferedToEnd } from "./line.js";

/** So far ahead lies the moment of the change, in seconds: what a decoder and a few ranges need to be there in time. */
const LEAD_S = 0.8;
/** A successor that has less than this in its buffer would only stall in turn. */
const READY_S = 1.2;
/** Without this much of the video left, the change happens where it begins anew. */
const TAIL_S = 1.5;
/** A change that is not ready by then is not worth waiting for. */
const PATIENCE_MS = 20_000;
/** After that many moments that were missed, the line is too thin to change upwards. */
const TRIES = 4;

/** @param {EventTarget} target @param {string[]} names @param {AbortSignal} signal */
function once(target, names, signal) {
  return new Promise((done, fail) => {
    for (const name of names) target.addEventListener(name, done, { once: true, signal });
    signal.addEventListener("abort", () => fail(signal.reason), { once: true });
  });
}

/** @param {AbortSignal} signal */
function nextFrame(signal) {
  return new Promise((done, fail) => {
    signal.throwIfAborted();
    // Pages that are not looked at draw no frames.
    if (document.visibilityState === "hidden") setTimeout(done, 100);
    else requestAnimationFrame(done);
    signal.addEventListener("abort", () => fail(signal.reason), { once: true });
  });
}

/** Whether a video has nothing to show at the moment. @param {HTMLVideoElement} video */
const isDry = (video) => video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;

/**
 * Let `next` take over from `video` without a gap.  `take` is called at the moment of change, when `next` shows its picture.
 * @param {HTMLVideoElement} video @param {HTMLVideoElement} next @param {string} address
 * @param {() => void} take @param {AbortSignal} signal gives up, and leaves `video` as it is
 * @returns {Promise<boolean>} whether it took over
 */
export async function takeOver(video, next, address, take, signal) {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  try {
    next.muted = true;
    next.preload = "auto";
    next.src = address;
    if (next.readyState < HTMLMediaElement.HAVE_METADATA) await once(next, ["loadedmetadata"], patience);
    for (let tries = 0; tries < TRIES; tries += 1) {
      const at = await getReady(video, next, patience);
      if (!(await meet(video, next, at, patience))) continue;
      next.playbackRate = video.playbackRate;
      if (!video.paused) {
        await next.play();
        // A browser that draws nothing beneath an opaque picture presents no frame; two of the screen's are as good then.
        const drawn = nextFrame(patience).then(() => nextFrame(patience));
        await (next.requestVideoFrameCallback ? Promise.race([new Promise((done) => next.requestVideoFrameCallback(done)), drawn]) : drawn);
      }
      signal.throwIfAborted();
      take();
      return true;
    }
  } catch {
    // Given up: by whoever left the video, by the clock, or because the file cannot be had.
  }
  return false;
}

/** Load `next` at a moment to come. @returns {Promise<number>} that moment
 * @param {HTMLVideoElement} video @param {HTMLVideoElement} next @param {AbortSignal} signal */
async function getReady(video, next, signal) {
  const left = video.duration - video.currentTime;
  const anew = video.loop && left < TAIL_S && !isDry(video);
  const at = anew ? 0 : isDry(video) || video.paused ? video.currentTime : video.currentTime + LEAD_S;
  next.currentTime = at;
  if (next.seeking) await once(next, ["seeked"], signal);
  while (next.readyState < HTMLMediaElement.HAVE_FUTURE_DATA || !(bufferedAhead(next) >= READY_S || isBufferedToEnd(next))) {
    await Promise.race([once(next, ["progress", "canplay", "canplaythrough", "suspend"], signal), nextFrame(signal)]);
  }
  return at;
}

/** Wait until `video` comes to the moment. @returns {Promise<boolean>} whether it is there; false where it was missed
 * @param {HTMLVideoElement} video @param {HTMLVideoElement} next @param {number} at @param {AbortSignal} signal */
async function meet(video, next, at, signal) {
  for (;;) {
    const past = video.currentTime - at;
    // One frame early is the moment, for play() takes about so long.
    if (past >= -0.03 && past < 0.2) return true;
    if (video.paused || isDry(video)) {
      next.currentTime = video.currentTime;
      if (next.seeking) await once(next, ["seeked"], signal);
      return true;
    }
    // Where the moment is the beginning, it comes with the loop.
    if (past >= 0.2 && !(at === 0 && video.loop && video.duration - video.currentTime < 2 * TAIL_S)) return false;
    await nextFrame(signal);
  }
}
