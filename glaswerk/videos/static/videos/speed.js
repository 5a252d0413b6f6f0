// Bytes a second over the last few seconds.

const OVER_MS = 4000;
const AT_LEAST_MS = 250;

/** @returns {(sent: number) => number} call it with every progress; 0 while it is too soon to tell */
export function measureSpeed() {
  /** @type {[number, number][]} */
  const points = [];
  return (sent) => {
    const now = performance.now();
    points.push([now, sent]);
    while (points.length > 2 && now - points[0][0] > OVER_MS) points.shift();
    const [then, before] = points[0];
    return now - then < AT_LEAST_MS ? 0 : ((sent - before) * 1000) / (now - then);
  };
}
