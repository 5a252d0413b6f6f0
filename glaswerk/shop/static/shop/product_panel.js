// The sheet of a product: it opens at once with what the chip knows, and fills itself while the video plays on.

import { element, icon } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";
import { Buying } from "./buying.js";
import { call } from "./calls.js";
import { money } from "./money.js";
import { deliveryLine, gallery, priceLine, reviewList, seller } from "./product_view.js";
import { firstVariant, optionFields } from "./variants.js";

/** @typedef {import("./shapes.js").Tag} Tag @typedef {import("./shapes.js").Product} Product */
/** @typedef {import("./shapes.js").Variant} Variant @typedef {import("./shapes.js").Quote} Quote */

const language = document.documentElement.lang || "en";

/** @param {string} code @returns {string} what people call a country */
export function countryName(code) {
  try {
    return new Intl.DisplayNames([language], { type: "region" }).of(code) ?? code;
  } catch {
    return code;
  }
}

export class ProductPanel {
  /** @param {HTMLDialogElement} sheet @param {(tag: Tag) => Promise<void>} opened is told of each product that is shown */
  constructor(sheet, opened) {
    this.sheet = sheet;
    this.opened = opened;
    this.body = /** @type {HTMLElement} */ (sheet.querySelector(".sheet-body"));
    this.foot = /** @type {HTMLElement} */ (sheet.querySelector(".buy-foot"));
    this.title = /** @type {HTMLElement} */ (sheet.querySelector("h2"));
    this.said = /** @type {HTMLElement} */ (sheet.querySelector(".said"));
    const { signedIn = "", provider = "", returnDays = "14", country = "DE" } = sheet.dataset;
    this.settings = { signedIn: Boolean(signedIn), provider, returnDays, country };
    this.buying = new Buying(this);
    /** @type {Tag|null} */
    this.tag = null;
    /** @type {Product|null} */
    this.product = null;
    /** @type {Variant|undefined} */
    this.variant = undefined;
    /** @type {Quote|null} */
    this.quote = null;
    this.asked = 0;
    this.told = Promise.resolve();
  }

  /** @param {Tag} tag @param {Tag[]} all what the video shows */
  async load(tag, all) {
    if (this.tag?.product === tag.product && this.product && this.buying.isOpen) return;
    const asked = ++this.asked;
    this.tag = tag;
    this.others = all.filter((one) => one.product !== tag.product);
    this.product = this.quote = null;
    this.variant = undefined;
    this.say("");
    this.title.textContent = tag.title;
    this.body.scrollTop = 0;
    this.foot.replaceChildren();
    this.body.setAttribute("aria-busy", "true");
    this.body.replaceChildren(
      gallery([{ url: tag.picture, alt: "" }], tag.title),
      tag.price ? element("p", { class: "price-line" }, element("strong", { class: "price", text: tag.is_from ? fill(gettext("from {price}"), { price: money(tag.price) }) : money(tag.price) })) : element("div", { class: "skeleton line short" }),
      element("div", { class: "skeleton line" }),
      element("div", { class: "skeleton line short" }),
    );
    try {
      const [product, said, merchant] = await Promise.all([
        call("GET", `/api/shop/products/${tag.product}`),
        call("GET", `/api/shop/products/${tag.product}/reviews?limit=3`).catch(() => null),
        call("GET", `/api/shop/merchants/${tag.merchant}`).catch(() => null),
        this.buying.prepare(),
      ]);
      if (asked !== this.asked) return;
      this.product = product;
      this.reviews = said;
      this.count("opened");
      this.told = this.opened(tag);
      this.trader = merchant?.trader ?? null;
      this.choose(firstVariant(product));
    } catch (error) {
      if (asked !== this.asked) return;
      const missing = /** @type {any} */ (error).status === 404;
      this.body.replaceChildren(
        element(
          "div",
          { class: "empty" },
          icon(missing ? "bag" : "offline"),
          element("p", { text: missing ? gettext("This is not sold any more.") : /** @type {Error} */ (error).message }),
          !missing && element("button", { class: "button small", type: "button", text: gettext("Try again"), on: { click: () => void this.load(tag, all) } }),
        ),
      );
    } finally {
      if (asked === this.asked) this.body.removeAttribute("aria-busy");
    }
  }

  /** Count for the merchant that somebody looks or wants, never who. @param {"opened"|"wanted"} stage */
  count(stage) {
    call("POST", `/api/shop/products/${this.product?.id}/interest`, { stage }).catch(() => {
      // A figure that is one too low is no harm to anybody who watches.
    });
  }

