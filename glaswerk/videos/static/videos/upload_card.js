// One file on the upload page: describe → (queue →) send → prepare → done or failed. `data-step` says where it is.

import { element } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";
import { call } from "./calls.js";
import { watchCaption } from "./caption_field.js";
import { followState, waitWords } from "./follow_state.js";
import { canResume, sendResumably } from "./resumable.js";
import { sendAtOnce } from "./send.js";
import { clock, sendingText, sizeText } from "./sizes.js";

/**
 * @typedef {{id: string, offset: number, length: number, filename: string, caption: string, visibility: string|null}} Unfinished
 * @typedef {{
 *   announce: (text: string) => void,
 *   onChange: () => void,
 *   onEnd: (card: UploadCard, problem: string) => void,
 *   durationMs: number,
 *   length: string,
 * }} Surroundings
 */

let number = 0;

export class UploadCard {
  /** @type {import("./resumable.js").Sending|null} */
  #sending = null;
  /** @type {string|null} */
  #video = null;
  #stopFollowing = () => {};
  #spoken = 0;

  /**
   * @param {HTMLTemplateElement} template
   * @param {File} file
   * @param {Surroundings} around
   * @param {Unfinished|null} unfinished the upload of this file that was begun before
   */
  constructor(template, file, around, unfinished) {
    this.file = file;
    this.around = around;
    this.unfinished = unfinished;
    /** @type {HTMLElement} */
    this.box = /** @type {any} */ (template.content.cloneNode(true)).firstElementChild;
    distinguish(this.box, ++number);
    this.caption = /** @type {HTMLTextAreaElement} */ (this.#one("textarea"));
    this.bar = /** @type {HTMLProgressElement} */ (this.#one("[data-bar]"));
    this.preview = /** @type {HTMLVideoElement} */ (this.#one("[data-preview]"));
    if (unfinished) {
      this.caption.value = unfinished.caption;
      const chosen = /** @type {HTMLInputElement|null} */ (this.box.querySelector(`[value="${unfinished.visibility}"]`));
      if (chosen) chosen.checked = true;
    }
    watchCaption(this.box);
    this.#listen();
    this.#one("[data-file-name]").textContent = file.name;
    this.#one("[data-file-facts]").textContent = sizeText(file.size);
    this.preview.src = URL.createObjectURL(file);
    this.#go("describe");
  }

  get step() {
    return this.box.dataset.step ?? "";
  }

  /** Whether it may be sent as it stands. */
  get isReady() {
    return this.step === "describe" && this.caption.getAttribute("aria-invalid") !== "true";
  }

  /** Take its turn as soon as there is one. */
  queue() {
    if (this.caption.getAttribute("aria-invalid") === "true") {
      this.caption.focus();
      return;
    }
    this.#go("queue");
    this.#showSending(gettext("Waiting for its turn"), 0, sizeText(this.file.size));
    this.around.onChange();
  }

  send() {
    const visibility = this.#visibility();
    const words = { caption: this.caption.value, visibility, ...this.#region() };
    const watch = {
      onProgress: (/** @type {import("./resumable.js").Progress} */ progress) => this.#progress(progress),
      onSending: () => this.#show("send", gettext("Uploading")),
      onWaiting: (/** @type {number|null} */ seconds) => this.#waiting(seconds),
      onDone: (/** @type {import("./resumable.js").Done} */ done) => this.#sent(done),
      onRefused: (/** @type {any} */ error) => this.#refused(error),
    };
    this.#showSending(gettext("Uploading"), this.unfinished ? (100 * this.unfinished.offset) / this.unfinished.length : 0, "");
    this.#spoken = 0;
    const place = this.unfinished ? `/api/uploads/${this.unfinished.id}` : null;
    this.around.announce(fill(gettext("The upload of {name} has begun."), { name: this.file.name }));
    this.#sending = canResume() ? sendResumably(this.file, words, watch, place) : sendAtOnce(this.file, words, watch);
    this.#one("[data-pause]").hidden = this.#sending.pause === null;
  }

  #listen() {
    this.#one("[data-form]").addEventListener("submit", (event) => {
      event.preventDefault();
      this.queue();
      if (this.step !== "describe") this.#one("[data-sending-title]").focus();
    });
    this.#one("[data-remove]").addEventListener("click", () => this.#remove(""));
    this.#one("[data-cancel]").addEventListener("click", () => this.#cancel());
    this.#one("[data-pause]").addEventListener("click", () => this.#pause());
    this.#one("[data-resume]").addEventListener("click", () => this.#sending?.resume());
    this.#one("[data-now]").addEventListener("click", () => this.#sending?.resume());
    this.#one("[data-again]").addEventListener("click", () => this.#again());
    this.preview.addEventListener("error", () => this.preview.getAttribute("src") && this.#showPreview(false));
    this.preview.addEventListener("loadedmetadata", () => this.#describe());
    this.preview.addEventListener("click", () => this.preview.controls || (this.preview.paused ? this.preview.play().catch(() => {}) : this.preview.pause()));
  }

  #describe() {
    if (!Number.isFinite(this.preview.duration)) return;
    this.#one("[data-file-facts]").textContent = `${clock(this.preview.duration)} · ${sizeText(this.file.size)}`;
    if (this.preview.duration * 1000 > this.around.durationMs + 1000 && this.step === "describe") {
      this.#remove(fill(gettext("This video is too long. Please cut it to at most {length}."), { length: this.around.length }));
    }
  }

  /** @param {import("./resumable.js").Progress} progress */
  #progress(progress) {
    if (this.step !== "send") return;
    this.#showSending(gettext("Uploading"), progress.percent, sendingText(progress));
    if (progress.percent >= this.#spoken + 25) {
      this.#spoken = Math.floor(progress.percent / 25) * 25;
      this.around.announce(fill(gettext("{name}: {percent} percent uploaded."), { name: this.file.name, percent: this.#spoken }));
    }
  }

  /** @param {number|null} seconds */
  #waiting(seconds) {
    const text = seconds === null ? gettext("There is no connection. It goes on by itself when you are online.") : gettext("The connection broke. It goes on by itself.");
    this.#show("wait", gettext("Interrupted"));
    this.#one("[data-sending-facts]").textContent = text;
    this.around.announce(text);
  }

  #pause() {
    this.#sending?.pause?.();
    this.#show("pause", gettext("Paused"));
    this.#one("[data-resume]").focus();
    this.around.announce(gettext("The upload is paused. What was sent is kept."));
    this.around.onChange();
  }

  async #cancel() {
    const hadBegun = this.#sending !== null;
    const sending = this.#sending;
    this.#sending = null;
    this.unfinished = null;
    this.#go("describe");
    this.caption.focus();
    this.around.announce(hadBegun ? gettext("The upload is cancelled. Your words are still here.") : gettext("It is not sent yet."));
    await sending?.cancel();
    this.around.onChange();
  }

  /** @param {import("./resumable.js").Done} done */
  #sent(done) {
    this.#sending = null;
    if (!done.video) {
      // It was whole before, on another device perhaps, and its video is deleted by now.
      this.unfinished = null;
      this.#fail(gettext("The upload did not work"), gettext("This video was uploaded and deleted again."), gettext("Your file and your words are still here."), true);
      this.around.onChange();
      return;
    }
    this.#video = done.video;
    if (done.duplicateOf) {
      const link = element("a", { href: `/v/${done.duplicateOf}`, text: gettext("See the earlier one.") });
      this.#one("[data-duplicate] span").replaceChildren(gettext("You have uploaded this very file before."), " ", link);
      this.#one("[data-duplicate]").hidden = false;
      this.around.announce(gettext("You have uploaded this very file before."));
    }
    this.#prepare();
    this.around.onChange();
  }

