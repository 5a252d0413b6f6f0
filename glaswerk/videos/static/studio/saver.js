// Keeping the draft as one works: a moment after each change, one save at a time, and once more when the page is left.

import { Conflict, saveDraft } from "./calls.js";

const CALM_MS = 700;
const AGAIN_MS = 4000;

export class Saver extends EventTarget {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    super();
    this.store = store;
    this.state = "saved";
    this.isOpen = true;
    this.timer = 0;
    /** @type {Promise<void>|null} */
    this.saving = null;
    this.wanted = false;
    store.addEventListener("edit", () => this.soon());
    document.addEventListener("visibilitychange", () => document.hidden && this.leave());
    window.addEventListener("pagehide", () => this.leave());
    window.addEventListener("beforeunload", (event) => this.state === "failed" && event.preventDefault());
  }

  /** @param {string} state saved, waiting, saving, failed or conflict */
  say(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  soon() {
    this.wanted = true;
    if (!this.isOpen) return;
    if (this.state !== "saving") this.say("waiting");
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.save(), CALM_MS);
  }

  /** Save now what is not saved. @returns {Promise<boolean>} whether everything is */
  async save() {
    clearTimeout(this.timer);
    if (this.saving) await this.saving;
    if (!this.wanted || !this.isOpen) return this.state === "saved";
    this.saving = this.send({});
    await this.saving;
    this.saving = null;
    return this.wanted && this.isOpen && this.state === "saved" ? this.save() : this.state === "saved";
  }

  /** @param {{keepalive?: boolean}} options */
  async send(options) {
    const { store } = this;
    this.wanted = false;
    this.say("saving");
    try {
      const saved = await saveDraft(store.id, { version: store.version, timeline: store.doc, title: store.title }, options);
      store.version = saved.version;
      this.say(this.wanted ? "waiting" : "saved");
    } catch (error) {
      this.wanted = true;
      if (error instanceof Conflict) {
        this.isOpen = false;
        this.say("conflict");
        this.dispatchEvent(new CustomEvent("conflict", { detail: error.current }));
        return;
      }
      this.problem = /** @type {Error} */ (error).message;
      this.say("failed");
      this.timer = window.setTimeout(() => void this.save(), AGAIN_MS);
    }
  }

  /** The page may be gone in a moment: the request outlives it. */
  leave() {
    if (!this.wanted || !this.isOpen || this.saving) return;
    clearTimeout(this.timer);
    this.saving = this.send({ keepalive: true }).finally(() => (this.saving = null));
  }

  /** Go on after a conflict, from what is there now. */
  reopen() {
    this.isOpen = true;
    this.wanted = false;
    this.say("saved");
  }
}
