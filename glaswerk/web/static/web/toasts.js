// Toasts: short sentences that leave by themselves; with an action they stay longer.

const STAY_MS = 4000;
const STAY_WITH_ACTION_MS = 7000;

/**
 * @param {HTMLElement} toast
 * @param {number} after milliseconds
 */
function leaveLater(toast, after) {
  let timer = setTimeout(leave, after);
  function leave() {
    toast.classList.add("leaving");
    setTimeout(() => toast.remove(), 220);
  }
  // Whoever reads or reaches for the action keeps it on the screen.
  for (const kind of ["pointerenter", "focusin"]) toast.addEventListener(kind, () => clearTimeout(timer));
  for (const kind of ["pointerleave", "focusout"]) {
    toast.addEventListener(kind, () => {
      clearTimeout(timer);
      timer = setTimeout(leave, after);
    });
  }
}

/**
 * Show a sentence to the person; screen readers say it too.
 * @param {string} text
 * @param {{error?: boolean, action?: {label: string, run: () => void}}} [options]
 */
export function toast(text, { error = false, action } = {}) {
  const region = document.getElementById("toasts");
  if (!region) return;
  while (region.children.length > 2) region.firstElementChild?.remove();
  const box = document.createElement("div");
  box.className = error ? "toast error" : "toast";
  const words = document.createElement("span");
  words.textContent = text;
  box.append(words);
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = action.label;
    button.addEventListener("click", () => {
      box.remove();
      action.run();
    });
    box.append(button);
  }
  region.append(box);
  leaveLater(box, action ? STAY_WITH_ACTION_MS : STAY_MS);
}

/** Let the toasts that came with the page leave as well. */
export function settleToasts() {
  for (const box of document.querySelectorAll("#toasts > .toast")) leaveLater(/** @type {HTMLElement} */ (box), 6000);
}
