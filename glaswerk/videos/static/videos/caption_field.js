// The caption field: a counter, and the hashtags and mentions that the text holds, as they are typed.

import { element } from "../web/elements.js";
import { fill, fullCount, gettext } from "../web/words.js";

// The same rule as on the server (videos/captions.py), which has the last word.
const HASHTAG = /(?<![\p{L}\p{M}\p{N}_/#@&])#([\p{L}\p{M}\p{N}_]+)/gu;
const MENTION = /(?<![\p{L}\p{M}\p{N}_/#@&])@([a-z0-9](?:[a-z0-9]|[._](?=[a-z0-9])){2,29})(?![\p{L}\p{M}\p{N}_])/giu;
const COUNT_FROM = 0.8;

/** @param {ParentNode} root */
export function watchCaption(root) {
  const field = /** @type {HTMLTextAreaElement} */ (root.querySelector("textarea[name=caption]"));
  const count = /** @type {HTMLOutputElement} */ (root.querySelector("[data-caption-count]"));
  const words = /** @type {HTMLElement} */ (root.querySelector("[data-caption-words]"));
  const error = /** @type {HTMLElement} */ (root.querySelector('[data-error="caption"]'));
  const max = Number(field.dataset.max);
  const maxHashtags = Number(field.dataset.maxHashtags);

  function show() {
    const text = field.value.normalize("NFC");
    const length = [...text.trim()].length;
    count.textContent = `${fullCount(length)} / ${fullCount(max)}`;
    count.classList.toggle("near", length > max * COUNT_FROM);
    // Screen readers hear the count only when it begins to matter.
    count.setAttribute("aria-live", length > max * COUNT_FROM ? "polite" : "off");
    const hashtags = unique(text, HASHTAG).filter((word) => /\p{L}/u.test(word));
    const mentions = unique(text, MENTION);
    words.replaceChildren(
      ...hashtags.map((word) => element("li", { class: "badge accent", text: `#${word}` })),
      ...mentions.map((word) => element("li", { class: "badge", text: `@${word}` })),
    );
    words.hidden = words.childElementCount === 0;
    let problem = "";
    if (length > max) problem = fill(gettext("{count} characters too many."), { count: fullCount(length - max) });
    else if (hashtags.length > maxHashtags) problem = fill(gettext("Please use at most {count} hashtags."), { count: maxHashtags });
    error.textContent = problem;
    error.hidden = problem === "";
    field.setAttribute("aria-invalid", String(problem !== ""));
  }

  field.addEventListener("input", show);
  const given = error.textContent;
  show();
  if (given && error.hidden) {
    error.textContent = given;
    error.hidden = false;
  }
}

/** @param {string} text @param {RegExp} pattern */
function unique(text, pattern) {
  const found = new Map();
  for (const [, word] of text.matchAll(pattern)) if (!found.has(word.toLowerCase())) found.set(word.toLowerCase(), word);
  return [...found.values()];
}
