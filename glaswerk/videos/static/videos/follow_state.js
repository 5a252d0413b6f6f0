// Following a video while it is prepared.

import { fill, gettext } from "../web/words.js";
import { call, CallError } from "./calls.js";

const EVERY_MS = 1000;
const HIDDEN_MS = 5000;

/**
 * @typedef {{state: string, progress: number, failure: string|null, retry: boolean, place?: number|null, remaining_s?: number|null}} State
 * @param {string} id
 * @param {(state: State) => void} onState called with every answer, the last one too
 * @returns {() => void} stops following
 */
export function followState(id, onState) {
  let timer = 0;
  let stopped = false;
  async function ask() {
    let wait = document.hidden ? HIDDEN_MS : EVERY_MS;
    try {
      const state = await call("GET", `/api/videos/${id}/state`);
      if (stopped) return;
      onState(state);
      if (state.state === "ready" || state.state === "failed") return;
    } catch (error) {
      // A video that is gone, or a session that has ended, will not come back by asking.
      if (error instanceof CallError && [401, 403, 404].includes(error.status)) return;
      wait = HIDDEN_MS;
    }
    if (!stopped) timer = setTimeout(ask, wait);
  }
  ask();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** What somebody waits for, in words; empty where there is nothing to say. @param {State} state */
export function waitWords({ place, remaining_s: seconds }) {
  if (place) return fill(gettext("number {place} in the queue"), { place });
  if (!seconds) return "";
  return seconds < 100
    ? fill(gettext("about {count} s left"), { count: seconds })
    : fill(gettext("about {count} min left"), { count: Math.round(seconds / 60) });
}
