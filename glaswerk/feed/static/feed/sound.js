// The page of a sound: using it begins a draft with it, and the studio goes on from there.

import { call } from "../videos/calls.js";
import { toast } from "../web/toasts.js";

const button = /** @type {HTMLButtonElement|null} */ (document.querySelector("[data-use-sound]"));
button?.addEventListener("click", async () => {
  button.disabled = true;
  try {
    const draft = await call("POST", "/api/drafts", { sound: button.dataset.useSound });
    location.assign(`/studio/${draft.id}`);
  } catch (error) {
    button.disabled = false;
    toast(error instanceof Error && error.message ? error.message : (button.dataset.failed ?? ""), { error: true });
  }
});
