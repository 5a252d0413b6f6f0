// Panels: on a phone they rise over the timeline and leave the preview free, on a desktop they stand beside it.

import { gettext } from "../web/words.js";
import { CONTROLS } from "./controls.js";

/** @typedef {import("./store.js").Store} Store */

export class Panels extends EventTarget {
  /** @param {HTMLElement} page @param {Store} store */
  constructor(page, store) {
    super();
    this.page = page;
    this.store = store;
    this.root = /** @type {HTMLElement} */ (page.querySelector("[data-panel]"));
    this.title = /** @type {HTMLElement} */ (page.querySelector("[data-panel-title]"));
    this.name = "";
    /** @type {HTMLElement|null} */
    this.opener = null;
    this.root.addEventListener("input", (event) => this.changed(event));
    this.root.addEventListener("click", (event) => this.preset(event));
    store.addEventListener("change", () => this.refresh());
    store.addEventListener("select", () => this.refresh());
  }

  /** @param {string} name @returns {HTMLElement} */
  section(name) {
    return /** @type {HTMLElement} */ (this.root.querySelector(`[data-for="${name}"]`));
  }

  /** @param {string} name @param {{focus?: boolean}} [options] */
  open(name, { focus = true } = {}) {
    const active = document.activeElement;
    if (active instanceof HTMLElement && !this.root.contains(active)) this.opener = active;
    this.name = name;
    for (const one of this.root.querySelectorAll("[data-for]")) /** @type {HTMLElement} */ (one).hidden = one !== this.section(name);
    this.title.textContent = TITLES[name] ?? "";
    this.root.hidden = false;
    this.page.classList.add("with-panel");
    this.refresh();
    this.dispatchEvent(new CustomEvent("open", { detail: name }));
    if (focus) this.title.focus({ preventScroll: true });
  }

  close() {
    if (!this.name) return false;
    const had = this.root.contains(document.activeElement);
    this.name = "";
    this.root.hidden = true;
    this.page.classList.remove("with-panel");
    this.dispatchEvent(new Event("close"));
    if (had && this.opener?.isConnected) this.opener.focus({ preventScroll: true });
    else if (had) /** @type {HTMLElement|null} */ (this.page.querySelector(".item-body[tabindex='0'], .tool[tabindex='0']"))?.focus({ preventScroll: true });
    return true;
  }

  refresh() {
    if (!this.name) return;
    const { store } = this;
    const section = this.section(this.name);
    for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (section.querySelectorAll("[data-set]"))) {
      const control = CONTROLS[field.dataset.set ?? ""];
      const value = control.get(store);
      const range = control.range?.(store);
      if (range?.max !== undefined) field.max = String(range.max);
      if (field.type === "checkbox") field.checked = Boolean(value);
      else if (field.type === "range") {
        field.disabled = value === undefined;
        field.value = String(value ?? 0);
        // How full the track is drawn.
        const [low, high] = [Number(field.min), Number(field.max)];
        field.style.setProperty("--full", `${(100 * (Number(field.value) - low)) / (high - low || 1)}%`);
      } else if (document.activeElement !== field) field.value = String(value ?? "");
      const shown = control.show?.(Number(value ?? 0));
      if (shown === undefined || field.type !== "range") continue;
      field.setAttribute("aria-valuetext", shown);
      const output = section.querySelector(`[data-out="${field.dataset.set}"]`);
      if (output) output.textContent = value === undefined ? "" : shown;
    }
    this.dispatchEvent(new Event("refresh"));
  }

  /** @param {Event} event */
  changed(event) {
    const field = /** @type {HTMLInputElement} */ (event.target);
    const name = field.dataset.set;
    if (!name) return;
    const value = field.type === "checkbox" ? field.checked : field.type === "range" ? Number(field.value) : field.value;
    CONTROLS[name].set(this.store, value);
    this.refresh();
  }

  /** @param {MouseEvent} event */
  preset(event) {
    const button = /** @type {HTMLButtonElement|null} */ (event.target instanceof Element ? event.target.closest("[data-presets] button") : null);
    if (!button) return;
    CONTROLS.speed.set(this.store, 100 * Math.log10(Number(button.value) / 0.3));
    this.refresh();
  }
}

/** @type {Record<string, string>} */
const TITLES = {
  add: gettext("Material"),
  speed: gettext("Speed"),
  volume: gettext("Volume"),
  looks: gettext("Look"),
  transition: gettext("Transition"),
  fit: gettext("Framing"),
  text: gettext("Text"),
  sticker: gettext("Stickers"),
  sounds: gettext("Sounds"),
  voice: gettext("Voice"),
  captions: gettext("Captions"),
  cover: gettext("Cover"),
  publish: gettext("Publish"),
};
