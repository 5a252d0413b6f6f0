// The upload page: choose → describe → send → prepare → live. `data-step` on the page says where it is.

import { fill, gettext } from "../web/words.js";
import { call } from "./calls.js";
import { watchCaption } from "./caption_field.js";
import { followState } from "./follow_state.js";
import { send } from "./send.js";
import { clock, sendingText, sizeText } from "./sizes.js";

const VIDEO_NAME = /\.(mp4|m4v|mov|qt|webm|mkv|avi|3gp|3g2|mpe?g|m2?ts|ogv|flv|wmv)$/i;

/** @template {HTMLElement} T @param {string} selector @returns {T} */
const one = (selector) => /** @type {T} */ (page.querySelector(selector));

const page = /** @type {HTMLElement} */ (document.querySelector("[data-upload]"));
const announce = one("[data-announce]");
const drop = one("[data-drop]");
const input = /** @type {HTMLInputElement} */ (one("[data-file]"));
const form = /** @type {HTMLFormElement} */ (one("[data-form]"));
const preview = /** @type {HTMLVideoElement} */ (one("[data-preview]"));
const bar = /** @type {HTMLProgressElement} */ (one("[data-bar]"));
const caption = /** @type {HTMLTextAreaElement} */ (one("#caption"));
const limits = {
  bytes: Number(page.dataset.maxBytes),
  mb: page.dataset.maxMb ?? "",
  durationMs: Number(page.dataset.maxDurationMs),
  length: page.dataset.maxLength ?? "",
};

/** @type {File|null} */
let file = null;
/** @type {{cancel: () => void}|null} */
let sending = null;
/** @type {string|null} */
let videoId = null;
let stopFollowing = () => {};

watchCaption(page);
input.addEventListener("change", () => input.files?.[0] && choose(input.files[0]));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  publish();
});
for (const button of page.querySelectorAll("[data-other]")) button.addEventListener("click", chooseAnother);
one("[data-cancel]").addEventListener("click", () => sending?.cancel());
one("[data-again]").addEventListener("click", again);
preview.addEventListener("error", () => preview.getAttribute("src") && showPreview(false));
preview.addEventListener("loadedmetadata", describeFile);

// The whole page takes a dropped file while one may be chosen, so that a near miss does not open the file instead.
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", canChoose());
  });
}
for (const kind of ["dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    if (kind === "drop" || /** @type {DragEvent} */ (event).relatedTarget === null) drop.classList.remove("over");
  });
}
document.addEventListener("drop", (event) => {
  const dropped = event.dataTransfer?.files[0];
  if (dropped && canChoose()) choose(dropped);
});
window.addEventListener("beforeunload", (event) => {
  if (page.dataset.step === "send") event.preventDefault();
});

function canChoose() {
  return page.dataset.step === "choose" || page.dataset.step === "describe";
}

/** @param {string} step choose, describe, send, prepare, done or failed */
function go(step) {
  page.dataset.step = step;
  drop.hidden = step !== "choose";
  form.hidden = step === "choose";
  const isDescribing = step === "describe";
  one("[data-fields]").hidden = !isDescribing;
  one("[data-actions]").hidden = !isDescribing;
  one("[data-sending]").hidden = step !== "send" && step !== "prepare";
  one("[data-cancel]").hidden = step !== "send";
  one("[data-done]").hidden = step !== "done";
  one("[data-failed]").hidden = step !== "failed";
  one(".file-line [data-other]").hidden = !isDescribing;
}

/** @param {string} field @param {string} text empty removes it */
function showError(field, text) {
  const box = one(`[data-error="${field}"]`);
  (box.querySelector("span") ?? box).textContent = text;
  box.hidden = text === "";
  if (field === "caption") caption.setAttribute("aria-invalid", String(text !== ""));
}

/** @param {File} chosen */
function choose(chosen) {
  showError("file", "");
  let problem = "";
  if (chosen.size === 0) problem = gettext("The file is empty. Please choose the video again; if it is in a cloud, download it first.");
  else if (chosen.size > limits.bytes) {
    problem = fill(gettext("This file has {size}, and {limit} MiB is the most. Exporting the video at 1080p makes it smaller."), {
      size: sizeText(chosen.size),
      limit: limits.mb,
    });
  } else if (!chosen.type.startsWith("video/") && !VIDEO_NAME.test(chosen.name)) {
    problem = gettext("This does not look like a video. Please choose an MP4, MOV, WebM or MKV file.");
  }
  if (problem) {
    chooseAnother();
    showError("file", problem);
    return;
  }
  file = chosen;
  one("[data-file-name]").textContent = chosen.name;
  one("[data-file-facts]").textContent = sizeText(chosen.size);
  if (preview.src) URL.revokeObjectURL(preview.src);
  showPreview(true);
  preview.src = URL.createObjectURL(chosen);
  preview.play().catch(() => {});
  go("describe");
  announce.textContent = fill(gettext("{name} is chosen. Nothing is sent yet."), { name: chosen.name });
  caption.focus({ preventScroll: true });
}

