"""How soon does a product stand beside its playing video, and does the video go on? Prints a table, or JSON with --json.

    glaswerk bench sheet --times 12

A whole cell of its own is started, a clip is published, a merchant's product is shown in it, and a real Chromium, a phone of
390 x 844 at two pixels a CSS pixel, taps the chip, looks, closes the sheet and taps again. Times are taken inside the page, from
the touch itself: `sheet` until the first frame with the sheet's title, its decoded picture and the price, `sheet_whole` until the
one with everything that the cell was asked for, down to the buttons. Frames are those that the compositor presented of the video
(`requestVideoFrameCallback`) from the touch until half a second after the sheet was whole; one is `stalled` for each further
frame's time between two of them.
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

from benchmarks._machine import report
from benchmarks.player import PHONE, SETTINGS, make_clips, stock
from tests import chromium
from tests.browser.conftest import sign_up
from tests.browser.shopping import DETAILS, add_picture, ask, picture, write_product
from tests.cells import RunningCell

NAME: Final = "glashuette"
FPS: Final = 30
# What a person reads before closing it, so that every opening begins from rest.
LOOKS_MS: Final = 900
AFTER_MS: Final = 500

WATCH: Final = """
const seen = (window.seen = { touched: null, sheet: null, whole: null, frames: [] });
const follow = (video) => video.requestVideoFrameCallback((now, facts) => {
  if (seen.touched !== null) seen.frames.push(facts.presentationTime);
  follow(video);
});
addEventListener("loadstart", (event) => event.target.followed ?? (follow(event.target), (event.target.followed = true)), true);
addEventListener("pointerdown", (event) => {
  if (event.target.closest?.(".product-chip")) Object.assign(seen, { touched: event.timeStamp, sheet: null, whole: null, frames: [] });
}, true);
// What is true when a frame begins is painted with it, so it is seen by the beginning of the next one at the latest.
const isThere = () => {
  const sheet = document.querySelector("#product[open]");
  const still = sheet?.querySelector(".gallery img");
  return Boolean(still?.complete && still.naturalWidth && sheet.querySelector(".price")?.textContent && sheet.querySelector("h2").textContent);
};
const isWhole = () => isThere() && document.querySelectorAll("#product .buy-foot .button").length > 0;
let held = { sheet: false, whole: false };
const look = (now) => {
  if (seen.touched !== null) {
    if (held.sheet && seen.sheet === null) seen.sheet = now - seen.touched;
    if (held.whole && seen.whole === null) seen.whole = now - seen.touched;
    held = { sheet: isThere(), whole: isWhole() };
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def open_shop(cell: RunningCell, video: dict[str, Any]) -> None:
    """Let a merchant sell something, and the video show it from its first to its last moment."""
    _, owner = sign_up(cell)
    operator = cell.person("operator")[1]
    ask(owner, "POST", "/api/shop/merchants", {**DETAILS, "name": NAME})
    ask(operator, "POST", f"/api/shop/merchants/{NAME}/decision", {"state": "approved"})
    delivery = {"country": "DE", "name": "DHL", "minor": 490, "days_min": 1, "days_max": 3}
    ask(owner, "POST", f"/api/shop/merchants/{NAME}/delivery", delivery)
    words = {"title": "Vase Flensburg", "description": "Blown by hand.", "variants": [{"prices": {"EUR": 3900}}]}
    made = write_product(owner, NAME, "vase", words, [40])
    add_picture(owner, made["id"], picture((74, 160, 140)), "A sea-green vase")
    ask(owner, "PUT", f"/api/shop/merchants/{NAME}/creators", {"is_open": True})
    tag = {"product": made["id"], "from_ms": 0, "to_ms": video["duration_ms"]}
    creator = cell.sign_in(video["creator"]["name"])
    ask(creator, "PUT", f"/api/videos/{video['id']}/products", {"products": [tag]})


def measure(browser: Browser, cell: RunningCell, video: str, times: int) -> list[dict[str, Any]]:
    """Return what the page saw of each opening."""
    context = browser.new_context(base_url=cell.url, **PHONE)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(f"/v/{video}")
    chip = page.locator(".product-chip")
    found = []
    for _ in range(times):
        chip.wait_for(state="visible")
        page.wait_for_timeout(LOOKS_MS)
        chip.tap()
        page.wait_for_function("() => seen.whole !== null")
        page.wait_for_timeout(AFTER_MS)
        found.append(page.evaluate("() => structuredClone(seen)"))
        page.evaluate("() => (seen.touched = null)")
        page.keyboard.press("Escape")
        page.locator("#product").wait_for(state="hidden")
    context.close()
    return found


def frames_of(openings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how many frames were presented while the sheet opened, and how many were not that were due."""
    gaps = [
        later - earlier
        for one in openings
        for earlier, later in zip([one["touched"], *one["frames"]], one["frames"], strict=False)
    ]
    due = 1000 / FPS
    return {
        "frames_presented": len(gaps),
        "stalled": sum(max(0, round(gap / due) - 1) for gap in gaps),
        "longest_gap_ms": round(max(gaps, default=0.0), 1),
    }


def _times(name: str, values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        f"{name}_ms": round(statistics.median(ordered), 1),
        f"{name}_p90_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.9))], 1),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=12, help="How often the sheet is opened.")
    parser.add_argument("--clip-seconds", type=float, default=12)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    path = chromium.find()
    if path is None:
        raise SystemExit(chromium.HOW_TO_GET_ONE)
    os.environ.pop("DATABASE_URL", None)
    with (
        tempfile.TemporaryDirectory() as folder,
        RunningCell.started(Path(folder) / "data", SETTINGS) as cell,
        sync_playwright() as playwright,
    ):
        (video,) = stock(cell, make_clips(Path(folder), 1, chosen.clip_seconds))
        open_shop(cell, video)
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
        openings = measure(browser, cell, video["id"], chosen.times)
        browser.close()
    figures = {
        **_times("sheet", [one["sheet"] for one in openings]),
        **_times("sheet_whole", [one["whole"] for one in openings]),
        "sheet_first_ms": round(openings[0]["sheet"], 1),
        **frames_of(openings),
        "openings": len(openings),
    }
    report("sheet", figures, {}, chosen.json)


if __name__ == "__main__":
    main()
