// Small stills of the material for the timeline: each source is gone through once, in the background.

const HIGH = 96;
const MOST = 40;

export class Stills extends EventTarget {
  constructor() {
    super();
    /** @type {Map<string, {atMs: number, picture: HTMLCanvasElement}[]>} by the material's address */
    this.stills = new Map();
    /** @type {Promise<void>} one source after the other, so that the preview keeps its pace */
    this.queue = Promise.resolve();
  }

  /** @param {string} address @param {import("./players.js").Media} media */
  want(address, media) {
    if (this.stills.has(address) || !media.url) return;
    this.stills.set(address, []);
    this.queue = this.queue.then(() => this.go(address, media)).catch(() => {});
  }

  /** @param {string} address @param {import("./players.js").Media} media */
  async go(address, media) {
    if (media.isPicture) {
      const image = new Image();
      image.src = media.url ?? "";
      await image.decode();
      this.keep(address, 0, image, image.naturalWidth, image.naturalHeight);
      return;
    }
    const video = document.createElement("video");
    video.muted = true;
    video.preload = "auto";
    video.src = media.url ?? "";
    await once(video, "loadeddata");
    const step = Math.max(500, media.durationMs / MOST);
    for (let at = 0; at < media.durationMs; at += step) {
      const seeked = once(video, "seeked");
      video.currentTime = at / 1000 + 0.01;
      await seeked;
      if (!video.videoWidth) break;
      this.keep(address, at, video, video.videoWidth, video.videoHeight);
    }
    video.removeAttribute("src");
    video.load();
  }

  /** @param {string} address @param {number} atMs @param {CanvasImageSource} picture @param {number} width @param {number} height */
  keep(address, atMs, picture, width, height) {
    const still = document.createElement("canvas");
    still.height = HIGH;
    still.width = Math.max(1, Math.round((HIGH * width) / height));
    still.getContext("2d")?.drawImage(picture, 0, 0, still.width, still.height);
    this.stills.get(address)?.push({ atMs, picture: still });
    this.dispatchEvent(new CustomEvent("still", { detail: address }));
  }

  /** Draw the stills of a clip side by side. @param {HTMLCanvasElement} canvas @param {import("./arrange.js").ClipView} clip */
  draw(canvas, clip) {
    const found = this.stills.get(clip.address) ?? [];
    const context = canvas.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!found.length) return;
    const tall = canvas.height;
    const wide = Math.max(8, Math.min(tall, (tall * found[0].picture.width) / found[0].picture.height));
    for (let x = 0; x < canvas.width; x += wide) {
      const share = (x + wide / 2) / canvas.width;
      const at = clip.from + share * (clip.end - clip.start) * clip.speed;
      const still = found.reduce((best, one) => (Math.abs(one.atMs - at) < Math.abs(best.atMs - at) ? one : best)).picture;
      const cut = Math.min(still.width, (still.height * wide) / tall);
      context.drawImage(still, (still.width - cut) / 2, 0, cut, still.height, x, 0, wide, tall);
    }
  }
}

/** @param {HTMLMediaElement} element @param {string} kind @returns {Promise<void>} */
function once(element, kind) {
  return new Promise((resolve, reject) => {
    element.addEventListener(kind, () => resolve(), { once: true });
    element.addEventListener("error", () => reject(new Error("unplayable")), { once: true });
  });
}
