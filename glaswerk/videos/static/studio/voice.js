// Voice-over: the timeline plays without sound while the microphone is recorded, from the playhead on.

import { gettext } from "../web/words.js";
import { place } from "./document.js";
import { extensionOf, recordingType, refusalWords } from "./microphone.js";
import { freshId, mediaClip } from "./otio.js";
import { sendSource } from "./uploads.js";

/** @param {import("./panels.js").Panels} panels @param {import("./store.js").Store} store @param {{preview: import("./preview.js").Preview, say: (text: string) => void}} parts */
export function prepareVoice(panels, store, { preview, say }) {
  const label = /** @type {HTMLElement} */ (panels.root.querySelector("[data-voice-label]"));
  const problem = /** @type {HTMLElement} */ (panels.root.querySelector("[data-voice-problem]"));
  const facts = /** @type {HTMLElement} */ (panels.root.querySelector("[data-voice-facts]"));
  /** @type {MediaRecorder|null} */
  let recorder = null;

  async function start() {
    problem.hidden = true;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
    } catch (error) {
      const { title, text } = refusalWords(error, false);
      problem.textContent = `${title}. ${text}`;
      problem.hidden = false;
      return;
    }
    if (preview.at >= store.all.duration - 100) preview.seek(0);
    const from = preview.at;
    const made = new MediaRecorder(stream, { mimeType: recordingType(false), audioBitsPerSecond: 128_000 });
    /** @type {Blob[]} */
    const parts = [];
    made.addEventListener("dataavailable", (event) => event.data.size && parts.push(event.data));
    made.addEventListener("stop", () => {
      for (const track of stream.getTracks()) track.stop();
      void keep(new Blob(parts, { type: made.mimeType }), from, Math.round(performance.now() - begun));
    });
    recorder = made;
    preview.mixer.muted = true;
    made.start();
    const begun = performance.now();
    preview.play();
    label.textContent = gettext("Stop");
    say(gettext("Recording."));
  }

  function stop() {
    if (!recorder) return;
    recorder.stop();
    recorder = null;
    preview.pause();
    preview.mixer.muted = false;
    label.textContent = gettext("Record");
  }

  /** @param {Blob} blob @param {number} from @param {number} length */
  async function keep(blob, from, length) {
    if (length < 200 || !blob.size) return;
    label.textContent = gettext("Saving …");
    try {
      const source = await sendSource(store.id, blob, `voice.${extensionOf(blob.type)}`, () => {});
      const id = freshId("voice");
      store.addSource({ ...source, kind: source.kind ?? "audio", duration_ms: source.duration_ms || length }, URL.createObjectURL(blob));
      const room = Math.max(200, store.all.duration - from);
      store.edit(place(store.doc, "voice", mediaClip(`source:${source.id}`, { length: Math.min(length, room), id }), from), gettext("Voice"));
      store.select(id);
      say(gettext("Your voice is on the timeline."));
    } catch (error) {
      problem.textContent = /** @type {Error} */ (error).message;
      problem.hidden = false;
    }
    label.textContent = gettext("Record");
  }

  preview.addEventListener("pause", stop);
  panels.addEventListener("close", stop);
  panels.addEventListener("refresh", () => {
    if (panels.name === "voice") facts.hidden = store.selection?.kind !== "voice";
  });
  return { toggle: () => (recorder ? stop() : void start()) };
}
