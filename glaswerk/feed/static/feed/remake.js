// Making something of somebody's video: a duet, a stitch, or one's own pictures to its sound. The server says whether its
// creator allows it; the studio goes on from there.

import { toast } from "../web/toasts.js";
import { newDraft } from "../studio/calls.js";

/** @param {"duet"|"stitch"|"sound"} kind @param {import("./shapes.js").Video} video */
export async function remake(kind, video) {
  const from = kind === "sound" ? video.sound?.id : video.id;
  try {
    const draft = await newDraft({ [kind]: from });
    location.assign(`/studio/${draft.id}`);
  } catch (error) {
    toast(/** @type {Error} */ (error).message, { error: true });
  }
}
