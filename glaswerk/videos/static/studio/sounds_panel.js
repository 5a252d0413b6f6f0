// Sounds of other videos: found, listened to, and laid under the timeline.

import { element, icon } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";
import { findSounds } from "./calls.js";
import { place } from "./document.js";
import { freshId, mediaClip } from "./otio.js";
import { minutes } from "./times.js";

const CALM_MS = 250;

/** @param {import("./panels.js").Panels} panels @param {import("./store.js").Store} store @param {{at: () => number, pause: () => void}} parts */
export function prepareSounds(panels, store, { at, pause }) {
  const form = /** @type {HTMLFormElement} */ (panels.root.querySelector("[data-sound-search]"));
  const field = /** @type {HTMLInputElement} */ (form.querySelector("input"));
  const list = /** @type {HTMLElement} */ (panels.root.querySelector("[data-sound-list]"));
  const facts = /** @type {HTMLElement} */ (panels.root.querySelector("[data-music-facts]"));
  const title = /** @type {HTMLElement} */ (panels.root.querySelector("[data-music-title]"));
  const player = new Audio();
  let playing = "";
  let timer = 0;
  let asked = "";

  async function search() {
    const query = field.value.trim();
    asked = query;
    if (!list.childElementCount) list.replaceChildren(...[1, 2, 3].map(() => element("li", { class: "skeleton line sound-wait", "aria-hidden": "true" })));
    try {
      const answer = await findSounds(query);
      if (asked !== query) return;
      const found = answer.sounds ?? [];
      list.replaceChildren(...(found.length ? found.map(row) : [element("li", { class: "soft", text: query ? gettext("No sound has these words.") : gettext("There are no sounds that you may use yet. Every published video brings one.") })]));
    } catch (error) {
      list.replaceChildren(element("li", { class: "soft", text: /** @type {Error} */ (error).message }));
    }
  }

  /** @param {any} sound */
  function row(sound) {
    const listen = element("button", { class: "icon-button", type: "button", "aria-pressed": "false", "aria-label": fill(gettext("Listen to {title}"), { title: sound.title }), data: { listen: sound.id } }, icon("play"));
    listen.addEventListener("click", () => {
      const isOn = playing === sound.id;
      stop();
      if (isOn) return;
      pause();
      playing = sound.id;
      player.src = sound.audio ?? sound.url;
      player.play().catch(() => {});
      listen.setAttribute("aria-pressed", "true");
      listen.replaceChildren(icon("pause"));
    });
    return element(
      "li",
      { class: "list-item sound-row" },
      listen,
      element("span", { class: "grow" }, element("span", { class: "sound-name", text: sound.title }), element("span", { class: "small soft number", text: [sound.creator?.display_name || sound.creator?.name, sound.duration_ms && minutes(sound.duration_ms)].filter(Boolean).join(" · ") })),
      element("button", { class: "button small", type: "button", text: gettext("Use"), "aria-label": fill(gettext("Use {title}"), { title: sound.title }), on: { click: () => use(sound) } }),
    );
  }

  function stop() {
    player.pause();
    playing = "";
    for (const one of list.querySelectorAll("[data-listen][aria-pressed=true]")) {
      one.setAttribute("aria-pressed", "false");
      one.replaceChildren(icon("play"));
    }
  }

  /** @param {any} sound */
  function use(sound) {
    stop();
    store.addSound(sound);
    const { all, doc } = store;
    const start = all.music.length ? Math.min(at(), all.duration - 500) : 0;
    const room = Math.max(500, all.duration - Math.max(0, start));
    const length = Math.max(500, Math.min(sound.duration_ms || room, all.duration ? room : (sound.duration_ms ?? room)));
    const id = freshId("sound");
    const clip = mediaClip(`sound:${sound.id}`, { length, facts: { volume: 0.8 }, id });
    store.edit(place(doc, "music", clip, Math.max(0, start), all.music.length ? undefined : { duck: true, duck_db: 12 }), gettext("Sound"));
    store.select(id);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void search();
  });
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => void search(), CALM_MS);
  });
  player.addEventListener("ended", stop);
  panels.addEventListener("open", (event) => {
    if (/** @type {CustomEvent} */ (event).detail === "sounds") void search();
    else stop();
  });
  panels.addEventListener("close", stop);
  panels.addEventListener("refresh", () => {
    if (panels.name !== "sounds") return;
    const { selection } = store;
    facts.hidden = selection?.kind !== "music";
    if (selection?.kind === "music") title.textContent = store.titleOf(selection.view.address) || gettext("Sound");
  });
}
