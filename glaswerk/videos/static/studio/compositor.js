// One picture of the timeline on a canvas: clips in their panes, transitions, overlays and captions, as the renderer has them.

import { panesOf, seenAt } from "./arrange.js";
import { drawCaption, drawSticker, drawText } from "./texts.js";

/** @typedef {import("./arrange.js").Arrangement} Arrangement */
/** @typedef {import("./arrange.js").ClipView} ClipView */
/** @typedef {{x: number, y: number, width: number, height: number}} Pane */
/** @typedef {{picture: CanvasImageSource, width: number, height: number}|null} Shown */

export class Compositor {
  /** @param {HTMLCanvasElement} canvas @param {import("./looks.js").Looks} looks */
  constructor(canvas, looks) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    this.looks = looks;
    this.spare = [document.createElement("canvas"), document.createElement("canvas")];
  }

  /**
   * @param {Arrangement} all @param {number} at
   * @param {(clip: ClipView) => Shown} shown the picture of a clip as it is now
   * @param {(name: string) => CanvasImageSource|null} sticker
   */
  draw(all, at, shown, sticker) {
    const { context, canvas } = this;
    const scale = canvas.width / all.width;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.globalAlpha = 1;
    context.fillStyle = all.background;
    context.fillRect(0, 0, all.width, all.height);
    const panes = panesOf(all.layout, all.width, all.height);
    if (panes.partner) {
      const last = all.partner.at(-1);
      this.drawTrack(all, all.partner, last ? Math.min(at, last.end - 1) : at, panes.partner, shown);
    }
    this.drawTrack(all, all.clips, at, panes.own, shown);
    for (const overlay of all.overlays) {
      if (at < overlay.start || at >= overlay.end) continue;
      if (overlay.kind === "text") drawText(context, overlay.parameters, all.width, all.height);
      else drawSticker(context, overlay.parameters, sticker(overlay.parameters.name), all.width, all.height);
    }
    const caption = all.captions.find((/** @type {any} */ one) => at >= one.start_ms && at < one.end_ms);
    if (caption) drawCaption(context, caption.text, all.width, all.height);
  }

  /** @param {Arrangement} all @param {ClipView[]} clips @param {number} at @param {Pane} pane @param {(clip: ClipView) => Shown} shown */
  drawTrack(all, clips, at, pane, shown) {
    const { one, next, kind, share } = seenAt(clips, at);
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(pane.x, pane.y, pane.width, pane.height);
    context.clip();
    const before = one && this.compose(all, one, shown(one), pane, 0);
    const after = next && this.compose(all, next, shown(next), pane, 1);
    if (before && after) this.pass(before, after, kind, share, pane, all.background);
    else if (before) this.put(before, pane);
    context.restore();
  }

  /** @param {HTMLCanvasElement} picture @param {Pane} pane @param {number} [dx] @param {number} [dy] */
  put(picture, pane, dx = 0, dy = 0) {
    this.context.drawImage(picture, pane.x + dx, pane.y + dy, pane.width, pane.height);
  }

  /** One clip as it looks in its pane. @param {Arrangement} all @param {ClipView} clip @param {Shown} shown @param {Pane} pane @param {number} which */
  compose(all, clip, shown, pane, which) {
    const scale = this.canvas.width / all.width;
    const made = this.spare[which];
    const width = Math.max(1, Math.round(pane.width * scale));
    const height = Math.max(1, Math.round(pane.height * scale));
    if (made.width !== width || made.height !== height) {
      made.width = width;
      made.height = height;
    }
    const context = /** @type {CanvasRenderingContext2D} */ (made.getContext("2d", { willReadFrequently: !this.looks.card }));
    context.filter = "none";
    context.fillStyle = all.background;
    context.fillRect(0, 0, width, height);
    if (!shown || !(shown.width > 0)) return made;
    const crop = clip.crop ?? { x: 0, y: 0, width: 1, height: 1 };
    const cut = [crop.x * shown.width, crop.y * shown.height, crop.width * shown.width, crop.height * shown.height];
    const put = (/** @type {"cover"|"contain"} */ fit) => {
      const ratio = Math[fit === "cover" ? "max" : "min"](width / cut[2], height / cut[3]);
      const [w, h] = [cut[2] * ratio, cut[3] * ratio];
      context.drawImage(shown.picture, cut[0], cut[1], cut[2], cut[3], (width - w) / 2, (height - h) / 2, w, h);
    };
    if (clip.fit === "contain" && clip.backdrop === "blur") {
      context.filter = `blur(${Math.round(height / 40)}px) brightness(0.7)`;
      put("cover");
      context.filter = "none";
    }
    put(clip.fit === "contain" ? "contain" : "cover");
    const looked = this.looks.apply(made, clip.filter, clip.strength);
    if (looked !== made) context.drawImage(looked, 0, 0);
    return made;
  }

  /** @param {HTMLCanvasElement} before @param {HTMLCanvasElement} after @param {string} kind @param {number} share @param {Pane} pane @param {string} background */
  pass(before, after, kind, share, pane, background) {
    const { context } = this;
    const faint = (/** @type {number} */ alpha, /** @type {HTMLCanvasElement} */ picture) => {
      context.globalAlpha = alpha;
      this.put(picture, pane);
      context.globalAlpha = 1;
    };
    if (kind === "fade") {
      context.fillStyle = background;
      context.fillRect(pane.x, pane.y, pane.width, pane.height);
      if (share < 0.5) faint(1 - 2 * share, before);
      else faint(2 * share - 1, after);
    } else if (kind === "slide_left") {
      this.put(before, pane, -share * pane.width);
      this.put(after, pane, (1 - share) * pane.width);
    } else if (kind === "slide_up") {
      this.put(before, pane, 0, -share * pane.height);
      this.put(after, pane, 0, (1 - share) * pane.height);
    } else if (kind === "wipe") {
      this.put(before, pane);
      context.save();
      context.beginPath();
      context.rect(pane.x + (1 - share) * pane.width, pane.y, share * pane.width, pane.height);
      context.clip();
      this.put(after, pane);
      context.restore();
    } else if (kind === "circle") {
      this.put(before, pane);
      this.put(opened(after, share), pane);
    } else if (kind === "zoom") {
      // First into the picture before, up to twenty times; then the next one comes through.
      const scale = 1 / Math.max(0.05, smooth((0.5 - share) / 0.5));
      const [w, h] = [pane.width * scale, pane.height * scale];
      context.drawImage(before, pane.x + (pane.width - w) / 2, pane.y + (pane.height - h) / 2, w, h);
      faint(1 - smooth((1 - share) / 0.5), after);
    } else {
      this.put(before, pane);
      faint(share, after);
    }
  }
}

/** From 0 to 1 with a soft beginning and end. @param {number} value */
function smooth(value) {
  const kept = Math.min(1, Math.max(0, value));
  return kept * kept * (3 - 2 * kept);
}

/** A picture as far as a soft circle has opened. @param {HTMLCanvasElement} picture @param {number} share */
function opened(picture, share) {
  const context = /** @type {CanvasRenderingContext2D} */ (picture.getContext("2d"));
  const { width, height } = picture;
  const reach = Math.hypot(width, height) / 2;
  const moved = (0.5 - share) * 3;
  const fading = context.createRadialGradient(width / 2, height / 2, 0, width / 2, height / 2, reach);
  for (let stop = 0; stop <= 1; stop += 0.1) fading.addColorStop(stop, `rgb(0 0 0 / ${1 - smooth(stop + moved)})`);
  context.globalCompositeOperation = "destination-in";
  context.fillStyle = fading;
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "source-over";
  return picture;
}
