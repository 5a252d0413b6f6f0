// What a viewer does about a video or its creator: shown at once, sent as events, and undone where that is possible.

import { fill, gettext } from "../web/words.js";
import { toast } from "../web/toasts.js";
import { call } from "./api.js";
import { record } from "./events.js";
import { carries, hiddenName } from "./hide.js";

/** @typedef {import("./slot.js").SlotView} SlotView */
/** @typedef {import("./stage.js").Stage} Stage */
/** @typedef {import("./slate.js").Queue} Queue */

/** "Not interested" can be taken back for this long; then it is sent. */
const UNDO_MS = 5000;

export class Reactions {
  /** @param {Stage} stage @param {Queue} queue */
  constructor(stage, queue) {
    this.stage = stage;
    this.queue = queue;
    /** @type {(() => void)|null} sends what waits for its undo */
    this.settle = null;
    window.addEventListener("pagehide", () => this.settle?.());
  }

  /** @param {SlotView} view @param {string} kind */
  send(view, kind) {
    record(kind, { slate: view.item.slate, video: view.item.video.id }, { now: true });
  }

  /** @param {SlotView} view @param {boolean} [wanted] a double tap always likes, the button changes */
  like(view, wanted = !view.item.video.liked) {
    const { video } = view.item;
    if (Boolean(video.liked) === wanted) return;
    video.liked = wanted;
    video.counts.likes = Math.max(0, video.counts.likes + (wanted ? 1 : -1));
    view.refresh();
    this.send(view, wanted ? "like" : "unlike");
    if (wanted) this.queue.react();
  }

  /** @param {SlotView} view */
  save(view) {
    const { video } = view.item;
    video.saved = !video.saved;
    video.counts.saves = Math.max(0, video.counts.saves + (video.saved ? 1 : -1));
    view.refresh();
    this.send(view, video.saved ? "save" : "unsave");
    if (video.saved) this.queue.react();
    toast(video.saved ? gettext("Saved. You find it on your page.") : gettext("No longer saved."));
  }

  /** @param {SlotView} view */
  follow(view) {
    const { creator } = view.item.video;
    const followed = !creator.followed;
    for (const other of this.stage.views) {
      if (other.item.video.creator.name === creator.name) other.item.video.creator.followed = followed;
    }
    this.stage.refresh((other) => other.item.video.creator.name === creator.name);
    record(followed ? "follow" : "unfollow", { slate: view.item.slate, video: view.item.video.id }, { now: true });
    const name = creator.display_name || creator.name;
    toast(fill(followed ? gettext("You follow {name} now.") : gettext("You no longer follow {name}."), { name }));
  }

  /** @param {SlotView} view */
  async share(view) {
    const address = addressOf(view);
    const title = view.item.video.caption || view.item.video.creator.name;
    // On a phone the system's own sheet; elsewhere a link is what people want.
    if (navigator.share && matchMedia("(pointer: coarse)").matches) {
      try {
        await navigator.share({ title, url: address });
      } catch (error) {
        if (/** @type {Error} */ (error).name === "AbortError") return;
        await this.copyLink(view);
        return;
      }
      this.countShare(view);
    } else await this.copyLink(view);
  }

  /** @param {SlotView} view */
  async copyLink(view) {
    try {
      await navigator.clipboard.writeText(addressOf(view));
    } catch {
      toast(addressOf(view));
      return;
    }
    toast(gettext("Link copied."));
    this.countShare(view);
  }

  /** @param {SlotView} view */
  countShare(view) {
    view.item.video.counts.shares += 1;
    view.refresh();
    this.send(view, "share");
    this.queue.react();
  }

  /** Go on to the next video, and let the feed know unless this is taken back. @param {SlotView} view */
  notInterested(view) {
    this.settle?.();
    const place = this.stage.views.indexOf(view);
    const settle = () => {
      if (this.settle !== settle) return;
      this.settle = null;
      clearTimeout(timer);
      this.send(view, "not_interested");
      this.queue.react(2);
    };
    const timer = window.setTimeout(settle, UNDO_MS);
    this.settle = settle;
    this.stage.go(place + 1);
    toast(gettext("You will see less like this."), {
      action: {
        label: gettext("Undo"),
        run: () => {
          if (this.settle !== settle) return;
          this.settle = null;
          clearTimeout(timer);
          this.stage.go(this.stage.views.indexOf(view));
        },
      },
    });
  }

  /** Show nothing more that carries this. @param {SlotView} view @param {import("./hide.js").Hidden} hidden */
  async hide(view, hidden) {
    const name = hiddenName(hidden);
    try {
      await call("POST", "/api/dials/hide", hidden);
    } catch (error) {
      toast(/** @type {Error} */ (error).message, { error: true });
      return;
    }
    this.queue.drop((item) => carries(item.video, hidden));
    this.queue.react(2);
    this.stage.next();
    toast(fill(gettext("You will see nothing more with {name}."), { name }), {
      action: { label: gettext("Undo"), run: () => void this.showAgain(view, hidden) },
    });
  }

  /** @param {SlotView} view @param {import("./hide.js").Hidden} hidden */
  async showAgain(view, hidden) {
    try {
      await call("DELETE", "/api/dials/hide", hidden);
    } catch (error) {
      toast(/** @type {Error} */ (error).message, { error: true });
      return;
    }
    this.queue.react(2);
    this.stage.go(this.stage.views.indexOf(view));
  }
}

/** @param {SlotView} view */
export function addressOf(view) {
  return new URL(`/v/${view.item.video.id}`, location.origin).href;
}
