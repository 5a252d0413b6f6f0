// One's own videos: those under way tell how far they are and can be cancelled; failed ones can be tried again; any can be
// deleted.

import { toast } from "../web/toasts.js";
import { gettext } from "../web/words.js";
import { call } from "./calls.js";
import { followState, waitWords } from "./follow_state.js";

const announce = /** @type {HTMLElement} */ (document.querySelector("[data-announce]"));
const dialog = /** @type {HTMLDialogElement} */ (document.querySelector("[data-delete-dialog]"));
/** @type {Map<string, () => void>} */
const following = new Map();

for (const row of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-video]"))) {
  const id = row.dataset.video ?? "";
  if ("underway" in row.dataset) follow(row, id);
  row.querySelector("[data-retry]")?.addEventListener("click", (event) => change(/** @type {any} */ (event.currentTarget), id, "retry"));
  row.querySelector("[data-cancel]")?.addEventListener("click", (event) => change(/** @type {any} */ (event.currentTarget), id, "cancel"));
  row.querySelector("[data-delete]")?.addEventListener("click", () => askToDelete(row, id));
}

/** @param {HTMLElement} row @param {string} id */
function follow(row, id) {
  const bar = /** @type {HTMLProgressElement|null} */ (row.querySelector("[data-bar]"));
  const badge = row.querySelector("[data-state]");
  const wait = row.querySelector("[data-wait]");
  following.set(
    id,
    followState(id, (answer) => {
      const { state, progress } = answer;
      if (bar) bar.value = progress;
      if (wait) wait.textContent = waitWords(answer);
      if (badge && state === "processing") badge.textContent = `${gettext("Processing")} · ${progress} %`;
      if (state === "ready" || state === "failed") location.reload();
    }),
  );
}

/** @param {HTMLButtonElement} button @param {string} id @param {"retry"|"cancel"} what */
async function change(button, id, what) {
  button.disabled = true;
  try {
    await call("POST", `/api/videos/${id}/${what}`);
    location.reload();
  } catch (error) {
    button.disabled = false;
    toast(/** @type {Error} */ (error).message, { error: true });
  }
}

/** @param {HTMLElement} row @param {string} id */
function askToDelete(row, id) {
  const caption = /** @type {HTMLElement} */ (dialog.querySelector("[data-delete-caption]"));
  caption.textContent = row.querySelector(".own-caption")?.textContent?.trim() ?? "";
  dialog.returnValue = "keep";
  dialog.showModal();
  dialog.addEventListener("close", () => dialog.returnValue === "delete" && remove(row, id), { once: true });
}

/** @param {HTMLElement} row @param {string} id */
async function remove(row, id) {
  row.inert = true;
  try {
    await call("DELETE", `/api/videos/${id}`);
  } catch (error) {
    row.inert = false;
    toast(/** @type {Error} */ (error).message, { error: true });
    return;
  }
  following.get(id)?.();
  const next = /** @type {HTMLElement|null} */ (row.nextElementSibling ?? row.previousElementSibling);
  row.remove();
  announce.textContent = gettext("The video is deleted.");
  toast(gettext("The video is deleted."));
  if (next) /** @type {HTMLElement|null} */ (next.querySelector("[data-delete]"))?.focus();
  else location.reload();
}
