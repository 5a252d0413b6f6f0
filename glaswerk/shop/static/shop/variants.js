// Choosing a variant by its options: one row of choices an option; what cannot be had together is crossed out.

import { element } from "../web/elements.js";
import { fill, gettext, ngettext } from "../web/words.js";

/** @typedef {import("./shapes.js").Product} Product @typedef {import("./shapes.js").Variant} Variant */

/** From so few on it is said how many are left. */
const FEW = 5;

/** @param {Variant} variant */
const canBeHad = (variant) => variant.price !== null && variant.available > 0;

/** @param {Product} product @returns {Variant|undefined} the one to begin with: the first that can be had */
export function firstVariant(product) {
  return product.variants.find(canBeHad) ?? product.variants[0];
}

/** @param {Variant|undefined} variant @returns {{text: string, kind: "out"|"few"|"in"}} how many there are, in words */
export function stockWords(variant) {
  if (!variant || variant.available < 1) return { text: gettext("Sold out"), kind: "out" };
  if (variant.available > FEW) return { text: gettext("In stock"), kind: "in" };
  return { text: fill(ngettext("Only {count} left", "Only {count} left", variant.available), { count: variant.available }), kind: "few" };
}

/**
 * @param {Product} product @param {Variant} chosen @param {(variant: Variant) => void} choose
 * @returns {HTMLElement[]} a group of radio buttons an option
 */
export function optionFields(product, chosen, choose) {
  let current = chosen;
  const groups = product.options.map((option, at) => {
    const values = [...new Set(product.variants.map((variant) => variant.choices[at]))];
    const group = element("fieldset", { class: "options" }, element("legend", { text: option }));
    const row = element("div", { class: "option-row" });
    for (const value of values) {
      const field = element("input", { type: "radio", name: `option-${at}`, value, checked: value === chosen.choices[at] });
      field.addEventListener("change", () => {
        current = nearest(product, current, at, value);
        choose(current);
        refresh();
      });
      row.append(element("label", { class: "option" }, field, element("span", { text: value })));
    }
    group.append(row);
    return group;
  });
  function refresh() {
    groups.forEach((group, at) => {
      for (const field of group.querySelectorAll("input")) {
        field.checked = field.value === current.choices[at];
        const wanted = current.choices.map((choice, place) => (place === at ? field.value : choice));
        const there = product.variants.find((variant) => variant.choices.every((choice, place) => choice === wanted[place]));
        field.closest("label")?.classList.toggle("gone", !there || !canBeHad(there));
      }
    });
  }
  refresh();
  return groups;
}

/** The variant with this choice that shares most with the one before, rather one that can be had. @param {Product} product @param {Variant} before @param {number} at @param {string} value */
function nearest(product, before, at, value) {
  const score = (/** @type {Variant} */ variant) =>
    2 * variant.choices.filter((choice, place) => choice === before.choices[place]).length + (canBeHad(variant) ? 1 : 0);
  const fitting = product.variants.filter((variant) => variant.choices[at] === value);
  return fitting.reduce((best, variant) => (score(variant) > score(best) ? variant : best), fitting[0]);
}
