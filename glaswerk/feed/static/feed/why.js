// The why panel: a sentence first, then every number that made the place in the feed, and the viewer's own videos behind it.

import { element, icon } from "../web/elements.js";
import { fill, fullCount, gettext } from "../web/words.js";
import { call, Problem } from "./api.js";
import { dialName } from "./dial.js";
import { boughtTogether, capWords, headName, readWhy, sentence, signalName, sourceName } from "./explanation.js";
import { WhatIf } from "./what_if.js";

/** @typedef {import("./slot.js").SlotView} SlotView */
/** @typedef {import("./explanation.js").Why} Why */

const STILLS = 6;

/** @param {number} number @returns {string} with its sign; a true minus is as wide as a plus */
function signed(number) {
  if (number === 0) return "0";
  return (number < 0 ? "−" : "+") + fullCount(Math.abs(number));
}

/** @param {number} weight */
function weightText(weight) {
  const amount = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 2 }).format(Math.abs(weight));
  return weight < 0 ? `−${amount}` : amount;
}

/** A bar that grows from the middle. @param {number} amount @param {number} largest */
function bar(amount, largest) {
  const made = element("span", { class: `why-bar ${amount < 0 ? "against" : "for"}`, "aria-hidden": "true" }, element("span"));
  made.style.setProperty("--share", String(largest ? Math.min(1, Math.abs(amount) / largest) : 0));
  return made;
}

/** @param {string} label @param {number} amount @param {number} largest @param {string} [classes] */
function line(label, amount, largest, classes = "") {
  return element(
    "div",
    { class: `why-line ${classes}`.trim() },
    element("span", { class: "why-label", text: label }),
    element("span", { class: "why-number", text: signed(amount) }),
    bar(amount, largest),
  );
}

/** @param {string} label @param {number} amount */
function sum(label, amount) {
  return element("div", { class: "why-line why-sum" }, element("span", { class: "why-label", text: label }), element("span", { class: "why-number", text: signed(amount) }));
}

export class WhyPanel {
  /** @param {HTMLDialogElement} sheet @param {{stillOf: (id: string) => any, applied: () => void}} parts what "what if" needs */
  constructor(sheet, parts) {
    this.parts = parts;
    this.body = /** @type {HTMLElement} */ (sheet.querySelector(".sheet-body"));
    /** @type {SlotView|null} */
    this.view = null;
    /** @type {Map<string, Promise<any>>} answers by slate */
    this.answers = new Map();
  }

  /** @param {SlotView} view */
  async load(view) {
    this.view = view;
    const { slate, video } = view.item;
    if (!slate) {
      this.body.replaceChildren(element("p", { class: "why-sentence", text: gettext("You opened this video by its own address. Nothing was weighed to show it.") }));
      return;
    }
    this.body.setAttribute("aria-busy", "true");
    this.body.replaceChildren(
      element("div", { class: "skeleton line" }),
      element("div", { class: "skeleton line short" }),
      ...Array.from({ length: 5 }, () => element("div", { class: "skeleton why-skeleton" })),
    );
    try {
      const why = readWhy(await this.answer(slate), video.id);
      if (this.view !== view) return;
      if (!why) throw new Problem(404, gettext("There is no record of this place in the feed."));
      this.draw(why, view);
    } catch (error) {
      if (this.view !== view) return;
      this.body.replaceChildren(
        element(
          "div",
          { class: "empty" },
          icon("warning"),
          element("p", { text: /** @type {Error} */ (error).message }),
          element("button", { class: "button small", type: "button", text: gettext("Try again"), on: { click: () => void this.load(view) } }),
        ),
      );
    } finally {
      this.body.removeAttribute("aria-busy");
    }
  }

  /** @param {string} slate */
  answer(slate) {
    let known = this.answers.get(slate);
    if (!known) {
      known = call("GET", `/api/slates/${slate}/why`);
      known.catch(() => this.answers.delete(slate));
      this.answers.set(slate, known);
    }
    return known;
  }

