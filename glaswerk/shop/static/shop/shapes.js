// The shapes of the shop's answers, for editors and checkers. Nothing runs here.

/**
 * @typedef {import("./money.js").Amount} Amount
 * @typedef {{product: string, title: string, merchant: string, merchant_title: string, picture: string|null,
 *   price: Amount|null, before: Amount|null, is_from: boolean, is_sold_out: boolean, from_ms: number, to_ms: number}} Tag
 * @typedef {{id: string, choices: string[], price: Amount|null, before: Amount|null, available: number}} Variant
 * @typedef {{id: string, title: string, description: string, vendor: string, merchant: string, merchant_title: string,
 *   options: string[], pictures: {url: string|null, alt: string}[], variants: Variant[]}} Product
 * @typedef {{legal_name: string, street: string, postal_code: string, city: string, country: string, email: string,
 *   phone: string, registration: string, vat_id: string, self_certified: boolean}} Trader
 * @typedef {{id: string, name: string, price: Amount, days_min: number, days_max: number}} Method
 * @typedef {{merchant: string, merchant_title: string, delivery_methods: Method[], delivery_method: string|null,
 *   items: Amount, discount: Amount, delivery: Amount, vat: Amount, total: Amount}} QuotedOrder
 * @typedef {{hash: string|null, currency: string, country: string, orders: QuotedOrder[], total: Amount, vat: Amount,
 *   problems: {code: string}[]}} Quote
 * @typedef {{id: string, name: string, company: string, street: string, postal_code: string, city: string, area: string,
 *   country: string, is_default: boolean}} Address
 */

export {};