  #prepare() {
    this.#go("prepare");
    this.preview.pause();
    this.#showSending(gettext("Preparing your video"), null, gettext("It is uploaded. You may leave this page; it goes on by itself."));
    this.around.announce(fill(gettext("{name} is uploaded and is being prepared."), { name: this.file.name }));
    this.#stopFollowing = followState(this.#video ?? "", (answer) => {
      const { state, progress, failure, retry } = answer;
      if (state === "ready") this.#finish();
      else if (state === "failed") {
        this.#fail(gettext("The video could not be prepared"), failure ?? "", retry ? gettext("Your upload is safe.") : gettext("Nothing was published."), retry);
      } else if (progress > 0) this.#showSending(fill(gettext("Preparing your video · {percent} %"), { percent: progress }), progress, waitWords(answer) || null);
      else if (answer.place) this.#showSending(gettext("Preparing your video"), null, waitWords(answer));
    });
  }

  #finish() {
    this.#one("[data-done-text]").textContent = {
      public: gettext("Everyone can see it now."),
      followers: gettext("Your followers can see it now."),
      private: gettext("Only you can see it."),
    }[this.#visibility()] ?? "";
    /** @type {HTMLAnchorElement} */ (this.#one("[data-watch]")).href = `/v/${this.#video}`;
    const hadFocus = this.box.contains(document.activeElement);
    this.#go("done");
    this.around.announce(fill(gettext("{name} is live."), { name: this.file.name }));
    if (hadFocus) this.#one("[data-done-title]").focus();
  }

  /** @param {Error & {field?: string}} error */
  #refused(error) {
    this.#sending = null;
    this.unfinished = null;
    if (error.field === "caption" || error.field === "visibility") {
      this.#go("describe");
      const box = this.#one(`[data-error="${error.field}"]`);
      box.textContent = error.message;
      box.hidden = false;
      if (error.field === "caption") this.caption.setAttribute("aria-invalid", "true");
      this.caption.focus();
    } else {
      this.#fail(gettext("The upload did not work"), error.message, gettext("Your file and your words are still here."), true);
    }
    this.around.onChange();
  }

  /** @param {string} title @param {string} text @param {string} safe @param {boolean} mayTryAgain */
  #fail(title, text, safe, mayTryAgain) {
    this.#one("[data-failed-title]").textContent = title;
    this.#one("[data-failed-text]").textContent = text;
    this.#one("[data-failed-safe]").textContent = safe;
    this.#one("[data-again]").hidden = !mayTryAgain;
    const hadFocus = this.box.contains(document.activeElement);
    this.#go("failed");
    if (hadFocus) this.#one("[data-failed-title]").focus();
  }

  async #again() {
    if (this.#video === null) {
      this.#go("describe");
      this.queue();
      return;
    }
    try {
      await call("POST", `/api/videos/${this.#video}/retry`);
      this.#prepare();
    } catch (error) {
      this.#one("[data-failed-text]").textContent = /** @type {Error} */ (error).message;
    }
  }

  /** @param {string} problem why, empty where the person wanted it */
  #remove(problem) {
    this.#stopFollowing();
    URL.revokeObjectURL(this.preview.src);
    this.box.remove();
    this.around.onEnd(this, problem);
  }

  /** @param {string} step */
  #go(step) {
    this.box.dataset.step = step;
    const isUnderway = ["queue", "send", "wait", "pause", "prepare"].includes(step);
    this.#one("[data-form]").hidden = step !== "describe";
    this.#one("[data-sending]").hidden = !isUnderway;
    this.#one("[data-pause]").hidden = !(step === "send" || step === "wait") || this.#sending?.pause === null;
    this.#one("[data-resume]").hidden = step !== "pause";
    this.#one("[data-now]").hidden = step !== "wait";
    this.#one("[data-cancel]").hidden = step === "prepare";
    this.#one("[data-done]").hidden = step !== "done";
    this.#one("[data-failed]").hidden = step !== "failed";
    this.#one("[data-remove]").hidden = isUnderway;
    const said = this.#one("[data-said]");
    said.textContent = this.caption.value;
    said.hidden = step === "describe" || said.textContent === "";
    // On a small still the controls would cover the picture; there a touch plays it.
    this.preview.controls = step === "describe" && matchMedia("(min-width: 48rem)").matches;
  }

  /** @param {string} step @param {string} title */
  #show(step, title) {
    this.#go(step);
    this.#one("[data-sending-title]").textContent = title;
  }

  /** @param {string} title @param {number|null} percent null: nobody knows yet @param {string|null} facts null: as before */
  #showSending(title, percent, facts) {
    this.#one("[data-sending-title]").textContent = title;
    if (facts !== null) this.#one("[data-sending-facts]").textContent = facts;
    if (percent === null) this.bar.removeAttribute("value");
    else this.bar.value = percent;
  }

  /** @param {boolean} works */
  #showPreview(works) {
    this.preview.hidden = !works;
    this.#one("[data-no-preview]").hidden = works;
  }

  #visibility() {
    return /** @type {HTMLInputElement} */ (this.#one("input[type=radio]:checked")).value;
  }

  /** @returns {{elsewhere?: string}} nothing where it goes without saying */
  #region() {
    const box = /** @type {HTMLInputElement|null} */ (this.box.querySelector("[data-region] input"));
    return box?.checked ? { elsewhere: "no" } : {};
  }

  /** @param {string} selector @returns {HTMLElement} */
  #one(selector) {
    return /** @type {HTMLElement} */ (this.box.querySelector(selector));
  }
}

/** Give the ids and names of a copy a number of its own. @param {HTMLElement} box @param {number} count */
function distinguish(box, count) {
  for (const one of box.querySelectorAll("[id]")) one.id += `-${count}`;
  for (const name of ["for", "aria-describedby", "aria-labelledby"]) {
    for (const one of box.querySelectorAll(`[${name}]`)) {
      const ids = one.getAttribute(name)?.split(" ") ?? [];
      one.setAttribute(name, ids.map((id) => `${id}-${count}`).join(" "));
    }
  }
  const labelledBy = box.getAttribute("aria-labelledby");
  if (labelledBy) box.setAttribute("aria-labelledby", `${labelledBy}-${count}`);
  for (const one of /** @type {NodeListOf<HTMLInputElement>} */ (box.querySelectorAll("input[type=radio]"))) one.name += `-${count}`;
}
