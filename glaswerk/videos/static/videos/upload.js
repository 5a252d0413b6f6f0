// The upload page: files are chosen or dropped, each gets a card, and two at a time are sent.

import { fill, gettext, ngettext } from "../web/words.js";
import { sizeText } from "./sizes.js";
import { UnfinishedUploads } from "./unfinished.js";
import { UploadCard } from "./upload_card.js";

const VIDEO_NAME = /\.(mp4|m4v|mov|qt|webm|mkv|avi|3gp|3g2|mpe?g|m2?ts|ogv|flv|wmv)$/i;
const MOST_AT_ONCE = 2;

/** @template {HTMLElement} T @param {string} selector @returns {T} */
const one = (selector) => /** @type {T} */ (page.querySelector(selector));

const page = /** @type {HTMLElement} */ (document.querySelector("[data-upload]"));
const drop = one("[data-drop]");
const input = /** @type {HTMLInputElement} */ (one("[data-file]"));
const list = one("[data-cards]");
const template = /** @type {HTMLTemplateElement} */ (one("template"));
const publishAll = /** @type {HTMLButtonElement} */ (one("[data-publish-all]"));
const limits = { bytes: Number(page.dataset.maxBytes), mb: page.dataset.maxMb ?? "" };

/** @type {UploadCard[]} */
let cards = [];
const unfinished = new UnfinishedUploads(one("[data-unfinished]"), () => input.click());
const loaded = unfinished.load();
const around = {
  announce: (/** @type {string} */ text) => {
    one("[data-announce]").textContent = text;
  },
  onChange: update,
  onEnd: (/** @type {UploadCard} */ card, /** @type {string} */ problem) => {
    cards = cards.filter((other) => other !== card);
    if (problem) showErrors([`${card.file.name}: ${problem}`]);
    update();
    input.focus();
  },
  durationMs: Number(page.dataset.maxDurationMs),
  length: page.dataset.maxLength ?? "",
};

input.addEventListener("change", () => {
  const chosen = [...(input.files ?? [])];
  // So that the same file may be chosen again.
  input.value = "";
  add(chosen);
});
publishAll.addEventListener("click", () => {
  for (const card of cards) if (card.isReady) card.queue();
  cards.find((card) => card.step === "describe")?.caption.focus();
});

// The whole page takes dropped files, so that a near miss does not open one instead.
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    if (kind === "drop" || /** @type {DragEvent} */ (event).relatedTarget === null) drop.classList.remove("over");
  });
}
document.addEventListener("drop", (event) => add([...(event.dataTransfer?.files ?? [])]));

/** @param {File[]} files */
async function add(files) {
  await loaded;
  const problems = [];
  const added = [];
  for (const file of files) {
    const problem = problemOf(file);
    if (problem) {
      problems.push(files.length > 1 ? `${file.name}: ${problem}` : problem);
      continue;
    }
    const begun = await unfinished.take(file);
    const card = new UploadCard(template, file, around, begun);
    cards.push(card);
    added.push(card);
    list.append(card.box);
    // What was under way goes on at once; its words were said before.
    if (begun) card.queue();
  }
  showErrors(problems);
  update();
  const first = added.find((card) => card.step === "describe");
  if (first) {
    const count = added.length;
    around.announce(fill(ngettext("{count} file is chosen. Nothing is sent yet.", "{count} files are chosen. Nothing is sent yet.", count), { count }));
    first.caption.focus({ preventScroll: true });
    first.box.scrollIntoView({ block: "nearest" });
  }
}

/** @param {File} file */
function problemOf(file) {
  if (file.size === 0) return gettext("The file is empty. Please choose the video again; if it is in a cloud, download it first.");
  if (file.size > limits.bytes) {
    return fill(gettext("This file has {size}, and {limit} MiB is the most. Exporting the video at 1080p makes it smaller."), {
      size: sizeText(file.size),
      limit: limits.mb,
    });
  }
  if (!file.type.startsWith("video/") && !VIDEO_NAME.test(file.name)) {
    return gettext("This does not look like a video. Please choose an MP4, MOV, WebM or MKV file.");
  }
  return "";
}

/** @param {string[]} problems none removes the notice */
function showErrors(problems) {
  const box = one('[data-error="file"]');
  /** @type {HTMLElement} */ (box.querySelector("span")).textContent = problems.join(" ");
  box.hidden = problems.length === 0;
}

function update() {
  let underway = cards.filter((card) => card.step === "send" || card.step === "wait").length;
  for (const card of cards) {
    if (underway >= MOST_AT_ONCE) break;
    if (card.step !== "queue") continue;
    card.send();
    underway += 1;
  }
  const ready = cards.filter((card) => card.step === "describe").length;
  publishAll.hidden = ready < 2;
  publishAll.textContent = fill(gettext("Publish all {count}"), { count: ready });
  page.classList.toggle("has-cards", cards.length > 0);
  one("[data-add]").hidden = cards.length === 0;
  one("[data-first]").hidden = cards.length > 0;
}
