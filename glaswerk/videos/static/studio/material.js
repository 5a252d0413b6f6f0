// The material of a draft: files are brought in, shown with how far they are, laid on the timeline, and taken away.

import { element, icon } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";
import { sizeText } from "../videos/sizes.js";
import { toast } from "../web/toasts.js";
import { deleteSource } from "./calls.js";
import { insertClips, place } from "./document.js";
import { freshId, mediaClip } from "./otio.js";
import { minutes } from "./times.js";
import { lookInto, sendSource } from "./uploads.js";

const PICTURE_MS = 3000;

/** @param {import("./panels.js").Panels} panels @param {import("./store.js").Store} store @param {{maxBytes: number, maxMb: string, at: () => number, say: (text: string) => void}} parts */
export function prepareMaterial(panels, store, { maxBytes, maxMb, at, say }) {
  const input = /** @type {HTMLInputElement} */ (panels.root.querySelector("[data-files]"));
  const list = /** @type {HTMLElement} */ (panels.root.querySelector("[data-sources]"));
  /** @type {Map<string, {name: string, share: number, problem: string}>} files that are not there yet */
  const coming = new Map();
  /** @type {Set<string>} sources that go onto the timeline as soon as their length is known */
  const awaited = new Set();

  input.addEventListener("change", () => {
    void addFiles([...(input.files ?? [])]);
    input.value = "";
  });

  /** @param {File[]} files */
  async function addFiles(files) {
    for (const file of files) {
      const key = freshId("file");
      coming.set(key, { name: file.name, share: 0, problem: "" });
      await addFile(file, key);
    }
  }

  /** @param {File} file @param {string} key */
  async function addFile(file, key) {
    const line = /** @type {{name: string, share: number, problem: string}} */ (coming.get(key));
    show();
    if (file.size > maxBytes) {
      line.problem = fill(gettext("It has {size}, and {limit} MiB is the most."), { size: sizeText(file.size), limit: maxMb });
      show();
      return;
    }
    const url = URL.createObjectURL(file);
    const known = await lookInto(file, url);
    try {
      const source = await sendSource(store.id, file, file.name, (share) => {
        line.share = share;
        show();
      });
      coming.delete(key);
      const filled = known ? { ...source, kind: source.kind ?? known.kind, duration_ms: source.duration_ms || known.durationMs } : source;
      store.addSource(filled, known ? url : undefined);
      if (known || source.state === "ready") lay(filled);
      else awaited.add(source.id);
      say(fill(gettext("{name} is here."), { name: file.name }));
    } catch (error) {
      line.problem = /** @type {Error} */ (error).message;
      toast(line.problem, { error: true });
    }
    show();
  }

  /** @param {import("./calls.js").Source} source */
  function lay(source) {
    const length = source.kind === "image" ? PICTURE_MS : Math.max(100, source.duration_ms);
    const clip = mediaClip(`source:${source.id}`, { length });
    const changed = source.kind === "audio" ? place(store.doc, "music", clip, Math.min(at(), store.all.duration), { duck: true, duck_db: 12 }) : insertClips(store.doc, [clip]);
    store.edit(changed, gettext("Clip"));
  }

  store.addEventListener("sources", () => {
    for (const source of store.sources) {
      if (!awaited.has(source.id) || source.state !== "ready") continue;
      awaited.delete(source.id);
      lay(source);
    }
    show();
  });

  function show() {
    if (panels.name !== "add") return;
    const used = store.used();
    const focused = list.contains(document.activeElement) ? document.activeElement?.getAttribute("data-key") : null;
    list.replaceChildren(
      ...[...coming].map(([key, { name, share, problem }]) =>
        element(
          "li",
          { class: "list-item source" },
          element("span", { class: "source-still" }, icon("upload")),
          element("span", { class: "grow stack tight" }, element("span", { class: "source-name", text: name }), problem ? element("span", { class: "small field-error", text: problem }) : element("progress", { class: "progress", max: "1", value: String(share), "aria-label": name })),
          problem && element("button", { class: "icon-button", type: "button", "aria-label": gettext("Close"), on: { click: () => coming.delete(key) && show() } }, icon("close", "small")),
        ),
      ),
      ...store.sources.map((source) => sourceRow(source, used.has(source.id))),
    );
    if (focused) /** @type {HTMLElement|null} */ (list.querySelector(`[data-key="${focused}"]`) ?? panels.title).focus({ preventScroll: true });
  }

  /** @param {import("./calls.js").Source} source @param {boolean} isUsed */
  function sourceRow(source, isUsed) {
    const kind = { video: gettext("Video"), audio: gettext("Audio"), image: gettext("Picture") }[source.kind] ?? gettext("File");
    const credit = /** @type {any} */ (source.credit);
    const name = credit ? `${credit.label}: @${credit.name}` : kind;
    const state = source.state === "failed" ? (source.failure ?? gettext("It cannot be used.")) : source.state === "ready" ? [source.duration_ms && minutes(source.duration_ms), isUsed ? gettext("on the timeline") : ""].filter(Boolean).join(" · ") : gettext("Being prepared; you can go on cutting.");
    const symbol = { video: "film", audio: "note", image: "cover" }[source.kind] ?? "film";
    return element(
      "li",
      { class: "list-item source" },
      element("span", { class: "source-still" }, source.poster ? element("img", { src: source.poster, alt: "" }) : icon(symbol)),
      element("span", { class: "grow" }, element("span", { class: "source-name", text: name }), element("span", { class: `small number ${source.state === "failed" ? "field-error" : "soft"}`, text: state })),
      source.state === "ready" && element("button", { class: "button small", type: "button", data: { key: `add-${source.id}` }, text: gettext("Add"), "aria-label": fill(gettext("Add {name} to the timeline"), { name }), on: { click: () => lay(source) } }),
      !isUsed && element("button", { class: "icon-button", type: "button", data: { key: `drop-${source.id}` }, "aria-label": fill(gettext("Delete {name}"), { name }), on: { click: () => void drop(source) } }, icon("trash", "small")),
    );
  }

  /** @param {import("./calls.js").Source} source */
  async function drop(source) {
    try {
      await deleteSource(store.id, source.id);
      store.dropSource(source.id);
      show();
    } catch (error) {
      toast(/** @type {Error} */ (error).message, { error: true });
    }
  }

  panels.addEventListener("refresh", () => panels.name === "add" && show());
  return { addFiles, choose: () => input.click() };
}
