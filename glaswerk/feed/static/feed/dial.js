// A dial: a native range from -2 to 2 that says in words what it does, for the page of one's own feed and for "what if".

import { element, icon } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";

/**
 * @typedef {{new: number, familiar: number, local: number, shopping: number, long: number, topics: Record<string, number>}} Dials
 * @typedef {{dials: Dials, profiling: boolean, hidden: {kind: string, value: string}[], reset_at: number|null}} FeedSettings
 */

export const MOST = 2;
export const MOST_TOPICS = 20;
/** @type {("new"|"familiar"|"local"|"long"|"shopping")[]} in the order in which people look for them */
export const NAMES = ["new", "familiar", "local", "long", "shopping"];

/** @param {string} name @returns {string} */
export function dialName(name) {
  return (
    {
      new: gettext("New things"),
      familiar: gettext("Familiar people"),
      local: gettext("From your region"),
      long: gettext("Long videos"),
      shopping: gettext("Things to buy"),
    }[name] ?? `#${name}`
  );
}

/** @param {string} name @returns {string} what the dial looks at */
export function dialHint(name) {
  return (
    {
      new: gettext("Published a short time ago"),
      familiar: gettext("By people whom you follow or often watch"),
      local: gettext("Published in your region"),
      long: gettext("The longer, the more it counts"),
      shopping: gettext("Shows or advertises something. At the very left there is none of it"),
    }[name] ?? ""
  );
}

/** @param {number} setting from -2 to 2 @returns {string} */
export function settingWords(setting) {
  return (
    {
      "-2": gettext("Much less"),
      "-1": gettext("Less"),
      0: gettext("Neutral"),
      1: gettext("More"),
      2: gettext("Much more"),
    }[String(setting)] ?? ""
  );
}

/** @param {Dials} dials @returns {Dials} an own copy without topics in the middle */
export function copyDials(dials) {
  const topics = Object.fromEntries(Object.entries(dials.topics).filter(([, setting]) => setting !== 0));
  return { ...dials, topics };
}

/** @param {Dials} one @param {Dials} other */
export function sameDials(one, other) {
  const topics = new Set([...Object.keys(one.topics), ...Object.keys(other.topics)]);
  return (
    NAMES.every((name) => one[name] === other[name]) &&
    [...topics].every((topic) => (one.topics[topic] ?? 0) === (other.topics[topic] ?? 0))
  );
}

let made = 0;

/**
 * @param {{name: string, setting: number, topic?: boolean, hint?: boolean, change: (setting: number) => void, remove?: () => void}} options
 * @returns {HTMLElement & {set: (setting: number) => void}}
 */
export function buildDial({ name, setting, topic = false, hint = false, change, remove }) {
  made += 1;
  const id = `dial-${made}`;
  const label = topic ? `#${name}` : dialName(name);
  const words = element("output", { class: "dial-words", for: id });
  const range = /** @type {HTMLInputElement} */ (
    element("input", {
      type: "range",
      class: "dial-range",
      id,
      min: String(-MOST),
      max: String(MOST),
      step: "1",
      name: topic ? `topic:${name}` : name,
      "aria-describedby": hint && !topic ? `${id}-hint` : null,
    })
  );
  const show = () => {
    const now = Number(range.value);
    words.textContent = settingWords(now);
    range.setAttribute("aria-valuetext", settingWords(now));
    // The coloured part grows from the middle to where the dial stands.
    const at = (now + MOST) / (2 * MOST);
    range.style.setProperty("--from", `${Math.min(at, 0.5) * 100}%`);
    range.style.setProperty("--to", `${Math.max(at, 0.5) * 100}%`);
    range.classList.toggle("against", now < 0);
    words.classList.toggle("set", now !== 0);
  };
  const set = (/** @type {number} */ value) => {
    range.value = String(value);
    show();
  };
  range.addEventListener("input", () => {
    show();
    change(Number(range.value));
  });
  set(setting);
  const row = element(
    "div",
    { class: "dial", data: { dial: topic ? `topic:${name}` : name } },
    element("label", { class: "dial-label", for: id, text: label }),
    words,
    remove &&
      element(
        "button",
        { class: "icon-button dial-remove", type: "button", "aria-label": fill(gettext("Remove the dial of {topic}"), { topic: label }), on: { click: remove } },
        icon("close", "small"),
      ),
    element("div", { class: "dial-track" }, range, element("div", { class: "dial-ticks", "aria-hidden": "true" }, ...Array.from({ length: 5 }, () => element("span")))),
    hint && !topic && element("p", { class: "dial-hint", id: `${id}-hint`, text: dialHint(name) }),
  );
  return Object.assign(row, { set });
}