  /** @param {Why} why @param {SlotView} view */
  draw(why, view) {
    const { video, slate } = view.item;
    const parts = [element("p", { class: "why-sentence", text: sentence(why, video) })];
    // Where nothing is weighed, dials change nothing.
    const whatIf = why.ranked ? new WhatIf({ ...this.parts, slate: /** @type {string} */ (slate), video: video.id, hashtags: video.hashtags }) : null;
    if (whatIf) parts.push(element("button", { class: "button small reach-dials", type: "button", on: { click: () => whatIf.reach() } }, icon("gear", "small"), gettext("What if?")));
    const stills = this.drawStills(why);
    if (stills) parts.push(stills);
    const sells = this.drawSells(why);
    if (sells) parts.push(sells);
    parts.push(this.drawHeads(why), this.drawSignals(why));
    const spacing = this.drawSpacing(why);
    if (spacing) parts.push(spacing);
    if (whatIf) parts.push(whatIf.root);
    parts.push(
      element(
        "section",
        { class: "why-foot" },
        why.sources.length > 0 && element("p", { text: `${gettext("Proposed by")}: ${why.sources.map(sourceName).join(", ")}.` }),
        element("p", { text: gettext("All numbers are whole and exact: 65,536 mean odds 2.7 times as high. They add up with nothing left over.") }),
        element(
          "p",
          {},
          fill(gettext("State of the feed: {epoch}"), { epoch: why.epoch.slice(0, 12) }),
          " · ",
          element("a", { href: `/api/slates/${slate}/why`, text: gettext("The whole slate as data") }),
          " · ",
          element("a", { href: "/transparency/algorithm", text: gettext("How the feed is made") }),
          " · ",
          element("a", { href: "/me/feed", text: gettext("Your feed") }),
        ),
      ),
    );
    this.body.replaceChildren(...parts);
    this.body.scrollTop = 0;
    void whatIf?.open();
  }

  /** @param {Why} why */
  drawHeads(why) {
    const largest = Math.max(...why.heads.map((head) => Math.abs(head.term)));
    const heads = why.heads.map((head) => {
      const deepest = Math.max(Math.abs(head.base), ...head.signals.map((one) => Math.abs(one.term)));
      return element(
        "details",
        { class: "why-head" },
        element(
          "summary",
          { class: "why-line" },
          element(
            "span",
            { class: "why-label" },
            element("span", { class: "why-title", text: headName(head.name) }),
            element("small", {
              text: [
                fill(gettext("chance {percent}"), { percent: percent(head.probability) }),
                fill(gettext("weight {weight}"), { weight: weightText(head.weight) }),
              ]
                .join(" · "),
            }),
          ),
          element("span", { class: "why-number", text: signed(head.term) }),
          bar(head.term, largest),
        ),
        element(
          "div",
          { class: "why-deeper" },
          line(gettext("An average video"), head.base, deepest),
          ...head.signals.filter((one) => one.term !== 0).map((one) => line(signalName(one.name), one.term, deepest)),
          sum(headName(head.name), head.term),
        ),
      );
    });
    return section(gettext("What you may do with it"), gettext("How likely each of these is, times its public weight."), ...heads, ...this.drawDials(why), sum(gettext("Value"), why.value));
  }

  /** What the viewer's own dials add or take. @param {Why} why */
  drawDials(why) {
    const turned = why.dials.filter((one) => one.term !== 0);
    const largest = Math.max(...turned.map((one) => Math.abs(one.term)));
    return turned.map((one) => line(fill(gettext("Your dial: {name}"), { name: one.name.startsWith("#") ? one.name : dialName(one.name) }), one.term, largest));
  }

