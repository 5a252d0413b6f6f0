// The camera page: takes follow each other until the longest length is reached; each is sent at once, and kept until it is there.

import { changeIcon, element } from "../web/elements.js";
import { toast } from "../web/toasts.js";
import { fill, gettext, ngettext } from "../web/words.js";
import { Accompaniment } from "./accompany.js";
import { refusalWords } from "./microphone.js";
import { Recorder } from "./recorder.js";
import { Takes } from "./takes.js";
import { tenths } from "./times.js";

const page = /** @type {HTMLElement} */ (document.querySelector("[data-recorder]"));
const one = (/** @type {string} */ name) => /** @type {any} */ (page.querySelector(`[data-${name}]`));
const button = (/** @type {string} */ name) => /** @type {HTMLButtonElement} */ (page.querySelector(`[data-do="${name}"]`));
const say = (/** @type {string} */ text) => (one("announce").textContent = text);
const recorder = new Recorder(one("finder"));
const takes = new Takes(new URL(location.href).searchParams.get("draft"));
const along = new Accompaniment(page, one("partner"));

/** A press that is longer than this records as long as it lasts; a shorter one starts and the next one stops. */
const HOLD_MS = 400;
const COUNTDOWNS = [0, 3, 10];
let countdown = 0;
let counting = 0;
let pressedAt = 0;
let frame = 0;

const limit = () => 1000 * Number(/** @type {HTMLInputElement} */ (page.querySelector("[name=length]:checked"))?.value ?? 60);

void begin();

async function begin() {
  takes.addEventListener("change", show);
  takes.addEventListener("draft", (event) => along.take(/** @type {CustomEvent} */ (event).detail));
  takes.addEventListener("problem", (event) => toast(/** @type {CustomEvent} */ (event).detail, { error: true }));
  await Promise.all([openCamera(), takes.resume()]);
  show();
}

async function openCamera() {
  page.dataset.state = "starting";
  one("refused").hidden = true;
  try {
    await recorder.start();
    page.dataset.state = "ready";
    button("flip").hidden = recorder.cameras < 2;
  } catch (error) {
    const words = refusalWords(error, true);
    page.dataset.state = "refused";
    one("refused-title").textContent = words.title;
    one("refused-text").textContent = words.text;
    one("refused").hidden = false;
    one("refused-title").focus();
  }
  show();
}

function show() {
  const { isRecording } = recorder;
  const done = takes.lengthMs + recorder.elapsed;
  const { count } = takes;
  one("time").textContent = tenths(done);
  one("ring").style.setProperty("stroke-dasharray", `${Math.min(100, (100 * done) / limit())} 100`);
  page.classList.toggle("is-recording", isRecording);
  const shutter = button("shutter");
  shutter.disabled = page.dataset.state !== "ready" || (!isRecording && done >= limit());
  shutter.setAttribute("aria-label", isRecording ? gettext("Stop") : counting ? gettext("Stop counting") : gettext("Record"));
  button("drop").disabled = isRecording || count === 0;
  const next = one("next");
  const isReady = !isRecording && takes.list.length > 0 && takes.waiting === 0 && takes.draft;
  next.setAttribute("aria-disabled", String(!isReady));
  next.href = isReady ? `/studio/${takes.draft}` : "#";
  one("takes").replaceChildren(
    ...[...takes.list.map((take) => take.lengthMs), ...(isRecording ? [recorder.elapsed] : [])].map((length) => {
      const part = element("span");
      part.style.setProperty("width", `${(100 * length) / limit()}%`);
      return part;
    }),
  );
  const waiting = takes.waiting;
  one("keeping").textContent = waiting ? fill(ngettext("Keeping {count} take · {percent} %", "Keeping {count} takes · {percent} %", waiting), { count: waiting, percent: Math.round(100 * takes.share) }) : count ? fill(ngettext("{count} take kept", "{count} takes kept", count), { count }) : "";
  for (const choice of /** @type {NodeListOf<HTMLInputElement>} */ (page.querySelectorAll("[name=length]"))) {
    choice.disabled = isRecording || Number(choice.value) * 1000 < takes.lengthMs;
  }
}

