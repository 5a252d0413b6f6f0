"""The player's own work: which rendition is played, how it changes without a gap, and a first slate in the page."""

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit, publish, sign_up, wait_ready
from tests.browser.player import CURRENT, action, move, shown_video, wait_playing
from tests.cells import RunningCell
from tests.videos.drafts.conftest import clip_of, with_clips

pytestmark = [pytest.mark.browser, pytest.mark.cell]
# Thinner than the largest rendition of the clip below and wider than its smallest.
THIN = {"offline": False, "latency": 20, "downloadThroughput": 110_000, "uploadThroughput": 110_000}
WIDE = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}

# Some browsers say nothing of the line, and then only what was measured counts.
SAYS_NOTHING = "Object.defineProperty(navigator, 'connection', { value: undefined });"
# Keeps what happened at the moment at which one element took over from another.
LISTEN = """
window.changes = [];
window.dry = 0;
// Where a video begins anew a browser waits for a moment, whatever it has.
addEventListener("waiting", ({ target }) => (window.dry += target.currentTime > 0.2 && target.currentTime < target.duration - 0.2), true);
addEventListener("rendition", (event) => {
  const next = event.target;
  const [old] = [...next.parentElement.querySelectorAll("video")].filter((one) => one !== next);
  changes.push({
    address: new URL(next.currentSrc).pathname,
    isThere: next.readyState >= 2 && !next.seeking,
    plays: !next.paused,
    oldIsThere: Boolean(old?.currentSrc),
    apart: Math.abs(next.currentTime - old.currentTime),
  });
}, true);
"""


