// A choice among tiles: one radio group, gone through with the arrows.

import { element } from "../web/elements.js";

/**
 * @param {HTMLElement} box @param {{value: string, label: string, face?: Node|null, shownLabel?: boolean}[]} choices
 * @param {(value: string) => void} choose
 * @returns {(value: string) => void} shows which one is chosen
 */
export function fillTiles(box, choices, choose) {
  const tiles = choices.map(({ value, label, face, shownLabel = true }) => {
    const tile = element("button", { class: "tile", type: "button", role: "radio", "aria-checked": "false", tabindex: "-1", data: { value } });
    if (face) tile.append(element("span", { class: "tile-face", "aria-hidden": "true" }, face));
    if (shownLabel) tile.append(element("span", { class: "tile-label", text: label }));
    else tile.setAttribute("aria-label", label);
    return /** @type {HTMLElement} */ (tile);
  });
  box.replaceChildren(...tiles);
  const show = (/** @type {string} */ value) => {
    const chosen = tiles.find((one) => one.dataset.value === value);
    for (const one of tiles) {
      one.setAttribute("aria-checked", String(one === chosen));
      one.tabIndex = one === (chosen ?? tiles[0]) ? 0 : -1;
    }
  };
  box.onclick = (event) => {
    const tile = /** @type {HTMLElement|null} */ (event.target instanceof Element ? event.target.closest(".tile") : null);
    if (!tile) return;
    show(tile.dataset.value ?? "");
    choose(tile.dataset.value ?? "");
  };
  box.onkeydown = (event) => {
    const at = tiles.indexOf(/** @type {HTMLElement} */ (event.target));
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (at < 0 || !by || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = tiles[(at + by + tiles.length) % tiles.length];
    show(next.dataset.value ?? "");
    choose(next.dataset.value ?? "");
    next.focus();
  };
  show("");
  return show;
}
