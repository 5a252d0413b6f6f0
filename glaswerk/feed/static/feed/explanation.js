// Reading an explanation: the one place that knows how the API spells it. Nothing is computed here but the words.

import { fill, gettext, ngettext } from "../web/words.js";

/**
 * @typedef {{name: string, term: number}} Term
 * @typedef {{name: string, weight: number, probability: number, base: number, term: number, signals: Term[]}} Head
 * @typedef {{id: string, contribution: number, poster?: string, caption?: string}} Watch a video that the viewer watched
 * @typedef {{name: string, effect: number, videos: Watch[]}} Signal
 * @typedef {{title: string, url: string}|null} Product null where it is not on sale any more
 * @typedef {Watch & {product: Product, other: Product, buyers: number}} Bought the video shows one, and people also bought the other
 * @typedef {{bought: number, cowatch: number, similar: number, parts: Bought[]}} Sells how near the history, by what brought it
 * @typedef {{limit: number, most: number, slots: number, setting: number}} Cap how many places of those asked for may sell something, how many do, and the dial
 * @typedef {object} Why
 * @property {number} value all numbers are whole, in units of 2^-16 log-odds
 * @property {number} score value and spacing: what the slot was chosen by
 * @property {number} base where an average video starts
 * @property {Head[]} heads their terms add up to the value
 * @property {Signal[]} signals with the base, their effects add up to the value
 * @property {Term[]} dials with the heads' terms, theirs add up to the value; a topic's name begins with "#"
 * @property {{creator: number, topic: number}} spacing
 * @property {boolean} explored
 * @property {Sells|null} sells null where it was not brought as something to buy
 * @property {Cap|null} cap null where there is none
 * @property {string[]} reasons names of the signals that raised the value, strongest first
 * @property {string[]} sources
 * @property {boolean} ranked false where the page is in order of time
 * @property {boolean} personal false for a viewer without profiling
 * @property {number} candidates
 * @property {string} epoch
 */

const ONE = 65536;

/**
 * @param {any} answer of GET /api/slates/{id}/why
 * @param {string} video
 * @returns {Why|null} null where the slate has no such video
 */
export function readWhy(answer, video) {
  const slot = answer.slots.find((/** @type {any} */ one) => one.video === video);
  if (!slot) return null;
  return {
    value: slot.value,
    score: slot.score,
    base: slot.base,
    heads: slot.heads.map((/** @type {any} */ head) => ({
      name: head.name,
      weight: head.weight / 256,
      probability: head.probability / ONE,
      base: head.bias_term,
      term: head.term,
      signals: head.signals,
    })),
    signals: slot.signals,
    dials: slot.dials ?? [],
    spacing: { creator: slot.creator_term, topic: slot.topic_term },
    explored: slot.explored,
    sells: slot.sells,
    cap: answer.cap,
    reasons: slot.reasons,
    sources: slot.sources,
    ranked: answer.order === "value",
    personal: answer.personal,
    candidates: answer.candidates,
    epoch: answer.epoch,
  };
}

/** @param {string} name @returns {string} what a head is about, for the person */
export function headName(name) {
  return (
    {
      finish: gettext("You watch it to the end"),
      like: gettext("You like it"),
      share: gettext("You share it"),
      follow: gettext("You follow its creator"),
      buy: gettext("You buy what it shows"),
      skip: gettext("You leave at once"),
    }[name] ?? name
  );
}

/** @param {string} name @returns {string} what a signal measures */
export function signalName(name) {
  return (
    {
      finish_rate: gettext("How many watch it to the end"),
      like_rate: gettext("How many like it"),
      share_rate: gettext("How many share it"),
      follow_rate: gettext("How many follow after it"),
      buy_rate: gettext("How many buy what it shows"),
      skip_rate: gettext("How many leave at once"),
      trending: gettext("Watched a lot right now"),
      cowatch: gettext("Others who watched what you watched"),
      similar: gettext("Like what you watched"),
      topic: gettext("Topics you watch"),
      creator: gettext("Videos by this creator that you watched"),
      follows_creator: gettext("You follow the creator"),
      language: gettext("Your language"),
      region: gettext("Your region"),
      fresh: gettext("New"),
    }[name] ?? name
  );
}

