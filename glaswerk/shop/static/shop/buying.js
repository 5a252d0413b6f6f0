// Buying without leaving the video: the first press shows the whole of it, the second one buys.

import { element, icon } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";
import { uuid } from "../web/uuid.js";
import { call } from "./calls.js";
import { money } from "./money.js";
import { daysText } from "./product_view.js";

/** @typedef {import("./shapes.js").Variant} Variant @typedef {import("./shapes.js").Quote} Quote */
/** @typedef {import("./shapes.js").Address} Address */

/** For so long a purchase waits for what it is to count for; as a rule that is known by then. */
const TOLD_PATIENCE_MS = 3000;

export class Buying {
  /** @param {any} panel the ProductPanel that this stands in; to name its module here would be a circle */
  constructor(panel) {
    this.panel = panel;
    this.isOpen = false;
    /** @type {Address|null} where this person's things usually go */
    this.address = null;
    this.isPrepared = false;
    /** @type {string} the way of delivery that was chosen, or "" for the cheapest */
    this.method = "";
    this.key = "";
  }

  /** Learn where things go, once. */
  async prepare() {
    if (this.isPrepared || !this.panel.settings.signedIn) return;
    try {
      const { addresses } = await call("GET", "/api/shop/addresses");
      this.address = addresses[0] ?? null;
      this.isPrepared = true;
    } catch {
      // Without it the checkout page asks for it.
    }
  }

  /** @param {Variant} variant @returns {Promise<Quote>} */
  quoteFor(variant) {
    const merchant = this.panel.product?.merchant ?? "";
    return call("POST", "/api/shop/quotes", {
      lines: [{ variant: variant.id, quantity: 1 }],
      country: this.address?.country ?? this.panel.settings.country,
      currency: variant.price?.currency ?? "EUR",
      delivery: this.method ? { [merchant]: this.method } : {},
    });
  }

  /** The first press. Who buys here for the first time is asked for an address on the checkout page. */
  async review() {
    const { panel } = this;
    const { variant } = panel;
    if (!variant) return;
    if (!this.address) {
      location.assign(`/checkout?variant=${variant.id}`);
      return;
    }
    panel.count("wanted");
    this.method = "";
    this.key = uuid();
    panel.say("");
    panel.foot.replaceChildren(element("button", { class: "button primary wide", type: "button", disabled: true, text: gettext("One moment") }));
    try {
      this.draw(panel.quote?.hash ? panel.quote : await this.quoteFor(variant), variant);
    } catch (error) {
      panel.drawFoot();
      panel.say(/** @type {Error} */ (error).message);
    }
  }

  /** @param {Quote} quote @param {Variant} variant */
  draw(quote, variant) {
    const { panel, address } = this;
    const { product } = panel;
    const order = quote.orders[0];
    if (!product || !address) return;
    this.isOpen = true;
    this.quote = quote;
    panel.quote = quote;
    panel.sheet.classList.add("paying");
    panel.title.textContent = gettext("Your order");
    const picture = product.pictures.find((one) => one.url)?.url;
    const back = () => {
      this.isOpen = false;
      delete panel.body.dataset.product;
      panel.draw();
      panel.foot.querySelector("button")?.focus();
    };
    panel.body.scrollTop = 0;
    panel.body.replaceChildren(
      element("button", { class: "button quiet small back", type: "button", on: { click: back } }, icon("back", "small"), element("span", { text: product.title })),
      element(
        "div",
        { class: "review-line" },
        element("span", { class: "chip-still", "aria-hidden": "true" }, picture ? element("img", { src: picture, alt: "" }) : icon("bag")),
        element("div", { class: "grow" }, element("p", { class: "strong", text: product.title }), element("p", { class: "small soft", text: [...variant.choices, product.merchant_title].join(" · ") })),
        variant.price && element("span", { class: "number strong", text: money(variant.price) }),
      ),
      element(
        "div",
        { class: "review-line" },
        icon("home"),
        element("p", { class: "grow", text: [address.name, address.company, address.street, `${address.postal_code} ${address.city}`.trim(), address.area].filter(Boolean).join(", ") }),
        element("a", { class: "small", href: `/checkout?variant=${variant.id}`, text: gettext("Change") }),
      ),
      this.methods(order, variant),
      this.sums(quote),
    );
    panel.foot.replaceChildren(
      element("button", {
        class: "button primary wide",
        type: "button",
        disabled: !quote.hash,
        text: fill(gettext("Order and pay {amount}"), { amount: money(quote.total) }),
        on: { click: () => void this.pay(variant) },
      }),
    );
    if (!quote.hash) panel.say(problemText(quote.problems[0]?.code));
    panel.foot.querySelector("button")?.focus();
  }

