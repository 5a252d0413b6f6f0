// Telling that a product was opened from a video, so that a purchase counts for the video's creator.

import { call } from "./calls.js";

/**
 * The slate says that the video was served to this viewer; the cell looks that up, and believes nothing else.
 * @param {string} product @param {{slate?: string, video: {id: string}}} item what plays
 */
export async function touch(product, item) {
  if (!item.slate) return;
  try {
    await call("POST", "/api/shop/touches", { product, video: item.video.id, slate: item.slate });
  } catch {
    // Nobody who wants to buy is kept from it by this.
  }
}
