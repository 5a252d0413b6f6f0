// The feed page: puts its parts together.

import { changeIcon } from "../web/elements.js";
import { fill, gettext } from "../web/words.js";
import { toast } from "../web/toasts.js";
import { call } from "./api.js";
import { Comments } from "./comments.js";
import { record, startEvents } from "./events.js";
import { watchGestures } from "./gestures.js";
import { prepareHiding } from "./hide.js";
import { watchKeys } from "./keys.js";
import { prepareMenu } from "./menu.js";
import { keepPlace, keptPlace } from "./place.js";
import { choseSound, Player } from "./player.js";
import { watchProgress } from "./progress.js";
import { addressOf, Reactions } from "./reactions.js";
import { remake } from "./remake.js";
import { Sheets } from "./sheets.js";
import { Queue } from "./slate.js";
import { Stage } from "./stage.js";
import { WhyPanel } from "./why.js";

/** Leaving a video sooner than this is a skip, which counts at once. */
const SKIP_MS = 2000;

const frame = /** @type {HTMLElement} */ (document.getElementById("feed"));
const { feed = "", hashtag = "", creator = "", video: first = "", marks = "", own = "", role = "", signIn = "" } = frame.dataset;
const find = (/** @type {string} */ selector) => /** @type {any} */ (frame.querySelector(selector));

const root = /** @type {HTMLElement} */ (find(".stage"));
const tail = /** @type {HTMLElement} */ (find(".tail"));
const surface = hashtag ? { hashtag } : creator ? { creator } : feed === "following" ? { feed } : {};
const queue = new Queue(surface);
const player = new Player();
const stage = new Stage(root, queue, player, { own }, tail);
const reactions = new Reactions(stage, queue);
const sheets = new Sheets(frame);
const comments = new Comments(find("#comments"), { own, role, signInAddress: signIn });
const why = new WhyPanel(find("#why"), {
  stillOf: (id) => queue.items.find((item) => item.video.id === id)?.video,
  // What comes next is to follow the dials at once.
  applied: () => queue.react(2),
});
const fillHiding = prepareHiding(find("#hide"), { own, hide: (view, hidden) => void reactions.hide(view, hidden) });

/** Do something with the current video, if there is one. @param {(view: import("./slot.js").SlotView) => void} run */
const withCurrent = (run) => () => {
  const view = stage.current;
  if (view) run(view);
};

// Panels ------------------------------------------------------------------------------------------------------

/** @param {{load: (view: any) => Promise<void>}} panel @param {HTMLDialogElement} sheet */
const toggling = (panel, sheet) =>
  withCurrent((view) => {
    const opens = sheets.open !== sheet;
    sheets.toggle(sheet);
    if (opens) void panel.load(view);
  });
const toggleComments = toggling(comments, find("#comments"));
const toggleWhy = toggling(why, find("#why"));
const openMenu = prepareMenu(find("#menu"), {
  current: () => stage.current,
  own,
  player,
  sheets,
  does: {
    "not-interested": (view) => reactions.notInterested(view),
    hide: (view) => {
      fillHiding(view);
      sheets.show(find("#hide"));
    },
    copy: (view) => void reactions.copyLink(view),
    "use-sound": (view) => void remake("sound", view.item.video),
    duet: (view) => void remake("duet", view.item.video),
    stitch: (view) => void remake("stitch", view.item.video),
    why: () => toggleWhy(),
    shortcuts: () => sheets.show(find("#shortcuts")),
  },
});

// What is open beside the video follows the video.
stage.addEventListener("arrive", () => {
  const view = stage.current;
  if (!view) return;
  if (sheets.open?.id === "comments") void comments.load(view);
  if (sheets.open?.id === "why") void why.load(view);
});

// Buttons -----------------------------------------------------------------------------------------------------

const actions = /** @type {Record<string, () => void>} */ ({
  like: withCurrent((view) => reactions.like(view)),
  comment: toggleComments,
  save: withCurrent((view) => reactions.save(view)),
  share: withCurrent((view) => void reactions.share(view)),
  why: toggleWhy,
  more: openMenu,
  follow: withCurrent((view) => reactions.follow(view)),
  mute: () => player.setMuted(!player.muted),
  next: () => stage.next(),
  previous: () => stage.previous(),
  again: () => void startAgain(),
  retry: () => void queue.ask(),
});
frame.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const name = target?.closest("[data-action]")?.getAttribute("data-action");
  if (name) actions[name]?.();
});

watchGestures(root, {
  tap: () => player.toggle(),
  like: withCurrent((view) => reactions.like(view, true)),
  menu: openMenu,
  creator: withCurrent((view) => location.assign(`/@${view.item.video.creator.name}`)),
});
watchProgress(root, player);
const keys = /** @type {Record<string, () => void>} */ ({
  j: actions.next,
  ArrowDown: actions.next,
  k: actions.previous,
  ArrowUp: actions.previous,
  PageDown: actions.next,
  PageUp: actions.previous,
  " ": () => player.toggle(),
  m: actions.mute,
  t: () => player.setSubtitles(!player.subtitled),
  l: actions.like,
  c: toggleComments,
  w: toggleWhy,
  s: actions.save,
  ArrowLeft: () => player.seek((player.view?.video?.currentTime ?? 0) - 3),
  ArrowRight: () => player.seek((player.view?.video?.currentTime ?? 0) + 3),
  "/": () => location.assign("/discover"),
  "?": () => sheets.toggle(find("#shortcuts")),
  Escape: () => sheets.close(),
});
watchKeys(keys);