/** @param {boolean} works */
function showPreview(works) {
  preview.hidden = !works;
  one("[data-no-preview]").hidden = works;
}

function describeFile() {
  if (!file || !Number.isFinite(preview.duration)) return;
  one("[data-file-facts]").textContent = `${clock(preview.duration)} · ${sizeText(file.size)}`;
  if (preview.duration * 1000 > limits.durationMs + 1000) {
    chooseAnother();
    showError("file", fill(gettext("This video is too long. Please cut it to at most {length}."), { length: limits.length }));
  }
}

function chooseAnother() {
  stopFollowing();
  file = null;
  videoId = null;
  input.value = "";
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.removeAttribute("src");
  preview.load();
  showError("file", "");
  go("choose");
  input.focus();
}

async function publish() {
  if (!file || caption.getAttribute("aria-invalid") === "true") {
    caption.focus();
    return;
  }
  const body = new FormData();
  // The words come first, so that a server can refuse them before it has read the whole file.
  body.set("caption", caption.value);
  body.set("visibility", /** @type {HTMLInputElement} */ (one("[name=visibility]:checked")).value);
  body.set("file", file);
  go("send");
  showSending(gettext("Uploading"), 0, "");
  one("[data-sending-title]").focus();
  announce.textContent = gettext("The upload has begun.");
  let spoken = 0;
  const upload = send(body, (progress) => {
    showSending(gettext("Uploading"), progress.percent, sendingText(progress));
    if (progress.percent >= spoken + 25) {
      spoken = Math.floor(progress.percent / 25) * 25;
      announce.textContent = fill(gettext("{percent} percent uploaded."), { percent: spoken });
    }
  });
  sending = upload;
  try {
    videoId = (await upload.answer).id;
    prepare();
  } catch (error) {
    refused(/** @type {any} */ (error));
  } finally {
    sending = null;
  }
}

/** @param {Error & {field?: string}} error */
function refused(error) {
  if (error.name === "AbortError") {
    go("describe");
    announce.textContent = gettext("The upload is cancelled. Your words are still here.");
  } else if (error.field === "caption" || error.field === "visibility") {
    go("describe");
    showError(error.field, error.message);
    caption.focus();
  } else {
    fail(gettext("The upload did not work"), error.message, gettext("Your file and your words are still here."), true);
  }
}

function prepare() {
  go("prepare");
  preview.pause();
  showSending(gettext("Preparing your video"), null, gettext("It is uploaded. You may leave this page; it goes on by itself."));
  announce.textContent = gettext("The upload is complete. The video is being prepared.");
  stopFollowing = followState(videoId ?? "", ({ state, progress, failure, retry }) => {
    if (state === "ready") finish();
    else if (state === "failed") {
      fail(gettext("The video could not be prepared"), failure ?? "", retry ? gettext("Your upload is safe.") : gettext("Nothing was published."), retry);
    } else if (progress > 0) showSending(fill(gettext("Preparing your video · {percent} %"), { percent: progress }), progress, null);
  });
}

/** @param {string} title @param {number|null} percent null: nobody knows yet @param {string|null} facts null: as before */
function showSending(title, percent, facts) {
  one("[data-sending-title]").textContent = title;
  if (facts !== null) one("[data-sending-facts]").textContent = facts;
  if (percent === null) bar.removeAttribute("value");
  else bar.value = percent;
}

function finish() {
  const chosen = /** @type {HTMLInputElement} */ (one("[name=visibility]:checked")).value;
  one("[data-done-text]").textContent = {
    public: gettext("Everyone can see it now."),
    followers: gettext("Your followers can see it now."),
    private: gettext("Only you can see it."),
  }[chosen] ?? "";
  /** @type {HTMLAnchorElement} */ (one("[data-watch]")).href = `/v/${videoId}`;
  go("done");
  announce.textContent = gettext("It is live.");
  one("[data-done-title]").focus();
}

/** @param {string} title @param {string} text @param {string} safe @param {boolean} mayTryAgain */
function fail(title, text, safe, mayTryAgain) {
  one("[data-failed-title]").textContent = title;
  one("[data-failed-text]").textContent = text;
  one("[data-failed-safe]").textContent = safe;
  one("[data-again]").hidden = !mayTryAgain;
  go("failed");
  one("[data-failed-title]").focus();
}

async function again() {
  if (videoId === null) {
    publish();
    return;
  }
  try {
    await call("POST", `/api/videos/${videoId}/retry`);
    prepare();
  } catch (error) {
    one("[data-failed-text]").textContent = /** @type {Error} */ (error).message;
  }
}
