// The first page of the studio: ways to begin, and the drafts that wait.

import { element, icon } from "../web/elements.js";
import { toast } from "../web/toasts.js";
import { ago, fill, gettext } from "../web/words.js";
import { sizeText } from "../videos/sizes.js";
import { ask, deleteDraft, listDrafts, newDraft, saveDraft } from "./calls.js";
import { insertClips, nameItems, place } from "./document.js";
import { emptyTimeline, mediaClip } from "./otio.js";
import { minutes } from "./times.js";
import { lookInto, sendSource } from "./uploads.js";

const page = /** @type {HTMLElement} */ (document.querySelector("[data-create]"));
const one = (/** @type {string} */ name) => /** @type {any} */ (page.querySelector(`[data-${name}]`));
const list = one("drafts");
const dialog = /** @type {HTMLDialogElement} */ (one("delete-dialog"));
/** @type {{id: string, row: HTMLElement}|null} */
let leaving = null;

void showDrafts();
one("files").addEventListener("change", () => void beginWith([...one("files").files]));
one("otio").addEventListener("change", () => void openTimeline(one("otio").files[0]));
dialog.addEventListener("close", () => void deleteChosen());

async function showDrafts() {
  try {
    const { drafts } = await listDrafts();
    list.replaceChildren(...drafts.map(row));
    one("no-drafts").hidden = drafts.length > 0;
  } catch (error) {
    list.replaceChildren();
    refuse(/** @type {Error} */ (error).message);
  }
  list.setAttribute("aria-busy", "false");
}

/** @param {any} draft */
function row(draft) {
  const title = draft.title || gettext("Untitled");
  const state = { publishing: gettext("Being made"), published: gettext("Published") }[/** @type {string} */ (draft.state)];
  const made = element(
    "li",
    { class: "draft", data: { draft: draft.id } },
    element(
      "a",
      { class: "draft-link", href: `/studio/${draft.id}` },
      element("span", { class: "draft-still" }, draft.poster ? element("img", { src: draft.poster, alt: "", loading: "lazy" }) : icon("film"), draft.duration_ms ? element("span", { class: "thumb-length number", text: minutes(draft.duration_ms) }) : null, state ? element("span", { class: "badge draft-state", text: state }) : null),
      element("span", { class: "draft-title", text: title }),
      element("time", { class: "small soft", datetime: draft.updated_at, text: ago(draft.updated_at) }),
    ),
    element("button", { class: "icon-button draft-delete", type: "button", "aria-label": fill(gettext("Delete {name}"), { name: title }), on: { click: () => askToDelete(draft.id, made) } }, icon("trash", "small")),
  );
  return made;
}

/** @param {string} id @param {HTMLElement} made */
function askToDelete(id, made) {
  leaving = { id, row: made };
  dialog.returnValue = "keep";
  dialog.showModal();
}

async function deleteChosen() {
  if (dialog.returnValue !== "delete" || !leaving) return;
  const { id, row: gone } = leaving;
  gone.inert = true;
  try {
    await deleteDraft(id);
    gone.remove();
    one("no-drafts").hidden = list.childElementCount > 0;
    one("announce").textContent = gettext("The draft is deleted.");
    /** @type {HTMLElement|null} */ (list.querySelector("a") ?? page.querySelector("a.way"))?.focus();
  } catch (error) {
    gone.inert = false;
    toast(/** @type {Error} */ (error).message, { error: true });
  }
}

/** @param {string} text empty removes it */
function refuse(text) {
  one("problem").textContent = text;
  one("problem").hidden = text === "";
}

/** @param {File[]} files */
async function beginWith(files) {
  one("files").value = "";
  const limit = Number(page.dataset.maxBytes);
  const tooLarge = files.find((file) => file.size > limit);
  if (tooLarge) {
    refuse(fill(gettext("{name} has {size}, and {limit} MiB is the most."), { name: tooLarge.name, size: sizeText(tooLarge.size), limit: page.dataset.maxMb ?? "" }));
    return;
  }
  if (!files.length) return;
  refuse("");
  one("sending").hidden = false;
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let before = 0;
  try {
    const draft = await newDraft({});
    let doc = nameItems(draft.timeline?.tracks ? draft.timeline : emptyTimeline());
    for (const [number, file] of files.entries()) {
      one("sending-text").textContent = fill(gettext("{name} · {number} of {count}"), { name: file.name, number: number + 1, count: files.length });
      const url = URL.createObjectURL(file);
      const known = await lookInto(file, url);
      URL.revokeObjectURL(url);
      const source = await sendSource(draft.id, file, file.name, (share) => (one("sending-bar").value = (100 * (before + share * file.size)) / total));
      before += file.size;
      // What this device cannot read waits in the material until the server has read it.
      const clip = known && mediaClip(`source:${source.id}`, { length: known.kind === "image" ? 3000 : Math.max(100, known.durationMs) });
      if (clip) doc = known.kind === "audio" ? place(doc, "music", clip, 0, { duck: true, duck_db: 12 }) : insertClips(doc, [clip]);
    }
    await saveDraft(draft.id, { version: draft.version, timeline: doc });
    location.assign(`/studio/${draft.id}`);
  } catch (error) {
    one("sending").hidden = true;
    refuse(/** @type {Error} */ (error).message);
    void showDrafts();
  }
}

/** @param {File|undefined} file */
async function openTimeline(file) {
  one("otio").value = "";
  if (!file) return;
  refuse("");
  try {
    // The address takes the text itself, under the name that the file has.
    const title = encodeURIComponent(file.name.replace(/\.\w+$/, "").slice(0, 80));
    const draft = await ask("POST", `/api/drafts/import?title=${title}`, file);
    location.assign(`/studio/${draft.id}`);
  } catch (error) {
    refuse(/** @type {Error} */ (error).message);
  }
}
