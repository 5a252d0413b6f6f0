// The page of a person's own data: follows what is under way, and shows the page anew when it is done.

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
