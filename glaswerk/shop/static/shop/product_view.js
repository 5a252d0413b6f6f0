// What a product looks like in the sheet: pictures, price, options, what delivery costs, and who sells it.

import { element, icon } from "../web/elements.js";
import { fill, gettext, ngettext } from "../web/words.js";
import { money, reduction } from "./money.js";
import { stockWords } from "./variants.js";

/** @typedef {import("./shapes.js").Product} Product @typedef {import("./shapes.js").Variant} Variant */
/** @typedef {import("./shapes.js").Quote} Quote @typedef {import("./shapes.js").Trader} Trader */

/** @param {{url: string|null, alt: string}[]} pictures @param {string} title */
export function gallery(pictures, title) {
  const shown = pictures.filter((picture) => picture.url);
  if (!shown.length) return element("div", { class: "gallery none", "aria-hidden": "true" }, icon("bag"));
  const row = element("div", { class: "gallery", ...(shown.length > 1 && { tabindex: "0", role: "group", "aria-label": gettext("Pictures") }) });
  shown.forEach((picture, at) => row.append(element("img", { src: picture.url, alt: picture.alt || title, decoding: "async", loading: at ? "lazy" : null })));
  return row;
}

/** @param {Variant|undefined} variant */
export function priceLine(variant) {
  const line = element("p", { class: "price-line" });
  if (!variant?.price) {
    line.append(element("span", { class: "soft", text: gettext("Not sold in this currency") }));
    return line;
  }
  const { price, before } = variant;
  const lowered = before && before.minor > price.minor;
  line.append(element("strong", { class: lowered ? "price lowered" : "price", text: money(price) }));
  if (lowered) {
    line.append(
      element("s", { class: "before" }, element("span", { class: "visually-hidden", text: `${gettext("before")} ` }), money(before)),
      element("span", { class: "badge accent", text: `−${reduction(price, before)} %` }),
    );
  }
  const { text, kind } = stockWords(variant);
  line.append(element("span", { class: `stock ${kind}`, text }));
  return line;
}

/** @param {number} least @param {number} most */
export function daysText(least, most) {
  if (least === most) return fill(ngettext("{count} working day", "{count} working days", most), { count: most });
  return fill(gettext("{least} to {most} working days"), { least, most });
}

/** What it costs besides, in one line. @param {Quote|null} quote @param {string} country as people call it */
export function deliveryLine(quote, country) {
  const vat = gettext("VAT included");
  const order = quote?.orders[0];
  const method = order?.delivery_methods.find((one) => one.id === order.delivery_method);
  if (!quote) return `${vat}, ${gettext("plus delivery")}`;
  if (!order || !method) return `${vat}. ${fill(gettext("Not delivered to {country}."), { country })}`;
  const cost = order.delivery.minor ? fill(gettext("delivery {price}"), { price: money(order.delivery) }) : gettext("free delivery");
  return `${vat}, ${cost} · ${country}, ${daysText(method.days_min, method.days_max)}`;
}

/** Article 30 of the Digital Services Act: who sells this. @param {string} title @param {Trader|null} trader */
export function seller(title, trader) {
  const box = element(
    "details",
    { class: "seller" },
    element("summary", {}, icon("store", "small"), element("span", { text: fill(gettext("Sold by {name}"), { name: title }) })),
  );
  if (!trader) return box;
  /** @type {[string, string][]} */
  const facts = [
    [gettext("Trader"), trader.legal_name],
    [gettext("Address"), `${trader.street}, ${trader.postal_code} ${trader.city}, ${trader.country}`],
    [gettext("E-mail"), trader.email],
    [gettext("Telephone"), trader.phone],
    [gettext("Trade register"), trader.registration],
    [gettext("VAT id"), trader.vat_id],
  ];
  const list = element("dl", { class: "facts" });
  for (const [name, value] of facts) if (value) list.append(element("dt", { text: name }), element("dd", { text: value }));
  box.append(list);
  if (trader.self_certified) box.append(element("p", { class: "small soft", text: gettext("The trader has confirmed to offer only what keeps to the law of the European Union.") }));
  return box;
}

/** @param {number} stars @returns {HTMLElement} so many of five */
function starRow(stars) {
  const label = fill(ngettext("{stars} of 5 stars", "{stars} of 5 stars", stars), { stars });
  const row = element("span", { class: "stars", role: "img", "aria-label": label });
  for (let at = 1; at <= 5; at += 1) row.append(element("span", { "aria-hidden": "true", class: at > stars ? "off" : null, text: "★" }));
  return row;
}

/** What buyers say: the average, and the newest few. @param {any} said the API's answer, or null @param {string} shop */
export function reviewList(said, shop) {
  if (!said?.count) return "";
  const list = element("ul", { class: "review-list" });
  for (const one of said.reviews) {
    list.append(
      element(
        "li",
        {},
        element("p", {}, starRow(one.stars), " ", element("span", { class: "strong", text: one.author })),
        one.text ? element("p", { class: "small", text: one.text }) : "",
        one.answer ? element("p", { class: "small soft", text: fill(gettext("{shop} answers: {answer}"), { shop, answer: one.answer }) }) : "",
      ),
    );
  }
  const average = new Intl.NumberFormat(document.documentElement.lang || "en", { minimumFractionDigits: 1 }).format(said.average);
  const count = fill(ngettext("{count} review", "{count} reviews", said.count), { count: said.count });
  return element("section", { class: "sheet-reviews" }, element("h3", {}, starRow(Math.round(said.average)), ` ${average} · ${count}`), list);
}