  /** @param {Variant|undefined} variant */
  choose(variant) {
    this.variant = variant;
    this.quote = null;
    this.draw();
    if (variant?.price) void this.askDelivery(variant);
  }

  /** What delivery costs is known to the quote alone. @param {Variant} variant */
  async askDelivery(variant) {
    try {
      const quote = await this.buying.quoteFor(variant);
      if (this.variant !== variant) return;
      this.quote = quote;
      const line = this.body.querySelector(".delivery-line");
      if (line) line.textContent = deliveryLine(quote, countryName(quote.country));
    } catch {
      // The line goes on saying that delivery comes on top, and the review of the purchase says how much.
    }
  }

  /** Draw the product, keeping what has the focus. */
  draw() {
    const { product, variant } = this;
    if (!product) return;
    this.buying.isOpen = false;
    this.sheet.classList.remove("paying");
    this.title.textContent = product.title;
    const isSame = this.body.dataset.product === product.id && this.body.querySelector(".price-line");
    if (isSame && this.body.querySelector(".gallery + .price-line + .delivery-line")) {
      this.body.querySelector(".price-line")?.replaceWith(priceLine(variant));
      const line = this.body.querySelector(".delivery-line");
      if (line) line.textContent = deliveryLine(this.quote, countryName(this.quote?.country ?? this.settings.country));
    } else {
      this.body.dataset.product = product.id;
      this.body.replaceChildren(
        gallery(product.pictures, product.title),
        priceLine(variant),
        element("p", { class: "delivery-line small soft", text: deliveryLine(this.quote, countryName(this.settings.country)) }),
        ...(variant ? optionFields(product, variant, (chosen) => this.choose(chosen)) : []),
        product.description ? element("p", { class: "product-text", text: product.description }) : "",
        element("p", { class: "promise small" }, icon("retry", "small"), element("span", { text: fill(gettext("You can send it back within {days} days."), { days: this.settings.returnDays }) })),
        reviewList(this.reviews, product.merchant_title),
        seller(product.merchant_title, this.trader ?? null),
        this.drawOthers(),
      );
    }
    this.drawFoot();
  }

  drawFoot() {
    const can = Boolean(this.variant?.price && this.variant.available > 0);
    this.foot.replaceChildren(
      element("button", { class: "button", type: "button", disabled: !can, text: gettext("Add to cart"), on: { click: () => void this.addToCart() } }),
      element("button", { class: "button primary", type: "button", disabled: !can, text: gettext("Buy now"), on: { click: () => void this.buying.review() } }),
    );
  }

  drawOthers() {
    if (!this.others?.length) return "";
    const list = element("ul", { class: "other-products" });
    for (const tag of this.others) {
      const still = tag.picture ? element("img", { src: tag.picture, alt: "", loading: "lazy" }) : icon("bag");
      list.append(
        element(
          "li",
          {},
          element(
            "button",
            { type: "button", on: { click: () => void this.load(tag, [...(this.others ?? []), /** @type {Tag} */ (this.tag)]) } },
            element("span", { class: "chip-still", "aria-hidden": "true" }, still),
            element("span", { class: "grow", text: tag.title }),
            tag.price && element("span", { class: "number", text: money(tag.price) }),
          ),
        ),
      );
    }
    return element("section", {}, element("h3", { text: gettext("Also in this video") }), list);
  }

  async addToCart() {
    const { variant } = this;
    const button = this.foot.querySelector("button");
    if (!variant || !button) return;
    button.disabled = true;
    try {
      const cart = await call("POST", "/api/cart/lines", { variant: variant.id, quantity: 1 });
      const count = cart.orders.flatMap((/** @type {any} */ order) => order.lines).reduce((/** @type {number} */ sum, /** @type {any} */ line) => sum + line.quantity, 0);
      this.say(gettext("In your cart."), { href: "/cart", text: fill(gettext("Open cart ({count})"), { count }) });
    } catch (error) {
      this.say(/** @type {Error} */ (error).message);
    }
    button.disabled = false;
    button.focus();
  }

  /** Say something above the buttons; screen readers say it too. @param {string} text @param {{href: string, text: string}} [link] */
  say(text, link) {
    this.said.replaceChildren(...(text ? [element("span", { text })] : []), ...(link ? [element("a", link)] : []));
  }
}
