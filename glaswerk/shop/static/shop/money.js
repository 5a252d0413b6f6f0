// Money as people write it. Amounts are whole minor units with their currency; nothing is computed here.

/** @typedef {{minor: number, currency: string}} Amount */

const language = document.documentElement.lang || "en";
/** @type {Map<string, {format: Intl.NumberFormat, unit: number}>} making a format is dear, using one is not */
const formats = new Map();

/** @param {Amount} amount @returns {string} such as "€12.50" */
export function money({ minor, currency }) {
  let kept = formats.get(currency);
  if (!kept) {
    const format = new Intl.NumberFormat(language, { style: "currency", currency });
    kept = { format, unit: 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2) };
    formats.set(currency, kept);
  }
  return kept.format.format(minor / kept.unit);
}

/** By how much a price was lowered, in whole percent. @param {Amount} price @param {Amount} before */
export function reduction(price, before) {
  return Math.round((1 - price.minor / before.minor) * 100);
}
