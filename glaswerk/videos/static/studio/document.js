// What can be done to a timeline: every function takes a document and returns another one, or the same where nothing
// would change. Nothing here knows of pages, players or servers.

import { addressOf, factsOf, freshId, gap, generatedClip, idOf, referenceOf, schemaOf, speedOf, timeWarp, track, transition } from "./otio.js";
import { msOf, rangeOf, timeOf, within } from "./times.js";

/** @typedef {import("./otio.js").Json} Json */

export const SHORTEST_MS = 100;
export const SLOWEST = 0.3;
export const FASTEST = 3;

// Tracks --------------------------------------------------------------------------------------------------------------

/** @param {Json} doc @param {string} name @returns {Json|undefined} */
export const trackOf = (doc, name) => doc.tracks.children.find((/** @type {Json} */ one) => one.name === name);

/** @param {Json} doc @returns {Json[]} */
export const mainOf = (doc) => trackOf(doc, "main")?.children ?? [];

/** @param {Json} item @returns {number} what it takes in its track */
export const lengthOf = (item) => (schemaOf(item) === "Transition" ? 0 : msOf(item.source_range?.duration));

/** @param {Json} item @returns {number} where it begins in its media */
export const fromOf = (item) => msOf(item.source_range?.start_time);

/** @param {Json} doc @param {Json[]} tracks */
const withTracks = (doc, tracks) => ({ ...doc, tracks: { ...doc.tracks, children: tracks } });

/** @param {Json} doc @param {Json[]} children */
function withMain(doc, children) {
  const main = trackOf(doc, "main") ?? track("main", "Video", []);
  const settled = settleTransitions(children);
  const replaced = { ...main, children: settled };
  const tracks = doc.tracks.children;
  return withTracks(doc, tracks.includes(main) ? tracks.map((/** @type {Json} */ one) => (one === main ? replaced : one)) : [replaced, ...tracks]);
}

/** Change what `metadata.glaswerk` of the whole says. @param {Json} doc @param {Json} facts null removes one */
export function setFacts(doc, facts) {
  return { ...doc, metadata: { ...doc.metadata, glaswerk: merged(factsOf(doc), facts) } };
}

/** @param {Json} facts @param {Json} changes */
function merged(facts, changes) {
  const made = { ...facts, ...changes };
  for (const [name, value] of Object.entries(made)) if (value === null && name !== "crop") delete made[name];
  return made;
}

/** @param {Json} clip @param {Json} facts */
const withFacts = (clip, facts) => ({ ...clip, metadata: { ...clip.metadata, glaswerk: merged(factsOf(clip), facts) } });

/** @param {Json} clip @param {number} from @param {number} length */
const withRange = (clip, from, length) => ({ ...clip, source_range: rangeOf(from, length) });

/** Keep transitions only between two clips, and no longer than both allow. @param {Json[]} children */
function settleTransitions(children) {
  /** @type {Json[]} */
  const kept = [];
  children.forEach((item, at) => {
    if (schemaOf(item) !== "Transition") {
      kept.push(item);
      return;
    }
    const before = kept.at(-1);
    const after = children[at + 1];
    if (!before || !after || schemaOf(before) !== "Clip" || schemaOf(after) !== "Clip") return;
    // Half of each clip is for this transition, the other half for the one at its other end.
    const most = Math.floor(Math.min(lengthOf(before), lengthOf(after)) / 2);
    const length = msOf(item.in_offset) + msOf(item.out_offset);
    const half = Math.min(Math.floor(length / 2), most);
    if (half < SHORTEST_MS / 2) return;
    kept.push(half * 2 === length ? item : { ...item, in_offset: timeOf(half), out_offset: timeOf(half) });
  });
  return kept;
}

/** A clip in the schema of today, with its one reference among several. @param {Json} clip */
function modern({ media_reference: reference, ...clip }) {
  if (!reference) return clip;
  return { ...clip, OTIO_SCHEMA: "Clip.2", active_media_reference_key: "DEFAULT_MEDIA", media_references: { DEFAULT_MEDIA: reference } };
}

/** Every item gets a name of its own, so that it can be spoken of; documents from elsewhere have none. @param {Json} doc */
export function nameItems(doc) {
  const seen = new Set();
  const tracks = doc.tracks.children.map((/** @type {Json} */ one) => ({
    ...one,
    children: one.children.map((/** @type {Json} */ item) => {
      if (schemaOf(item) !== "Clip") return item;
      item = modern(item);
      const id = idOf(item);
      if (id && !seen.has(id)) {
        seen.add(id);
        return item;
      }
      return withFacts(item, { id: freshId("item") });
    }),
  }));
  return withTracks(doc, tracks);
}

