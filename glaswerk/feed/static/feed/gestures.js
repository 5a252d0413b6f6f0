// Touches on the video: tap to pause, tap twice to like, hold for the menu, swipe right for the creator.

import { element, icon } from "../web/elements.js";

const DOUBLE_MS = 260;
const HOLD_MS = 480;
const MOVED_PX = 10;
const SWIPE_PX = 70;
/** After a double tap, every further tap within this time is one more heart. */
const SPREE_MS = 700;

/**
 * @param {HTMLElement} root the stage
 * @param {{tap: () => void, like: () => void, menu: () => void, creator: () => void}} does
 */
export function watchGestures(root, does) {
  let start = { x: 0, y: 0, at: 0 };
  let moved = false;
  let held = false;
  let lastTap = 0;
  let lastHeart = 0;
  /** @type {number|undefined} */
  let tapTimer;
  /** @type {number|undefined} */
  let holdTimer;

  const onSurface = (/** @type {Event} */ event) => event.target instanceof Element && event.target.closest(".surface");

  root.addEventListener("pointerdown", (event) => {
    if (!onSurface(event) || event.button !== 0) return;
    start = { x: event.clientX, y: event.clientY, at: performance.now() };
    moved = held = false;
    clearTimeout(holdTimer);
    holdTimer = window.setTimeout(() => {
      held = true;
      does.menu();
    }, HOLD_MS);
  });

  root.addEventListener("pointermove", (event) => {
    if (Math.hypot(event.clientX - start.x, event.clientY - start.y) > MOVED_PX) {
      moved = true;
      clearTimeout(holdTimer);
    }
  });

  root.addEventListener("pointercancel", () => {
    moved = true;
    clearTimeout(holdTimer);
  });

  root.addEventListener("pointerup", (event) => {
    clearTimeout(holdTimer);
    if (!onSurface(event) || event.pointerType === "mouse") return;
    const right = event.clientX - start.x;
    if (right > SWIPE_PX && Math.abs(event.clientY - start.y) < right / 2) does.creator();
  });

  root.addEventListener("click", (event) => {
    if (!onSurface(event)) return;
    // Enter or space on the button: no finger, so no double tap to wait for.
    if (event.detail === 0) return does.tap();
    if (moved || held) return;
    const now = performance.now();
    if (now - lastTap < DOUBLE_MS || now - lastHeart < SPREE_MS) {
      clearTimeout(tapTimer);
      lastHeart = now;
      heart(root, event.clientX, event.clientY);
      does.like();
    } else {
      tapTimer = window.setTimeout(does.tap, DOUBLE_MS);
    }
    lastTap = now;
  });

  root.addEventListener("contextmenu", (event) => {
    if (!onSurface(event)) return;
    event.preventDefault();
    if (!held) does.menu();
    held = true;
  });
}

/**
 * A heart where the finger was.
 * @param {HTMLElement} root @param {number} x @param {number} y in the window
 */
function heart(root, x, y) {
  const box = root.getBoundingClientRect();
  const mark = element("span", { class: "tap-heart", "aria-hidden": "true" }, icon("heart"));
  mark.style.setProperty("--x", `${x - box.left}px`);
  mark.style.setProperty("--y", `${y - box.top}px`);
  mark.style.setProperty("--turn", `${Math.round(Math.random() * 40 - 20)}deg`);
  (root.parentElement ?? root).append(mark);
  setTimeout(() => mark.remove(), 900);
}
