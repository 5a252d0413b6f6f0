// What another cell sells in its videos: a link over the picture, which says where it leads before anybody follows it.

import { element, icon } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";
import { money } from "../shop/money.js";

/** @typedef {{video: string, cell: string, title: string, url: string, currency: string, minor: number, picture: string|null}} Offer */

/** So many of the next videos are asked about together with the one on the screen. */
const AHEAD = 40;

/** @param {Offer} offer @returns {HTMLElement} */
function linkTo(offer) {
  const price = money(offer);
  return element(
    "a",
    {
      class: "offer-link on-video",
      href: offer.url,
      target: "_blank",
      rel: "noopener noreferrer",
      "aria-label": fill(gettext("{title}, {price}: buy it in the cell {cell}, which you go to"), { title: offer.title, price, cell: offer.cell }),
    },
    offer.picture ? element("img", { src: offer.picture, alt: "", decoding: "async" }) : icon("bag"),
    element("span", { class: "offer-words" }, element("span", { class: "offer-title", text: offer.title }), element("span", { class: "offer-where", text: fill(gettext("{price} in {cell}"), { price, cell: offer.cell }) })),
    icon("link", "small"),
  );
}

/** @param {any} parts the player's: stage */
function begin({ stage }) {
  /** @type {Map<string, Offer[]>} by video; one that was asked about has a list, if an empty one */
  const known = new Map();

  function tell() {
    const view = stage.current;
    const offer = view && known.get(view.item.video.id)?.[0];
    const place = view?.root.querySelector(".words");
    if (!offer || !place || place.querySelector(".offer-link")) return;
    place.prepend(linkTo(offer));
  }

  async function learn() {
    const at = stage.place;
    const ids = stage.views
      .slice(at, at + AHEAD)
      .filter((/** @type {any} */ view) => view.item.video.creator.name.includes("@") && !known.has(view.item.video.id))
      .map((/** @type {any} */ view) => view.item.video.id);
    for (const id of ids) known.set(id, []);
    if (!ids.length) return;
    const answer = await fetch(`/api/cells/offers?videos=${ids.join(",")}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok) return;
    for (const offer of await answer.json()) known.get(offer.video)?.push(offer);
    tell();
  }

  stage.addEventListener("arrive", () => {
    tell();
    void learn();
  });
}

document.addEventListener("player", (event) => begin(/** @type {CustomEvent} */ (event).detail), { once: true });
