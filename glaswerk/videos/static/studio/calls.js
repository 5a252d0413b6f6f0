// Calls to the API of drafts and sounds, which take and give JSON.

import { CallError, csrfToken, errorOf } from "../videos/calls.js";
import { gettext } from "../web/words.js";

/** @typedef {import("./otio.js").Json} Json */
/** @typedef {{id: string, state: string, progress: number, failure: string|null, kind: string, url: string|null, poster: string|null,
 *   duration_ms: number, width: number, height: number, has_audio: boolean, credit?: string|null, peaks?: string|null}} Source */
/** @typedef {{id: string, title: string, url: string|null, duration_ms?: number, poster?: string|null, audio?: string|null}} Sound */
/** @typedef {{id: string, title: string, version: number, updated_at: string, timeline: Json, sources: Source[], sounds: Sound[]}} Draft */

/** Somebody saved the draft in between; `current` is what they saved. */
export class Conflict extends CallError {
  /** @param {string} message @param {Draft|null} current */
  constructor(message, current) {
    super(message, "version", 409);
    this.current = current;
  }
}

/**
 * @param {string} method @param {string} address @param {Json} [body] sent as JSON; a form or a file as it is
 * @param {{keepalive?: boolean}} [options]
 * @returns {Promise<any>}
 */
export async function ask(method, address, body = undefined, { keepalive = false } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  const isReady = body instanceof FormData || body instanceof Blob;
  if (body !== undefined && !(body instanceof FormData)) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address, { method, headers, keepalive, body: body === undefined || isReady ? body : JSON.stringify(body) });
  } catch {
    throw new CallError(gettext("There is no connection. Please try again when you are online."));
  }
  const answer = response.headers.get("Content-Type")?.includes("json") ? await response.json() : null;
  if (response.status === 409 && method === "PUT") throw new Conflict(errorOf(409, answer).message, answer?.draft ?? null);
  if (!response.ok) throw errorOf(response.status, answer);
  return answer;
}

/** @param {string} draft */
const at = (draft) => `/api/drafts/${encodeURIComponent(draft)}`;

/** @returns {Promise<any>} */
export const listDrafts = () => ask("GET", "/api/drafts");

/** @param {Json} [wishes] title, sound, duet or stitch @returns {Promise<Draft>} */
export const newDraft = (wishes = {}) => ask("POST", "/api/drafts", wishes);

/** @param {string} draft @returns {Promise<Draft>} */
export const readDraft = (draft) => ask("GET", at(draft));

/** @param {string} draft @param {{version: number, timeline: Json, title?: string}} state @param {{keepalive?: boolean}} [options] @returns {Promise<Draft>} */
export const saveDraft = (draft, state, options) => ask("PUT", at(draft), state, options);

/** @param {string} draft */
export const deleteDraft = (draft) => ask("DELETE", at(draft));

/** @param {string} draft @param {string} source */
export const deleteSource = (draft, source) => ask("DELETE", `${at(draft)}/sources/${encodeURIComponent(source)}`);

/** @param {string} draft @param {string} upload a finished upload @returns {Promise<Source>} */
export const claimUpload = (draft, upload) => ask("POST", `${at(draft)}/sources`, { upload });

/** @param {string} draft @param {{caption: string, visibility: string, allow: Record<string, boolean>}} wishes @returns {Promise<{video: string}>} */
export const publishDraft = (draft, wishes) => ask("POST", `${at(draft)}/publish`, wishes);

/** @param {string} query @returns {Promise<{sounds: Sound[]}>} */
export const findSounds = (query) => ask("GET", `/api/sounds?q=${encodeURIComponent(query)}`);
