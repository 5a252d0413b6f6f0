// The keyboard: the whole feed works without a pointer. The list in the shortcuts dialog is in the template.

/**
 * @param {Record<string, () => void>} does by key, as in KeyboardEvent.key, letters in lower case
 */
export function watchKeys(does) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("input, textarea, select, [contenteditable]")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    // A modal dialog has the keyboard to itself.
    if (document.querySelector("dialog:modal")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    // Space and Enter belong to the button or link that has the focus.
    if ((key === " " || key === "Enter") && target.closest("a, button, summary")) return;
    // Inside a panel beside the video the arrows scroll what is in it.
    if (key.startsWith("Arrow") && target.closest("dialog")) return;
    const run = does[key];
    if (!run) return;
    event.preventDefault();
    run();
  });
}
