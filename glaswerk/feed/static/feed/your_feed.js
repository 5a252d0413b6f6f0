// The page of one's own feed: dials, topics, what is hidden, the personal feed's switch, and starting over.

import { element, icon } from "../web/elements.js";
import { toast } from "../web/toasts.js";
import { fill, gettext } from "../web/words.js";
import { call } from "./api.js";
import { buildDial, copyDials, MOST_TOPICS, NAMES } from "./dial.js";

/** @typedef {import("./dial.js").FeedSettings} FeedSettings */
/** @typedef {{kind: string, value: string}} Hidden */

/** A dial that is being moved is stored when it rests for this long. */
const REST_MS = 300;
const KINDS = ["creator", "hashtag", "sound", "word"];

const page = /** @type {HTMLElement} */ (document.getElementById("your-feed"));
const find = (/** @type {string} */ selector) => /** @type {any} */ (page.querySelector(selector));
const state = find("[data-save-state]");

/** @type {FeedSettings} what the cell holds; dials run ahead of it while they are moved */
let settings = { dials: { new: 0, familiar: 0, local: 0, shopping: 0, long: 0, topics: {} }, profiling: true, hidden: [], reset_at: null };
/** @type {Map<string, HTMLElement & {set: (setting: number) => void}>} */
const dials = new Map();
let timer = 0;
let saving = Promise.resolve();

/** @param {unknown} error */
function complain(error) {
  toast(/** @type {Error} */ (error).message, { error: true });
}

/** @param {string} words @param {string} [symbol] */
function say(words, symbol) {
  state.replaceChildren(...(symbol ? [icon(symbol, "small")] : []), words);
}

// Dials -------------------------------------------------------------------------------------------------------

function saveSoon() {
  say(gettext("Saving …"));
  showNeutral();
  clearTimeout(timer);
  timer = window.setTimeout(save, REST_MS);
}

function save() {
  timer = 0;
  // One after the other, so that an older setting never overtakes a newer one.
  saving = saving.then(async () => {
    try {
      await call("PUT", "/api/dials", { dials: copyDials(settings.dials) });
      if (!timer) say(gettext("Saved"), "check");
    } catch (error) {
      say(gettext("Not saved"));
      complain(error);
      await load().catch(() => {});
    }
  });
}

// Whoever leaves at once has still moved the dial.
window.addEventListener("pagehide", () => {
  if (!timer) return;
  clearTimeout(timer);
  save();
});

function showNeutral() {
  const topics = Object.values(settings.dials.topics);
  find("[data-neutral]").disabled = NAMES.every((name) => settings.dials[name] === 0) && topics.every((setting) => setting === 0);
}

function showDials() {
  const list = find("[data-dials]");
  if (!dials.size) {
    list.replaceChildren();
    for (const name of NAMES) {
      const dial = buildDial({
        name,
        setting: settings.dials[name],
        hint: true,
        change: (setting) => {
          settings.dials[name] = setting;
          saveSoon();
        },
      });
      dials.set(name, dial);
      list.append(dial);
    }
  }
  for (const name of NAMES) dials.get(name)?.set(settings.dials[name]);
  showTopics();
  showNeutral();
}

function showTopics() {
  const { topics } = settings.dials;
  find("[data-topics]").replaceChildren(...Object.entries(topics).sort().map(([topic, setting]) => buildTopic(topic, setting)));
  for (const button of page.querySelectorAll("[data-topic]")) {
    /** @type {HTMLElement} */ (button.parentElement).hidden = (button.getAttribute("data-topic") ?? "") in topics;
  }
}

/** @param {string} topic @param {number} setting */
function buildTopic(topic, setting) {
  return buildDial({
    name: topic,
    setting,
    topic: true,
    change: (chosen) => {
      settings.dials.topics[topic] = chosen;
      saveSoon();
    },
    remove: () => {
      delete settings.dials.topics[topic];
      showTopics();
      saveSoon();
      find("#new-topic").focus();
    },
  });
}

/** @param {string} text */
function addTopic(text) {
  const topic = text.trim().replace(/^#/, "").normalize("NFC").toLowerCase();
  if (!topic) return;
  if (!(topic in settings.dials.topics)) {
    if (Object.keys(settings.dials.topics).length >= MOST_TOPICS) {
      toast(fill(gettext("At most {count} topics can have a dial. Remove one first."), { count: MOST_TOPICS }), { error: true });
      return;
    }
    settings.dials.topics[topic] = 1;
    showTopics();
    saveSoon();
  }
  find(`[data-dial="topic:${CSS.escape(topic)}"] input`)?.focus();
}

find("[data-add-topic]").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const field = find("#new-topic");
  addTopic(field.value);
  field.value = "";
});
page.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-topic]") : null;
  if (button) addTopic(button.getAttribute("data-topic") ?? "");
});
find("[data-neutral]").addEventListener("click", () => {
  for (const name of NAMES) settings.dials[name] = 0;
  settings.dials.topics = {};
  showDials();
  saveSoon();
});

