// Building elements: texts are always set as text, so nothing that a person wrote can become markup.

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] attributes; `class`, `text`, `data` (an object) and `on` (listeners) are special,
 *   `false`, `null` and `undefined` leave an attribute out
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {any} the element
 */
export function element(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "text") made.textContent = value;
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "on") for (const [kind, run] of Object.entries(value)) made.addEventListener(kind, /** @type {any} */ (run));
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) made.append(child);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** @param {string} name a symbol of the sprite @param {string} [classes] */
export function icon(name, classes = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${classes}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

/** Show another symbol in an icon that stands already. @param {Element} svg @param {string} name */
export function changeIcon(svg, name) {
  svg.querySelector("use")?.setAttribute("href", `${document.documentElement.dataset.icons}#${name}`);
}

/**
 * A person's picture, or the first letter of the name.
 * @param {{name: string, display_name?: string, avatar?: string|null}} person
 * @param {string} [classes]
 */
export function avatar(person, classes = "") {
  const shown = person.display_name || person.name;
  const box = element("span", { class: `avatar ${classes}`.trim(), "aria-hidden": "true" });
  if (person.avatar) box.append(element("img", { src: person.avatar, alt: "", loading: "lazy", decoding: "async" }));
  else box.textContent = [...shown][0] ?? "";
  return box;
}
