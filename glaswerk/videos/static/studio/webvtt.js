// Reading captions from a WebVTT text. Pure.

/** @typedef {import("./document.js").Caption} Caption */

export const MOST = 500;
const LONGEST = 500;
const TIME = /^(?:(\d{2,}):)?([0-5]\d):([0-5]\d)[.,](\d{3})$/;

/** @param {string} text @returns {number|null} */
function msOfTime(text) {
  const match = TIME.exec(text);
  if (!match) return null;
  const [, hours = "0", minutes, seconds, ms] = match;
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000 + Number(ms);
}

/** Words without marks, entities as the letters they stand for. @param {string} text */
function plain(text) {
  const letters = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&nbsp;": " ", "&lrm;": "", "&rlm;": "" };
  return text
    .replace(/<[^>]*>/g, "")
    .replace(/&(?:amp|lt|gt|nbsp|lrm|rlm);/g, (one) => letters[/** @type {keyof typeof letters} */ (one)])
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f]/g, "")
    .trim();
}

/**
 * @param {string} text
 * @returns {{captions: Caption[], bad: number[]}} and the lines whose times cannot be read
 */
export function readWebVtt(text) {
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  /** @type {Caption[]} */
  const captions = [];
  /** @type {number[]} */
  const bad = [];
  for (let at = 0; at < lines.length; at += 1) {
    if (!lines[at].includes("-->")) continue;
    const [left, right] = lines[at].split("-->");
    const start = msOfTime(left.trim());
    const end = msOfTime(right.trim().split(/\s+/)[0]);
    const words = [];
    const line = at + 1;
    while (lines[at + 1]?.trim() && !lines[at + 1].includes("-->")) words.push(lines[(at += 1)]);
    const said = plain(words.join("\n"));
    if (start === null || end === null || end <= start) bad.push(line);
    else if (said) captions.push({ start_ms: start, end_ms: end, text: [...said].slice(0, LONGEST).join("") });
  }
  return { captions: captions.slice(0, MOST), bad };
}