// Sound -------------------------------------------------------------------------------------------------------

const muteButton = find(".mute");
function showSound() {
  muteButton.setAttribute("aria-label", player.muted ? gettext("Turn sound on") : gettext("Turn sound off"));
  changeIcon(muteButton.querySelector(".icon"), player.muted ? "muted" : "sound");
  muteButton.classList.toggle("inviting", player.muted && !choseSound());
}
player.addEventListener("mute", showSound);
showSound();

// Events ------------------------------------------------------------------------------------------------------

stage.addEventListener("impression", (event) => {
  const { view } = /** @type {CustomEvent} */ (event).detail;
  record("impression", { slate: view.item.slate, video: view.item.video.id });
});

/** @param {import("./slot.js").SlotView} view @param {{watched_ms: number, loops: number}} watched @param {boolean} now */
function recordWatch(view, watched, now) {
  if (stage.shown.has(view) || watched.watched_ms) {
    record("watch", { slate: view.item.slate, video: view.item.video.id, ...watched }, { now });
  }
}
player.addEventListener("leave", (event) => {
  const { view, watched } = /** @type {CustomEvent} */ (event).detail;
  const skipped = watched.watched_ms < Math.min(SKIP_MS, view.item.video.duration_ms / 2);
  recordWatch(view, watched, skipped);
  if (skipped && stage.shown.has(view)) queue.react();
});
player.addEventListener("finish", () => queue.react());

/** The page is put aside: what was watched until now counts, whether or not the viewer returns. */
function putAside() {
  if (player.view) recordWatch(player.view, player.watched, false);
  player.pause();
}
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") putAside();
  else void player.play();
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) void player.play();
});
startEvents();

// Beginning, going on, ending ---------------------------------------------------------------------------------

const announce = /** @type {HTMLElement} */ (find(".announce"));
const cards = { empty: find(".end-empty"), end: find(".end-card"), failed: find(".end-failed"), loading: find(".loading") };

function showState() {
  const none = queue.items.length === 0;
  cards.loading.hidden = !none || queue.ended || Boolean(queue.failure);
  cards.failed.hidden = !queue.failure || queue.ended;
  cards.end.hidden = !queue.ended || (none && !queue.again && Object.keys(surface).length > 0);
  cards.empty.hidden = !queue.ended || !cards.end.hidden;
  if (queue.failure) cards.failed.querySelector("p").textContent = queue.failure.message;
  tail.hidden = cards.loading.hidden && cards.failed.hidden && cards.end.hidden && cards.empty.hidden;
  // A feed without articles is none.
  root.setAttribute("role", none && cards.loading.hidden ? "region" : "feed");
  root.setAttribute("aria-busy", String(!cards.loading.hidden));
  find("[data-action=previous]").disabled = stage.place <= 0;
  find("[data-action=next]").disabled = stage.place >= stage.views.length - (tail.hidden ? 1 : 0);
}
stage.addEventListener("build", showState);
stage.addEventListener("end", showState);
stage.addEventListener("arrive", () => {
  showState();
  const view = stage.current;
  if (!view) return;
  const { video } = view.item;
  announce.textContent = fill(gettext("Video by {name}: {caption}"), { name: video.creator.display_name || video.creator.name, caption: video.caption });
  // The address of a single video goes along, so that it always names what is shown.
  if (location.pathname.startsWith("/v/")) history.replaceState(history.state, "", new URL(addressOf(view)).pathname);
});

async function startAgain() {
  player.release(stage.views);
  await queue.startAgain();
  stage.go(0, { smooth: false });
}

async function begin() {
  const kept = keptPlace();
  if (kept) {
    player.dismiss();
    queue.items = kept.items;
    queue.place = kept.place;
    queue.ended = kept.ended;
    queue.again = kept.again;
    stage.build();
    stage.go(kept.place, { smooth: false });
    stage.arrive(kept.place);
    player.seek(kept.seconds);
    player.view?.video?.addEventListener("loadedmetadata", () => player.seek(kept.seconds), { once: true });
  } else {
    const embedded = document.getElementById("first-slate");
    if (first) {
      try {
        const video = await call("GET", `/api/videos/${first}`);
        const held = new Set(marks.split(" "));
        Object.assign(video, { liked: held.has("liked"), saved: held.has("saved") });
        video.creator.followed = held.has("followed");
        queue.items = [{ slate: null, position: 0, value: 0, video }];
        stage.build();
      } catch (error) {
        toast(/** @type {Error} */ (error).message, { error: true });
      }
    }
    if (embedded?.textContent) {
      queue.take(JSON.parse(embedded.textContent));
      stage.build();
    } else await queue.ask();
  }
  keepPlace(stage, queue, player);
}

// What other apps add to this page waits for its parts; they listen before the first video comes.
document.dispatchEvent(new CustomEvent("player", { detail: { frame, stage, player, sheets, keys, withCurrent } }));
document.documentElement.classList.add("ready");
void begin();

