// Uploads that were begun before, on this device or another: they go on when their file is chosen again.

import { element, icon } from "../web/elements.js";
import { toast } from "../web/toasts.js";
import { fill, gettext } from "../web/words.js";
import { call } from "./calls.js";
import { forgetAllBut, placesOf } from "./resumable.js";
import { sizeText } from "./sizes.js";

/** @typedef {import("./upload_card.js").Unfinished} Unfinished */

const place = (/** @type {Unfinished} */ upload) => `/api/uploads/${upload.id}`;

export class UnfinishedUploads {
  /** @type {Unfinished[]} */
  #known = [];

  /** @param {HTMLElement} section @param {() => void} choose opens the dialog that chooses files */
  constructor(section, choose) {
    this.section = section;
    this.list = /** @type {HTMLElement} */ (section.querySelector("ul"));
    this.choose = choose;
  }

  async load() {
    try {
      const { uploads } = await call("GET", "/api/uploads");
      this.#known = uploads.filter((/** @type {any} */ one) => one.state === "open" && one.purpose === "video");
      await forgetAllBut(this.#known.map(place));
    } catch {
      // Without the list everything else works as well.
      this.#known = [];
    }
    this.#show();
  }

  /**
   * Take the upload that belongs to a file, if there is one: by what this device remembers, else by name and size.
   * @param {File} file
   * @returns {Promise<Unfinished|null>}
   */
  async take(file) {
    const places = await placesOf(file);
    const found =
      this.#known.find((one) => places.includes(place(one))) ?? this.#known.find((one) => one.filename === file.name && one.length === file.size);
    if (!found || found.length !== file.size) return null;
    this.#known = this.#known.filter((one) => one !== found);
    this.#show();
    return found;
  }

  #show() {
    this.section.hidden = this.#known.length === 0;
    this.list.replaceChildren(...this.#known.map((one) => this.#row(one)));
  }

  /** @param {Unfinished} upload */
  #row(upload) {
    const percent = Math.floor((100 * upload.offset) / upload.length);
    const facts = fill(gettext("{percent} percent of {size} are safe"), { percent, size: sizeText(upload.length) });
    const name = upload.filename || gettext("video");
    const label = (/** @type {string} */ text) => `${text}: ${name}`;
    return element(
      "li",
      { class: "unfinished-row" },
      element(
        "div",
        { class: "grow stack tight" },
        element("p", { class: "file-name", text: name }),
        upload.caption && element("p", { class: "small soft own-caption", text: upload.caption }),
        element("progress", { class: "progress", max: 100, value: percent, "aria-label": label(gettext("Progress")) }),
        element("p", { class: "small soft number", text: facts }),
      ),
      element("button", { class: "button small", type: "button", "aria-label": label(gettext("Choose the file again")), on: { click: this.choose }, text: gettext("Choose the file again") }),
      element("button", { class: "icon-button", type: "button", "aria-label": label(gettext("Discard")), title: gettext("Discard"), on: { click: () => this.#discard(upload) } }, icon("trash")),
    );
  }

  /** @param {Unfinished} upload */
  async #discard(upload) {
    try {
      const answer = await fetch(place(upload), { method: "DELETE", headers: { "Tus-Resumable": "1.0.0" } });
      if (!answer.ok && ![404, 410].includes(answer.status)) throw new Error(gettext("Something went wrong on our side. Please try again in a moment."));
    } catch (error) {
      toast(/** @type {Error} */ (error).message, { error: true });
      return;
    }
    this.#known = this.#known.filter((one) => one !== upload);
    this.#show();
    toast(gettext("The upload is discarded."));
  }
}
