// How loud recordings are, drawn behind their names in the timeline.

import { element } from "../web/elements.js";
import { ask } from "./calls.js";

export class Waves {
  /** @param {string} draft @param {() => void} onChange when something can be drawn */
  constructor(draft, onChange) {
    this.draft = draft;
    this.onChange = onChange;
    /** @type {Map<string, {perSecond: number, peaks: number[]}>} by the material's address */
    this.known = new Map();
  }

  /** @param {string} address */
  async load(address) {
    this.known.set(address, { perSecond: 1, peaks: [] });
    const [kind, id] = address.split(":");
    if (kind !== "source") return;
    try {
      const { per_second: perSecond, peaks } = await ask("GET", `/api/drafts/${encodeURIComponent(this.draft)}/sources/${encodeURIComponent(id)}/peaks`);
      // It is empty until the material is ready; then it is asked for again.
      if (peaks.length) this.known.set(address, { perSecond, peaks });
      else this.known.delete(address);
    } catch {
      this.known.delete(address);
      return;
    }
    if (this.known.has(address)) this.onChange();
  }

  /** @param {HTMLElement} node @param {import("./timeline_items.js").Item} item @param {number} width */
  draw(node, item, width) {
    const wave = this.known.get(item.address);
    if (!wave) void this.load(item.address);
    if (!wave?.peaks.length) return;
    const body = /** @type {HTMLElement} */ (node.firstElementChild);
    let canvas = /** @type {HTMLCanvasElement|null} */ (body.querySelector("canvas"));
    if (!canvas) {
      canvas = /** @type {HTMLCanvasElement} */ (element("canvas", { class: "item-wave", height: "30", "aria-hidden": "true" }));
      body.prepend(canvas);
    }
    const key = `${Math.round(width)}:${item.from}:${item.speed}`;
    if (canvas.dataset.drawn === key) return;
    canvas.dataset.drawn = key;
    canvas.width = Math.min(3000, Math.max(4, Math.round(width)));
    const context = canvas.getContext("2d");
    if (!context) return;
    context.fillStyle = getComputedStyle(body).color;
    for (let x = 0; x < canvas.width; x += 3) {
      const at = (item.from + (x / canvas.width) * (item.end - item.start) * item.speed) / 1000;
      const high = Math.max(1, ((wave.peaks[Math.floor(at * wave.perSecond)] ?? 0) / 255) * canvas.height);
      context.fillRect(x, (canvas.height - high) / 2, 2, high);
    }
  }
}