function follow() {
  show();
  if (!recorder.isRecording) return;
  if (takes.lengthMs + recorder.elapsed >= limit()) finish();
  else frame = requestAnimationFrame(follow);
}

function startOrCount() {
  if (counting) {
    clearInterval(counting);
    counting = 0;
    one("countdown").hidden = true;
    show();
    return;
  }
  if (!countdown) {
    startTake();
    return;
  }
  let left = countdown;
  const count = () => {
    one("countdown").textContent = String(left);
    one("countdown").hidden = left === 0;
    if (left === 3 || left === countdown) say(fill(ngettext("{count} second", "{count} seconds", left), { count: left }));
    if (left === 0) {
      clearInterval(counting);
      counting = 0;
      startTake();
    }
    left -= 1;
  };
  counting = window.setInterval(count, 1000);
  count();
  show();
}

function startTake() {
  if (takes.lengthMs >= limit()) return;
  recorder.record();
  along.play(takes.lengthMs);
  say(gettext("Recording."));
  cancelAnimationFrame(frame);
  follow();
}

function finish() {
  recorder.finish();
  along.pause();
  say(fill(gettext("Take {number} ends."), { number: takes.count + 1 }));
}

recorder.addEventListener("take", (event) => {
  const { blob, lengthMs } = /** @type {CustomEvent} */ (event).detail;
  if (blob.size && lengthMs > 150) void takes.add(blob, Math.min(lengthMs, Math.max(150, limit() - takes.lengthMs)));
  show();
});
recorder.addEventListener("lost", () => page.dataset.state === "ready" && void openCamera());

const shutter = button("shutter");
shutter.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  pressedAt = performance.now();
  if (!recorder.isRecording) startOrCount();
  else {
    pressedAt = 0;
    finish();
  }
});
for (const kind of ["pointerup", "pointercancel"]) {
  window.addEventListener(kind, () => {
    if (pressedAt && recorder.isRecording && performance.now() - pressedAt > HOLD_MS && !countdown) finish();
    pressedAt = 0;
  });
}
const press = () => (recorder.isRecording ? finish() : !shutter.disabled && startOrCount());
// A click without a pointer comes from the keyboard or from a screen reader.
shutter.addEventListener("click", (event) => event.detail === 0 && press());

const does = /** @type {Record<string, () => void>} */ ({
  retry: () => void openCamera(),
  flip: () => void recorder.flip().catch((error) => toast(refusalWords(error, true).title, { error: true })),
  countdown: () => {
    countdown = COUNTDOWNS[(COUNTDOWNS.indexOf(countdown) + 1) % COUNTDOWNS.length];
    button("countdown").setAttribute("aria-pressed", String(countdown > 0));
    one("countdown-mark").hidden = countdown === 0;
    one("countdown-mark").textContent = String(countdown);
    say(countdown ? fill(gettext("Countdown of {count} seconds"), { count: countdown }) : gettext("No countdown"));
  },
  microphone: () => {
    recorder.setSound(!recorder.hasSound);
    button("microphone").setAttribute("aria-pressed", String(recorder.hasSound));
    const svg = button("microphone").querySelector("svg");
    if (svg) changeIcon(svg, recorder.hasSound ? "mic" : "muted");
  },
  drop: () => void takes.dropLast().then(() => say(gettext("The last take is gone."))),
});
page.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const name = /** @type {HTMLElement|null|undefined} */ (target?.closest("[data-do]"))?.dataset.do;
  if (name && name !== "shutter") does[name]?.();
  if (target?.closest("[data-next][aria-disabled=true]")) event.preventDefault();
});
page.addEventListener("change", show);
document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input")) return;
  const key = event.key.toLowerCase();
  if (key === "r") press();
  else if (key === "f" && !button("flip").hidden) does.flip();
  else if (key === "t") does.countdown();
  else if (key === "backspace" && !button("drop").disabled) does.drop();
  else return;
  event.preventDefault();
});
window.addEventListener("beforeunload", (event) => {
  if (recorder.isRecording) event.preventDefault();
});
window.addEventListener("pagehide", () => recorder.stop());
