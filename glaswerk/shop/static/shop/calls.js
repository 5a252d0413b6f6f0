// Talking to the shop's endpoints. Guests have no session, so the token that proves a request is ours is fetched first.

import { gettext } from "../web/words.js";

/** An answer that is not a success: `message` is a sentence for the person, `body` the problem document. */
export class CallError extends Error {
  /** @param {number} status @param {string} message @param {any} [body] */
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

const token = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";

/**
 * @param {string} method @param {string} address @param {unknown} [body] sent as JSON
 * @param {Record<string, string>} [more] further headers
 * @returns {Promise<any>} the answer's JSON
 */
export async function call(method, address, body, more = {}) {
  if (method !== "GET" && !token()) await send("GET", "/api/cart", undefined, {});
  return send(method, address, body, more);
}

/** @param {string} method @param {string} address @param {unknown} body @param {Record<string, string>} more */
async function send(method, address, body, more) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", ...more };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRFToken"] = token();
  let answer;
  try {
    answer = await fetch(address, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin" });
  } catch {
    throw new CallError(0, gettext("No connection. Please try again when you are online; nothing is bought twice."));
  }
  const said = await answer.json().catch(() => null);
  if (answer.ok) return said;
  const text = said?.errors?.[0]?.message || said?.detail || gettext("The shop did not answer properly. Please try again in a moment.");
  throw new CallError(answer.status, text, said);
}