/** @param {string} name @returns {string} who proposed the video */
export function sourceName(name) {
  return (
    {
      following: gettext("whom you follow"),
      cowatch: gettext("what similar viewers watch"),
      similar: gettext("what is like the videos you watched"),
      topic: gettext("your topics"),
      trending: gettext("what is popular here"),
      fresh: gettext("what is new"),
      shoppable: gettext("what there is to buy"),
      promoted: gettext("what is paid for"),
      exploration: gettext("newcomers"),
      explored: gettext("a place kept for newcomers"),
      hashtag: gettext("this hashtag"),
      creator: gettext("this profile"),
      again: gettext("seen before"),
    }[name] ?? name
  );
}

/**
 * @param {string} reason @param {Why} why @param {import("./shapes.js").Video} video
 * @returns {string|null} a clause that can follow "because"
 */
function clause(reason, why, video) {
  const watches = (why.signals.find((one) => one.name === reason)?.videos ?? []).filter((one) => one.contribution > 0).length;
  const name = video.creator.display_name || video.creator.name;
  const tags = video.hashtags.slice(0, 2).map((tag) => `#${tag}`).join(gettext(" or "));
  switch (reason) {
    case "cowatch":
      return fill(ngettext("people who watched a video that you watched went on to this", "people who watched {count} videos that you watched went on to this", watches), { count: watches });
    case "similar":
      return fill(ngettext("it is like a video that you watched", "it is like {count} videos that you watched", watches), { count: watches });
    case "topic":
      return tags ? fill(ngettext("you watched a video about {tags}", "you watched {count} videos about {tags}", watches), { count: watches, tags }) : null;
    case "creator":
      return fill(ngettext("you watched a video by {name}", "you watched {count} videos by {name}", watches), { count: watches, name });
    case "follows_creator":
      return fill(gettext("you follow {name}"), { name });
    case "trending":
      return gettext("many people here are watching it right now");
    case "fresh":
      return gettext("it is new");
    case "finish_rate":
      return gettext("most people watch it to the end");
    case "like_rate":
      return gettext("people like it more often than most videos");
    case "share_rate":
      return gettext("people share it more often than most videos");
    case "buy_rate":
      return gettext("people buy what it shows more often than with most videos");
    case "follow_rate":
      return gettext("people follow its creator after it");
    case "skip_rate":
      return gettext("few people leave it early");
    case "language":
      return gettext("it is in your language");
    case "region":
      return gettext("it is from your region");
    default:
      return null;
  }
}

/** @param {Why} why @returns {Bought|null} what speaks most for a video that sells something: what was bought together */
export function strongestPurchase(why) {
  const parts = (why.sells?.parts ?? []).filter((part) => part.contribution > 0);
  return parts.sort((a, b) => b.contribution - a.contribution)[0] ?? null;
}

/** @param {Bought} part @returns {string} */
export function boughtTogether({ product, other, buyers }) {
  if (!product || !other) return fill(gettext("At least {count} people bought something in this video together with something in one that you watched."), { count: buyers });
  return fill(gettext("At least {count} people bought both {product} and {other}."), { count: buyers, product: product.title, other: other.title });
}

/** @param {Why} why @returns {string|null} a clause that can follow "because" */
function purchase(why) {
  const part = strongestPurchase(why);
  if (!part) return null;
  if (!part.product) return gettext("people who bought what a video of yours showed also bought what this one shows");
  return fill(gettext("people who bought {product}, which a video of yours showed, also bought what this one shows"), { product: part.product.title });
}

/** @param {Why} why @returns {string} how many places may sell something */
export function capWords({ cap }) {
  if (!cap) return "";
  const most = fill(gettext("At most {count} of {places} places may sell something or be paid for."), { count: cap.most, places: cap.limit });
  const taken = fill(ngettext("{count} does.", "{count} do.", cap.slots), { count: cap.slots });
  return [most, taken, cap.setting < 0 && gettext("Your dial has lowered it.")].filter(Boolean).join(" ");
}

/** @param {Why} why @param {import("./shapes.js").Video} video @returns {string} one sentence in words */
export function sentence(why, video) {
  if (!why.ranked) return gettext("This page shows the newest first. Nothing was weighed.");
  const clauses = [purchase(why), ...why.reasons.map((reason) => clause(reason, why, video))].filter((one) => one !== null);
  if (why.explored) {
    return gettext("A new video that few have seen yet. A share of every feed is kept for newcomers, so that each of them gets a first audience.");
  }
  if (!clauses.length) return gettext("Nothing speaks for it in particular. It was the best of what was left.");
  if (clauses.length === 1) return fill(gettext("Because {first}."), { first: clauses[0] });
  return fill(gettext("Because {first}, and because {second}."), { first: clauses[0], second: clauses[1] });
}
