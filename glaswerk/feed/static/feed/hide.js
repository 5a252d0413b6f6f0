// Hiding what a video carries: its creator, its sound, a hashtag or a word. The sheet lists what there is to hide.

import { element, icon } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";

/** @typedef {import("./slot.js").SlotView} SlotView */
/** @typedef {import("./shapes.js").Video} Video */
/** @typedef {{kind: "creator"|"hashtag"|"sound"|"word", value: string}} Hidden */

const WORD = /[\p{L}\p{N}\p{M}]+/gu;
/** What carries a sign is a hashtag or a name, not a word. */
const SIGNED = /[#@][\p{L}\p{N}\p{M}_.]+/gu;
/** Shorter ones are hardly ever what somebody does not want to see. */
const SHORTEST_WORD = 4;
const MOST_WORDS = 12;

/** @param {string} text */
const folded = (text) => text.normalize("NFC").toLowerCase();

/** @param {string} caption @returns {string[]} the words that are worth hiding, each once, as they are written */
export function wordsOf(caption) {
  const words = caption.normalize("NFC").replace(SIGNED, " ").match(WORD) ?? [];
  const once = new Map(words.map((word) => [folded(word), word]));
  return [...once.values()].filter((word) => [...word].length >= SHORTEST_WORD).slice(0, MOST_WORDS);
}

/** @param {Video} video @param {Hidden} hidden @returns {boolean} */
export function carries(video, { kind, value }) {
  if (kind === "creator") return video.creator.name === value;
  if (kind === "hashtag") return video.hashtags.includes(value);
  if (kind === "sound") return video.sound?.title === value;
  return (folded(video.caption).match(WORD) ?? []).includes(value);
}

/** @param {Hidden} hidden @returns {string} */
export function hiddenName({ kind, value }) {
  if (kind === "creator") return `@${value}`;
  return kind === "hashtag" ? `#${value}` : `“${value}”`;
}

/**
 * @param {HTMLDialogElement} sheet
 * @param {{own: string, hide: (view: SlotView, hidden: Hidden) => void}} parts own: the viewer's name, who cannot be hidden
 * @returns {(view: SlotView) => void} fills the sheet for a video
 */
export function prepareHiding(sheet, { own, hide }) {
  const list = /** @type {HTMLElement} */ (sheet.querySelector(".menu-list"));
  const words = /** @type {HTMLElement} */ (sheet.querySelector("[data-words]"));

  return (view) => {
    const { video } = view.item;
    const choose = (/** @type {Hidden} */ hidden) => () => {
      sheet.close();
      hide(view, hidden);
    };
    const choice = (/** @type {Hidden} */ hidden, /** @type {string} */ symbol, /** @type {string} */ name, /** @type {string} */ detail = "") =>
      element(
        "li",
        {},
        element(
          "button",
          { type: "button", data: { hide: hidden.kind }, on: { click: choose(hidden) } },
          icon(symbol),
          element("span", {}, name, detail && element("small", { class: "soft", text: detail })),
        ),
      );
    const { creator, sound } = video;
    list.replaceChildren(
      ...[
        creator.name !== own && choice({ kind: "creator", value: creator.name }, "hide", creator.display_name || creator.name, gettext("Everything by this person")),
        sound?.title && choice({ kind: "sound", value: sound.title }, "note", sound.title, gettext("Everything with this sound")),
        ...video.hashtags.map((tag) => choice({ kind: "hashtag", value: tag }, "hashtag", `#${tag}`)),
      ].filter((one) => one instanceof Node),
    );
    const chips = wordsOf(video.caption).map((word) =>
      element(
        "li",
        {},
        element("button", { type: "button", class: "word-chip", "aria-label": fill(gettext("Hide the word {word}"), { word }), on: { click: choose({ kind: "word", value: folded(word) }) } }, word),
      ),
    );
    /** @type {HTMLElement} */ (words.querySelector("ul")).replaceChildren(...chips);
    words.hidden = !chips.length;
  };
}
