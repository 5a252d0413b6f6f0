// The pages of a person's own data: send an archive in pieces, follow what is under way, and show the page anew when it is
// done.

import { canResume, sendResumably } from "../videos/resumable.js";
import { fill, gettext } from "../web/words.js";

const EVERY_MS = 1500;

/** @param {HTMLElement} place says in data-watch where its state is told */
async function watch(place) {
  const bar = place.querySelector("progress");
  const begun = place.dataset.state ?? "";
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    try {
      const answer = await fetch(place.dataset.watch ?? "", { headers: { Accept: "application/json" } });
      if (!answer.ok) continue;
      const told = await answer.json();
      if (bar) bar.value = told.progress;
      if (!["waiting", "running", "reading", "applying"].includes(told.state) || (begun && told.state !== begun)) {
        location.reload();
        return;
      }
    } catch {
      // The connection is away for a moment; the work goes on without this page.
    }
  }
}

for (const place of document.querySelectorAll("[data-watch]")) void watch(/** @type {HTMLElement} */ (place));

/** @param {HTMLFormElement} form */
function sendArchive(form) {
  const input = /** @type {HTMLInputElement} */ (form.querySelector("[data-archive]"));
  const sending = /** @type {HTMLElement} */ (form.querySelector("[data-sending]"));
  const said = /** @type {HTMLElement} */ (form.querySelector("[data-said]"));
  const bar = /** @type {HTMLProgressElement} */ (form.querySelector("progress"));
  const upload = /** @type {HTMLInputElement} */ (form.elements.namedItem("upload"));
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (!file || !canResume()) return;
    sending.hidden = false;
    input.disabled = true;
    said.textContent = fill(gettext("Sending {name}"), { name: file.name });
    sendResumably(file, { purpose: "source" }, {
      onProgress: ({ percent }) => {
        bar.value = percent;
      },
      onWaiting: () => {
        said.textContent = gettext("The connection is away. It goes on by itself.");
      },
      onSending: () => {
        said.textContent = fill(gettext("Sending {name}"), { name: file.name });
      },
      onDone: ({ id }) => {
        upload.value = id;
        form.submit();
      },
      onRefused: (error) => {
        said.textContent = error.message;
        input.disabled = false;
        input.value = "";
      },
    });
  });
}

for (const form of document.querySelectorAll("[data-import]")) sendArchive(/** @type {HTMLFormElement} */ (form));
