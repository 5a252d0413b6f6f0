// Runs before the first paint: a person's own choice of light or dark, kept on this device, wins over the system's.
(() => {
  "use strict";
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden; then the system's theme it is.
  }
})();
