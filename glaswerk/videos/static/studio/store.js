// What the studio knows: the draft, its material, what is selected. Everything else asks here and listens here.

import { arrange } from "./arrange.js";
import { readDraft } from "./calls.js";
import { clipsOf, nameItems, settleLengths } from "./document.js";
import { emptyTimeline } from "./otio.js";
import { History } from "./history.js";

/** @typedef {import("./otio.js").Json} Json */
/** @typedef {import("./calls.js").Source} Source */

const ASK_MS = 1200;

export class Store extends EventTarget {
  /** @param {import("./calls.js").Draft} draft */
  constructor(draft) {
    super();
    this.id = draft.id;
    /** @type {string|null} */
    this.selected = null;
    /** @type {Map<string, string>} addresses of files that are on this device, by source */
    this.local = new Map();
    this.asking = 0;
    this.take(draft);
  }

  /** Begin anew from what the server has. @param {import("./calls.js").Draft} draft */
  take(draft) {
    this.title = draft.title;
    this.version = draft.version;
    this.sources = draft.sources;
    this.sounds = draft.sounds;
    const given = draft.timeline?.tracks ? draft.timeline : emptyTimeline();
    /** @type {History<Json>} */
    const settled = this.settled(nameItems(given));
    this.history = new History(settled);
    /** Whether what is shown is not quite what the server has. */
    this.differs = JSON.stringify(settled) !== JSON.stringify(given);
    this.select(null);
    this.changed();
    this.followSources();
  }

  get doc() {
    return this.history.present;
  }

  /** @returns {import("./arrange.js").Arrangement} */
  get all() {
    if (this.arrangedFor !== this.doc) {
      this.arrangedFor = this.doc;
      this.arranged = arrange(this.doc);
    }
    return /** @type {import("./arrange.js").Arrangement} */ (this.arranged);
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Json} doc @param {string} label what was done @param {string} [name] steps of one name join */
  edit(doc, label, name = "") {
    if (doc === this.doc) return false;
    this.history.step(doc, label, name);
    this.dispatchEvent(new CustomEvent("edit", { detail: label }));
    this.changed();
    return true;
  }

  /** @param {"undo"|"redo"} which @returns {string|null} */
  travel(which) {
    const label = this.history[which]();
    if (label === null) return null;
    if (this.selected && !this.find(this.selected)) this.select(null);
    this.dispatchEvent(new CustomEvent("edit", { detail: "" }));
    this.changed();
    return label;
  }

  /** @param {string} title */
  rename(title) {
    this.title = title;
    this.dispatchEvent(new CustomEvent("edit", { detail: "" }));
  }

  /** @param {string|null} id */
  select(id) {
    if (id === this.selected) return;
    this.selected = id;
    this.dispatchEvent(new Event("select"));
  }

  /** @param {string|null} id @returns {{kind: string, view: any}|null} */
  find(id) {
    const { all } = this;
    const clip = all.clips.find((one) => one.id === id);
    if (clip) return { kind: "clip", view: clip };
    const overlay = all.overlays.find((one) => one.id === id);
    if (overlay) return { kind: overlay.kind, view: overlay };
    const audio = [...all.music, ...all.voice].find((one) => one.id === id);
    return audio ? { kind: audio.family, view: audio } : null;
  }

  get selection() {
    return this.find(this.selected);
  }

  // Material ----------------------------------------------------------------------------------------------------------

  /** @param {string} address @returns {import("./players.js").Media|undefined} */
  mediaOf = (address) => {
    const [kind, id] = address.split(":");
    if (kind === "sound") {
      const sound = /** @type {any} */ (this.sounds.find((one) => one.id === id));
      return sound && { url: sound.audio ?? sound.url, isPicture: false, durationMs: sound.duration_ms ?? Infinity };
    }
    const source = this.sources.find((one) => one.id === id);
    if (!source) return undefined;
    const isPicture = source.kind === "image";
    return { url: source.url ?? this.local.get(id) ?? null, isPicture, durationMs: isPicture ? Infinity : source.duration_ms || Infinity };
  };

  /** @param {string} address @returns {string} */
  titleOf = (address) => {
    const [kind, id] = address.split(":");
    return kind === "sound" ? (this.sounds.find((one) => one.id === id)?.title ?? "") : "";
  };

  /** @param {Source} source @param {string} [local] where its file is on this device */
  addSource(source, local) {
    this.sources = [...this.sources.filter((one) => one.id !== source.id), source];
    if (local) this.local.set(source.id, local);
    this.dispatchEvent(new Event("sources"));
    this.followSources();
  }

  /** @param {string} id */
  dropSource(id) {
    this.sources = this.sources.filter((one) => one.id !== id);
    this.dispatchEvent(new Event("sources"));
    this.changed();
  }

  /** @param {import("./calls.js").Sound} sound */
  addSound(sound) {
    this.sounds = [...this.sounds.filter((one) => one.id !== sound.id), sound];
  }

  /** Ask how far the material is, until all of it is there. */
  followSources() {
    if (this.asking || !this.sources.some((one) => one.state !== "ready" && one.state !== "failed")) return;
    this.asking = window.setTimeout(async () => {
      this.asking = 0;
      try {
        this.sources = (await readDraft(this.id)).sources;
        const settled = this.settled(this.doc);
        if (settled !== this.doc) {
          this.history.rewrite((doc) => this.settled(doc));
          this.dispatchEvent(new CustomEvent("edit", { detail: "" }));
        }
        this.dispatchEvent(new Event("sources"));
        this.changed();
      } catch {
        // Without a connection there is nothing new; the next time tells.
      }
      this.followSources();
    }, ASK_MS);
  }

  /** @param {Json} doc */
  settled(doc) {
    const ready = this.sources.filter((one) => one.state === "ready");
    return settleLengths(doc, new Map(ready.map((one) => [`source:${one.id}`, { durationMs: one.duration_ms, isPicture: one.kind === "image" }])));
  }

  /** @returns {Set<string>} sources that the timeline shows */
  used() {
    const addresses = [...this.all.clips, ...this.all.partner, ...this.all.voice, ...this.all.music].map((one) => one.address);
    return new Set(addresses.map((one) => one.split(":")[1]));
  }

  get isEmpty() {
    return clipsOf(this.doc).length === 0;
  }
}
