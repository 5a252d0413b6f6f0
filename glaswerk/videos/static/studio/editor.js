// The editor: brings the draft, the timeline, the preview, the panels and the commands together.

import { toast } from "../web/toasts.js";
import { changeIcon } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";
import { ask, readDraft } from "./calls.js";
import { prepareCaptions } from "./captions_panel.js";
import { fillChoices } from "./choices.js";
import { commands, fillShortcuts, fillToolbar, watchCommandKeys, watchToolbar } from "./commands.js";
import { prepareConflict } from "./conflict.js";
import { moveClip, timePlaced } from "./document.js";
import { edits } from "./edits.js";
import { Looks } from "./looks.js";
import { watchMarks } from "./marks.js";
import { prepareMaterial } from "./material.js";
import { Panels } from "./panels.js";
import { Preview } from "./preview.js";
import { preparePublishing } from "./publish.js";
import { Saver } from "./saver.js";
import { prepareSounds } from "./sounds_panel.js";
import { Stills } from "./stills.js";
import { Store } from "./store.js";
import { TimelineView } from "./timeline_view.js";
import { FACE } from "./texts.js";
import { tenths } from "./times.js";
import { prepareVoice } from "./voice.js";
import { Waves } from "./waves.js";

const page = /** @type {HTMLElement} */ (document.querySelector("[data-studio]"));
const one = (/** @type {string} */ name) => /** @type {any} */ (page.querySelector(`[data-${name}]`));
const say = (/** @type {string} */ text) => (one("announce").textContent = text);

void begin();

async function begin() {
  try {
    const [draft, material] = await Promise.all([
      readDraft(page.dataset.draft ?? ""),
      ask("GET", page.dataset.looks ?? "").catch(() => ({ looks: [], stickers: [] })),
      document.fonts.load(`700 40px ${FACE}`).catch(() => []),
    ]);
    open(draft, material);
  } catch (error) {
    one("missing-text").textContent = /** @type {any} */ (error).status === 404 ? gettext("It was deleted, or it is somebody else's.") : /** @type {Error} */ (error).message;
    one("missing").showModal();
  }
  page.setAttribute("aria-busy", "false");
}

