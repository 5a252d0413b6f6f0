// Sending a file with progress. XMLHttpRequest, because fetch does not tell how much has been sent.

import { CallError, csrfToken, errorOf } from "./calls.js";
import { gettext } from "../web/words.js";

const SPEED_OVER_MS = 4000;

/**
 * @typedef {{percent: number, sent: number, total: number, perSecond: number, secondsLeft: number|null}} Progress
 * @param {FormData} form
 * @param {(progress: Progress) => void} onProgress
 * @returns {{answer: Promise<{id: string, state: string}>, cancel: () => void}}
 */
export function send(form, onProgress) {
  const request = new XMLHttpRequest();
  const speed = measureSpeed();
  const answer = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      const perSecond = speed(event.loaded);
      const secondsLeft = perSecond > 0 ? (event.total - event.loaded) / perSecond : null;
      onProgress({ percent: (100 * event.loaded) / event.total, sent: event.loaded, total: event.total, perSecond, secondsLeft });
    });
    request.addEventListener("load", () => {
      let body = null;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        // An answer that is no JSON comes from a server in between; the status then says what there is to say.
      }
      if (request.status === 201 && body) resolve(body);
      else reject(errorOf(request.status, body));
    });
    request.addEventListener("error", () => reject(new CallError(gettext("The connection broke before the upload was complete."))));
    request.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
  });
  request.open("POST", "/api/videos");
  request.setRequestHeader("X-CSRFToken", csrfToken());
  request.send(form);
  return { answer, cancel: () => request.abort() };
}

/** Bytes a second over the last few seconds. */
function measureSpeed() {
  /** @type {[number, number][]} */
  const points = [[performance.now(), 0]];
  return (/** @type {number} */ sent) => {
    const now = performance.now();
    points.push([now, sent]);
    while (points.length > 2 && now - points[0][0] > SPEED_OVER_MS) points.shift();
    const [then, before] = points[0];
    return now - then < 250 ? 0 : ((sent - before) * 1000) / (now - then);
  };
}
