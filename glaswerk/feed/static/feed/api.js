// Talking to the API: JSON both ways, the CSRF token where a session acts, and problems as errors with a sentence.

import { gettext } from "../web/words.js";

/** An answer that is not a success. `message` is a sentence for the person. */
export class Problem extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @returns {string} the CSRF token that Django set for this session */
function csrfToken() {
  const pair = document.cookie.split("; ").find((one) => one.startsWith("csrftoken="));
  return pair ? decodeURIComponent(pair.slice("csrftoken=".length)) : "";
}

/** @param {Response} answer */
async function problemOf(answer) {
  try {
    const body = await answer.json();
    return new Problem(answer.status, body.detail || body.title || answer.statusText);
  } catch {
    return new Problem(answer.status, gettext("The server did not answer properly. Please try again in a moment."));
  }
}

/**
 * @param {string} method
 * @param {string} address
 * @param {unknown} [body] sent as JSON
 * @returns {Promise<any>} the answer's JSON, or null where there is none
 */
export async function call(method, address, body) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  let answer;
  try {
    answer = await fetch(address, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      // What somebody changed arrives, even if they leave the page at once.
      keepalive: method !== "GET",
    });
  } catch {
    throw new Problem(0, gettext("No connection. Please try again when you are online."));
  }
  if (!answer.ok) throw await problemOf(answer);
  return answer.status === 204 ? null : answer.json();
}
