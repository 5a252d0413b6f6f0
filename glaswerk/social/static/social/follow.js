// Follow and block buttons. A press shows at once and is taken back when the cell did not take it.

import { toast } from "../web/toasts.js";
import { uuid } from "../web/uuid.js";

/**
 * Send one event about a creator; the answer 202 means that it is kept.
 * @param {string} kind
 * @param {string} creator
 */
async function send(kind, creator) {
  const event = { id: uuid(), creator, kind, at: new Date().toISOString() };
  const response = await fetch("/api/events", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ slate: null, events: [event] }),
    keepalive: true,
  });
  const answer = response.status === 202 ? await response.json() : null;
  if (answer?.accepted !== 1) throw new Error(`the event was not accepted (${response.status})`);
}

/** @param {HTMLElement} button */
const isOn = (button) => button.getAttribute("aria-pressed") === "true";

/**
 * @param {HTMLElement} button
 * @param {boolean} on
 */
function show(button, on) {
  button.setAttribute("aria-pressed", String(on));
  button.textContent = (on ? button.dataset.on : button.dataset.off) ?? "";
}

/**
 * @param {HTMLElement} button
 * @param {string} creator
 * @param {[string, string]} kinds what the first press sends, and what the next one does
 * @param {(on: boolean) => void} apply shows the new state on the page
 */
function makeToggle(button, creator, kinds, apply) {
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-busy") === "true") return;
    const on = !isOn(button);
    button.setAttribute("aria-busy", "true");
    apply(on);
    try {
      await send(kinds[on ? 0 : 1], creator);
    } catch {
      apply(!on);
      toast(button.dataset.failed ?? "", { error: true });
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}

for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-follow]"))) {
  makeToggle(button, button.dataset.follow ?? "", ["follow", "unfollow"], (on) => {
    show(button, on);
    button.classList.toggle("primary", !on);
    const count = /** @type {HTMLElement|null} */ (document.querySelector("[data-followers]"));
    // Numbers of 10,000 and more are shown shortened, where one more or less does not show.
    const followers = Number(count?.dataset.followers) + (on ? 1 : -1);
    if (count && followers >= 0 && followers < 10_000) {
      count.dataset.followers = String(followers);
      count.textContent = followers.toLocaleString(document.documentElement.lang);
    }
  });
}

// Two buttons block: one in the menu, one beside the sentence that says so.  They always show the same.
const blocking = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-block]"));
for (const button of blocking) {
  makeToggle(button, button.dataset.block ?? "", ["block", "unblock"], (on) => {
    for (const each of blocking) show(each, on);
    for (const part of document.querySelectorAll("[data-hides-when-blocked]")) part.toggleAttribute("hidden", on);
    for (const part of document.querySelectorAll("[data-shows-when-blocked]")) part.toggleAttribute("hidden", !on);
    button.closest("details")?.removeAttribute("open");
  });
}

// An open menu closes by Escape and by a touch elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!(event.target instanceof Node && menu.contains(event.target))) menu.removeAttribute("open");
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" ? document.querySelector("details.menu[open]") : null;
  if (!menu) return;
  menu.removeAttribute("open");
  menu.querySelector("summary")?.focus();
});
