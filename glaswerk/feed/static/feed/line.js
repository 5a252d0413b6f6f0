// How fast the line is: measured from what the video elements of this page, and of the one before it, have loaded.

const KEPT = "glaswerk.line";
/** A sample is taken over at least this long, because shorter ones tell more about buffers than about the line. */
const SAMPLE_MS = 300;
/** After this much time of loading, half of what is known is new. */
const HALF_LIFE_MS = 2500;
/** However short a sample is, so much of it counts: a line may change at once. */
const LEAST_WEIGHT = 0.15;
/** After so long a line may have become another. */
const OLD_MS = 8000;
/** A load that is over sooner than that says only that the line is at least so fast. */
const SHORT_MS = 75;
/** So much counts what shows that the line carries more than was thought. */
const BOUND_WEIGHT = 0.5;
/** What came out of the browser's cache says nothing beyond this. */
const MOST = 100e6;

/** @param {HTMLVideoElement} video @returns {number} seconds that lie in its buffer */
export function bufferedSeconds(video) {
  let sum = 0;
  for (let at = 0; at < video.buffered.length; at += 1) sum += video.buffered.end(at) - video.buffered.start(at);
  return sum;
}

/** @param {HTMLVideoElement} video @returns {number} seconds from where it plays to the end of what is loaded without a gap */
export function bufferedAhead(video) {
  const now = video.currentTime;
  for (let at = 0; at < video.buffered.length; at += 1) {
    if (video.buffered.start(at) <= now + 0.1 && now < video.buffered.end(at)) return video.buffered.end(at) - now;
  }
  return 0;
}

/** @param {HTMLVideoElement} video @returns {boolean} whether nothing is left to load before its end */
export function isBufferedToEnd(video) {
  return video.duration > 0 && video.currentTime + bufferedAhead(video) >= video.duration - 0.2;
}

export class Line {
  constructor() {
    /** @type {number|null} bits a second */
    this.measured = readKept();
    /** @type {Map<HTMLVideoElement, number>} what loads at the moment, with the seconds that it had at the last look */
    this.loading = new Map();
    this.since = 0;
    this.bits = 0;
    this.sampledAt = performance.now();
  }

  /** @returns {boolean} whether the person asked their browser to be sparing */
  get saves() {
    return Boolean(/** @type {any} */ (navigator).connection?.saveData);
  }

  /** @returns {boolean} whether what is known of it is old, since nothing had to be loaded for a while */
  get isOld() {
    return performance.now() - this.sampledAt > OLD_MS;
  }

  /** @returns {number} bits a second: as measured, else as the browser supposes, else no bound */
  get bitrate() {
    if (this.measured !== null) return this.measured;
    // Browsers say 10 for everything that is at least so fast.
    const supposed = /** @type {any} */ (navigator).connection?.downlink;
    return supposed > 0 && supposed < 10 ? supposed * 1e6 : Infinity;
  }

  /**
   * Listen to an element for as long as it lives.
   * @param {HTMLVideoElement} video @param {() => number} bitrate of what it holds, in bits a second
   */
  hear(video, bitrate) {
    const take = () => {
      const before = this.loading.get(video);
      if (before === undefined) return;
      const held = bufferedSeconds(video);
      this.bits += Math.max(0, held - before) * bitrate();
      this.loading.set(video, held);
    };
    const end = () => {
      take();
      if (!this.loading.delete(video)) return;
      if (!this.loading.size) this.sample(SHORT_MS, true);
    };
    const begin = () => {
      if (!this.loading.size) {
        this.since = performance.now();
        this.bits = 0;
      }
      this.loading.set(video, bufferedSeconds(video));
    };
    video.addEventListener("loadstart", begin);
    video.addEventListener("progress", () => {
      if (!this.loading.has(video)) begin();
      else take();
      this.sample(SAMPLE_MS);
    });
    for (const name of ["suspend", "abort", "emptied", "error"]) video.addEventListener(name, end);
  }

  /** @param {number} least milliseconds @param {boolean} [isOver] whether what was loading is there */
  sample(least, isOver = false) {
    const now = performance.now();
    const lasted = now - this.since;
    if (!this.bits || (lasted < least && !isOver)) return;
    const rate = Math.min(MOST, (this.bits * 1000) / Math.max(lasted, least));
    const isBound = lasted < least;
    if (isBound && (this.measured ?? Infinity) >= rate) return;
    const weight = isBound ? BOUND_WEIGHT : Math.max(LEAST_WEIGHT, 1 - 0.5 ** (lasted / HALF_LIFE_MS));
    this.measured = this.measured === null ? rate : this.measured * (1 - weight) + rate * weight;
    this.since = now;
    this.sampledAt = now;
    this.bits = 0;
    try {
      sessionStorage.setItem(KEPT, String(Math.round(this.measured)));
    } catch {
      // Then the next page measures for itself.
    }
  }
}

/** @returns {number|null} what the page before has measured */
function readKept() {
  try {
    const kept = Number(sessionStorage.getItem(KEPT));
    return kept > 0 && Number.isFinite(kept) ? kept : null;
  } catch {
    return null;
  }
}
