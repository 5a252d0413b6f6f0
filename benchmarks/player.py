"""How soon is a video seen, and does it stall on a thin line? Prints a table, or JSON with --json.

    glaswerk bench player --clips 8 --swipes 12 --mbit 1.2

A whole cell of its own is started, clips are published through its ladder, and a real Chromium, a phone of 390 x 844
at two pixels a CSS pixel, visits the feed: cold visits, swipes, and then a while on a line that the browser itself
throttles.  Times are taken inside the page: from the key press (or the start of the navigation) to the first frame that
the compositor presented of that video (`requestVideoFrameCallback`).  The peer is a plain page that sets one 720p MP4 as
`src` with every swipe, as the closest peer does, from the same cell, in the same browser and run.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx
import imageio_ffmpeg  # type: ignore[import-untyped, unused-ignore]
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks._machine import report
from tests import chromium
from tests.cells import RunningCell

SETTINGS: Final = """
[feed]
epoch_seconds = 5
[limits]
feed_per_minute = 100000
events_per_minute = 100000
new_viewers_per_minute = 100000
writes_per_minute = 100000
"""
PHONE: Final = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
PATIENCE_S: Final = 600
# What a person looks at before the next swipe, which is also what the next videos have to get ready.
LOOKS_MS: Final = 1500

# Watches every video of a page, whoever made it; media events do not bubble, but they are captured.
WATCH: Final = """
const seen = (window.seen = { first: null, pressed: null, shown: null, frame: null, old: null, waiting: 0, playing: 0, switches: 0, stalls: 0 });
const current = () => [...document.querySelectorAll("video")].find((video) => {
  const box = video.getBoundingClientRect();
  return !video.paused && box.height > 0 && box.top < innerHeight * 0.9 && box.bottom > innerHeight * 0.1;
});
// The time is that of the frame's presentation: a callback may run later than the frame stands on the screen.
const follow = (video) => video.requestVideoFrameCallback((now, facts) => {
  const at = facts.presentationTime;
  seen.first ??= at;
  video.presented = true;
  if (seen.pressed !== null && seen.frame === null && video !== seen.old && !video.paused && at >= seen.pressed) seen.frame = at - seen.pressed;
  follow(video);
});
addEventListener("loadstart", (event) => event.target.followed ?? (follow(event.target), (event.target.followed = true)), true);
addEventListener("keydown", (event) => {
  if (event.key !== "j") return;
  Object.assign(seen, { pressed: event.timeStamp, frame: null, shown: null, old: current() ?? null });
}, true);
// A first frame that was decoded ahead stands on the screen with the first picture in which its video has moved in.
const look = (now) => {
  if (seen.pressed !== null && seen.shown === null) {
    for (const video of document.querySelectorAll("video")) {
      const box = video.getBoundingClientRect();
      if (video !== seen.old && video.presented && video.readyState >= 2 && box.top < innerHeight && box.bottom > innerHeight * 0.5) {
        seen.shown = performance.now() - seen.pressed;
        break;
      }
    }
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
let last = performance.now(), clock = null, held = null, waits = false;
setInterval(() => {
  const now = performance.now();
  const step = now - last;
  last = now;
  const video = [...document.querySelectorAll("video")].find((one) => {
    const box = one.getBoundingClientRect();
    return box.height > 0 && box.top < innerHeight * 0.5 && box.bottom > innerHeight * 0.5 && getComputedStyle(one).visibility !== "hidden" && !one.dataset.spare;
  });
  if (!video) { seen.waiting += step; return; }
  const moved = video !== held || video.currentTime !== clock;
  held = video;
  clock = video.currentTime;
  if (moved) { seen.playing += step; waits = false; }
  else { seen.waiting += step; if (!waits) seen.stalls += 1; waits = true; }
}, 100);
addEventListener("rendition", () => (seen.switches += 1), true);
"""

PEER: Final = """<!doctype html><meta charset="utf-8"><title>One file</title>
<style>body{margin:0;background:#000}video{width:100vw;height:100vh;object-fit:contain}</style>
<video muted playsinline autoplay loop></video>"""


def make_clips(folder: Path, count: int, seconds: float) -> list[Path]:
    """Make upright clips of 720 x 1280 that differ and move all over, so that they cost what filmed ones cost."""
    made = []
    for number in range(count):
        path = folder / f"clip{number}.mp4"
        source = f"testsrc2=size=720x1280:rate=30:duration={seconds}"
        look = f"hue=h={number * 360 // count},noise=alls=10:allf=t"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-f", "lavfi", "-i", source]
        command += ["-f", "lavfi", "-i", f"sine=frequency={300 + 50 * number}:duration={seconds}", "-vf", look]
        command += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "24", "-pix_fmt", "yuv420p", "-c:a", "aac"]
        subprocess.run([*command, str(path)], check=True)
        made.append(path)
    return made


def stock(cell: RunningCell, clips: list[Path]) -> list[dict[str, Any]]:
    """Publish the clips and return what the feed says of them, once it shows them all."""
    _, client = cell.person("creator")
    client.timeout = httpx.Timeout(60)
    client.get("/upload")
    wanted = set()
    for number, clip in enumerate(clips):
        answer = client.post(
            "/api/videos",
            files={"file": (clip.name, clip.read_bytes(), "video/mp4")},
            data={"caption": f"Clip {number} #bench", "visibility": "public"},
            headers={"X-CSRFToken": client.cookies["csrftoken"]},
        )
        answer.raise_for_status()
        wanted.add(answer.json()["id"])
    deadline = time.monotonic() + PATIENCE_S
    while True:
        slots = cell.client().get("/api/feed?limit=50").json().get("slots", [])
        found = [slot["video"] for slot in slots if slot["video"]["id"] in wanted]
        underway = [one for one in client.get("/api/me/videos").json()["videos"] if one["state"] != "ready"]
        if len(found) == len(wanted) and not underway:
            return found
        if time.monotonic() > deadline:
            raise SystemExit(f"the clips do not come into the feed: {underway}")
        time.sleep(0.5)


def visit(browser: Browser, cell: RunningCell, path: str = "/") -> Page:
    """Open a page of a fresh profile, with nothing in its cache."""
    context = browser.new_context(base_url=cell.url, **PHONE)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.add_init_script(WATCH)
    if path:
        page.goto(path, wait_until="commit")
        page.wait_for_function("() => window.seen?.first !== null")
    return page


def measure_first_frames(browser: Browser, cell: RunningCell, times: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds from navigation to the first frame, with an empty cache and with a full one."""
    cold, warm = [], []
    for _ in range(times):
        page = visit(browser, cell)
        cold.append(page.evaluate("() => seen.first"))
        page.wait_for_timeout(500)
        page.goto("/", wait_until="commit")
        page.wait_for_function("() => window.seen?.first !== null")
        warm.append(page.evaluate("() => seen.first"))
        page.context.close()
    return cold, warm


def peer_page(browser: Browser, cell: RunningCell, videos: list[dict[str, Any]]) -> Page:
    """Open the peer: one 720p file, set as `src` with every swipe.  It is served from the cell's own origin."""
    files = [min(video["renditions"], key=lambda one: abs(min(one["width"], one["height"]) - 720)) for video in videos]
    page = visit(browser, cell, "")
    page.route("**/peer", lambda route: route.fulfill(body=PEER, content_type="text/html"))
    page.goto("/peer")
    page.evaluate(
        """(files) => {
            const video = document.querySelector("video");
            let place = 0;
            const set = () => { seen.old = null; video.presented = false; video.src = files[place % files.length]; void video.play(); };
            addEventListener("keydown", (event) => { if (event.key === "j") { place += 1; set(); } });
            set();
        }""",
        [one["url"] for one in files],
    )
    page.wait_for_function("() => window.seen.first !== null")
    return page


def swipe(page: Page, times: int, looks_ms: int) -> tuple[list[float], list[float]]:
    """Return, for each swipe, the milliseconds until the next video stood on the screen, and until it moved."""
    shown, moving = [], []
    page.wait_for_timeout(looks_ms)
    for _ in range(times):
        page.keyboard.press("j")
        page.wait_for_function("() => seen.frame !== null && seen.shown !== null")
        facts = page.evaluate("() => seen")
        shown.append(facts["shown"])
        moving.append(facts["frame"])
        page.wait_for_timeout(looks_ms)
    return shown, moving


def watch_throttled(page: Page, mbit: float, seconds: int, every_s: int) -> dict[str, float]:
    """Watch on a thin line, with a swipe now and then, and return how much of the time nothing moved."""
    session = page.context.new_cdp_session(page)
    line = {"offline": False, "latency": 60, "downloadThroughput": mbit * 125_000, "uploadThroughput": mbit * 125_000}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", line)
    page.evaluate("() => Object.assign(seen, { waiting: 0, playing: 0, switches: 0, stalls: 0 })")
    for _ in range(seconds // every_s):
        page.keyboard.press("j")
        page.wait_for_timeout(every_s * 1000)
    facts = page.evaluate("() => seen")
    session.detach()
    whole = facts["waiting"] + facts["playing"]
    return {
        "rebuffer_ratio": round(facts["waiting"] / whole, 4) if whole else 1.0,
        "stalls": facts["stalls"],
        "switches": facts["switches"],
    }


def _times(name: str, values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        f"{name}_p50_ms": round(statistics.median(ordered), 1),
        f"{name}_p90_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.9))], 1),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, help="Folder of clips to use in place of generated ones.")
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--clip-seconds", type=float, default=12)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--swipes", type=int, default=8)
    parser.add_argument("--mbit", type=float, default=1.5, help="The thin line's megabits a second.")
    parser.add_argument("--seconds", type=int, default=40, help="How long to watch on the thin line.")
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
        if chosen.media:
            clips = sorted(one for one in chosen.media.iterdir() if one.suffix in (".mp4", ".mkv", ".webm", ".mov"))
        else:
            clips = make_clips(Path(folder), chosen.clips, chosen.clip_seconds)
        videos = stock(cell, clips)
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
        cold, warm = measure_first_frames(browser, cell, chosen.visits)
        page = visit(browser, cell)
        shown, moving = swipe(page, min(chosen.swipes, len(videos) - 1), LOOKS_MS)
        page.context.close()
        page = visit(browser, cell)
        thin = watch_throttled(page, chosen.mbit, chosen.seconds, 8)
        page.context.close()
        page = peer_page(browser, cell, videos)
        _, peer_moving = swipe(page, min(chosen.swipes, len(videos) - 1), LOOKS_MS)
        page.context.close()
        page = peer_page(browser, cell, videos)
        peer_thin = watch_throttled(page, chosen.mbit, chosen.seconds, 8)
        page.context.close()
        browser.close()
    figures = {
        "ratio_swipe_to_one_file": round(statistics.median(moving) / statistics.median(peer_moving), 2),
        **_times("swipe_to_first_frame", shown),
        **_times("swipe_to_moving", moving),
        **_times("navigation_to_first_frame_cold", cold),
        **_times("navigation_to_first_frame_warm", warm),
        **{f"thin_line_{name}": value for name, value in thin.items()},
        "thin_line_mbit": chosen.mbit,
        "clips": len(clips),
    }
    peers = {
        **_times("one_file_swipe_to_first_frame", peer_moving),
        **{f"one_file_thin_line_{name}": value for name, value in peer_thin.items()},
    }
    report("player", figures, peers, chosen.json)


if __name__ == "__main__":
    main()