// Hidden ------------------------------------------------------------------------------------------------------

/** @param {string} kind */
function kindName(kind) {
  return { creator: gettext("People"), hashtag: gettext("Hashtags"), sound: gettext("Sounds"), word: gettext("Words") }[kind] ?? kind;
}

/** @param {Hidden} one @returns {string} */
function hiddenName({ kind, value }) {
  if (kind === "creator") return `@${value}`;
  return kind === "hashtag" ? `#${value}` : value;
}

/** @param {string} text @returns {Hidden} what somebody means who types this */
function readHidden(text) {
  const typed = text.trim();
  if (typed.startsWith("#")) return { kind: "hashtag", value: typed.slice(1) };
  if (typed.startsWith("@")) return { kind: "creator", value: typed.slice(1) };
  return { kind: "word", value: typed };
}

function showHidden() {
  const kinds = KINDS.filter((kind) => settings.hidden.some((one) => one.kind === kind));
  find("[data-nothing-hidden]").hidden = kinds.length > 0;
  find("[data-hidden]").replaceChildren(
    ...kinds.map((kind) =>
      element(
        "div",
        { class: "hidden-kind" },
        element("h3", { text: kindName(kind) }),
        element("ul", {}, ...settings.hidden.filter((one) => one.kind === kind).map(buildHidden)),
      ),
    ),
  );
}

/** @param {Hidden} one */
function buildHidden(one) {
  const name = hiddenName(one);
  const show = () => void changeHidden("DELETE", one, fill(gettext("{name} may come again."), { name }));
  return element(
    "li",
    { class: "hidden-thing" },
    element("button", { type: "button", "aria-label": fill(gettext("Show {name} again"), { name }), on: { click: show } }, name, icon("close", "small")),
  );
}

/** @param {string} method @param {Hidden} one @param {string} words */
async function changeHidden(method, { kind, value }, words) {
  try {
    take(await call(method, "/api/dials/hide", { kind, value }));
    showHidden();
    toast(words);
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

find("[data-add-hidden]").addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const field = find("#new-hidden");
  const one = readHidden(field.value);
  if (!one.value) return;
  if (await changeHidden("POST", one, fill(gettext("You will see nothing more with {name}."), { name: hiddenName(one) }))) field.value = "";
});

// The personal feed and its history ---------------------------------------------------------------------------

const profiling = find("[data-profiling]");

function showProfiling() {
  profiling.checked = settings.profiling;
  profiling.disabled = false;
  const words = find("#profiling-words");
  words.textContent = settings.profiling ? words.dataset.on : words.dataset.off;
}

profiling.addEventListener("change", async () => {
  const wanted = profiling.checked;
  profiling.disabled = true;
  try {
    take(await call("PUT", "/api/dials", { profiling: wanted }));
    toast(wanted ? gettext("Your feed is personal now.") : gettext("Your feed is made without a profile now."));
  } catch (error) {
    complain(error);
  }
  showProfiling();
  profiling.focus();
});

function showReset() {
  const words = find("[data-reset-at]");
  words.hidden = !settings.reset_at;
  if (!settings.reset_at) return;
  const at = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" }).format(settings.reset_at);
  words.textContent = fill(gettext("Last reset: {time}"), { time: at });
}

const dialog = /** @type {HTMLDialogElement} */ (find("#reset-dialog"));
dialog.addEventListener("close", async () => {
  if (dialog.returnValue !== "reset") return;
  dialog.returnValue = "";
  try {
    take(await call("POST", "/api/dials/reset", {}));
    showReset();
    toast(gettext("Your history is reset. Your feed begins anew."));
  } catch (error) {
    complain(error);
  }
});

// Beginning ---------------------------------------------------------------------------------------------------

/** Keep what the cell answered, but not dials that are being moved. @param {FeedSettings} answer */
function take(answer) {
  const moving = timer !== 0;
  settings = { ...answer, dials: moving ? settings.dials : { ...answer.dials, topics: { ...answer.dials.topics } } };
}

async function load() {
  take(await call("GET", "/api/dials"));
  showDials();
  showHidden();
  showProfiling();
  showReset();
}

async function begin() {
  try {
    await load();
  } catch (error) {
    find("[data-dials]").replaceChildren(
      element(
        "div",
        { class: "empty" },
        icon("warning"),
        element("p", { text: /** @type {Error} */ (error).message }),
        element("button", { class: "button small", type: "button", text: gettext("Try again"), on: { click: () => void begin() } }),
      ),
    );
  } finally {
    page.removeAttribute("aria-busy");
  }
}
void begin();
