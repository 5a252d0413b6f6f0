// What is said in a video, as text over its picture, in the language that the person reads best.

const SHOWN = "glaswerk.subtitles";
/** Above the words and the buttons that stand on the lower part of the picture, in percent of its height. */
const LINE = 62;

/** @typedef {{lang: string, url: string}} Text */

/** @returns {boolean} whether the person wants them; so it is until they choose otherwise, since most videos begin without sound */
export function wantsSubtitles() {
  try {
    return localStorage.getItem(SHOWN) !== "0";
  } catch {
    return true;
  }
}

/** @param {boolean} wanted */
export function keepSubtitles(wanted) {
  try {
    localStorage.setItem(SHOWN, wanted ? "1" : "0");
  } catch {
    // Then it holds for this page.
  }
}

/** @param {Text[]} texts @returns {Text|undefined} the one in the first of the person's languages, else the first */
function bestOf(texts) {
  for (const language of [document.documentElement.lang, ...navigator.languages]) {
    const found = texts.find(({ lang }) => lang.split("-")[0] === language.split("-")[0]);
    if (found) return found;
  }
  return texts[0];
}

/** @param {HTMLTrackElement} track */
function raise(track) {
  for (const cue of /** @type {VTTCue[]} */ ([...(track.track.cues ?? [])])) {
    // Where its author has placed a text, it stays.
    if (cue.line !== "auto") continue;
    cue.snapToLines = false;
    cue.line = LINE;
  }
}

/**
 * Give an element the text of its video that suits the person, or take it away.
 * @param {HTMLVideoElement} video @param {Text[]} texts @param {boolean} wanted
 */
export function subtitle(video, texts, wanted) {
  for (const old of video.querySelectorAll("track")) old.remove();
  const best = bestOf(texts);
  // A track that is there and disabled is shown all the same by browsers that are told to prefer captions.
  if (!best || !wanted) return;
  const track = document.createElement("track");
  track.kind = "captions";
  track.srclang = best.lang;
  track.src = best.url;
  track.addEventListener("load", () => raise(track));
  video.append(track);
  track.track.mode = "showing";
}