// Clips of the main track ------------------------------------------------------------------------------------------------

/** @param {Json} doc @returns {Json[]} without gaps and transitions */
export const clipsOf = (doc) => mainOf(doc).filter((/** @type {Json} */ one) => schemaOf(one) === "Clip");

/** @param {Json} doc @returns {number} */
export const durationOf = (doc) => mainOf(doc).reduce((sum, one) => sum + lengthOf(one), 0);

/** @param {Json} doc @param {string} id */
const placeOf = (doc, id) => mainOf(doc).findIndex((one) => schemaOf(one) === "Clip" && idOf(one) === id);

/** Put clips before the clip that is the `at`-th, or at the end. @param {Json} doc @param {Json[]} clips @param {number} [at] */
export function insertClips(doc, clips, at = Infinity) {
  const children = mainOf(doc);
  const next = clipsOf(doc)[at];
  const place = next ? children.indexOf(next) : children.length;
  // A transition that led to the clip behind now leads nowhere.
  const before = children.slice(0, place);
  if (clips.length && schemaOf(before.at(-1)) === "Transition") before.pop();
  return withMain(doc, [...before, ...clips, ...children.slice(place)]);
}

/** @param {Json} doc @param {string} id @param {(clip: Json) => Json} change */
function changeClip(doc, id, change) {
  const place = placeOf(doc, id);
  if (place < 0) return doc;
  const children = mainOf(doc);
  const changed = change(children[place]);
  return changed === children[place] ? doc : withMain(doc, children.with(place, changed));
}

/** @param {Json} doc @param {string} id */
export function removeClip(doc, id) {
  const place = placeOf(doc, id);
  if (place < 0) return doc;
  return withMain(doc, mainOf(doc).toSpliced(place, 1).filter(notTwice));
}

/** Two transitions side by side are one too many. @param {Json} item @param {number} at @param {Json[]} all */
const notTwice = (item, at, all) => schemaOf(item) !== "Transition" || schemaOf(all[at - 1]) !== "Transition";

/** Let a clip be the `to`-th of all clips. @param {Json} doc @param {string} id @param {number} to */
export function moveClip(doc, id, to) {
  const clips = clipsOf(doc);
  const from = clips.findIndex((one) => idOf(one) === id);
  const target = within(to, 0, clips.length - 1);
  if (from < 0 || from === target) return doc;
  const moved = clips[from];
  const order = clips.toSpliced(from, 1).toSpliced(target, 0, moved);
  // Clips change their places; transitions stay with the clip that they follow, as far as that one still has a next.
  const children = mainOf(doc);
  const following = new Map(children.flatMap((one, at) => (schemaOf(one) === "Transition" ? [[children[at - 1], one]] : [])));
  const left = children.filter((one) => schemaOf(one) === "Gap");
  return withMain(doc, [...order.flatMap((one) => (following.has(one) ? [one, following.get(one)] : [one])), ...left]);
}

/** Show another part of the media. @param {Json} doc @param {string} id @param {number} from @param {number} length */
export function trimClip(doc, id, from, length) {
  return changeClip(doc, id, (clip) => withRange(clip, Math.max(0, from), Math.max(SHORTEST_MS, length)));
}

/** Cut a clip in two at a moment of the timeline. @param {Json} doc @param {number} at @param {string} [id] of the second half */
export function splitAt(doc, at, id = freshId("clip")) {
  let start = 0;
  for (const [place, item] of mainOf(doc).entries()) {
    const length = lengthOf(item);
    if (schemaOf(item) === "Clip" && at > start && at < start + length) {
      const first = Math.round(at - start);
      if (first < SHORTEST_MS || length - first < SHORTEST_MS) return doc;
      const one = withRange(item, fromOf(item), first);
      const other = withFacts(withRange(item, fromOf(item) + first * speedOf(item), length - first), { id });
      return withMain(doc, mainOf(doc).toSpliced(place, 1, one, other));
    }
    start += length;
  }
  return doc;
}

/** A clip shows the same part of its media, faster or slower. @param {Json} doc @param {string} id @param {number} speed */
export function setSpeed(doc, id, speed) {
  const wanted = within(Math.round(speed * 100) / 100, SLOWEST, FASTEST);
  return changeClip(doc, id, (clip) => {
    const media = lengthOf(clip) * speedOf(clip);
    const others = (clip.effects ?? []).filter((/** @type {Json} */ one) => schemaOf(one) !== "LinearTimeWarp");
    const effects = wanted === 1 ? others : [...others, timeWarp(wanted)];
    return withRange({ ...clip, effects }, fromOf(clip), Math.max(SHORTEST_MS, Math.floor(media / wanted)));
  });
}

