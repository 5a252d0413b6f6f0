// Publishing: words, who may see it, what others may do with it; then progress with the time left, and the video.

import { watchCaption } from "../videos/caption_field.js";
import { followState } from "../videos/follow_state.js";
import { leftText } from "../videos/sizes.js";
import { fill, gettext } from "../web/words.js";
import { publishDraft } from "./calls.js";

/** @param {import("./panels.js").Panels} panels @param {import("./store.js").Store} store @param {{saver: import("./saver.js").Saver, say: (text: string) => void}} parts */
export function preparePublishing(panels, store, { saver, say }) {
  const one = (/** @type {string} */ selector) => /** @type {any} */ (panels.root.querySelector(selector));
  const form = /** @type {HTMLFormElement} */ (one("[data-publish-form]"));
  const problem = one("[data-publish-problem]");
  const hint = one("[data-allow-hint]");
  const allowed = /** @type {HTMLInputElement[]} */ (["duet", "stitch", "sound"].map((name) => form.elements.namedItem(name)));
  watchCaption(panels.root);
  form.addEventListener("change", showAllowed);
  showAllowed();

  // Nobody can use what not everybody may see, so that the boxes would promise something.
  function showAllowed() {
    const isPublic = one("[name=visibility]:checked")?.value === "public";
    hint.hidden = isPublic;
    for (const box of allowed) box.disabled = !isPublic;
  }

  /** @param {string} text */
  function refuse(text) {
    problem.textContent = text;
    problem.hidden = text === "";
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const caption = one("#caption");
    if (caption.getAttribute("aria-invalid") === "true") {
      caption.focus();
      return;
    }
    refuse("");
    const button = form.querySelector("[type=submit]");
    button?.setAttribute("disabled", "");
    try {
      if (!(await saver.save())) throw new Error(saver.problem || gettext("Your last changes are not saved yet. Please try again in a moment."));
      const isPublic = one("[name=visibility]:checked").value === "public";
      const allow = Object.fromEntries(allowed.map((box) => [box.name, isPublic && box.checked]));
      if (one("[data-region] input").checked) allow.elsewhere = false;
      const { video } = await publishDraft(store.id, { caption: caption.value, visibility: one("[name=visibility]:checked").value, allow });
      follow(video);
    } catch (error) {
      refuse(/** @type {Error} */ (error).message);
    }
    button?.removeAttribute("disabled");
  });

  /** @param {string} video */
  function follow(video) {
    form.hidden = true;
    one("[data-publishing]").hidden = false;
    const title = one("[data-publishing-title]");
    const bar = one("[data-publishing-bar]");
    const facts = one("[data-publishing-facts]");
    title.textContent = gettext("Making your video");
    facts.textContent = gettext("You may leave this page; it goes on by itself.");
    title.focus();
    say(gettext("Your video is being made."));
    const begun = performance.now();
    let spoken = 0;
    bar.removeAttribute("value");
    followState(video, ({ state, progress, failure }) => {
      if (state === "ready") {
        title.textContent = gettext("It is live.");
        bar.value = 100;
        facts.textContent = "";
        one("[data-publishing-done]").hidden = false;
        one("[data-watch]").href = `/v/${video}`;
        say(gettext("It is live."));
        title.focus();
      } else if (state === "failed") {
        one("[data-publishing]").hidden = true;
        form.hidden = false;
        refuse(failure ?? gettext("The video could not be made. Your draft is still here."));
      } else if (progress > 0) {
        bar.value = progress;
        const seconds = ((performance.now() - begun) / 1000) * ((100 - progress) / progress);
        title.textContent = fill(gettext("Making your video · {percent} %"), { percent: progress });
        if (progress >= 5) facts.textContent = leftText(seconds);
        if (progress >= spoken + 25) say(fill(gettext("{percent} percent done."), { percent: (spoken = progress) }));
      }
    });
  }
}
