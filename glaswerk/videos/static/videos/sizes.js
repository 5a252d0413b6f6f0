// Sizes and times as people read them.

import { fill, gettext, ngettext } from "../web/words.js";

const number = new Intl.NumberFormat(document.documentElement.lang || "en", { maximumFractionDigits: 1 });

/** @param {number} bytes */
export function sizeText(bytes) {
  if (bytes < 1 << 20) return `${number.format(Math.ceil(bytes / 1024))} KiB`;
  return `${number.format(bytes / (1 << 20))} MiB`;
}

/** 75 s is 1:15. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {number} seconds */
export function leftText(seconds) {
  if (seconds < 60) {
    const count = Math.max(1, Math.ceil(seconds));
    return fill(ngettext("{count} second left", "{count} seconds left", count), { count });
  }
  const count = Math.ceil(seconds / 60);
  return fill(ngettext("{count} minute left", "{count} minutes left", count), { count });
}

/** @param {import("./send.js").Progress} progress */
export function sendingText({ sent, total, perSecond, secondsLeft }) {
  const parts = [fill(gettext("{sent} of {total}"), { sent: sizeText(sent), total: sizeText(total) })];
  if (perSecond > 0) parts.push(`${sizeText(perSecond)}/s`);
  if (perSecond > 0 && secondsLeft !== null && sent < total) parts.push(leftText(secondsLeft));
  return parts.join(" · ");
}
