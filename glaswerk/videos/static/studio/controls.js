// The controls of the panels: what each shows of the selection, and what it does to the document.

import { setClip, setDucking, setFacts, setParameters, setPlaced, setSpeed, setTransition, timePlaced } from "./document.js";
import { minutes, tenths } from "./times.js";
import { gettext } from "../web/words.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {{get: (store: Store) => any, set: (store: Store, value: any) => void, show?: (value: number) => string,
 *   range?: (store: Store) => {min?: number, max?: number}}} Control */

const percent = (/** @type {number} */ value) => `${Math.round(value * 100)} %`;
const seconds = (/** @type {number} */ ms) => `${(ms / 1000).toFixed(1)} s`;
const degrees = (/** @type {number} */ value) => `${value}°`;

// From 0.3 to 3 in equal steps for the ear: 0 to 100 on the slider.
const speedOn = (/** @type {number} */ speed) => Math.round(100 * Math.log10(speed / 0.3));
const speedAt = (/** @type {number} */ place) => {
  const speed = 0.3 * 10 ** (place / 100);
  return Math.abs(speed - 1) < 0.03 ? 1 : Math.round(speed * 20) / 20;
};

/** @param {string} name @param {string} label @param {(value: number) => string} show @returns {Control} */
const parameter = (name, label, show) => ({
  get: (store) => store.selection?.view.parameters?.[name],
  set: (store, value) => store.selected && store.edit(setParameters(store.doc, store.selected, { [name]: value }), label, `${name}:${store.selected}`),
  show,
});

/** @type {Record<string, Control>} */
export const CONTROLS = {
  speed: {
    get: (store) => speedOn(store.selection?.view.speed ?? 1),
    set: (store, value) => store.selected && store.edit(setSpeed(store.doc, store.selected, speedAt(value)), gettext("Speed"), `speed:${store.selected}`),
    show: (value) => `${speedAt(value)}×`,
  },
  volume: {
    get: (store) => store.selection?.view.volume ?? 1,
    set: (store, value) => {
      const { selected, selection, doc } = store;
      if (!selected || !selection) return;
      const changed = selection.kind === "clip" ? setClip(doc, selected, { volume: value }) : setPlaced(doc, selected, { volume: value });
      store.edit(changed, gettext("Volume"), `volume:${selected}`);
    },
    show: percent,
  },
  strength: {
    get: (store) => (store.selection?.kind === "clip" ? store.selection.view.strength : store.all.clips[0]?.strength) ?? 1,
    set: (store, value) => {
      const id = store.selection?.kind === "clip" ? store.selected : store.all.clips[0]?.id;
      if (id) store.edit(setClip(store.doc, id, { filter_strength: value }), gettext("Look"), `strength:${id}`);
    },
    show: percent,
  },
  transitionMs: {
    get: (store) => {
      const after = store.selection?.view.after;
      return after ? after.end - after.start : 600;
    },
    set: (store, value) => {
      const { selected, selection } = store;
      if (selected && selection?.view.after) store.edit(setTransition(store.doc, selected, selection.view.after.kind, value), gettext("Transition"), `transition:${selected}`);
    },
    show: seconds,
  },
  text: parameter("text", gettext("Text"), String),
  size: parameter("size", gettext("Size"), (value) => `${Math.round(value * 1000) / 10} %`),
  stickerSize: parameter("size", gettext("Size"), percent),
  rotation: parameter("rotation", gettext("Rotation"), degrees),
  x: parameter("x", gettext("Place"), percent),
  y: parameter("y", gettext("Place"), percent),
  start: {
    get: (store) => store.selection?.view.start ?? 0,
    set: (store, value) => store.selected && store.edit(timePlaced(store.doc, store.selected, { start: value }), gettext("Time"), `start:${store.selected}`),
    show: tenths,
    range: (store) => ({ max: Math.max(100, store.all.duration - 100) }),
  },
  length: {
    get: (store) => (store.selection ? store.selection.view.end - store.selection.view.start : 0),
    set: (store, value) => store.selected && store.edit(timePlaced(store.doc, store.selected, { length: value }), gettext("Time"), `length:${store.selected}`),
    show: seconds,
    range: (store) => ({ max: Math.max(1000, store.all.duration) }),
  },
  duck: {
    get: (store) => store.selection?.view.duck ?? false,
    set: (store, value) => store.edit(setDucking(store.doc, Boolean(value)), gettext("Step back")),
  },
  burn: {
    get: (store) => store.all.burnsCaptions,
    set: (store, value) => store.edit(setFacts(store.doc, { burn_captions: value ? true : null }), gettext("Captions")),
  },
  cover: {
    get: (store) => store.all.coverMs,
    set: (store, value) => store.edit(setFacts(store.doc, { cover_ms: Math.round(value) }), gettext("Cover"), "cover"),
    show: (value) => `${minutes(value)}.${String(Math.floor(value % 1000)).padStart(3, "0").slice(0, 2)}`,
    range: (store) => ({ max: Math.max(33, store.all.duration - 34) }),
  },
};
