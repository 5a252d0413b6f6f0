// What the commands do to the timeline: each is one step that can be undone.

import { fill, gettext } from "../web/words.js";
import * as timeline from "./document.js";
import { freshId } from "./otio.js";
import { trimmedClip, trimmedPlaced } from "./trims.js";

/** @typedef {import("./store.js").Store} Store */

const TEXT_MS = 3000;
const NUDGE_MS = 100;

/** @param {Store} store @param {{at: () => number, seek: (ms: number) => void, say: (text: string) => void}} parts */
export function edits(store, { at, seek, say }) {
  const selectedClip = () => (store.selection?.kind === "clip" ? store.selection.view : null);
  const clipAt = () => store.all.clips.find((one) => at() >= one.start && at() < one.end);
  const mediaMs = (/** @type {any} */ view) => (view.address ? (store.mediaOf(view.address)?.durationMs ?? Infinity) : Infinity);

  /** @param {string} id @param {"start"|"end"} side @param {number} by @param {any} span where it was before @param {string} name */
  function trim(id, side, by, span, name) {
    const found = store.find(id);
    if (!found) return;
    const view = { ...found.view, ...(span ? { start: span.start, end: span.end, from: span.from, speed: span.speed } : {}) };
    if (found.kind === "clip") {
      const { from, length } = trimmedClip(view, side, by, mediaMs(found.view));
      store.edit(timeline.trimClip(store.doc, id, from, length), gettext("Trim"), name);
    } else {
      const shown = { from: 0, speed: 1, ...view };
      store.edit(timeline.timePlaced(store.doc, id, trimmedPlaced(shown, side, by, mediaMs(found.view))), gettext("Trim"), name);
    }
  }

  /** @param {"start"|"end"} side */
  function trimToPlayhead(side) {
    const found = store.selection ?? (clipAt() && { kind: "clip", view: clipAt() });
    if (!found?.view || at() <= found.view.start || at() >= found.view.end) return;
    trim(found.view.id, side, at() - (side === "start" ? found.view.start : found.view.end), null, "");
    if (side === "start" && found.kind === "clip") seek(found.view.start);
  }

  /** @param {string} id @param {number} by -1 or 1 */
  function shift(id, by) {
    const found = store.find(id);
    if (!found) return;
    if (found.kind === "clip") {
      const to = found.view.at + by;
      if (store.edit(timeline.moveClip(store.doc, id, to), gettext("Order"))) {
        say(fill(gettext("Now clip {number} of {count}."), { number: to + 1, count: store.all.clips.length }));
      }
    } else store.edit(timeline.timePlaced(store.doc, id, { start: found.view.start + by * NUDGE_MS }), gettext("Time"), `start:${id}`);
  }

  return {
    trim,
    shift,
    split() {
      const id = freshId("clip");
      if (store.edit(timeline.splitAt(store.doc, at(), id), gettext("Split"))) store.select(id);
      else say(gettext("There is nothing to split here."));
    },
    duplicate() {
      const { selected, selection } = store;
      if (!selected || !selection) return;
      const id = freshId(selection.kind);
      const isClip = selection.kind === "clip";
      if (store.edit(isClip ? timeline.duplicateClip(store.doc, selected, id) : timeline.duplicatePlaced(store.doc, selected, id), gettext("Duplicate"))) store.select(id);
    },
    remove() {
      const { selected, selection } = store;
      if (!selected || !selection) return;
      const isClip = selection.kind === "clip";
      const next = isClip ? (store.all.clips[selection.view.at + 1] ?? store.all.clips[selection.view.at - 1])?.id : null;
      store.edit(isClip ? timeline.removeClip(store.doc, selected) : timeline.removePlaced(store.doc, selected), gettext("Delete"));
      store.select(next ?? null);
    },
    earlier: () => store.selected && shift(store.selected, -1),
    later: () => store.selected && shift(store.selected, 1),
    "trim-start": () => trimToPlayhead("start"),
    "trim-end": () => trimToPlayhead("end"),
    addText() {
      const id = freshId("text");
      const start = Math.min(at(), Math.max(0, store.all.duration - 500));
      const length = Math.max(500, Math.min(TEXT_MS, store.all.duration - start));
      const parameters = { text: gettext("Text"), x: 0.5, y: 0.3, size: 0.05, color: "#ffffff", align: "center", style: "plain", rotation: 0 };
      store.edit(timeline.addOverlay(store.doc, "text", parameters, start, length, id), gettext("Text"));
      store.select(id);
    },
    lookEverywhere() {
      const clip = selectedClip() ?? clipAt() ?? store.all.clips[0];
      if (!clip) return;
      store.edit(timeline.setEveryClip(store.doc, { filter: clip.filter || null, filter_strength: clip.strength === 1 ? null : clip.strength }), gettext("Look"));
      say(gettext("Every clip has this look now."));
    },
    coverHere() {
      store.edit(timeline.setFacts(store.doc, { cover_ms: Math.round(Math.min(at(), Math.max(0, store.all.duration - 34))) }), gettext("Cover"));
    },
    nextItem() {
      const { all } = store;
      const ids = [...all.clips, ...all.overlays, ...all.music, ...all.voice].map((one) => one.id);
      if (!ids.length) return;
      const found = ids[(ids.indexOf(store.selected ?? "") + 1) % ids.length];
      store.select(found);
      const place = store.find(found)?.view;
      if (place && (at() < place.start || at() >= place.end)) seek(place.start);
    },
  };
}