/** @param {import("./calls.js").Draft} draft @param {{looks: import("./looks.js").Look[], stickers: {name: string, url: string, title: string}[]}} material */
function open(draft, material) {
  const store = new Store(draft);
  const saver = new Saver(store);
  const looks = new Looks(material.looks, () => preview.redraw());
  const pictures = new Map(
    material.stickers.map(({ name, url }) => {
      const image = new Image(256, 256);
      image.addEventListener("load", () => preview.redraw());
      image.src = url;
      return [name, image];
    }),
  );
  const preview = new Preview(one("canvas"), looks, {
    media: store.mediaOf,
    sticker: (name) => {
      const image = pictures.get(name);
      return image?.complete && image.naturalWidth ? image : null;
    },
  });
  const stills = new Stills();
  const waves = new Waves(store.id, () => view.layOut());
  const view = new TimelineView(page, { stills, waves, mediaOf: store.mediaOf, titleOf: store.titleOf });
  const panels = new Panels(page, store);
  const at = () => preview.at;
  const seek = (/** @type {number} */ ms) => preview.seek(ms);
  const parts = { at, seek, say };
  const edit = edits(store, parts);
  const captions = prepareCaptions(panels, store, parts);
  const files = prepareMaterial(panels, store, { ...parts, maxBytes: Number(page.dataset.maxBytes), maxMb: page.dataset.maxMb ?? "" });
  const voice = prepareVoice(panels, store, { preview, say });
  const choices = fillChoices(panels, store, { looks, stickers: material.stickers, at });
  const openItem = (/** @type {string} */ id) => {
    const kind = store.find(id)?.kind ?? "";
    panels.open({ text: "text", sticker: "sticker", music: "sounds", voice: "voice" }[kind] ?? "volume");
  };
  const showMarks = watchMarks(one("marks"), store, { context: preview.compositor.context, at, isPlaying: () => preview.playing, open: openItem });
  prepareSounds(panels, store, { at, pause: () => preview.pause() });
  preparePublishing(panels, store, { saver, say });
  prepareConflict(one("conflict"), store, saver);

  /** Open a panel that is about a clip; without one selected it is about the one at the playhead. @param {string} name */
  const forClip = (name) => {
    if (store.selection?.kind !== "clip") {
      const clip = store.all.clips.find((each) => at() >= each.start && at() < each.end) ?? store.all.clips.at(-1);
      if (!clip) return;
      store.select(clip.id);
    }
    panels.open(name);
  };
  const travel = (/** @type {"undo"|"redo"} */ which) => {
    const label = store.travel(which);
    if (label === null) say(which === "undo" ? gettext("There is nothing to undo.") : gettext("There is nothing to do again."));
    else say(fill(which === "undo" ? gettext("Undone: {what}.") : gettext("Done again: {what}."), { what: label }));
  };
  const all = commands({
    ...edit,
    delete: edit.remove,
    add: () => panels.open("add"),
    text: () => {
      if (store.selection?.kind !== "text") edit.addText();
      panels.open("text");
      const field = panels.section("text").querySelector("textarea");
      field?.focus();
      field?.select();
    },
    sticker: () => panels.open("sticker"),
    sounds: () => panels.open("sounds"),
    voice: () => panels.open("voice"),
    "voice-record": () => voice.toggle(),
    captions: () => panels.open("captions"),
    "caption-add": () => captions.add(),
    cover: () => panels.open("cover"),
    "cover-here": () => edit.coverHere(),
    speed: () => forClip("speed"),
    volume: () => (store.selection ? panels.open("volume") : forClip("volume")),
    looks: () => panels.open("looks"),
    "look-everywhere": () => edit.lookEverywhere(),
    transition: () => forClip("transition"),
    fit: () => forClip("fit"),
    publish: () => !store.isEmpty && panels.open("publish"),
    play: () => preview.toggle(),
    "step-back": () => seek(at() - 100),
    "step-on": () => seek(at() + 100),
    "second-back": () => seek(at() - 1000),
    "second-on": () => seek(at() + 1000),
    "to-start": () => seek(0),
    "to-end": () => seek(store.all.duration),
    "next-item": () => edit.nextItem(),
    "zoom-in": () => view.zoom(1.5),
    "zoom-out": () => view.zoom(1 / 1.5),
    undo: () => travel("undo"),
    redo: () => travel("redo"),
    shortcuts: () => one("shortcuts").showModal(),
    close: () => panels.close() || store.select(null),
  });
  const does = new Map(all.map((command) => [command.name, command]));
  fillShortcuts(one("keys"), all);
  watchCommandKeys(all);
  watchToolbar(one("tools"));
  page.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement|null} */ (event.target instanceof Element ? event.target.closest("[data-do]") : null);
    if (button) does.get(button.dataset.do ?? "")?.run();
  });

  // The timeline tells what the person does with it --------------------------------------------------------------------
  const hear = (/** @type {string} */ kind, /** @type {(detail: any) => void} */ run) => view.addEventListener(kind, (event) => run(/** @type {CustomEvent} */ (event).detail));
  hear("seek", (ms) => {
    preview.pause();
    seek(ms);
  });
  hear("select", (id) => {
    if (id?.startsWith("caption-")) {
      panels.open("captions");
      seek(store.all.captions[Number(id.split("-")[1])]?.start_ms ?? 0);
    } else if (id && id === store.selected && store.selection?.kind !== "clip") openItem(id);
    else {
      store.select(id);
      const span = store.selection?.view;
      if (span && (at() < span.start || at() >= span.end)) seek(span.start);
    }
  });
  hear("cut", (id) => {
    store.select(id);
    const clip = store.selection?.view;
    if (clip) seek(Math.max(0, clip.end - 500));
    panels.open("transition");
  });
  hear("trim", ({ id, side, by, span, joined }) => {
    edit.trim(id, side, by, joined ? span : null, `trim:${side}:${id}`);
    const now = store.find(id)?.view;
    if (now) seek(side === "start" ? now.start : Math.max(now.start, now.end - 34));
  });
  hear("place", ({ id, start }) => store.edit(timePlaced(store.doc, id, { start }), gettext("Time"), `start:${id}`));
  hear("order", ({ id, to }) => store.edit(moveClip(store.doc, id, to), gettext("Order")));
  hear("shift", ({ id, by }) => edit.shift(id, by));
  hear("settle", () => show());

  // What is shown follows what is known ----------------------------------------------------------------------------------
  function show() {
    preview.show(store.all);
    view.show(store.all, store.selected);
    one("all").textContent = tenths(store.all.duration);
    one("empty").hidden = !store.isEmpty;
    one("frame").classList.toggle("is-empty", store.isEmpty);
    page.querySelectorAll('[data-do="publish"]').forEach((button) => button.toggleAttribute("disabled", store.isEmpty));
    one("do='undo'").disabled = store.history.past.length === 0;
    one("do='redo'").disabled = store.history.future.length === 0;
    frameShape();
    showTime();
  }
  function showTime() {
    one("now").textContent = tenths(at());
    view.setTime(at());
    showMarks();
  }
  function frameShape() {
    const { width, height } = store.all;
    one("frame").style.setProperty("aspect-ratio", `${width} / ${height}`);
    const tall = Math.min(1280, Math.max(240, Math.round(one("frame").clientHeight * Math.min(2, devicePixelRatio || 1))));
    const canvas = one("canvas");
    const wide = Math.round((tall * width) / height / 2) * 2;
    if (canvas.height === tall && canvas.width === wide) return;
    canvas.height = tall;
    canvas.width = wide;
    preview.redraw();
  }
  function showTools() {
    fillToolbar(one("tools"), all, store.selection?.kind ?? "nothing");
  }
  new ResizeObserver(frameShape).observe(one("frame"));
  store.addEventListener("change", show);
  store.addEventListener("sources", () => preview.redraw());
  store.addEventListener("select", () => {
    showTools();
    view.show(store.all, store.selected);
    showMarks();
    // A panel about a selection that is gone has nothing left to say.
    if (!store.selection && ["speed", "volume", "transition", "fit", "text"].includes(panels.name)) panels.close();
  });
  preview.addEventListener("time", showTime);
  for (const kind of ["play", "pause"]) {
    preview.addEventListener(kind, () => {
      const button = page.querySelector(".transport .play");
      button?.setAttribute("aria-label", preview.playing ? gettext("Pause") : gettext("Play"));
      const svg = button?.querySelector("svg");
      if (svg) changeIcon(svg, preview.playing ? "pause" : "play");
      showMarks();
    });
  }
  preview.addEventListener("wait", () => {
    one("wait").hidden = !preview.waits || store.isEmpty;
    const isPreparing = store.sources.some((each) => each.state !== "ready" && each.state !== "failed");
    one("wait").textContent = isPreparing ? gettext("Being prepared …") : gettext("Loading …");
  });
  panels.addEventListener("open", (event) => {
    const { detail } = /** @type {CustomEvent} */ (event);
    if (detail === "looks") choices.drawLooksOn(preview.compositor.spare[0]);
  });
  panels.addEventListener("refresh", () => {
    if (panels.name === "cover" && document.activeElement?.matches('[data-set="cover"]')) seek(store.all.coverMs);
  });
  const title = /** @type {HTMLInputElement} */ (one("title"));
  const showTitle = () => {
    // Setting it moves the cursor of whoever types.
    if (title.value !== store.title) title.value = store.title;
  };
  showTitle();
  store.addEventListener("change", showTitle);
  title.addEventListener("input", () => store.rename(title.value));
  saver.addEventListener("state", () => {
    const words = { saved: gettext("Saved"), waiting: gettext("Saving …"), saving: gettext("Saving …"), failed: gettext("Not saved yet"), conflict: "" };
    one("saved").textContent = words[/** @type {keyof typeof words} */ (saver.state)];
    one("saved").classList.toggle("bad", saver.state === "failed");
    if (saver.state === "failed") toast(saver.problem ?? "", { error: true });
  });
  showTools();
  show();
  if (store.differs && !store.isEmpty) saver.soon();
  if (store.isEmpty && store.sources.length === 0 && location.hash === "#add") panels.open("add");
  page.dataset.ready = "";
}