@pytest.fixture(scope="module")
def rich_clip(stocked_cell: RunningCell, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a published video that has several renditions, of which the largest needs several megabits a second."""
    path = tmp_path_factory.mktemp("rich") / "rich.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-f", "lavfi"]
    command += ["-i", "testsrc2=size=720x1280:rate=24:duration=4", "-vf", "noise=alls=16:allf=t"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, check=True)
    _, client = sign_up(stocked_cell)
    video = publish(client, path, "Rich #slate")
    wait_ready(client, video)
    while len(renditions_of(stocked_cell, video)) < 3:
        time.sleep(0.2)
    return video


def renditions_of(cell: RunningCell, video: str) -> list[dict[str, Any]]:
    """Return the H.264 renditions of a video, the smallest first."""
    card = cell.client().get(f"/api/videos/{video}").json()
    found = [one for one in card["renditions"] if one["codecs"].startswith("avc1")]
    return sorted(found, key=lambda one: int(one["width"]))


def test_a_line_that_is_too_thin_brings_a_smaller_rendition(
    visit: Visit, stocked_cell: RunningCell, rich_clip: str
) -> None:
    small, *_, large = renditions_of(stocked_cell, rich_clip)
    assert small["bitrate"] < 8 * THIN["downloadThroughput"] < large["bitrate"]
    page = visit(device_scale_factor=2)
    page.add_init_script(SAYS_NOTHING + LISTEN)
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", THIN)
    page.goto(f"/v/{rich_clip}")
    page.wait_for_function("() => changes.length > 0")
    down = page.evaluate("() => changes[0]")
    assert down["address"] != large["url"]
    assert (down["isThere"], down["oldIsThere"]) == (True, True)
    page.wait_for_function(
        f"(address) => document.querySelector('{CURRENT} video')?.currentSrc.endsWith(address)", arg=small["url"]
    )
    wait_playing(page)
    assert page.locator(f"{CURRENT} video").count() == 1


def test_a_line_that_became_wider_brings_a_larger_rendition_without_a_gap(
    visit: Visit, stocked_cell: RunningCell, rich_clip: str
) -> None:
    """The page before has measured a thin line: the smaller one plays, the larger one takes over, and nothing waits."""
    small, *larger = renditions_of(stocked_cell, rich_clip)
    page = visit(device_scale_factor=2)
    page.add_init_script(SAYS_NOTHING + LISTEN + "sessionStorage.setItem('glaswerk.line', '600000');")
    page.goto(f"/v/{rich_clip}")
    wait_playing(page)
    first = page.locator(f"{CURRENT} video").first.evaluate("(video) => new URL(video.currentSrc).pathname")
    assert first == small["url"]
    page.evaluate("() => { dry = 0; }")
    page.wait_for_function("() => changes.length > 0")
    changes = page.evaluate("() => changes")
    assert changes[0]["address"] in [one["url"] for one in larger]
    for change in changes:
        assert (change["isThere"], change["plays"], change["oldIsThere"]) == (True, True, True), changes
        # What is played goes on where it was: in the same half second.
        assert change["apart"] < 0.5, changes
    assert page.evaluate("() => dry") == 0
    wait_playing(page)
    assert page.locator(f"{CURRENT} video").count() == 1


def test_leaving_ends_a_change(visit: Visit, stocked_cell: RunningCell, rich_clip: str) -> None:
    """Whoever goes on while a rendition changes finds the next video playing, and no element is lost."""
    page = visit(device_scale_factor=2)
    page.add_init_script(SAYS_NOTHING + LISTEN)
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    page.goto(f"/v/{rich_clip}")
    wait_playing(page)
    page.wait_for_function("() => document.querySelectorAll('.slot').length > 3")
    # The change begins with an element beneath; where the line is too quick to see it, leaving is as good without it.
    line.send("Network.emulateNetworkConditions", THIN)
    move(page, "j")
    line.send("Network.emulateNetworkConditions", WIDE)
    wait_playing(page)
    move(page, "j")
    wait_playing(page)
    move(page, "k")
    wait_playing(page)
    # Each slot comes to have one element at most, and one of all plays.
    page.wait_for_function(
        """() => {
            const held = [...document.querySelectorAll('.slot')].map((one) => one.querySelectorAll('video').length);
            const playing = [...document.querySelectorAll('video')].filter((one) => !one.paused);
            return Math.max(...held) === 1 && held.reduce((a, b) => a + b) <= 4 && playing.length === 1;
        }"""
    )


def test_chooses_by_screen_line_and_decoder(page: Page) -> None:
    page.goto("/")
    wait_playing(page)
    address = page.locator("link[rel=modulepreload][href*='renditions']").get_attribute("href")
    facts = [
        {"url": f"{edge}{codec[:2]}", "width": edge, "height": edge * 16 // 9, "bitrate": rate, "codecs": codec}
        for edge, rate, codec in (
            (1080, 5_000_000, "avc1.640028,mp4a.40.2"),
            (720, 2_500_000, "avc1.64001f,mp4a.40.2"),
            (720, 1_500_000, "av01.0.99M.99.nonsense"),
            (360, 700_000, "avc1.64001e,mp4a.40.2"),
        )
    ]

    def choose(width: int = 390, density: float = 2, budget: float = 1e9, saves: bool = False) -> str:
        place = {"width": width, "density": density, "budget": budget, "saves": saves}
        chosen = page.evaluate(
            """async ([address, facts, place]) => {
                const { chooseRendition, learnToDecode } = await import(address);
                await learnToDecode(facts, place.saves);
                return chooseRendition(facts, place)?.url ?? "none";
            }""",
            [address, facts, place],
        )
        return str(chosen)

    assert choose() == "720av"
    assert choose(density=1) == "360av"
    # Three pixels where two are seen would be bytes for nothing.
    assert choose(width=440, density=3) == "720av"
    assert choose(width=800) == "1080av"
    assert choose(width=4000) == "1080av"
    assert choose(budget=2_600_000) == "720av"
    assert choose(budget=1_600_000) == "360av"
    assert choose(budget=1) == "360av"
    assert choose(saves=True) == "360av"
    facts.clear()
    assert choose() == "none"


def test_first_slate_comes_with_the_page(page: Page, stocked_cell: RunningCell) -> None:
    """The first video is in the page itself, plays on when the script has come, and no second slate is asked for."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/feed" in request.url else None)
    page.goto("/")
    wait_playing(page)
    first = json.loads(page.locator("#first-slate").text_content() or "")
    assert shown_video(page) == first["slots"][0]["video"]["id"]
    assert asked == []
    expect(page.locator(".first-slot")).to_have_count(0)
    assert page.locator(f"{CURRENT} video source").count() == 0
    # The slate is one that the viewer can look at like every other.
    assert first["slate"] in page.request.get("/me/slates").text()