/** Volume, look, fit. @param {Json} doc @param {string} id @param {Json} facts */
export function setClip(doc, id, facts) {
  return changeClip(doc, id, (clip) => withFacts(clip, facts));
}

/** @param {Json} doc @param {Json} facts */
export function setEveryClip(doc, facts) {
  return withMain(doc, mainOf(doc).map((one) => (schemaOf(one) === "Clip" ? withFacts(one, facts) : one)));
}

/** @param {Json} doc @param {string} id @param {string} [copy] */
export function duplicateClip(doc, id, copy = freshId("clip")) {
  const clips = clipsOf(doc);
  const at = clips.findIndex((one) => idOf(one) === id);
  return at < 0 ? doc : insertClips(doc, [withFacts(clips[at], { id: copy })], at + 1);
}

/** How a clip passes into the next one; an empty kind is a plain cut. @param {Json} doc @param {string} id @param {string} kind @param {number} length */
export function setTransition(doc, id, kind, length) {
  const place = placeOf(doc, id);
  const children = mainOf(doc);
  if (place < 0 || !clipsOf(doc).slice(clipsOf(doc).indexOf(children[place]) + 1).length) return doc;
  const has = schemaOf(children[place + 1]) === "Transition";
  const half = Math.round(length / 2);
  return withMain(doc, children.toSpliced(place + 1, has ? 1 : 0, ...(kind ? [transition(kind, half, half)] : [])));
}

// Items that lie at a moment: overlays, sounds, voices ----------------------------------------------------------------------

/** @typedef {{clip: Json, start: number}} Placed */

/** @param {Json} doc @param {string} family overlays, music or voice @returns {Json[]} its tracks, in order */
export function tracksOf(doc, family) {
  const number = (/** @type {Json} */ one) => Number(one.name.split("-")[1] ?? 1);
  return doc.tracks.children
    .filter((/** @type {Json} */ one) => one.name === family || one.name.startsWith(`${family}-`))
    .sort((/** @type {Json} */ a, /** @type {Json} */ b) => number(a) - number(b));
}

/** @param {Json} doc @param {string} family @returns {Placed[]} lower ones first */
export function placedOf(doc, family) {
  return tracksOf(doc, family).flatMap((one) => {
    let start = 0;
    return one.children.flatMap((/** @type {Json} */ item) => {
      const placed = { clip: item, start };
      start += lengthOf(item);
      return schemaOf(item) === "Clip" ? [placed] : [];
    });
  });
}

/** Lay items into as few tracks as they need. @param {Json} doc @param {string} family @param {Placed[]} items @param {Json} [facts] of its tracks */
function withPlaced(doc, family, items, facts = undefined) {
  const before = tracksOf(doc, family);
  const kept = facts === undefined ? (before[0] && Object.keys(factsOf(before[0])).length ? factsOf(before[0]) : null) : facts;
  /** @type {{end: number, items: Placed[]}[]} */
  const rows = [];
  for (const item of items) {
    const end = item.start + lengthOf(item.clip);
    const row = rows.find(({ items: there }) => there.every((one) => one.start + lengthOf(one.clip) <= item.start || one.start >= end));
    if (row) row.items.push(item);
    else rows.push({ end, items: [item] });
  }
  const made = rows.map(({ items: there }, at) => {
    let end = 0;
    const children = there
      .toSorted((a, b) => a.start - b.start)
      .flatMap(({ clip, start }) => {
        const pause = start - end;
        end = start + lengthOf(clip);
        return pause > 0 ? [gap(pause), clip] : [clip];
      });
    return track(at ? `${family}-${at + 1}` : family, family === "overlays" ? "Video" : "Audio", children, kept);
  });
  return withTracks(doc, [...doc.tracks.children.filter((/** @type {Json} */ one) => !before.includes(one)), ...made]);
}

/** @param {Json} doc @param {string} id @returns {string|null} the family that an item is in */
export function familyOf(doc, id) {
  return ["overlays", "music", "voice"].find((family) => placedOf(doc, family).some(({ clip }) => idOf(clip) === id)) ?? null;
}

/** @param {Json} doc @param {string} family @param {Json} clip @param {number} start @param {Json} [facts] */
export function place(doc, family, clip, start, facts = undefined) {
  return withPlaced(doc, family, [...placedOf(doc, family), { clip, start: Math.max(0, Math.round(start)) }], facts);
}

/** @param {Json} doc @param {string} id @param {(one: Placed) => Placed} change */
function changePlaced(doc, id, change) {
  const family = familyOf(doc, id);
  if (!family) return doc;
  return withPlaced(doc, family, placedOf(doc, family).map((one) => (idOf(one.clip) === id ? change(one) : one)));
}

