// What stands in the lanes of the timeline, and what it is called for whoever sees it or hears of it.

import { fill, gettext } from "../web/words.js";
import { minutes, tenths } from "./times.js";

/** @typedef {import("./arrange.js").Arrangement} Arrangement */
/** @typedef {{id: string, start: number, end: number, lane: string, kind: string, label: string, text: string, from: number, speed: number, address: string}} Item */

/** @param {Arrangement} all @param {(address: string) => string} titleOf @returns {Item[]} */
export function itemsOf(all, titleOf) {
  const span = (/** @type {{start: number, end: number}} */ one) => fill(gettext("{length} s from {start}"), { length: ((one.end - one.start) / 1000).toFixed(1), start: tenths(one.start) });
  const numbered = (/** @type {string} */ family, /** @type {number} */ row) => (row ? `${family}-${row + 1}` : family);
  const clips = all.clips.map((one, at) => {
    const speed = one.speed === 1 ? "" : ` · ${one.speed}×`;
    return { ...one, lane: "main", kind: "clip", text: `${((one.end - one.start) / 1000).toFixed(1)}${speed}`, label: `${fill(gettext("Clip {number}"), { number: at + 1 })}, ${span(one)}${speed}` };
  });
  const overlays = all.overlays.map((one) => {
    const text = one.kind === "text" ? one.parameters.text.split("\n")[0] : "";
    const kind = one.kind === "text" ? gettext("Text") : gettext("Sticker");
    return { ...one, from: 0, speed: 1, address: "", lane: numbered("overlays", one.row), text, label: `${kind} ${text || one.parameters.name || ""}, ${span(one)}` };
  });
  const audio = [...all.music, ...all.voice].map((one) => {
    const title = one.family === "music" ? titleOf(one.address) || gettext("Sound") : gettext("Voice");
    return { ...one, lane: numbered(one.family, one.row), kind: one.family, text: title, label: `${title}, ${span(one)}` };
  });
  const captions = all.captions.map((/** @type {any} */ one, /** @type {number} */ at) => ({
    id: `caption-${at}`, start: one.start_ms, end: one.end_ms, lane: "captions", kind: "caption", text: one.text, label: `${gettext("Caption")} ${one.text}, ${minutes(one.start_ms)}`, from: 0, speed: 1, address: "",
  }));
  return [...clips, ...overlays, ...captions, ...audio];
}
