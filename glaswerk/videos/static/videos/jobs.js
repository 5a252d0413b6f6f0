// The operator's page of the queue keeps itself current, unless somebody is at one of its buttons.

const EVERY_MS = 3000;

async function refresh() {
  const live = document.querySelector("[data-live]");
  if (!live || document.hidden || live.contains(document.activeElement)) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
    // Whoever came to a button meanwhile keeps it.
    if (fresh && !live.contains(document.activeElement)) live.replaceWith(fresh);
  } catch {
    // The next look may reach the cell again.
  }
}

setInterval(() => void refresh(), EVERY_MS);
