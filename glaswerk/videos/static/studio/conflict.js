// Two devices have changed the same draft: the person chooses which one goes on, and the other one is kept as a draft too.

import { toast } from "../web/toasts.js";
import { ask, readDraft } from "./calls.js";

/** @param {HTMLDialogElement} dialog @param {import("./store.js").Store} store @param {import("./saver.js").Saver} saver */
export function prepareConflict(dialog, store, saver) {
  // Neither choice may be skipped: what was typed here would be in no draft.
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  saver.addEventListener("conflict", () => {
    dialog.returnValue = "";
    if (!dialog.open) dialog.showModal();
  });
  dialog.addEventListener("close", async () => {
    try {
      if (dialog.returnValue === "copy") {
        const copy = await ask("POST", `/api/drafts/${encodeURIComponent(store.id)}/copy`, { timeline: store.doc, title: store.title });
        saver.isOpen = false;
        location.assign(`/studio/${copy.id}`);
        return;
      }
      store.take(await readDraft(store.id));
      saver.reopen();
    } catch (error) {
      toast(/** @type {Error} */ (error).message, { error: true });
      dialog.showModal();
    }
  });
}