/** @param {Json} doc @param {string} id */
export function removePlaced(doc, id) {
  const family = familyOf(doc, id);
  return family ? withPlaced(doc, family, placedOf(doc, family).filter(({ clip }) => idOf(clip) !== id)) : doc;
}

/** When it begins, and how long it lasts. @param {Json} doc @param {string} id @param {{start?: number, length?: number, from?: number}} times */
export function timePlaced(doc, id, { start, length, from }) {
  return changePlaced(doc, id, (one) => ({
    start: Math.max(0, Math.round(start ?? one.start)),
    clip: withRange(one.clip, Math.max(0, from ?? fromOf(one.clip)), Math.max(SHORTEST_MS, length ?? lengthOf(one.clip))),
  }));
}

/** What a text says and how, or which sticker it is and where. @param {Json} doc @param {string} id @param {Json} parameters */
export function setParameters(doc, id, parameters) {
  return changePlaced(doc, id, ({ clip, start }) => {
    const reference = referenceOf(clip);
    const key = clip.active_media_reference_key ?? "DEFAULT_MEDIA";
    const changed = { ...reference, parameters: merged(reference.parameters ?? {}, parameters) };
    return { start, clip: { ...clip, media_references: { ...clip.media_references, [key]: changed } } };
  });
}

/** Volume and fades of a sound or a voice. @param {Json} doc @param {string} id @param {Json} facts */
export function setPlaced(doc, id, facts) {
  return changePlaced(doc, id, ({ clip, start }) => ({ start, clip: withFacts(clip, facts) }));
}

/** Whether music steps back while somebody speaks. @param {Json} doc @param {boolean} duck */
export function setDucking(doc, duck) {
  const before = factsOf(tracksOf(doc, "music")[0]);
  return withPlaced(doc, "music", placedOf(doc, "music"), { ...before, duck, duck_db: before.duck_db ?? 12 });
}

/** @param {Json} doc @param {string} id @param {string} [copy] */
export function duplicatePlaced(doc, id, copy = freshId("item")) {
  const family = familyOf(doc, id);
  const found = family && placedOf(doc, family).find(({ clip }) => idOf(clip) === id);
  return family && found ? place(doc, family, withFacts(found.clip, { id: copy }), found.start + lengthOf(found.clip)) : doc;
}

/** @param {Json} doc @param {"text"|"sticker"} kind @param {Json} parameters @param {number} start @param {number} length @param {string} [id] */
export function addOverlay(doc, kind, parameters, start, length, id) {
  return place(doc, "overlays", generatedClip(kind, parameters, length, id), start);
}

// The whole ---------------------------------------------------------------------------------------------------------------

/** @typedef {{start_ms: number, end_ms: number, text: string}} Caption */

/** Captions in order, each ending where the next one begins at the latest. @param {Json} doc @param {Caption[]} captions */
export function setCaptions(doc, captions) {
  const sorted = captions.filter(({ start_ms, end_ms }) => end_ms > start_ms).toSorted((a, b) => a.start_ms - b.start_ms);
  const apart = sorted.map((one, at) => ({ ...one, end_ms: Math.min(one.end_ms, sorted[at + 1]?.start_ms ?? Infinity) }));
  const kept = apart.filter(({ start_ms, end_ms }) => end_ms > start_ms);
  return setFacts(doc, { captions: kept.length ? kept : null });
}

/** Show no more of a source than there is of it: a recording's true length is known only when it has been probed.
 * @param {Json} doc @param {Map<string, {durationMs: number, isPicture: boolean}>} media by address */
export function settleLengths(doc, media) {
  const settle = (/** @type {Json} */ item) => {
    const known = schemaOf(item) === "Clip" ? media.get(addressOf(item)) : undefined;
    if (!known || known.isPicture || !(known.durationMs > 0)) return item;
    const from = Math.min(fromOf(item), Math.max(0, known.durationMs - SHORTEST_MS));
    const most = Math.floor((known.durationMs - from) / speedOf(item));
    return from === fromOf(item) && lengthOf(item) <= most ? item : withRange(item, from, Math.min(lengthOf(item), most));
  };
  let changed = false;
  const tracks = doc.tracks.children.map((/** @type {Json} */ one) => {
    const children = one.children.map(settle);
    if (children.every((/** @type {Json} */ item, /** @type {number} */ at) => item === one.children[at])) return one;
    changed = true;
    return { ...one, children: one.name === "main" ? settleTransitions(children) : children };
  });
  return changed ? withTracks(doc, tracks) : doc;
}