def test_first_video_plays_without_scripts(visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    page.goto("/")
    html = page.content()
    assert re.search(r'<video data-video="[^"]+" poster="/media/[0-9a-f]{64}\.jpg"', html)
    sources = re.findall(r'<source src="(/media/[0-9a-f]{64}\.mp4)"', html)
    assert sources
    assert page.request.get(sources[0]).status == 200


def test_home_page_is_the_viewers_own(stocked_cell: RunningCell) -> None:
    """A page with a slate in it is kept by nobody else, and its cookie is the viewer's for the next slate."""
    client = stocked_cell.client()
    answer = client.get("/")
    assert answer.status_code == 200
    assert "private" in answer.headers["cache-control"]
    assert "viewer" in client.cookies
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert b"<!--first-slate-->" not in answer.content
    # What a browser fetches on a guess is shown to nobody, so nothing is ranked or recorded for it.
    guessed = stocked_cell.client().get("/", headers={"sec-purpose": "prefetch;prerender"})
    assert b"first-slate" not in guessed.content.replace(b"first-slate.", b"")
    sparing = stocked_cell.client().get("/", headers={"save-data": "on"})
    assert len(re.findall(rb"<source ", sparing.content)) == 1


@pytest.fixture(scope="module")
def spoken_clip(stocked_cell: RunningCell, clip: Path) -> str:
    """The id of a published video with what is said in it as text."""
    _, client = sign_up(stocked_cell)
    headers = {"X-CSRFToken": client.cookies["csrftoken"]}
    address = f"/api/drafts/{client.post('/api/drafts', json={}, headers=headers).json()['id']}"
    files = {"file": (clip.name, clip.read_bytes(), "video/mp4")}
    source = client.post(f"{address}/sources", files=files, headers=headers).json()["id"]
    while client.get(f"{address}/sources/{source}").json()["state"] != "ready":
        time.sleep(0.2)
    draft = client.get(address).json()
    timeline = with_clips(draft["timeline"], clip_of(f"source:{source}", 2000))
    answer = client.put(address, json={"version": draft["version"], "timeline": timeline}, headers=headers)
    assert answer.status_code == 200, answer.text
    texts = "WEBVTT\n\n00:00.000 --> 00:02.000\nThe harbour sleeps.\n"
    answer = client.post(f"{address}/captions", content=texts, headers={**headers, "Content-Type": "text/vtt"})
    assert answer.status_code == 200, answer.text
    words = {"caption": "Said #slate", "visibility": "public"}
    answer = client.post(f"{address}/publish", json=words, headers=headers)
    assert answer.status_code == 202, answer.text
    wait_ready(client, answer.json()["video"])
    return str(answer.json()["video"])


SAID = f"""() => [...document.querySelector('{CURRENT} video').textTracks]
    .filter((track) => track.mode === 'showing').flatMap((track) => [...track.activeCues].map((cue) => cue.text))"""


def test_shows_what_is_said_until_told_not_to(page: Page, spoken_clip: str) -> None:
    page.goto(f"/v/{spoken_clip}")
    wait_playing(page)
    page.wait_for_function(f"() => ({SAID})().includes('The harbour sleeps.')")
    page.keyboard.press("t")
    assert page.evaluate(SAID) == []
    # The choice is kept, and the menu shows it.
    page.reload()
    wait_playing(page)
    assert page.evaluate(SAID) == []
    action(page, "more").click()
    subtitles = page.get_by_role("switch", name="Subtitles")
    expect(subtitles).not_to_be_checked()
    subtitles.check()
    page.wait_for_function(f"() => ({SAID})().includes('The harbour sleeps.')")


def test_offers_no_subtitles_where_nothing_is_written(page: Page) -> None:
    page.goto("/")
    wait_playing(page)
    action(page, "more").click()
    expect(page.get_by_label("Subtitles")).to_be_hidden()
