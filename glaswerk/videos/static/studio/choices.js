// The tiles of the panels: looks, transitions, framings, styles, colours, stickers.

import { element } from "../web/elements.js";
import { gettext } from "../web/words.js";
import { addOverlay, setClip, setParameters, setTransition } from "./document.js";
import { freshId } from "./otio.js";
import { fillTiles } from "./tiles.js";

/** @typedef {import("./store.js").Store} Store */

export const COLORS = ["#ffffff", "#0c0e12", "#12b5a6", "#f5b83d", "#ef4a5b", "#f47fb0", "#3f8cff", "#35b56a"];

const COLOR_NAMES = {
  "#ffffff": gettext("White"),
  "#0c0e12": gettext("Ink"),
  "#12b5a6": gettext("Green-blue"),
  "#f5b83d": gettext("Amber"),
  "#ef4a5b": gettext("Red"),
  "#f47fb0": gettext("Pink"),
  "#3f8cff": gettext("Blue"),
  "#35b56a": gettext("Green"),
};

/** @param {string} kind */
const face = (kind) => element("span", { class: `face ${kind}` }, element("i"), element("i"));

/**
 * @param {import("./panels.js").Panels} panels @param {Store} store
 * @param {{looks: import("./looks.js").Looks, stickers: {name: string, url: string, title: string}[], at: () => number}} finds
 */
export function fillChoices(panels, store, { looks, stickers, at }) {
  const box = (/** @type {string} */ name) => /** @type {HTMLElement} */ (panels.root.querySelector(`[data-${name}-tiles]`));
  const lookClip = () => (store.selection?.kind === "clip" ? store.selection.view : store.all.clips.find((one) => at() >= one.start && at() < one.end) ?? store.all.clips[0]);
  /** @type {Map<string, HTMLCanvasElement>} */
  const faces = new Map();
  const lookFace = (/** @type {string} */ name) => {
    const canvas = element("canvas", { class: "look-face", width: "56", height: "72" });
    faces.set(name, canvas);
    return canvas;
  };

  const show = {
    looks: fillTiles(
      box("look"),
      [{ value: "", label: gettext("None"), face: lookFace("") }, ...looks.list.map((one) => ({ value: one.name, label: one.title, face: lookFace(one.name) }))],
      (filter) => {
        const clip = lookClip();
        if (clip) store.edit(setClip(store.doc, clip.id, { filter: filter || null }), gettext("Look"));
      },
    ),
    transition: fillTiles(
      box("transition"),
      [
        ["", gettext("Cut")],
        ["dissolve", gettext("Dissolve")],
        ["fade", gettext("Fade")],
        ["slide_left", gettext("Slide")],
        ["slide_up", gettext("Rise")],
        ["wipe", gettext("Wipe")],
        ["circle", gettext("Circle")],
        ["zoom", gettext("Zoom")],
      ].map(([value, label]) => ({ value, label, face: face(`transition-${value || "cut"}`) })),
      (kind) => {
        const after = store.selection?.view.after;
        if (store.selected) store.edit(setTransition(store.doc, store.selected, kind, after ? after.end - after.start : 600), gettext("Transition"));
      },
    ),
    fit: fillTiles(
      box("fit"),
      [
        ["cover", gettext("Fill the frame")],
        ["contain", gettext("Show everything")],
        ["blur", gettext("Over itself, out of focus")],
      ].map(([value, label]) => ({ value, label, face: face(`fit-${value}`) })),
      (fit) => {
        const facts = fit === "blur" ? { fit: "contain", backdrop: "blur" } : { fit, backdrop: null };
        if (store.selected) store.edit(setClip(store.doc, store.selected, facts), gettext("Framing"));
      },
    ),
    style: fillTiles(
      box("style"),
      [
        ["plain", gettext("Plain")],
        ["box", gettext("Box")],
        ["outline", gettext("Outline")],
        ["neon", gettext("Neon")],
      ].map(([value, label]) => ({ value, label, face: element("span", { class: `face style-${value}`, text: "Aa" }) })),
      (style) => change({ style, background: null }),
    ),
    align: fillTiles(
      box("align"),
      [
        ["left", gettext("Left")],
        ["center", gettext("Centred")],
        ["right", gettext("Right")],
      ].map(([value, label]) => ({ value, label, face: face(`align-${value}`) })),
      (align) => change({ align }),
    ),
    color: fillTiles(
      box("color"),
      COLORS.map((value) => {
        const dot = element("span", { class: "dot" });
        dot.style.setProperty("background", value);
        return { value, label: COLOR_NAMES[/** @type {keyof typeof COLOR_NAMES} */ (value)], face: dot, shownLabel: false };
      }),
      (color) => change({ color }),
    ),
  };

  /** @param {Record<string, any>} parameters */
  function change(parameters) {
    if (store.selected) store.edit(setParameters(store.doc, store.selected, parameters), gettext("Text"));
  }

  box("sticker").replaceChildren(
    ...stickers.map((one) =>
      element(
        "button",
        { class: "tile", type: "button", "aria-label": one.title, title: one.title, on: { click: () => addSticker(one.name) } },
        element("img", { src: one.url, alt: "", width: "40", height: "40" }),
      ),
    ),
  );

  /** @param {string} name */
  function addSticker(name) {
    const id = freshId("sticker");
    const start = Math.min(at(), Math.max(0, store.all.duration - 500));
    const length = Math.max(500, Math.min(3000, store.all.duration - start));
    store.edit(addOverlay(store.doc, "sticker", { name, x: 0.5, y: 0.4, size: 0.15, rotation: 0 }, start, length, id), gettext("Sticker"));
    store.select(id);
  }

  panels.addEventListener("refresh", () => {
    const view = store.selection?.view;
    if (panels.name === "looks") {
      show.looks(lookClip()?.filter ?? "");
      drawFaces();
    }
    if (panels.name === "transition") show.transition(view?.after?.kind ?? "");
    if (panels.name === "fit") show.fit(view?.fit === "contain" && view.backdrop === "blur" ? "blur" : (view?.fit ?? "cover"));
    if (panels.name === "text") {
      show.style(view?.parameters?.style ?? "plain");
      show.align(view?.parameters?.align ?? "center");
      show.color(view?.parameters?.color ?? "");
    }
    if (panels.name === "sticker") {
      /** @type {HTMLElement} */ (panels.root.querySelector("[data-sticker-facts]")).hidden = store.selection?.kind !== "sticker";
    }
  });

  let still = /** @type {HTMLCanvasElement|null} */ (null);
  /** Every look on the picture that the preview shows. */
  function drawFaces() {
    if (!still) return;
    for (const [name, canvas] of faces) {
      const small = document.createElement("canvas");
      small.width = canvas.width;
      small.height = canvas.height;
      const ratio = Math.max(small.width / still.width, small.height / still.height);
      const [w, h] = [still.width * ratio, still.height * ratio];
      small.getContext("2d")?.drawImage(still, (small.width - w) / 2, (small.height - h) / 2, w, h);
      canvas.getContext("2d")?.drawImage(looks.apply(small, name, 1), 0, 0);
    }
  }

  return {
    /** @param {HTMLCanvasElement|null} picture */
    drawLooksOn: (picture) => {
      still = picture;
      if (panels.name === "looks") drawFaces();
    },
  };
}
