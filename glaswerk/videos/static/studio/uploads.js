// Bringing files into a draft: in pieces that survive a lost connection and a reload, where the library for it is there;
// else in one request.

import { CallError, csrfToken, errorOf } from "../videos/calls.js";
import { gettext } from "../web/words.js";
import { claimUpload } from "./calls.js";

/** @typedef {import("./calls.js").Source} Source */

const ENDPOINT = "/api/uploads";
const RETRIES_MS = [0, 1000, 2000, 4000, 8000, 15_000, 30_000, 30_000, 30_000];

/**
 * @param {string} draft @param {Blob} file @param {string} name @param {(share: number) => void} onProgress from 0 to 1
 * @param {string} [key] under which the upload is found again after a reload
 * @returns {Promise<Source>}
 */
export async function sendSource(draft, file, name, onProgress, key = "") {
  const tus = /** @type {any} */ (globalThis).tus;
  if (!tus?.isSupported) return sendAtOnce(draft, file, name, onProgress);
  return claimUpload(draft, await sendInPieces(tus, file, name, onProgress, key));
}

/** @param {any} tus @param {Blob} file @param {string} name @param {(share: number) => void} onProgress @param {string} key
 * @returns {Promise<string>} the upload's id */
function sendInPieces(tus, file, name, onProgress, key) {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(file, {
      endpoint: ENDPOINT,
      metadata: { filename: plainName(name), filetype: file.type.split(";")[0], purpose: "source" },
      retryDelays: RETRIES_MS,
      fingerprint: async () => `source-${key}`,
      storeFingerprintForResuming: key !== "",
      removeFingerprintOnSuccess: true,
      onProgress: (/** @type {number} */ sent, /** @type {number} */ total) => onProgress(total ? sent / total : 0),
      onSuccess: () => resolve(new URL(upload.url, location.href).pathname.split("/").at(-1) ?? ""),
      onError: (/** @type {any} */ error) => {
        const response = error.originalResponse;
        if (response) reject(errorOf(response.getStatus(), parsed(response.getBody())));
        else reject(new CallError(gettext("The connection broke before the upload was complete.")));
      },
    });
    const begin = async () => {
      const before = key ? await upload.findPreviousUploads().catch(() => []) : [];
      if (before.length) upload.resumeFromPreviousUpload(before[0]);
      upload.start();
    };
    void begin();
  });
}

/** @param {string} draft @param {Blob} file @param {string} name @param {(share: number) => void} onProgress @returns {Promise<Source>} */
function sendAtOnce(draft, file, name, onProgress) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.set("file", file, name);
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onProgress(event.loaded / event.total));
    request.addEventListener("load", () => {
      const body = parsed(request.responseText);
      if (request.status === 201 && body) resolve(body);
      else reject(errorOf(request.status, body));
    });
    request.addEventListener("error", () => reject(new CallError(gettext("The connection broke before the upload was complete."))));
    request.open("POST", `/api/drafts/${encodeURIComponent(draft)}/sources`);
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.send(form);
  });
}

/** Only the last part of a name counts, without what no name needs. @param {string} name */
const plainName = (name) => name.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069/\\]/gu, "_").slice(-200) || "file";

/** @param {string} body */
function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    // An answer that is no JSON comes from a server in between; the status then says what there is to say.
    return null;
  }
}

/** What this device can tell of a file at once. @param {Blob} file @param {string} url
 * @returns {Promise<{kind: string, durationMs: number}|null>} null where only the server can tell */
export async function lookInto(file, url) {
  if (file.type.startsWith("image/")) return { kind: "image", durationMs: 0 };
  const isAudio = file.type.startsWith("audio/");
  const player = document.createElement(isAudio ? "audio" : "video");
  player.preload = "metadata";
  player.muted = true;
  player.src = url;
  const has = await new Promise((resolve) => {
    player.addEventListener("loadedmetadata", () => resolve(true), { once: true });
    player.addEventListener("error", () => resolve(false), { once: true });
  });
  const seconds = player.duration;
  player.removeAttribute("src");
  return has && Number.isFinite(seconds) && seconds > 0 ? { kind: isAudio ? "audio" : "video", durationMs: Math.round(seconds * 1000) } : null;
}
