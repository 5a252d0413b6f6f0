// The viewer's events: queued, sent in batches, and kept until the server has said that it has them.
// Every event carries its own id, so sending one twice counts once.

import { uuid } from "../web/uuid.js";

const KEPT = "glaswerk.events";
const EVERY_MS = 2000;
const BATCH = 50;
// Older than this, an event says nothing about what somebody wants to see now.
const KEEP_MS = 7 * 24 * 3600 * 1000;
const KEEP_AT_MOST = 500;

/**
 * @typedef {{id: string, video?: string, creator?: string, kind: string, watched_ms?: number, loops?: number, at: string}} Event
 * @typedef {{slate: string|null, event: Event}} Entry
 */

/** @type {Entry[]} */
let waiting = restore();
/** @type {Promise<void>|null} */
let sending = null;
/** @type {number|undefined} */
let timer;

/** @returns {Entry[]} what an earlier page could not send */
function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    localStorage.removeItem(KEPT);
    return kept.filter((/** @type {Entry} */ one) => Date.now() - Date.parse(one.event.at) < KEEP_MS).slice(-KEEP_AT_MOST);
  } catch {
    return [];
  }
}

function keep() {
  try {
    if (waiting.length) localStorage.setItem(KEPT, JSON.stringify(waiting.slice(-KEEP_AT_MOST)));
    else localStorage.removeItem(KEPT);
  } catch {
    // Without storage, unsent events live as long as the page.
  }
}

/** @param {Entry[]} entries @returns {Map<string|null, Entry[]>} batches: one slate each, none too long */
function batches(entries) {
  /** @type {Map<any, Entry[]>} */
  const bySlate = new Map();
  for (const entry of entries) {
    const batch = bySlate.get(entry.slate) ?? [];
    if (batch.length < BATCH) batch.push(entry);
    bySlate.set(entry.slate, batch);
  }
  return bySlate;
}

/** @param {string|null} slate @param {Entry[]} batch */
function bodyOf(slate, batch) {
  return JSON.stringify({ slate, events: batch.map((entry) => entry.event) });
}

/**
 * @param {string} kind
 * @param {{slate: string|null, video?: string, creator?: string, watched_ms?: number, loops?: number}} about
 * @param {{now?: boolean}} [how] `now` sends it without waiting for the next batch
 */
export function record(kind, { slate, ...about }, { now = false } = {}) {
  waiting.push({ slate, event: { id: uuid(), kind, ...about, at: new Date().toISOString() } });
  if (now) void flush();
  else timer ??= window.setTimeout(() => void flush(), EVERY_MS);
}

/** Send what waits. It resolves when the server has it, or when it cannot be reached; then it is tried again later. */
export function flush() {
  clearTimeout(timer);
  timer = undefined;
  // What came in while a batch was under way is sent after it, and whoever awaits this call awaits that as well.
  sending = (sending ?? Promise.resolve()).then(send);
  return sending;
}

async function send() {
  while (waiting.length) {
    for (const [slate, batch] of batches(waiting)) {
      let status = 0;
      try {
        const answer = await fetch("/api/events", {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: bodyOf(slate, batch),
          credentials: "same-origin",
          keepalive: true,
        });
        status = answer.status;
      } catch {
        // The network is gone; the status says so below.
      }
      // 4xx means that these events will never be taken (too many at once excepted): keeping them would block the rest.
      if ((status >= 200 && status < 300) || (status >= 400 && status < 500 && status !== 429 && status !== 408)) {
        const done = new Set(batch);
        waiting = waiting.filter((entry) => !done.has(entry));
      } else {
        keep();
        timer ??= window.setTimeout(() => void flush(), 5 * EVERY_MS);
        return;
      }
    }
  }
  keep();
}

/** The page goes: hand everything to the browser, and keep a copy, since nobody will hear whether it arrived. */
function handOver() {
  for (const [slate, batch] of batches(waiting)) {
    navigator.sendBeacon("/api/events", new Blob([bodyOf(slate, batch)], { type: "application/json" }));
  }
  keep();
}

/** Begin: try what was left over, and hand over what waits whenever the page goes. Call after other pagehide listeners. */
export function startEvents() {
  if (waiting.length) void flush();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") handOver();
    else if (waiting.length) void flush();
  });
  window.addEventListener("pagehide", handOver);
  window.addEventListener("online", () => void flush());
}
