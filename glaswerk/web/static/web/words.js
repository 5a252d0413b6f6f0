// The words of the page's language. The catalogue comes from /words/<language>.js; without it English is shown.

const catalogue = /** @type {any} */ (globalThis);

/** @param {string} text @returns {string} */
export function gettext(text) {
  return catalogue.django?.gettext ? catalogue.django.gettext(text) : text;
}

/** @param {string} one @param {string} many @param {number} count @returns {string} */
export function ngettext(one, many, count) {
  if (catalogue.django?.ngettext) return catalogue.django.ngettext(one, many, count);
  return count === 1 ? one : many;
}

/**
 * Put values in their places: `fill("Hide {name}", values)`.
 * @param {string} text
 * @param {Record<string, string|number>} values
 */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

const language = document.documentElement.lang || "en";
const compact = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(language);
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });

/** A count as short as it may be: 12,400 becomes 12.4K. @param {number} count */
export function shortCount(count) {
  return count < 1000 ? String(count) : compact.format(count);
}

/** @param {number} number */
export function fullCount(number) {
  return whole.format(number);
}

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["year", 31557600],
  ["month", 2629800],
  ["week", 604800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/** How long ago something was, in words. @param {string} iso a time in ISO 8601 */
export function ago(iso) {
  const seconds = (Date.parse(iso) - Date.now()) / 1000;
  if (Number.isNaN(seconds)) return "";
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return relative.format(0, "second");
}
