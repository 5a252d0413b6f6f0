// What dragging a handle or an item comes to, and where it snaps. Pure, in milliseconds.

import { SHORTEST_MS } from "./document.js";
import { within } from "./times.js";

/** @typedef {{start: number, end: number, from: number, speed: number}} Span */

/**
 * Drag one end of a clip of the main track; the clips behind it follow.
 * @param {Span} span @param {"start"|"end"} side @param {number} by @param {number} mediaMs Infinity for a picture
 */
export function trimmedClip(span, side, by, mediaMs) {
  const length = span.end - span.start;
  if (side === "end") {
    const most = Math.floor((mediaMs - span.from) / span.speed);
    return { from: span.from, length: within(length + by, SHORTEST_MS, Math.max(SHORTEST_MS, most)) };
  }
  const least = Number.isFinite(mediaMs) ? -span.from / span.speed : -Infinity;
  const shift = Math.min(Math.max(by, least), length - SHORTEST_MS);
  return { from: Math.max(0, Math.round(span.from + shift * span.speed)), length: Math.round(length - shift) };
}

/** Drag one end of an item that lies at a moment; the other end stays. @param {Span} span @param {"start"|"end"} side @param {number} by @param {number} mediaMs */
export function trimmedPlaced(span, side, by, mediaMs) {
  const length = span.end - span.start;
  if (side === "end") {
    const most = Math.floor((mediaMs - span.from) / span.speed);
    return { start: span.start, from: span.from, length: within(length + by, SHORTEST_MS, Math.max(SHORTEST_MS, most)) };
  }
  const least = Number.isFinite(mediaMs) ? Math.max(-span.start, -span.from / span.speed) : -span.start;
  const shift = Math.round(within(by, least, length - SHORTEST_MS));
  return { start: span.start + shift, from: Number.isFinite(mediaMs) ? Math.round(span.from + shift * span.speed) : 0, length: length - shift };
}

/** Where everything begins and ends, except one item. @param {import("./arrange.js").Arrangement} all @param {number} playhead @param {string} except */
export function edgesOf(all, playhead, except) {
  const spans = [...all.clips, ...all.overlays, ...all.music, ...all.voice].filter((one) => one.id !== except);
  return [0, playhead, all.duration, ...spans.flatMap((one) => [one.start, one.end])];
}

/** How far to move further so that one of these moments comes onto an edge. @param {number[]} moments @param {number[]} edges @param {number} near */
export function snap(moments, edges, near) {
  let best = 0;
  let distance = near;
  for (const moment of moments) {
    for (const edge of edges) {
      if (Math.abs(edge - moment) < distance) {
        distance = Math.abs(edge - moment);
        best = edge - moment;
      }
    }
  }
  return best;
}

/** Which place among the others a dragged clip has come to. @param {{start: number, end: number}[]} others without the dragged one @param {number} middle */
export function placeAmong(others, middle) {
  return others.filter((one) => (one.start + one.end) / 2 < middle).length;
}
