// What every page does: toasts leave, the theme can be chosen, dialogs open and close, the service worker is kept.

import { settleToasts } from "./toasts.js";

settleToasts();

/** Any control with data-theme-choice="light|dark|system" sets the theme of this device. */
function showTheme() {
  const chosen = document.documentElement.dataset.theme ?? "system";
  for (const control of document.querySelectorAll("[data-theme-choice]")) {
    control.setAttribute("aria-pressed", String(control.getAttribute("data-theme-choice") === chosen));
  }
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const theme = target?.closest("[data-theme-choice]")?.getAttribute("data-theme-choice");
  if (theme) {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
    showTheme();
  }
  const opener = target?.closest("[data-opens]");
  if (opener) /** @type {HTMLDialogElement|null} */ (document.getElementById(opener.getAttribute("data-opens") ?? ""))?.showModal();
  const closer = target?.closest("[data-closes]");
  if (closer) closer.closest("dialog")?.close();
});

showTheme();

if ("serviceWorker" in navigator && window.isSecureContext) {
  navigator.serviceWorker.register("/sw.js").catch(() => {
    // Without it the app works as well, only not offline.
  });
}
