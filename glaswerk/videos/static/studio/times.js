// Times of a timeline: whole milliseconds here, RationalTime of rate 1000 in the document.

const RATE = 1000;

/** @typedef {{OTIO_SCHEMA: string, rate: number, value: number}} RationalTime */

/** @param {number} ms @returns {RationalTime} */
export function timeOf(ms) {
  return { OTIO_SCHEMA: "RationalTime.1", rate: RATE, value: Math.round(ms) };
}

/** @param {number} start @param {number} length */
export function rangeOf(start, length) {
  return { OTIO_SCHEMA: "TimeRange.1", start_time: timeOf(start), duration: timeOf(length) };
}

/** Whole milliseconds of a RationalTime of any rate. @param {RationalTime|null|undefined} time */
export function msOf(time) {
  if (!time || !(time.rate > 0)) return 0;
  return Math.round((time.value * 1000) / time.rate);
}

/** 65,300 ms is 1:05.3. @param {number} ms */
export function tenths(ms) {
  const all = Math.max(0, Math.round(ms / 100));
  return `${Math.floor(all / 600)}:${String(Math.floor(all / 10) % 60).padStart(2, "0")}.${all % 10}`;
}

/** 65,300 ms is 1:05. @param {number} ms */
export function minutes(ms) {
  const all = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(all / 60)}:${String(all % 60).padStart(2, "0")}`;
}

/** @param {number} value @param {number} low @param {number} high */
export function within(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
