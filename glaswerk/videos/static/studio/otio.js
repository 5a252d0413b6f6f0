// The parts of an OpenTimelineIO document, as our own programs write them; docs/timeline.md says what they mean.

import { rangeOf, timeOf } from "./times.js";

/** @typedef {any} Json a part of the document: plain, and never changed once it is made */

const BARE = { effects: [], enabled: true, markers: [], metadata: {}, name: "" };

/** A name for a new item that no other item has. @param {string} kind */
export function freshId(kind) {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return `${kind}-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** @param {number} length */
export function gap(length) {
  return { OTIO_SCHEMA: "Gap.1", ...BARE, source_range: rangeOf(0, length) };
}

/**
 * A clip of some media.
 * @param {string} address source:<id> or sound:<id> @param {{from?: number, length: number, facts?: Json, id?: string}} trim
 */
export function mediaClip(address, { from = 0, length, facts = {}, id = freshId("clip") }) {
  const reference = { OTIO_SCHEMA: "ExternalReference.1", available_image_bounds: null, available_range: null, metadata: {}, name: "", target_url: address };
  return clipOf(reference, from, length, { id, ...facts });
}

/** A text or a sticker. @param {"text"|"sticker"} kind @param {Json} parameters @param {number} length @param {string} [id] */
export function generatedClip(kind, parameters, length, id = freshId(kind)) {
  const reference = { OTIO_SCHEMA: "GeneratorReference.1", available_image_bounds: null, available_range: null, generator_kind: kind, metadata: {}, name: "", parameters };
  return clipOf(reference, 0, length, { id });
}

/** @param {Json} reference @param {number} from @param {number} length @param {Json} facts */
function clipOf(reference, from, length, facts) {
  return {
    OTIO_SCHEMA: "Clip.2",
    ...BARE,
    active_media_reference_key: "DEFAULT_MEDIA",
    media_references: { DEFAULT_MEDIA: reference },
    metadata: { glaswerk: facts },
    source_range: rangeOf(from, length),
  };
}

/** @param {string} kind @param {number} before @param {number} after milliseconds on each side of the cut */
export function transition(kind, before, after) {
  const isDissolve = kind === "dissolve";
  return {
    OTIO_SCHEMA: "Transition.1",
    in_offset: timeOf(before),
    metadata: isDissolve ? {} : { glaswerk: { kind } },
    name: "",
    out_offset: timeOf(after),
    transition_type: isDissolve ? "SMPTE_Dissolve" : "Custom_Transition",
  };
}

/** @param {number} speed */
export function timeWarp(speed) {
  return { OTIO_SCHEMA: "LinearTimeWarp.1", effect_name: "LinearTimeWarp", enabled: true, metadata: {}, name: "", time_scalar: speed };
}

/** @param {string} name @param {"Video"|"Audio"} kind @param {Json[]} children @param {Json} [facts] */
export function track(name, kind, children, facts = null) {
  return { OTIO_SCHEMA: "Track.1", ...BARE, children, kind, metadata: facts ? { glaswerk: facts } : {}, name, source_range: null };
}

/** A timeline with nothing in it yet. */
export function emptyTimeline() {
  return {
    OTIO_SCHEMA: "Timeline.1",
    global_start_time: null,
    metadata: { glaswerk: { form: 1, width: 720, height: 1280, fps: 30, background: "#000000" } },
    name: "",
    tracks: { OTIO_SCHEMA: "Stack.1", ...BARE, name: "tracks", children: [track("main", "Video", [])], source_range: null },
  };
}

// Reading -----------------------------------------------------------------------------------------------------------

/** @param {Json} part @returns {string} the schema without its version */
export const schemaOf = (part) => String(part?.OTIO_SCHEMA ?? "").split(".")[0];

/** @param {Json} part @returns {Json} */
export const factsOf = (part) => part?.metadata?.glaswerk ?? {};

/** @param {Json} clip @returns {Json} */
export function referenceOf(clip) {
  return clip.media_references?.[clip.active_media_reference_key ?? "DEFAULT_MEDIA"] ?? clip.media_reference ?? {};
}

/** @param {Json} clip @returns {string} */
export const addressOf = (clip) => referenceOf(clip).target_url ?? "";

/** @param {Json} clip @returns {string} */
export const idOf = (clip) => factsOf(clip).id ?? "";

/** @param {Json} clip @returns {number} */
export function speedOf(clip) {
  const warp = clip.effects?.find((/** @type {Json} */ one) => schemaOf(one) === "LinearTimeWarp");
  return warp?.time_scalar ?? 1;
}
