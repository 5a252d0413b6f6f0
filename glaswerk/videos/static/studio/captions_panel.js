// The captions: typed by hand at the playhead, or read from a WebVTT file.

import { element, icon } from "../web/elements.js";
import { fill, gettext, ngettext } from "../web/words.js";
import { setCaptions } from "./document.js";
import { tenths } from "./times.js";
import { readWebVtt } from "./webvtt.js";

const LENGTH_MS = 2000;

/** @param {import("./panels.js").Panels} panels @param {import("./store.js").Store} store @param {{at: () => number, seek: (ms: number) => void, say: (text: string) => void}} parts */
export function prepareCaptions(panels, store, { at, seek, say }) {
  const list = /** @type {HTMLElement} */ (panels.root.querySelector("[data-caption-rows]"));
  const input = /** @type {HTMLInputElement} */ (panels.root.querySelector("[data-vtt]"));
  const problem = /** @type {HTMLElement} */ (panels.root.querySelector("[data-vtt-problem]"));
  let shown = "";

  /** @param {import("./document.js").Caption[]} captions @param {string} [name] */
  function keep(captions, name = "") {
    store.edit(setCaptions(store.doc, captions), gettext("Captions"), name);
  }

  function show() {
    const { captions } = store.all;
    const times = JSON.stringify(captions.map((/** @type {any} */ one) => [one.start_ms, one.end_ms]));
    if (times === shown && list.childElementCount === captions.length) {
      // Only words have changed: whoever types keeps the cursor.
      captions.forEach((/** @type {any} */ one, /** @type {number} */ place) => {
        const field = /** @type {HTMLTextAreaElement} */ (list.children[place].querySelector("textarea"));
        if (field !== document.activeElement) field.value = one.text;
      });
      return;
    }
    shown = times;
    list.replaceChildren(...captions.map((/** @type {any} */ one, /** @type {number} */ place) => row(one, place)));
  }

  /** @param {import("./document.js").Caption} caption @param {number} place */
  function row(caption, place) {
    const others = () => store.all.captions;
    const change = (/** @type {any} */ facts) => keep(others().map((/** @type {any} */ one, /** @type {number} */ at) => (at === place ? { ...one, ...facts } : one)), `caption:${place}`);
    const words = element("textarea", { class: "input", rows: "2", maxlength: "500", "aria-label": fill(gettext("Caption {number}"), { number: place + 1 }), on: { input: (/** @type {any} */ event) => change({ text: event.target.value }) } });
    words.value = caption.text;
    const time = (/** @type {"start_ms"|"end_ms"} */ side, /** @type {string} */ label) =>
      element("button", { class: "button small quiet number", type: "button", "aria-label": `${label} ${tenths(caption[side])}`, title: label, text: tenths(caption[side]), on: { click: () => change({ [side]: Math.round(at()) }) } });
    return element(
      "li",
      { class: "caption-row" },
      element("div", { class: "row" },
        element("button", { class: "icon-button", type: "button", "aria-label": gettext("Go there"), on: { click: () => seek(caption.start_ms) } }, icon("play", "small")),
        time("start_ms", gettext("Begin at the playhead; now")),
        element("span", { text: "–", "aria-hidden": "true" }),
        time("end_ms", gettext("End at the playhead; now")),
        element("span", { class: "grow" }),
        element("button", { class: "icon-button", type: "button", "aria-label": fill(gettext("Remove caption {number}"), { number: place + 1 }), on: { click: () => keep(others().toSpliced(place, 1)) } }, icon("trash", "small")),
      ),
      words,
    );
  }

  function add() {
    const start = Math.round(at());
    const { captions, duration } = store.all;
    const next = captions.find((/** @type {any} */ one) => one.start_ms > start)?.start_ms ?? Infinity;
    const cut = captions.map((/** @type {any} */ one) => (one.start_ms < start && one.end_ms > start ? { ...one, end_ms: start } : one)).filter((/** @type {any} */ one) => one.start_ms !== start);
    const end = Math.max(start + 200, Math.min(start + LENGTH_MS, next, duration || Infinity));
    keep([...cut, { start_ms: start, end_ms: end, text: gettext("Caption") }]);
    const place = store.all.captions.findIndex((/** @type {any} */ one) => one.start_ms === start);
    const field = list.children[place]?.querySelector("textarea");
    field?.focus();
    field?.select();
  }

  input.addEventListener("change", async () => {
    const file = input.files?.[0];
    input.value = "";
    if (!file) return;
    const { captions, bad } = file.size < 1 << 20 ? readWebVtt(await file.text()) : { captions: [], bad: [] };
    problem.hidden = captions.length > 0 && !bad.length;
    problem.textContent = captions.length
      ? fill(gettext("These lines have times that cannot be read, and were left out: {lines}."), { lines: bad.slice(0, 8).join(", ") })
      : gettext("There are no captions in this file. A WebVTT file has lines such as 00:01.000 --> 00:03.000.");
    if (!captions.length) return;
    keep(captions);
    say(fill(ngettext("{count} caption was read.", "{count} captions were read.", captions.length), { count: captions.length }));
  });
  panels.addEventListener("refresh", () => panels.name === "captions" && show());
  return { add };
}
