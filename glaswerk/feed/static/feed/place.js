// The place in the feed: whoever goes to a profile and comes back finds the same video at the same second.

/** @typedef {import("./stage.js").Stage} Stage */
/** @typedef {import("./slate.js").Queue} Queue */
/** @typedef {import("./player.js").Player} Player */
/** @typedef {{items: import("./shapes.js").Item[], place: number, seconds: number, ended: boolean, again: boolean}} Place */

const KEY = "glaswerk.place";
/** How many videos around the current one are remembered. */
const BEFORE = 10;
const AFTER = 10;

/**
 * What was kept for this entry of the browser's history: none for a new visit, nor when the person reloads to see more.
 * @returns {Place|null}
 */
export function keptPlace() {
  const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  if (navigation?.type !== "back_forward" || !history.state?.feedPlace) return null;
  try {
    const kept = JSON.parse(sessionStorage.getItem(`${KEY}.${history.state.feedPlace}`) ?? "null");
    return kept?.items?.length ? kept : null;
  } catch {
    return null;
  }
}

/** Remember the place whenever the page goes. @param {Stage} stage @param {Queue} queue @param {Player} player */
export function keepPlace(stage, queue, player) {
  const name = history.state?.feedPlace ?? Math.random().toString(36).slice(2);
  const keep = () => {
    const first = Math.max(0, stage.place - BEFORE);
    const place = {
      items: queue.items.slice(first, stage.place + AFTER),
      place: Math.min(stage.place, queue.items.length - 1) - first,
      seconds: player.view?.video?.currentTime ?? 0,
      ended: queue.ended,
      again: queue.again,
    };
    try {
      history.replaceState({ ...history.state, feedPlace: name }, "");
      sessionStorage.setItem(`${KEY}.${name}`, JSON.stringify(place));
    } catch {
      // Full or forbidden storage: coming back then begins anew.
    }
  };
  window.addEventListener("pagehide", keep);
  stage.addEventListener("arrive", keep);
}
