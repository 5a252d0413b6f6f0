// The menu of a video: held, right-clicked or opened with its button.

/** @typedef {import("./slot.js").SlotView} SlotView */

/**
 * @param {HTMLDialogElement} sheet
 * @param {{current: () => SlotView|undefined, own: string, player: import("./player.js").Player,
 *   sheets: import("./sheets.js").Sheets, does: Record<string, (view: SlotView) => void>}} parts
 * @returns {() => void} opens it
 */
export function prepareMenu(sheet, { current, own, player, sheets, does }) {
  sheet.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const choice = target?.closest("[data-choice]")?.getAttribute("data-choice");
    const view = current();
    if (choice && view) {
      sheet.close();
      does[choice]?.(view);
    }
  });
  sheet.addEventListener("change", (event) => {
    const field = /** @type {HTMLInputElement} */ (event.target);
    if (field.name === "speed") player.setRate(Number(field.value));
    if (field.name === "subtitles") player.setSubtitles(field.checked);
  });
  return () => {
    const view = current();
    if (!view) return;
    const { creator, allow } = view.item.video;
    for (const line of /** @type {NodeListOf<HTMLElement>} */ (sheet.querySelectorAll("[data-remake]"))) {
      const kind = /** @type {"duet"|"stitch"|"sound"} */ (line.dataset.remake);
      line.hidden = !allow?.[kind] || (kind === "sound" && !view.item.video.sound?.id);
    }
    /** @type {HTMLElement} */ (sheet.querySelector('[data-choice="not-interested"]')).hidden = creator.name === own;
    const subtitles = /** @type {HTMLInputElement} */ (sheet.querySelector('[name="subtitles"]'));
    subtitles.checked = player.subtitled;
    /** @type {HTMLElement} */ (subtitles.closest("li")).hidden = !view.item.video.captions?.length;
    for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (sheet.querySelectorAll('[name="speed"]'))) {
      field.checked = Number(field.value) === player.rate;
    }
    sheets.show(sheet);
  };
}
