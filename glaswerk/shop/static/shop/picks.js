// What the feed's engine picks for whoever has a personal feed, and why. For all others the page's own list stays, which
// nothing about them has made.

import { call } from "../feed/api.js";
import { WhyPanel } from "../feed/why.js";
import { element, icon } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";
import { money } from "./money.js";

/** @typedef {import("./shapes.js").Tag} Tag */

/** As many as fill the rows of a phone and of a desktop. */
const MOST = 6;
const section = /** @type {HTMLElement} */ (document.querySelector("#picks"));
const sheet = /** @type {HTMLDialogElement} */ (document.querySelector("#why"));

/** @type {Map<string, any>} slots by video */
const slots = new Map();
const why = new WhyPanel(sheet, { stillOf: (id) => slots.get(id)?.video, applied: () => void pick() });

/** @param {Tag} tag @returns {(string|Node)[]} */
function price(tag) {
  if (!tag.price) return [];
  const text = tag.is_from ? fill(gettext("from {price}"), { price: money(tag.price) }) : money(tag.price);
  const shown = [element("span", { class: "strong number", text })];
  if (!tag.before || tag.before.minor <= tag.price.minor) return shown;
  return [...shown, " ", element("s", { class: "before small" }, element("span", { class: "visually-hidden", text: `${gettext("before")} ` }), money(tag.before))];
}

/** @param {string} slate @param {any} slot */
function tile(slate, slot) {
  const tag = /** @type {Tag} */ (slot.products.find((/** @type {Tag} */ one) => !one.is_sold_out));
  const still = tag.picture ?? slot.video.poster;
  const asks = element("button", { class: "icon-button pick-why", type: "button", "aria-label": fill(gettext("Why {title}?"), { title: tag.title }) }, icon("pane"));
  asks.addEventListener("click", () => {
    sheet.showModal();
    void why.load(/** @type {any} */ ({ item: { slate, ...slot } }));
  });
  return element(
    "li",
    { class: "pick" },
    element(
      "a",
      { class: "tile", href: `/shop/${tag.product}` },
      element("span", { class: "tile-picture" }, still ? element("img", { src: still, alt: "", decoding: "async" }) : icon("bag")),
      element("span", { class: "tile-title", text: tag.title }),
      element("span", { class: "small soft", text: tag.merchant_title }),
      element("span", { class: "tile-price" }, ...price(tag)),
    ),
    asks,
    element("a", { class: "small pick-video", href: `/v/${slot.video.id}` }, fill(gettext("In a video by {name}"), { name: slot.video.creator.display_name || slot.video.creator.name })),
  );
}

async function pick() {
  /** @type {any} */
  let slate;
  try {
    slate = await call("GET", `/api/feed?feed=shop&limit=${4 * MOST}`);
  } catch {
    return; // What stands there is good as it is.
  }
  if (!slate.personal) return;
  // Several videos may show one thing, which is picked once.
  const shown = new Set();
  const picked = slate.slots.filter((/** @type {any} */ slot) => {
    const tag = (slot.products ?? []).find((/** @type {Tag} */ one) => !one.is_sold_out);
    if (!tag || shown.has(tag.product) || shown.size === MOST) return false;
    shown.add(tag.product);
    slots.set(slot.video.id, slot);
    return true;
  });
  if (!picked.length) return;
  const title = element("h2", { id: "picks-title", text: gettext("Picked for you") });
  const note = element("p", { class: "small soft picks-note" }, gettext("By the same rules as your feed, from what you watched. Nobody pays for a place."), " ", element("a", { href: "/me/feed", text: gettext("Your feed") }));
  section.replaceChildren(title, note, element("ul", { class: "tiles" }, ...picked.map((/** @type {any} */ slot) => tile(slate.slate, slot))));
  section.dataset.personal = "1";
}

// A touch outside closes it: outside of the dialog's box is its backdrop.
sheet.addEventListener("click", (event) => {
  const box = sheet.getBoundingClientRect();
  if (event.target === sheet && (event.clientY < box.top || event.clientX < box.left || event.clientX > box.right)) sheet.close();
});
void pick();
