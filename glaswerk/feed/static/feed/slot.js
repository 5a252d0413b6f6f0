// One video of the feed on the page: its picture, its words and its controls. Far from the screen it is an empty shell.

import { avatar, changeIcon, element, icon } from "../web/elements.js";
import { ago, fill, gettext, ngettext, shortCount } from "../web/words.js";

/** @typedef {import("./shapes.js").Item} Item */

/** Words that lead somewhere: hashtags and mentions. */
const LINKED = /([#@])([\p{L}\p{N}_.]+)/gu;

/**
 * @param {string} text
 * @param {string} [home] the cell that it was written in, where its names are at home
 * @returns {(string|HTMLElement)[]} the caption with its hashtags and mentions as links
 */
export function linked(text, home = "") {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(LINKED)) {
    // A dot that ends the sentence belongs to the sentence.
    const name = match[2].replace(/\.+$/, "");
    if (!name) continue;
    parts.push(text.slice(end, match.index));
    const address = match[1] === "#" ? `/t/${encodeURIComponent(name.toLowerCase())}` : `/@${encodeURIComponent(name)}${home && `@${home}`}`;
    parts.push(element("a", { href: address, text: match[1] + name }));
    end = match.index + 1 + name.length;
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== "");
}

/** @param {string} name @returns {string} the cell that somebody is at home in, or "" for this one */
function homeOf(name) {
  return name.split("@")[1] ?? "";
}

export class SlotView {
  /** @param {Item} item @param {{own: string}} viewer the signed-in person's name, or "" */
  constructor(item, viewer) {
    this.item = item;
    this.viewer = viewer;
    /** @type {HTMLVideoElement|null} */
    this.video = null;
    /** Whether its video began to play before there was a script, and shall not begin anew. */
    this.isBegun = false;
    /** Whether a larger rendition was tried to learn of the line. */
    this.isTried = false;
    this.filled = false;
    const { video } = item;
    this.root = element("article", { class: "slot", data: { video: video.id }, inert: true, tabindex: "-1" });
    this.root.setAttribute(
      "aria-label",
      fill(gettext("Video by {name}: {caption}"), { name: video.creator.display_name || video.creator.name, caption: video.caption }),
    );
    if (video.color) this.root.style.setProperty("--tone", video.color);
    /** @type {Record<string, any>} */
    this.parts = {};
  }

  /** Build what is inside, unless it stands. */
  fill() {
    if (this.filled) return;
    this.filled = true;
    const { video } = this.item;
    // Pictures that are not as tall as the stage float in front of themselves, out of focus.
    const wide = video.width / video.height > 0.7;
    this.root.classList.toggle("wide", wide);
    const poster = video.poster && element("img", { class: "poster-image", src: video.poster, alt: "", decoding: "async" });
    this.parts.picture = element(
      "div",
      { class: "picture" },
      wide && video.poster && element("img", { class: "backdrop", src: video.poster, alt: "", decoding: "async" }),
      poster,
    );
    this.parts.surface = element("button", { class: "surface", type: "button", "aria-label": gettext("Pause") });
    this.parts.glyph = element("span", { class: "play-glyph", "aria-hidden": "true" }, icon("play"));
    this.parts.progress = this.buildProgress();
    this.root.append(
      this.parts.picture,
      this.parts.surface,
      element("div", { class: "shade", "aria-hidden": "true" }),
      this.parts.glyph,
      element("div", { class: "waiting", "aria-hidden": "true" }),
      this.buildWords(),
      this.buildActions(),
      this.parts.progress,
    );
    this.refresh();
  }

  /** Let go of everything inside; the video has to be taken away before. */
  empty() {
    if (!this.filled) return;
    this.filled = false;
    this.root.replaceChildren();
    this.parts = {};
  }

  buildWords() {
    const { video } = this.item;
    const { creator } = video;
    const caption = element("p", { class: "caption", id: `caption-${video.id}` });
    caption.append(...linked(video.caption, homeOf(creator.name)));
    const unfold = element("button", {
      class: "caption-more",
      type: "button",
      hidden: true,
      "aria-expanded": "false",
      text: gettext("more"),
      on: {
        click: () => {
          const open = caption.classList.toggle("open");
          unfold.setAttribute("aria-expanded", String(open));
          unfold.textContent = open ? gettext("less") : gettext("more");
        },
      },
    });
    this.parts.caption = caption;
    this.parts.unfold = unfold;
    return element(
      "div",
      { class: "words on-video" },
      element(
        "p",
        { class: "byline" },
        element("a", { href: `/@${creator.name}`, class: "creator", text: creator.display_name || creator.name }),
        homeOf(creator.name) && element("span", { class: "from-cell", text: fill(gettext("from {cell}"), { cell: homeOf(creator.name) }) }),
        video.published_at && element("span", { class: "when", text: ` · ${ago(video.published_at)}` }),
      ),
      video.caption && element("div", { class: "caption-box" }, caption, unfold),
      this.buildCredits(),
      video.sound?.title &&
        element(
          "p",
          { class: "sound" },
          icon("note", "small"),
          element("span", { class: "visually-hidden", text: `${gettext("Sound")}: ` }),
          element(video.sound.url ? "a" : "span", { class: "sound-title", href: video.sound.url ?? null, text: video.sound.title }),
        ),
    );
  }

  /** Whose video this one is made with. A sound is credited by its own line. */
  buildCredits() {
    const others = (this.item.video.credits ?? []).filter((credit) => credit.kind !== "sound");
    if (!others.length) return null;
    const texts = { duet: gettext("Duet with @{name}"), stitch: gettext("Stitched from @{name}") };
    return element(
      "p",
      { class: "credits" },
      ...others.map((credit) =>
        element(credit.url ? "a" : "span", { href: credit.url ?? null, text: fill(texts[credit.kind], { name: credit.name }) }),
      ),
    );
  }

  /** @param {string} name @param {string} symbol @param {string} key */
  button(name, symbol, key) {
    const label = element("span", { class: "count", "aria-hidden": "true" });
    const made = element("button", { class: `action ${name}`, type: "button", data: { action: name }, "aria-keyshortcuts": key || null }, icon(symbol), label);
    this.parts[name] = made;
    return made;
  }

  buildActions() {
    const { creator } = this.item.video;
    const follow = element("button", { class: "follow", type: "button", data: { action: "follow" } }, icon("plus"));
    this.parts.follow = follow;
    return element(
      "div",
      { class: "actions on-video" },
      element(
        "div",
        { class: "who" },
        element("a", { href: `/@${creator.name}`, class: "who-link", "aria-label": fill(gettext("Profile of {name}"), { name: creator.display_name || creator.name }) }, avatar(creator)),
        follow,
      ),
      element(
        "div",
        { class: "pane", role: "group", "aria-label": gettext("Actions") },
        this.button("like", "heart", "l"),
        this.button("comment", "comment", "c"),
        this.button("save", "save", "s"),
        this.button("share", "share", ""),
        this.button("why", "pane", "w"),
        this.button("more", "more", ""),
      ),
    );
  }

  buildProgress() {
    return element(
      "div",
      {
        class: "progress-line",
        role: "slider",
        tabindex: "0",
        "aria-label": gettext("Position in the video"),
        "aria-valuemin": "0",
        "aria-valuemax": String(Math.round(this.item.video.duration_ms / 1000)),
        "aria-valuenow": "0",
      },
      element("div", { class: "progress-done" }),
      element("div", { class: "progress-still", "aria-hidden": "true", hidden: true }),
      element("output", { class: "progress-time", "aria-hidden": "true" }),
    );
  }

  /** Show the current counts and states. */
  refresh() {
    if (!this.filled) return;
    const { video } = this.item;
    const { counts, creator } = video;
    const { like, comment, save, share, why, more, follow } = this.parts;
    like.setAttribute("aria-pressed", String(Boolean(video.liked)));
    like.setAttribute("aria-label", `${gettext("Like")}, ${count(counts.likes, "likes")}`);
    save.setAttribute("aria-pressed", String(Boolean(video.saved)));
    save.setAttribute("aria-label", `${gettext("Save")}, ${count(counts.saves, "saves")}`);
    comment.setAttribute("aria-label", `${gettext("Comments")}, ${count(counts.comments, "comments")}`);
    share.setAttribute("aria-label", `${gettext("Share")}, ${count(counts.shares, "shares")}`);
    why.setAttribute("aria-label", gettext("Why this video?"));
    more.setAttribute("aria-label", gettext("More"));
    like.lastChild.textContent = shortCount(counts.likes);
    comment.lastChild.textContent = shortCount(counts.comments);
    save.lastChild.textContent = shortCount(counts.saves);
    share.lastChild.textContent = shortCount(counts.shares);
    why.lastChild.textContent = gettext("Why?");
    follow.hidden = creator.name === this.viewer.own;
    follow.setAttribute("aria-pressed", String(Boolean(creator.followed)));
    follow.setAttribute("aria-label", fill(creator.followed ? gettext("Unfollow {name}") : gettext("Follow {name}"), { name: creator.display_name || creator.name }));
    changeIcon(follow.firstChild, creator.followed ? "check" : "plus");
  }

  /** Show "more" where the caption does not fit; call it while the slot can be measured. */
  measureCaption() {
    const { caption, unfold } = this.parts;
    if (caption && !caption.classList.contains("open")) unfold.hidden = caption.scrollHeight <= caption.clientHeight + 2;
  }

  /** Put a video element into the picture, or take it out. @param {HTMLVideoElement|null} video */
  hold(video) {
    if (this.video === video) return;
    this.video?.remove();
    this.video = video;
    this.root.classList.remove("has-picture");
    if (video) this.parts.picture.append(video);
  }

  /** @param {boolean} paused whether the person paused it */
  showPaused(paused) {
    this.root.classList.toggle("paused", paused);
    this.parts.surface?.setAttribute("aria-label", paused ? gettext("Play") : gettext("Pause"));
  }
}

/** @param {number} number @param {"likes"|"comments"|"saves"|"shares"} what */
function count(number, what) {
  const texts = {
    likes: ngettext("{count} like", "{count} likes", number),
    comments: ngettext("{count} comment", "{count} comments", number),
    saves: ngettext("saved once", "saved {count} times", number),
    shares: ngettext("shared once", "shared {count} times", number),
  };
  return fill(texts[what], { count: shortCount(number) });
}
