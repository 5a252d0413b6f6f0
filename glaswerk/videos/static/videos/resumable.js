// One file on its way to the server by tus: it pauses, goes on, and finds back after whatever happened in between.

import { gettext } from "../web/words.js";
import { CallError, errorOf } from "./calls.js";
import { measureSpeed } from "./speed.js";

const ENDPOINT = "/api/uploads";
const WAITS_S = [1, 2, 4, 8, 15, 30];
/** The library is a script of its own; without it files go up in one request. @type {any} */
const tus = /** @type {any} */ (globalThis).tus;

/**
 * @typedef {{sent: number, total: number, percent: number, perSecond: number, secondsLeft: number|null}} Progress
 * @typedef {{id: string, video: string, duplicateOf: string|null}} Done `video` is empty where it is kept as a source
 * @typedef {{
 *   onProgress: (progress: Progress) => void,
 *   onWaiting: (seconds: number|null) => void,
 *   onSending: () => void,
 *   onDone: (done: Done) => void,
 *   onRefused: (error: CallError) => void,
 * }} Watch what happens; `onWaiting` says in how many seconds it tries again, null: when there is a connection
 * @typedef {{pause: (() => void)|null, resume: () => void, cancel: () => Promise<void>}} Sending
 */

export function canResume() {
  return Boolean(tus?.isSupported);
}

/** What tells the same file when it is chosen again. @param {File} file */
export function fingerprintOf(file) {
  return [file.name, file.type, file.size, file.lastModified].join("-");
}

/** Where an upload of this file was begun on this device. @param {File} file @returns {Promise<string[]>} */
export async function placesOf(file) {
  if (!tus?.canStoreURLs) return [];
  const found = await tus.defaultOptions.urlStorage.findUploadsByFingerprint(fingerprintOf(file));
  return found.map((/** @type {any} */ one) => new URL(one.uploadUrl, location.href).pathname);
}

/** Forget on this device what the server does not know any more. @param {string[]} known the addresses that it knows */
export async function forgetAllBut(known) {
  await forget((place) => !known.includes(place));
}

/** @param {(place: string) => boolean} isOver */
async function forget(isOver) {
  if (!tus?.canStoreURLs) return;
  const storage = tus.defaultOptions.urlStorage;
  for (const one of await storage.findAllUploads()) {
    if (isOver(new URL(one.uploadUrl ?? "", location.href).pathname)) await storage.removeUpload(one.urlStorageKey);
  }
}

/**
 * @param {File} file
 * @param {Record<string, string>} words caption and visibility, or `purpose: "source"`
 * @param {Watch} watch
 * @param {string|null} place where the upload was begun before
 * @returns {Sending}
 */
export function sendResumably(file, words, watch, place = null) {
  let tries = 0;
  let timer = 0;
  let isPaused = false;
  let hasEnded = false;
  let speed = measureSpeed();

  const upload = new tus.Upload(file, {
    endpoint: place ? null : ENDPOINT,
    uploadUrl: place,
    metadata: { filename: plainName(file.name), filetype: file.type, ...words },
    retryDelays: null,
    fingerprint: async () => fingerprintOf(file),
    removeFingerprintOnSuccess: true,
    // With an endpoint the library would begin anew whenever a server that restarts cannot say how far it is.
    onUploadUrlAvailable: () => {
      upload.options.endpoint = null;
    },
    onProgress: (/** @type {number} */ sent, /** @type {number} */ total) => {
      const perSecond = speed(sent);
      const secondsLeft = perSecond > 0 ? (total - sent) / perSecond : null;
      watch.onProgress({ sent, total, percent: (100 * sent) / total, perSecond, secondsLeft });
    },
    onSuccess: async (/** @type {any} */ { lastResponse }) => {
      end();
      // An upload that was begun before stands there twice.
      const address = new URL(upload.url, location.href).pathname;
      await forget((one) => one === address);
      const id = address.slice(ENDPOINT.length + 1);
      watch.onDone({ id, video: lastResponse.getHeader("Upload-Video") ?? "", duplicateOf: lastResponse.getHeader("Upload-Duplicate") });
    },
    onError: (/** @type {any} */ error) => failed(error.originalResponse),
  });

  /** @param {any} response null where nothing was answered */
  function failed(response) {
    const status = response?.getStatus() ?? 0;
    if ((status === 404 || status === 410) && upload.options.endpoint === null) {
      // The server has forgotten it; the file is here, so it starts from its beginning.
      Object.assign(upload, { url: null });
      Object.assign(upload.options, { endpoint: ENDPOINT, uploadUrl: null });
      go();
      return;
    }
    const again = Number(response?.getHeader("Retry-After"));
    const mayPass = status === 0 || [408, 409, 423].includes(status) || (status >= 500 && status !== 507) || again > 0;
    if (mayPass) {
      wait(again || WAITS_S[Math.min(tries++, WAITS_S.length - 1)]);
      return;
    }
    end();
    watch.onRefused(errorOf(status, parsed(response.getBody())));
  }

  function go() {
    clearTimeout(timer);
    speed = measureSpeed();
    watch.onSending();
    upload.start();
  }

  /** @param {number} seconds */
  function wait(seconds) {
    clearTimeout(timer);
    timer = setTimeout(go, seconds * 1000);
    watch.onWaiting(navigator.onLine ? seconds : null);
  }

  function online() {
    if (isPaused) return;
    tries = 0;
    go();
  }

  function offline() {
    if (isPaused) return;
    upload.abort();
    wait(WAITS_S[WAITS_S.length - 1]);
  }

  function end() {
    hasEnded = true;
    clearTimeout(timer);
    removeEventListener("online", online);
    removeEventListener("offline", offline);
  }

  addEventListener("online", online);
  addEventListener("offline", offline);
  go();
  return {
    pause() {
      isPaused = true;
      clearTimeout(timer);
      upload.abort();
    },
    resume() {
      isPaused = false;
      tries = 0;
      go();
    },
    async cancel() {
      if (hasEnded) return;
      end();
      // Where the server cannot be told now, the upload ends there by itself.
      await upload.abort(true).catch(() => {});
      await forget((one) => one === new URL(upload.url ?? "", location.href).pathname);
    },
  };
}

/** Only the last part of a name counts, without what no name needs. @param {string} name */
function plainName(name) {
  return name.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069/\\]/gu, "_").slice(-200) || gettext("video");
}

/** @param {string} body */
function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    // An answer that is no JSON comes from a server in between; the status then says what there is to say.
    return null;
  }
}
