// Calls to the video endpoints. Errors come as problem documents; what they say is meant for the person.

import { gettext } from "../web/words.js";

/** What went wrong, as a sentence, with the field that it is about. */
export class CallError extends Error {
  /** @param {string} message @param {string} field @param {number} status 0 when nothing was answered */
  constructor(message, field = "", status = 0) {
    super(message);
    this.field = field;
    this.status = status;
  }
}

export function csrfToken() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
}

/** @param {number} status @param {any} body */
export function errorOf(status, body) {
  const first = body?.errors?.[0];
  if (status === 401) return new CallError(gettext("You are signed out. Please sign in again in another tab, then try again."), "", status);
  if (status === 413 && !first) return new CallError(gettext("The file is too large for this server."), "file", status);
  const text = first?.message ?? body?.detail ?? gettext("Something went wrong on our side. Please try again in a moment.");
  return new CallError(text, first?.field ?? "", status);
}

/**
 * @param {string} method
 * @param {string} address
 * @param {object} [body] sent as JSON
 * @returns {Promise<any>} the answer's JSON, or null where there is none
 */
export async function call(method, address, body) {
  /** @type {Record<string, string>} */
  const headers = method === "GET" ? {} : { "X-CSRFToken": csrfToken() };
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new CallError(gettext("There is no connection. Please try again when you are online."));
  }
  const answer = response.headers.get("Content-Type")?.includes("json") ? await response.json() : null;
  if (!response.ok) throw errorOf(response.status, answer);
  return answer;
}
