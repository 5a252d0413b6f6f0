// Sending a file in one request, where the library for resumable uploads is not installed.
// XMLHttpRequest, because fetch does not tell how much has been sent.

import { gettext } from "../web/words.js";
import { CallError, csrfToken, errorOf } from "./calls.js";
import { measureSpeed } from "./speed.js";

/**
 * @param {File} file
 * @param {{caption: string, visibility: string, elsewhere?: string}} words
 * @param {import("./resumable.js").Watch} watch
 * @returns {import("./resumable.js").Sending}
 */
export function sendAtOnce(file, words, watch) {
  const request = new XMLHttpRequest();
  const speed = measureSpeed();
  const form = new FormData();
  // The words come first, so that a server can refuse them before it has read the whole file.
  form.set("caption", words.caption);
  form.set("visibility", words.visibility);
  if (words.elsewhere === "no") form.set("allow_elsewhere", "false");
  form.set("file", file);
  request.upload.addEventListener("progress", ({ loaded, total, lengthComputable }) => {
    if (!lengthComputable) return;
    const perSecond = speed(loaded);
    const secondsLeft = perSecond > 0 ? (total - loaded) / perSecond : null;
    watch.onProgress({ percent: (100 * loaded) / total, sent: loaded, total, perSecond, secondsLeft });
  });
  request.addEventListener("load", () => {
    let body = null;
    try {
      body = JSON.parse(request.responseText);
    } catch {
      // An answer that is no JSON comes from a server in between; the status then says what there is to say.
    }
    if (request.status === 201 && body) watch.onDone({ id: "", video: body.id, duplicateOf: body.duplicate_of });
    else watch.onRefused(errorOf(request.status, body));
  });
  request.addEventListener("error", () => watch.onRefused(new CallError(gettext("The connection broke before the upload was complete."))));
  request.open("POST", "/api/videos");
  request.setRequestHeader("X-CSRFToken", csrfToken());
  request.send(form);
  watch.onSending();
  return { pause: null, resume: () => {}, cancel: async () => request.abort() };
}