  /** @param {import("./shapes.js").QuotedOrder|undefined} order @param {Variant} variant */
  methods(order, variant) {
    const methods = order?.delivery_methods ?? [];
    if (!methods.length) return "";
    const group = element("fieldset", { class: "choices" }, element("legend", { class: "visually-hidden", text: gettext("Delivery") }));
    for (const method of methods) {
      const field = element("input", { type: "radio", name: "delivery", checked: method.id === order?.delivery_method });
      field.addEventListener("change", () => void this.change(method.id, variant));
      const days = daysText(method.days_min, method.days_max);
      const price = method.price.minor ? money(method.price) : gettext("free");
      group.append(element("label", { class: "choice" }, field, element("span", { class: "grow" }, `${method.name} `, element("span", { class: "small soft", text: days })), element("span", { class: "number", text: price })));
    }
    return group;
  }

  /** @param {Quote} quote */
  sums(quote) {
    const list = element("dl", { class: "sums" });
    const row = (/** @type {string} */ name, /** @type {import("./shapes.js").Amount} */ value, kind = "") => list.append(element("div", { class: kind || null }, element("dt", { text: name }), element("dd", { text: money(value) })));
    for (const order of quote.orders) {
      row(gettext("Items"), order.items);
      row(gettext("Delivery"), order.delivery);
    }
    row(gettext("Total"), quote.total, "total");
    row(gettext("VAT in it"), quote.vat, "soft");
    return list;
  }

  /** @param {string} method @param {Variant} variant */
  async change(method, variant) {
    this.method = method;
    try {
      // Another offer is another purchase.
      this.key = uuid();
      this.draw(await this.quoteFor(variant), variant);
    } catch (error) {
      this.panel.say(/** @type {Error} */ (error).message);
    }
  }

  /** The second press. The same key goes with every try, so that it is bought once. @param {Variant} variant */
  async pay(variant) {
    const { panel, quote, address } = this;
    const button = panel.foot.querySelector("button");
    if (!quote?.hash || !address || !button) return;
    button.disabled = true;
    button.textContent = gettext("Paying");
    panel.say("");
    const isTrial = panel.settings.provider === "sandbox";
    try {
      // Who buys at once would otherwise be quicker than the word of which video led them here.
      await Promise.race([this.panel.told, new Promise((go) => setTimeout(go, TOLD_PATIENCE_MS))]);
      const bought = await call(
        "POST",
        "/api/purchases",
        {
          lines: [{ variant: variant.id, quantity: 1 }],
          quote: quote.hash,
          currency: quote.currency,
          method: isTrial ? "sandbox:tok_success" : "",
          address: address.id,
          delivery: Object.fromEntries(quote.orders.map((order) => [order.merchant, order.delivery_method ?? ""])),
        },
        { "Idempotency-Key": this.key },
      );
      if (bought.state === "paid") this.thank(bought);
      else location.assign(`/purchases/${bought.id}`);
    } catch (error) {
      const { body, message, status } = /** @type {import("./calls.js").CallError} */ (error);
      if (body?.quote) {
        this.key = uuid();
        this.draw(body.quote, variant);
      } else {
        button.disabled = status === 409;
        button.textContent = fill(gettext("Order and pay {amount}"), { amount: money(quote.total) });
      }
      panel.say(message);
    }
  }

  /** @param {{orders: string[], total: import("./shapes.js").Amount}} bought */
  thank(bought) {
    const { panel } = this;
    this.isOpen = false;
    delete panel.body.dataset.product;
    panel.title.textContent = gettext("Thank you");
    panel.body.replaceChildren(
      element(
        "div",
        { class: "empty thanks", role: "status" },
        icon("check"),
        element("p", { class: "strong", text: fill(gettext("{amount} paid. {shop} has your order."), { amount: money(bought.total), shop: panel.product?.merchant_title ?? "" }) }),
        element("p", { class: "soft", text: gettext("You hear from us at each step.") }),
      ),
    );
    const closing = element("button", { class: "button", type: "button", "data-closes": true, text: gettext("Keep watching") });
    panel.foot.replaceChildren(element("a", { class: "button", href: `/orders/${bought.orders[0]}`, text: gettext("See the order") }), closing);
    closing.focus();
  }
}

/** @param {string|undefined} code @returns {string} why something cannot be bought */
function problemText(code) {
  if (code === "sold_out") return gettext("This is sold out.");
  if (code === "no_delivery" || code === "no_vat") return gettext("This is not delivered to your address.");
  return gettext("This cannot be bought at the moment.");
}
