// The comments of the current video: read, written and deleted in the sheet beside it.

import { avatar, element, icon } from "../web/elements.js";
import { ago, fill, fullCount, gettext, ngettext } from "../web/words.js";
import { toast } from "../web/toasts.js";
import { call } from "./api.js";
import { linked } from "./slot.js";

/** @typedef {import("./slot.js").SlotView} SlotView */
/** @typedef {{id: string, author: {name: string, display_name: string, avatar: string}, text: string, at: string, mine: boolean}} Comment */

export class Comments {
  /** @param {HTMLDialogElement} sheet @param {{own: string, role: string, signInAddress: string}} viewer */
  constructor(sheet, viewer) {
    this.sheet = sheet;
    this.viewer = viewer;
    this.list = /** @type {HTMLElement} */ (sheet.querySelector(".comment-list"));
    this.title = /** @type {HTMLElement} */ (sheet.querySelector("h2"));
    this.form = /** @type {HTMLFormElement|null} */ (sheet.querySelector("form"));
    /** @type {SlotView|null} */
    this.view = null;
    /** @type {string|null} */
    this.next = null;
    const field = this.form?.querySelector("textarea");
    this.form?.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.post();
    });
    field?.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.form?.requestSubmit();
      }
    });
    field?.addEventListener("input", () => {
      field.style.setProperty("height", "auto");
      field.style.setProperty("height", `${Math.min(field.scrollHeight, 120)}px`);
      const button = this.form?.querySelector("button");
      if (button) button.disabled = !field.value.trim();
    });
  }

  /** @param {SlotView} view */
  async load(view) {
    this.view = view;
    this.next = null;
    this.list.replaceChildren(...skeletons());
    this.list.setAttribute("aria-busy", "true");
    this.showTitle();
    const signIn = this.sheet.querySelector("a.sign-in");
    signIn?.setAttribute("href", `${this.viewer.signInAddress}?next=${encodeURIComponent(`/v/${view.item.video.id}`)}`);
    await this.read("");
  }

  showTitle() {
    const number = this.view?.item.video.counts.comments ?? 0;
    this.title.textContent = number ? fill(ngettext("{count} comment", "{count} comments", number), { count: fullCount(number) }) : gettext("Comments");
  }

  /** @param {string} before where to go on, or "" for the newest */
  async read(before) {
    const view = this.view;
    if (!view) return;
    try {
      const page = await call("GET", `/api/videos/${view.item.video.id}/comments${before ? `?before=${before}` : ""}`);
      // Meanwhile the viewer may have gone on to another video.
      if (this.view !== view) return;
      if (!before) this.list.replaceChildren();
      this.list.querySelector(".more-comments")?.remove();
      for (const comment of page.comments) this.list.append(this.row(comment));
      this.next = page.next;
      if (page.next) {
        this.list.append(
          element(
            "li",
            { class: "more-comments" },
            element("button", { class: "button quiet small", type: "button", text: gettext("Older comments"), on: { click: () => void this.read(page.next) } }),
          ),
        );
      }
      if (!this.list.children.length) this.showEmpty();
    } catch (error) {
      if (this.view === view) {
        this.list.replaceChildren(
          element(
            "li",
            { class: "empty" },
            element("p", { text: /** @type {Error} */ (error).message }),
            element("button", { class: "button small", type: "button", text: gettext("Try again"), on: { click: () => void this.load(view) } }),
          ),
        );
      }
    } finally {
      this.list.removeAttribute("aria-busy");
    }
  }

  showEmpty() {
    this.list.replaceChildren(
      element(
        "li",
        { class: "empty" },
        icon("comment"),
        element("p", { text: this.viewer.own ? gettext("No comments yet. Say the first word.") : gettext("No comments yet.") }),
      ),
    );
  }

  /** @param {Comment} comment */
  row(comment) {
    const { author } = comment;
    const shown = author.display_name || author.name;
    const text = element("p", { class: "comment-text" });
    text.append(...linked(comment.text));
    const row = element(
      "li",
      { class: "comment-row", data: { comment: comment.id } },
      element("a", { href: `/@${author.name}`, "aria-label": fill(gettext("Profile of {name}"), { name: shown }) }, avatar(author, "small")),
      element(
        "div",
        { class: "grow" },
        element(
          "p",
          { class: "comment-by" },
          element("a", { href: `/@${author.name}`, text: shown }),
          element("time", { datetime: comment.at, text: ago(comment.at) }),
        ),
        text,
      ),
    );
    const mayDelete = comment.mine || ["moderator", "operator"].includes(this.viewer.role) || (this.viewer.own && this.view?.item.video.creator.name === this.viewer.own);
    if (mayDelete) {
      row.append(
        element(
          "button",
          { class: "icon-button delete-comment", type: "button", "aria-label": fill(gettext("Delete the comment by {name}"), { name: shown }), on: { click: () => void this.remove(comment, row) } },
          icon("trash", "small"),
        ),
      );
    }
    return row;
  }

  async post() {
    const view = this.view;
    const field = this.form?.querySelector("textarea");
    const button = this.form?.querySelector("button");
    const text = field?.value.trim();
    if (!view || !field || !button || !text) return;
    button.disabled = true;
    try {
      const comment = await call("POST", `/api/videos/${view.item.video.id}/comments`, { text });
      field.value = "";
      field.style.removeProperty("height");
      view.item.video.counts.comments += 1;
      view.refresh();
      if (this.view !== view) return;
      this.list.querySelector(".empty")?.remove();
      this.list.prepend(this.row(comment));
      this.list.parentElement?.scrollTo({ top: 0 });
      this.showTitle();
    } catch (error) {
      // What was written stays in the field.
      button.disabled = false;
      toast(/** @type {Error} */ (error).message, { error: true });
    }
    field.focus();
  }

  /** @param {Comment} comment @param {HTMLElement} row */
  async remove(comment, row) {
    const view = this.view;
    row.classList.add("going");
    try {
      await call("DELETE", `/api/comments/${comment.id}`);
      row.remove();
      if (view) {
        view.item.video.counts.comments = Math.max(0, view.item.video.counts.comments - 1);
        view.refresh();
      }
      this.showTitle();
      if (!this.list.children.length) this.showEmpty();
      toast(gettext("Comment deleted."));
    } catch (error) {
      row.classList.remove("going");
      toast(/** @type {Error} */ (error).message, { error: true });
    }
  }
}

function skeletons() {
  return Array.from({ length: 4 }, () =>
    element(
      "li",
      { class: "comment-row", "aria-hidden": "true" },
      element("span", { class: "avatar small skeleton" }),
      element("div", { class: "grow stack tight" }, element("div", { class: "skeleton line short" }), element("div", { class: "skeleton line" })),
    ),
  );
}
