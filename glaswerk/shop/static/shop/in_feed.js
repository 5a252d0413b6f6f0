// The shop in the feed: a chip over the video while its product's moment plays, and a sheet beside it.

import { element, icon } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";
import { money } from "./money.js";
import { ProductPanel } from "./product_panel.js";
import { Tags } from "./tags.js";
import { touch } from "./touches.js";

/** @typedef {import("./shapes.js").Tag} Tag */

/** So many of the next videos are asked about together with the one on the screen. */
const AHEAD = 40;

/** @param {Tag} tag @returns {(string|Node)[]} what it costs, and what without the sale */
function priceOf(tag) {
  if (tag.is_sold_out) return [gettext("Sold out")];
  if (!tag.price) return [];
  const price = tag.is_from ? fill(gettext("from {price}"), { price: money(tag.price) }) : money(tag.price);
  if (!tag.before || tag.before.minor <= tag.price.minor) return [price];
  return [price, " ", element("s", { class: "chip-before" }, element("span", { class: "visually-hidden", text: `${gettext("before")} ` }), money(tag.before))];
}

/** @param {any} parts the player's: frame, stage, player, sheets, keys */
function begin({ frame, stage, player, sheets, keys }) {
  const sheet = /** @type {HTMLDialogElement} */ (frame.querySelector("#product"));
  const tags = new Tags();
  /** @type {any} what played when the sheet was opened */
  let from = null;
  const panel = new ProductPanel(sheet, (tag) => touch(tag.product, from));
  const words = element("span", { class: "chip-words" });
  const chip = element("button", { class: "product-chip", type: "button", "aria-keyshortcuts": "b", hidden: true });
  /** @type {Tag|null} what the chip names */
  let named = null;

  /** @param {Tag} tag */
  function name(tag) {
    named = tag;
    words.replaceChildren(
      element("span", { class: "chip-title", text: tag.title }),
      " ",
      element("span", { class: "chip-price" }, ...priceOf(tag)),
    );
    const still = tag.picture ? element("img", { src: tag.picture, alt: "", decoding: "async" }) : icon("bag");
    chip.replaceChildren(element("span", { class: "chip-still", "aria-hidden": "true" }, still), words, icon("forward", "small"));
  }

  function tell() {
    const view = stage.current;
    const video = view?.video;
    const tag = view && video ? tags.at(view.item.video.id, video.currentTime * 1000) : undefined;
    // Whoever has reached the chip, or reads what it leads to, keeps it.
    const isHeld = !tag && named && (document.activeElement === chip || sheet.open) && view?.root.contains(chip);
    if (tag) {
      const place = view.parts.caption?.closest(".words") ?? view.root.querySelector(".words");
      if (place && chip.parentNode !== place) place.prepend(chip);
      if (tag !== named || !chip.firstChild) name(tag);
    }
    chip.hidden = !tag && !isHeld;
  }

  function open() {
    const view = stage.current;
    const all = view ? tags.of(view.item.video.id) : [];
    // Between two moments the key still finds what this video shows.
    const tag = chip.hidden ? all[0] : (all.find((one) => one.product === named?.product) ?? all[0]);
    if (!tag) return;
    from = view.item;
    void panel.load(tag, all);
    sheets.show(sheet);
  }

  async function learn() {
    const at = stage.place;
    const views = stage.views.slice(at, at + AHEAD);
    for (const view of views) tags.take(view.item);
    const ids = views.map((/** @type {any} */ view) => view.item.video.id);
    if (!ids.length) return;
    await tags.learn(ids[0], ids.slice(1));
    tell();
  }

  chip.addEventListener("click", open);
  keys.b = () => (sheets.open === sheet ? sheets.close() : open());
  player.addEventListener("time", tell);
  stage.addEventListener("arrive", () => {
    if (stage.current) tags.take(stage.current.item);
    tell();
    void learn();
  });
  sheets.addEventListener("close", tell);
}

document.addEventListener("player", (event) => begin(/** @type {CustomEvent} */ (event).detail), { once: true });
