// A timeline as it is seen and heard: what stands where, in milliseconds. Read from the document, and never written back.

import { durationOf, fromOf, lengthOf, mainOf, placedOf, trackOf, tracksOf } from "./document.js";
import { addressOf, factsOf, idOf, referenceOf, schemaOf, speedOf } from "./otio.js";
import { msOf } from "./times.js";

/** @typedef {import("./otio.js").Json} Json */
/** @typedef {{id: string, at: number, start: number, end: number, from: number, speed: number, address: string, volume: number,
 *   filter: string, strength: number, fit: string, backdrop: string, crop: Json, stitchedFrom: string,
 *   shownFrom: number, shownTo: number, after: {kind: string, start: number, end: number}|null}} ClipView */
/** @typedef {{id: string, kind: string, start: number, end: number, parameters: Json, row: number}} OverlayView */
/** @typedef {{id: string, family: string, start: number, end: number, from: number, speed: number, address: string, volume: number, row: number,
 *   fadeIn: number, fadeOut: number, duck: boolean, duckDb: number}} AudioView */

const BACKGROUND = { box: "#000000b0", outline: "#000000" };

/** @param {Json} item */
const kindOf = (item) => factsOf(item).kind ?? "dissolve";

/** @param {Json[]} children @returns {ClipView[]} */
function clipViews(children) {
  /** @type {ClipView[]} */
  const views = [];
  let start = 0;
  for (const item of children) {
    const length = lengthOf(item);
    if (schemaOf(item) === "Clip") views.push(clipView(item, views.length, start, start + length));
    start += length;
  }
  // A transition lies over the cut: the clip before is seen beyond its end, the one after before its beginning.
  children.forEach((item, place) => {
    if (schemaOf(item) !== "Transition") return;
    const at = children.slice(0, place).filter((one) => schemaOf(one) === "Clip").length - 1;
    const [one, next] = [views[at], views[at + 1]];
    if (!one || !next) return;
    one.after = { kind: kindOf(item), start: one.end - msOf(item.in_offset), end: one.end + msOf(item.out_offset) };
    one.shownTo = one.after.end;
    next.shownFrom = one.after.start;
  });
  return views;
}

/** @param {Json} item @param {number} at @param {number} start @param {number} end @returns {ClipView} */
function clipView(item, at, start, end) {
  const facts = factsOf(item);
  return {
    id: idOf(item),
    at,
    start,
    end,
    from: fromOf(item),
    speed: speedOf(item),
    address: addressOf(item),
    volume: facts.volume ?? 1,
    filter: facts.filter ?? "",
    strength: facts.filter_strength ?? 1,
    fit: facts.fit ?? "cover",
    backdrop: facts.backdrop ?? "plain",
    crop: facts.crop ?? null,
    stitchedFrom: facts.stitched_from ?? "",
    shownFrom: start,
    shownTo: end,
    after: null,
  };
}

/** @param {Json} doc @param {string} family */
function rowOf(doc, family) {
  const rows = new Map(tracksOf(doc, family).flatMap((one, row) => one.children.map((/** @type {Json} */ item) => [item, row])));
  return (/** @type {Json} */ clip) => rows.get(clip) ?? 0;
}

/** @param {Json} doc @returns {OverlayView[]} */
function overlayViews(doc) {
  const row = rowOf(doc, "overlays");
  return placedOf(doc, "overlays").map(({ clip, start }) => {
    const reference = referenceOf(clip);
    const kind = reference.generator_kind ?? "text";
    return { id: idOf(clip), kind, start, end: start + lengthOf(clip), parameters: withDefaults(kind, reference.parameters ?? {}), row: row(clip) };
  });
}

/** @param {string} kind @param {Json} given */
function withDefaults(kind, given) {
  if (kind === "sticker") return { name: "star", x: 0.5, y: 0.5, size: 0.15, rotation: 0, ...given };
  const style = given.style ?? "plain";
  const background = BACKGROUND[/** @type {"box"|"outline"} */ (style)] ?? "#000000b0";
  return { text: "", x: 0.5, y: 0.5, size: 0.05, color: "#ffffff", background, align: "center", rotation: 0, ...given, style };
}

