// Which rendition of a video is played: what the screen can show, what the line can carry, what the device can decode.

/** @typedef {import("./shapes.js").Rendition} Rendition */

/** A rendition a quarter smaller than the pixels it covers is not told apart in motion. */
const TOLD_APART = 0.75;
/** More pixels than two for one of CSS are not told apart at arm's length. */
const MOST_DENSE = 2;

/** What this browser decodes well, by codec and size; AV1 counts only once the browser has said so. @type {Map<string, boolean>} */
const decodes = new Map();

/** @param {Rendition} rendition */
const keyOf = (rendition) => `${rendition.codecs} ${rendition.width}x${rendition.height}`;
/** @param {Rendition} rendition */
const isModern = (rendition) => /^av01/.test(rendition.codecs ?? "");
/** @param {Rendition} rendition */
const edge = (rendition) => Math.min(rendition.width, rendition.height);

/**
 * Ask the browser about those renditions that not every browser plays.  The answers hold for the choices after them.
 * @param {Rendition[]} renditions
 * @param {boolean} saves with saving, fewer bytes are worth a warmer device
 */
export async function learnToDecode(renditions, saves) {
  for (const rendition of renditions) {
    const key = keyOf(rendition);
    if (!isModern(rendition) || decodes.has(key) || !navigator.mediaCapabilities) continue;
    decodes.set(key, false);
    const [codec] = rendition.codecs.split(",");
    try {
      const answer = await navigator.mediaCapabilities.decodingInfo({
        type: "file",
        video: {
          contentType: `video/mp4; codecs="${codec.trim()}"`,
          width: rendition.width,
          height: rendition.height,
          bitrate: rendition.bitrate,
          framerate: 30,
        },
      });
      decodes.set(key, answer.supported && answer.smooth && (answer.powerEfficient || saves));
    } catch {
      // A browser that does not understand the question does not decode it either.
    }
  }
}

/** @param {Rendition[]} renditions @returns {Rendition[]} one a size, the cheapest that this device decodes, the smallest first */
export function playable(renditions) {
  /** @type {Map<number, Rendition>} */
  const sizes = new Map();
  for (const one of renditions) {
    if (isModern(one) && !decodes.get(keyOf(one))) continue;
    const known = sizes.get(edge(one));
    if (!known || one.bitrate < known.bitrate) sizes.set(edge(one), one);
  }
  return [...sizes.values()].sort((a, b) => edge(a) - edge(b));
}

/**
 * @param {Rendition[]} renditions
 * @param {{width: number, density: number, budget: number, saves: boolean}} place the picture's width in CSS pixels, how many
 *   of the screen's pixels make one of them, bits a second to spend, and whether to be sparing
 * @returns {Rendition|undefined} none where there is none
 */
export function chooseRendition(renditions, { width, density, budget, saves }) {
  const sorted = playable(renditions);
  if (saves) return sorted[0];
  const needed = width * Math.min(density, MOST_DENSE) * TOLD_APART;
  const enough = sorted.findIndex((one) => edge(one) >= needed);
  let at = enough < 0 ? sorted.length - 1 : enough;
  while (at > 0 && sorted[at].bitrate > budget) at -= 1;
  return sorted[at];
}