  /** @param {Why} why */
  drawSignals(why) {
    const effects = [...why.signals].sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect));
    const moved = effects.filter((one) => one.effect !== 0);
    const largest = Math.max(Math.abs(why.base), ...moved.map((one) => Math.abs(one.effect)));
    return section(
      gettext("What it comes from"),
      gettext("The same value, by cause."),
      line(gettext("An average video"), why.base, largest),
      ...moved.map((one) => line(signalName(one.name), one.effect, largest)),
      ...this.drawDials(why),
      sum(gettext("Value"), why.value),
    );
  }

  /** @param {Why} why */
  drawSpacing(why) {
    const { creator, topic } = why.spacing;
    if (!creator && !topic) return null;
    const largest = Math.max(Math.abs(creator), Math.abs(topic), Math.abs(why.value));
    return section(
      gettext("Its place"),
      gettext("What resembles a video just before it moves back, so that the feed does not repeat itself."),
      line(gettext("Value"), why.value, largest),
      creator !== 0 && line(gettext("Same creator nearby"), creator, largest),
      topic !== 0 && line(gettext("Same topic nearby"), topic, largest),
      sum(gettext("Score"), why.score),
    );
  }

  /** What brought something to buy, and how many such places there may be. It is no part of the value. @param {Why} why */
  drawSells(why) {
    if (!why.sells) return null;
    const { bought, cowatch, similar, parts } = why.sells;
    const near = /** @type {[string, number][]} */ ([
      [gettext("Bought together with what your videos showed"), bought],
      [signalName("cowatch"), cowatch],
      [signalName("similar"), similar],
    ]).filter(([, amount]) => amount > 0);
    const largest = Math.max(...near.map(([, amount]) => amount));
    const cap = capWords(why);
    return section(
      gettext("It shows something to buy"),
      gettext("Nobody paid for this place, and no price and no commission counts. This is why it was looked at; its value is made as that of every other video."),
      ...near.map(([label, amount]) => line(label, amount, largest)),
      near.length === 0 && element("p", { text: gettext("It is among what people here like best of what there is to buy.") }),
      parts.length > 0 && element("ul", { class: "why-bought" }, ...parts.filter((part) => part.contribution > 0).slice(0, STILLS).map((part) => this.drawBought(part))),
      cap && element("p", { class: "why-intro", text: cap }),
    );
  }

  /** @param {import("./explanation.js").Bought} part */
  drawBought(part) {
    const still = part.poster ? element("img", { src: part.poster, alt: "", loading: "lazy" }) : icon("bag");
    return element(
      "li",
      {},
      element("a", { href: `/v/${part.id}`, class: "still", "aria-label": fill(gettext("A video you watched: {caption}"), { caption: part.caption ?? "" }) }, still),
      element("span", { text: boughtTogether(part) }),
      element("span", { class: "why-number", text: signed(part.contribution) }),
    );
  }

  /** The viewer's own videos that spoke for this one, strongest first. @param {Why} why */
  drawStills(why) {
    /** @type {Map<string, import("./explanation.js").Watch>} */
    const watches = new Map();
    for (const { videos } of why.signals) {
      for (const watch of videos) {
        const contribution = (watches.get(watch.id)?.contribution ?? 0) + watch.contribution;
        watches.set(watch.id, { ...watch, contribution });
      }
    }
    const strongest = [...watches.values()]
      .filter((watch) => watch.contribution > 0 && watch.poster)
      .sort((a, b) => b.contribution - a.contribution)
      .slice(0, STILLS);
    if (!strongest.length) return null;
    const stills = strongest.map((watch) =>
      element(
        "li",
        {},
        element(
          "a",
          { href: `/v/${watch.id}`, class: "still", title: watch.caption },
          element("img", { src: watch.poster, alt: fill(gettext("A video you watched: {caption}"), { caption: watch.caption ?? "" }), loading: "lazy" }),
        ),
      ),
    );
    return section(gettext("Your videos behind it"), "", element("ul", { class: "why-stills" }, ...stills));
  }
}

/** @param {string} title @param {string} intro @param {...any} children */
function section(title, intro, ...children) {
  return element("section", { class: "why-section" }, element("h3", { text: title }), intro && element("p", { class: "why-intro", text: intro }), ...children);
}

/** @param {number} share */
function percent(share) {
  return new Intl.NumberFormat(document.documentElement.lang, { style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 }).format(share);
}