/** @param {Json} doc @param {string} family @returns {AudioView[]} */
function audioViews(doc, family) {
  const row = rowOf(doc, family);
  const tracks = tracksOf(doc, family);
  return placedOf(doc, family).map(({ clip, start }) => {
    const facts = factsOf(clip);
    const whole = factsOf(tracks[row(clip)]);
    return {
      id: idOf(clip),
      family,
      start,
      end: start + lengthOf(clip),
      from: fromOf(clip),
      speed: speedOf(clip),
      address: addressOf(clip),
      volume: (facts.volume ?? 1) * (whole.volume ?? 1),
      row: row(clip),
      fadeIn: facts.fade_in_ms ?? 0,
      fadeOut: facts.fade_out_ms ?? 0,
      duck: Boolean(whole.duck),
      duckDb: whole.duck_db ?? 12,
    };
  });
}

/** @param {Json} doc */
export function arrange(doc) {
  const facts = factsOf(doc);
  const whole = factsOf(trackOf(doc, "main")).volume ?? 1;
  const clips = clipViews(mainOf(doc)).map((one) => ({ ...one, volume: one.volume * whole }));
  return {
    duration: durationOf(doc),
    width: facts.width ?? 720,
    height: facts.height ?? 1280,
    fps: facts.fps ?? 30,
    background: facts.background ?? "#000000",
    layout: facts.layout ?? "single",
    captions: facts.captions ?? [],
    burnsCaptions: Boolean(facts.burn_captions),
    coverMs: facts.cover_ms ?? 0,
    clips,
    partner: clipViews(trackOf(doc, "partner")?.children ?? []),
    overlays: overlayViews(doc),
    music: audioViews(doc, "music"),
    voice: audioViews(doc, "voice"),
  };
}

/** @typedef {ReturnType<typeof arrange>} Arrangement */

/** Where a clip is in its media at a moment of the timeline, in milliseconds; never before the media's beginning.
 * @param {{start: number, from: number, speed: number}} clip @param {number} at */
export const mediaAt = (clip, at) => Math.max(0, clip.from + (at - clip.start) * clip.speed);

/** What is to be seen of a sequence at a moment: one clip, or two in a transition. @param {ClipView[]} clips @param {number} at
 * @returns {{one: ClipView|undefined, next: ClipView|undefined, kind: string, share: number}} */
export function seenAt(clips, at) {
  for (const [place, clip] of clips.entries()) {
    const { after } = clip;
    if (after && at >= after.start && at < after.end) {
      return { one: clip, next: clips[place + 1], kind: after.kind, share: (at - after.start) / (after.end - after.start) };
    }
  }
  return { one: clips.find((clip) => at >= clip.start && at < clip.end), next: undefined, kind: "", share: 0 };
}

/** The panes of a layout in pixels; halves are even. @param {string} layout @param {number} width @param {number} height */
export function panesOf(layout, width, height) {
  const even = (/** @type {number} */ length) => Math.max(2, Math.round(length / 2) * 2);
  const whole = { x: 0, y: 0, width, height };
  if (layout === "duet_left") {
    const half = even(width / 2);
    const high = Math.min(height, even((half * 16) / 9));
    const y = Math.round((height - high) / 4) * 2;
    return { own: { x: 0, y, width: half, height: high }, partner: { x: half, y, width: width - half, height: high } };
  }
  if (layout === "duet_top") {
    const half = even(height / 2);
    return { own: { x: 0, y: 0, width, height: half }, partner: { x: 0, y: half, width, height: height - half } };
  }
  if (layout === "pip") {
    return { own: { x: even(width * 0.04), y: even(width * 0.04), width: even(width / 3), height: even(height / 3) }, partner: whole };
  }
  return { own: whole, partner: null };
}
