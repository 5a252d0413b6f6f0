// The ruler above the lanes: it draws what is on the screen.

const STEPS_MS = [100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];
const APART_PX = 64;

/** @param {HTMLCanvasElement} canvas @param {{pxPerMs: number, lead: number, left: number, width: number, duration: number}} view */
export function drawRuler(canvas, { pxPerMs, lead, left, width, duration }) {
  const ratio = Math.min(2, devicePixelRatio || 1);
  const height = canvas.clientHeight || 20;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  if (!context) return;
  const style = getComputedStyle(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.fillStyle = style.color;
  context.strokeStyle = style.color;
  context.font = `500 10px ${style.fontFamily}`;
  context.textBaseline = "middle";
  const step = STEPS_MS.find((one) => one * pxPerMs >= APART_PX) ?? 120_000;
  const first = Math.max(0, Math.floor((left - lead) / pxPerMs / step) * step);
  for (let at = first; at <= duration + step; at += step) {
    const x = lead + at * pxPerMs - left;
    if (x > width) break;
    const text = step < 1000 ? (at / 1000).toFixed(1) : `${Math.floor(at / 60_000)}:${String(Math.floor(at / 1000) % 60).padStart(2, "0")}`;
    context.globalAlpha = at > duration ? 0.4 : 1;
    context.fillText(text, x + 4, height / 2);
    context.globalAlpha = 0.35;
    context.fillRect(x, height - 6, 1, 6);
    for (const part of [0.25, 0.5, 0.75]) context.fillRect(x + step * pxPerMs * part, height - 3, 1, 3);
  }
  context.globalAlpha = 1;
}
