// Everything that can be done in the studio: its key, its button and its words stand in one table, so that the toolbar, the
// keyboard and the list of shortcuts cannot disagree.

import { element, icon } from "../web/elements.js";
import { gettext } from "../web/words.js";

/** @typedef {{name: string, label: string, icon?: string, keys?: string[], shown?: string, tool?: string[], run: () => void}} Command */

/** @param {Record<string, () => void>} does @returns {Command[]} */
export function commands(does) {
  const all = /** @type {[string, string, string, string[], string, string[]][]} */ ([
    ["add", gettext("Add"), "plus", ["a"], "A", ["nothing"]],
    ["text", gettext("Text"), "text", ["t"], "T", ["nothing", "text"]],
    ["sticker", gettext("Sticker"), "sticker", ["k"], "K", ["nothing", "sticker"]],
    ["sounds", gettext("Sound"), "note", ["m"], "M", ["nothing", "music"]],
    ["voice", gettext("Voice"), "mic", ["v"], "V", ["nothing", "voice"]],
    ["captions", gettext("Captions"), "captions", ["c"], "C", ["nothing"]],
    ["split", gettext("Split"), "split", ["s"], "S", ["clip"]],
    ["speed", gettext("Speed"), "speed", ["g"], "G", ["clip"]],
    ["looks", gettext("Look"), "look", ["f"], "F", ["clip", "nothing"]],
    ["volume", gettext("Volume"), "sound", ["u"], "U", ["clip"]],
    ["transition", gettext("Transition"), "transition", ["x"], "X", ["clip"]],
    ["fit", gettext("Framing"), "fit", ["i"], "I", ["clip"]],
    ["cover", gettext("Cover"), "cover", ["o"], "O", ["nothing"]],
    ["earlier", gettext("Earlier"), "back", [","], ",  Alt+←", ["clip"]],
    ["later", gettext("Later"), "forward", ["."], ".  Alt+→", ["clip"]],
    ["duplicate", gettext("Duplicate"), "copy", ["d"], "D", ["clip", "text", "sticker"]],
    ["delete", gettext("Delete"), "trash", ["Delete", "Backspace"], "Del", ["clip", "text", "sticker", "music", "voice"]],
    ["close", gettext("Done"), "check", ["Escape"], "Esc", ["clip", "text", "sticker", "music", "voice"]],
    ["play", gettext("Play or pause"), "", [" "], gettext("Space"), []],
    ["step-back", gettext("A tenth of a second back"), "", ["ArrowLeft"], "←", []],
    ["step-on", gettext("A tenth of a second on"), "", ["ArrowRight"], "→", []],
    ["second-back", gettext("A second back"), "", ["Shift+ArrowLeft"], "⇧←", []],
    ["second-on", gettext("A second on"), "", ["Shift+ArrowRight"], "⇧→", []],
    ["to-start", gettext("To the beginning"), "", ["Home"], "Home", []],
    ["to-end", gettext("To the end"), "", ["End"], "End", []],
    ["trim-start", gettext("Begin the selection at the playhead"), "", ["["], "[", []],
    ["trim-end", gettext("End the selection at the playhead"), "", ["]"], "]", []],
    ["next-item", gettext("Select what is next"), "", ["n"], "N", []],
    ["zoom-in", gettext("Zoom in"), "", ["+", "="], "+", []],
    ["zoom-out", gettext("Zoom out"), "", ["-"], "−", []],
    ["undo", gettext("Undo"), "", ["Ctrl+z"], "Ctrl+Z", []],
    ["redo", gettext("Redo"), "", ["Ctrl+Shift+z", "Ctrl+y"], "Ctrl+⇧Z", []],
    ["publish", gettext("Publish"), "", ["p"], "P", []],
    ["shortcuts", gettext("This list"), "", ["?"], "?", []],
  ]);
  const listed = all.map(([name, label, symbol, keys, shown, tool]) => ({ name, label, icon: symbol, keys, shown, tool, run: () => does[name]?.() }));
  const unlisted = Object.keys(does).filter((name) => !listed.some((one) => one.name === name));
  return [...listed, ...unlisted.map((name) => ({ name, label: "", run: () => does[name]() }))];
}

/** @param {KeyboardEvent} event */
function keyOf(event) {
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shift = event.shiftKey && (event.key.length > 1 || event.ctrlKey || event.metaKey);
  return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${shift ? "Shift+" : ""}${letter}`;
}

/** @param {Command[]} all */
export function watchCommandKeys(all) {
  const byKey = new Map(all.flatMap((one) => (one.keys ?? []).map((key) => [key, one])));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const isRange = target instanceof HTMLInputElement && target.type === "range";
    const isText = target.matches("input:not([type=range], [type=checkbox], [type=radio]), textarea, select");
    if (document.querySelector("dialog:modal")) return;
    if (isText) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const key = keyOf(event);
    if (isRange && /^(Shift\+)?(Arrow|Home|End|Page)/.test(key)) return;
    if ((key === " " || key === "Enter") && target.closest("a, button, summary, label, input, [role=radio]")) return;
    if (key.startsWith("Arrow") && target.closest("[role=radiogroup], [role=toolbar], .lanes")) return;
    const found = byKey.get(key);
    if (!found) return;
    event.preventDefault();
    found.run();
  });
}

/** Fill the toolbar for what is selected; the arrows go along it. @param {HTMLElement} bar @param {Command[]} all @param {string} kind */
export function fillToolbar(bar, all, kind) {
  const focused = /** @type {HTMLElement|null} */ (bar.contains(document.activeElement) ? document.activeElement : null)?.dataset.do;
  const fitting = all.filter((one) => one.tool?.includes(kind));
  bar.replaceChildren(
    ...fitting.map((one) =>
      element(
        "button",
        { class: "tool", type: "button", tabindex: "-1", title: `${one.label} (${one.shown})`, data: { do: one.name } },
        icon(one.icon ?? ""),
        element("span", { text: one.label }),
      ),
    ),
  );
  const buttons = /** @type {HTMLElement[]} */ ([...bar.children]);
  const home = buttons.find((one) => one.dataset.do === focused) ?? buttons[0];
  if (home) home.tabIndex = 0;
  if (focused) home?.focus({ preventScroll: true });
}

/** @param {HTMLElement} bar */
export function watchToolbar(bar) {
  bar.addEventListener("keydown", (event) => {
    const buttons = /** @type {HTMLElement[]} */ ([...bar.children]);
    const at = buttons.indexOf(/** @type {HTMLElement} */ (event.target));
    const to = { ArrowLeft: at - 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowDown: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const next = buttons[(to + buttons.length) % buttons.length];
    for (const one of buttons) one.tabIndex = one === next ? 0 : -1;
    next.focus();
  });
}

/** @param {HTMLElement} list @param {Command[]} all */
export function fillShortcuts(list, all) {
  const rows = all.filter((one) => one.shown).flatMap((one) => [
    element("dt", {}, ...(one.shown ?? "").split("  ").map((key) => element("kbd", { text: key }))),
    element("dd", { text: one.label }),
  ]);
  list.replaceChildren(...rows);
}
