// The takes of a draft: each becomes a source and a clip at the end of the timeline. What is not on the server yet is kept
// on this device.

import { CallError } from "../videos/calls.js";
import { Conflict, deleteSource, newDraft, readDraft, saveDraft } from "./calls.js";
import { clipsOf, insertClips, lengthOf, nameItems, removeClip } from "./document.js";
import { dropTake, keepTake, keptTakes } from "./kept_takes.js";
import { extensionOf } from "./microphone.js";
import { addressOf, factsOf, freshId, idOf, mediaClip } from "./otio.js";
import { sendSource } from "./uploads.js";

/** @typedef {{id: string, lengthMs: number, source: string, isGiven: boolean}} Taken `isGiven`: what a stitch begins with, which is nobody's take */

const AGAIN_MS = 3000;

export class Takes extends EventTarget {
  /** @param {string|null} draft null begins one with the first take */
  constructor(draft) {
    super();
    this.draft = draft;
    /** @type {Taken[]} */
    this.list = [];
    /** @type {Promise<void>} one take after the other, so that they stand in their order */
    this.queue = Promise.resolve();
    this.waiting = 0;
    this.share = 0;
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  get count() {
    return this.list.filter((one) => !one.isGiven).length;
  }

  get lengthMs() {
    return this.list.reduce((sum, one) => sum + one.lengthMs, 0);
  }

  /** Take up what was begun before: the draft's clips, and takes that were not sent. */
  async resume() {
    if (this.draft) {
      try {
        const draft = await readDraft(this.draft);
        this.dispatchEvent(new CustomEvent("draft", { detail: draft }));
        this.list = clipsOf(nameItems(draft.timeline)).map((clip) => ({ id: idOf(clip), lengthMs: lengthOf(clip), source: addressOf(clip).split(":")[1], isGiven: "stitched_from" in factsOf(clip) }));
      } catch (error) {
        if (error instanceof CallError && error.status === 404) this.draft = null;
        this.dispatchEvent(new CustomEvent("problem", { detail: /** @type {Error} */ (error).message }));
      }
    }
    for (const take of (await keptTakes()).filter((one) => one.draft === this.draft)) {
      if (this.list.some((one) => one.id === take.clip)) void dropTake(take.id);
      else this.send(take);
    }
    this.changed();
  }

  /** @returns {Promise<string>} */
  async ensureDraft() {
    if (!this.draft) {
      this.draft = (await newDraft({})).id;
      // A reload finds the draft again.
      const address = new URL(location.href);
      address.searchParams.set("draft", this.draft);
      history.replaceState(history.state, "", address);
    }
    return this.draft;
  }

  /** @param {Blob} blob @param {number} lengthMs */
  async add(blob, lengthMs) {
    const clip = freshId("clip");
    this.list.push({ id: clip, lengthMs, source: "", isGiven: false });
    this.waiting += 1;
    this.changed();
    const take = { id: freshId("take"), draft: "", clip, blob, lengthMs };
    this.queue = this.queue.then(async () => {
      const has = await this.insist(async () => void (take.draft = await this.ensureDraft()));
      if (has) await keepTake(take);
      await this.finish(take, has && (await this.insist(() => this.bring(take))));
    });
    await this.queue;
  }

  /** @param {import("./kept_takes.js").Take} take one that was kept */
  send(take) {
    this.list.push({ id: take.clip, lengthMs: take.lengthMs, source: "", isGiven: false });
    this.waiting += 1;
    this.queue = this.queue.then(async () => {
      await this.finish(take, await this.insist(() => this.bring(take)));
    });
  }

  /** @param {import("./kept_takes.js").Take} take @param {boolean} isKept whether the server has it */
  async finish(take, isKept) {
    this.waiting -= 1;
    if (!isKept) {
      // What the server refuses it would refuse again; the person has read why.
      this.list = this.list.filter((one) => one.id !== take.clip);
      await dropTake(take.id);
    }
    this.changed();
  }

  /** Until it works; a refusal that will not change ends it. @param {() => Promise<void>} run @returns {Promise<boolean>} whether it worked */
  async insist(run) {
    for (;;) {
      try {
        await run();
        return true;
      } catch (error) {
        this.dispatchEvent(new CustomEvent("problem", { detail: /** @type {Error} */ (error).message }));
        if (error instanceof CallError && error.status >= 400 && error.status < 500 && error.status !== 429) return false;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  /** @param {import("./kept_takes.js").Take} take */
  async bring(take) {
    const mine = this.list.find((one) => one.id === take.clip);
    // Deleted while it waited.
    if (!mine) return void (await dropTake(take.id));
    if (!mine.source) {
      const name = `take.${extensionOf(take.blob.type)}`;
      const onProgress = (/** @type {number} */ share) => {
        this.share = share;
        this.changed();
      };
      const source = await sendSource(take.draft, take.blob, name, onProgress, take.id);
      mine.source = source.id;
    }
    if (this.list.includes(mine)) {
      await this.change((doc) => insertClips(doc, [mediaClip(`source:${mine.source}`, { length: Math.max(100, take.lengthMs), id: take.clip })]));
    }
    await dropTake(take.id);
  }

  /** Change the timeline as it is on the server now. @param {(doc: any) => any} change */
  async change(change) {
    const id = this.draft ?? "";
    for (;;) {
      const draft = await readDraft(id);
      try {
        await saveDraft(id, { version: draft.version, timeline: change(nameItems(draft.timeline)) });
        return;
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
      }
    }
  }

  async dropLast() {
    if (this.list.at(-1)?.isGiven) return;
    const last = this.list.pop();
    this.changed();
    if (!last?.source || !this.draft) return;
    const { draft } = this;
    this.queue = this.queue.then(async () => {
      await this.insist(async () => {
        await this.change((doc) => removeClip(doc, last.id));
        if (!this.list.some((one) => one.source === last.source)) await deleteSource(draft, last.source);
      });
    });
    await this.queue;
  }
}
