// Small stills of a video, for whoever looks for a place in it: a WebVTT file says which part of a sheet belongs to which time.

/** @typedef {{start: number, end: number, sheet: string, x: number, y: number, width: number, height: number}} Still */

const CUE = /(?:(\d+):)?(\d{2}):(\d{2})\.(\d{3})\s+-->\s+(?:(\d+):)?(\d{2}):(\d{2})\.(\d{3})[^\n]*\n([^\n#]+)#xywh=(\d+),(\d+),(\d+),(\d+)/g;

/** @type {Map<string, Promise<Still[]>>} */
const known = new Map();

/** @param {string|undefined} hours @param {string} minutes @param {string} seconds @param {string} thousandths */
const secondsOf = (hours, minutes, seconds, thousandths) =>
  Number(hours ?? 0) * 3600 + Number(minutes) * 60 + Number(seconds) + Number(thousandths) / 1000;

/** @param {string} text @param {string} base the text's own address @returns {Still[]} */
export function parseStills(text, base) {
  return [...text.replace(/\r\n?/g, "\n").matchAll(CUE)].map((found) => {
    const [x, y, width, height] = found.slice(10).map(Number);
    const sheet = new URL(found[9], base);
    return {
      start: secondsOf(found[1], found[2], found[3], found[4]),
      end: secondsOf(found[5], found[6], found[7], found[8]),
      // Pictures come from this cell alone, whatever the file says.
      sheet: sheet.origin === new URL(base).origin ? sheet.href : "",
      x, y, width, height,
    };
  });
}

/** @param {string} address of the WebVTT file @returns {Promise<Still[]>} none where it cannot be had */
function stillsOf(address) {
  let stills = known.get(address);
  if (!stills) {
    const full = new URL(address, location.href).href;
    stills = fetch(full)
      .then((answer) => (answer.ok ? answer.text() : ""))
      .then((text) => parseStills(text, full))
      .catch(() => []);
    known.set(address, stills);
  }
  return stills;
}

/**
 * Show the still of a moment in an element, or hide the element where there is none.
 * @param {HTMLElement} place @param {string|null|undefined} address @param {number} seconds
 */
export async function showStill(place, address, seconds) {
  if (!address) {
    place.hidden = true;
    return;
  }
  place.dataset.wanted = String(seconds);
  const stills = await stillsOf(address);
  // By now another moment may be wanted.
  if (place.dataset.wanted !== String(seconds)) return;
  const still = stills.findLast((one) => one.start <= seconds);
  place.hidden = !still?.sheet;
  if (!still?.sheet) return;
  place.style.setProperty("width", `${still.width}px`);
  place.style.setProperty("height", `${still.height}px`);
  place.style.setProperty("background-image", `url("${still.sheet.replace(/["\\]/g, encodeURIComponent)}")`);
  place.style.setProperty("background-position", `-${still.x}px -${still.y}px`);
}
