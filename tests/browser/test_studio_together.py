"""What a draft takes in besides clips: a voice, captions from a file, a second device's changes, and somebody else's video."""

import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from glaswerk.reel.timeline import Clip, parse, read_captions
from tests.browser.conftest import DESKTOP, Visit, make_clip, publish, sign_in, sign_up, wait_ready
from tests.browser.cutting import (
    PATIENCE_MS,
    add_material,
    begun_with,
    browser,
    draft_of,
    heard,
    largest,
    opened,
    picture,
    published,
    record_take,
    wait_open,
    wait_saved,
    wait_sources,
)
from tests.browser.player import action, wait_playing
from tests.cells import RunningCell

__all__ = ["browser"]
pytestmark = [pytest.mark.browser, pytest.mark.cell]

CAPTIONS = """WEBVTT

NOTE Two that can be read, and one whose end is before its beginning.

00:00.200 --> 00:01.200
Das Boot läuft aus.

00:02.500 --> 00:02.100
Never shown

00:01.500 --> 00:02.500 line:80%
<b>Wind</b> & waves
"""


@pytest.fixture
def silent_clip(tmp_path: Path) -> Path:
    """Three seconds without a sound of their own."""
    return make_clip(tmp_path / "silent.mp4", "0x804090", frequency=0)


def test_speaks_over_it_and_takes_captions_from_a_file(
    visit: Visit, stocked_cell: RunningCell, silent_clip: Path, tmp_path: Path
) -> None:
    """The voice is heard from the playhead on, and viewers get the captions that were read and put right."""
    page, (_, client) = visit(), sign_up(stocked_cell)
    sign_in(page, client)
    opened(page, f"/studio/{begun_with(client, silent_clip)}")
    add_material(page)
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("v")
    page.locator("[data-do=voice-record]").click()
    expect(page.locator("[data-voice-label]")).to_have_text("Stop")
    page.wait_for_timeout(1300)
    page.locator("[data-do=voice-record]").click()
    expect(page.locator(".item.voice")).to_have_count(1, timeout=PATIENCE_MS)
    page.keyboard.press("Escape")

    page.keyboard.press("c")
    source = {"name": "de.vtt", "mimeType": "text/vtt", "buffer": CAPTIONS.encode()}
    page.locator("[data-vtt]").set_input_files(source)  # type: ignore[arg-type]
    rows = page.locator("[data-caption-rows] textarea")
    expect(rows).to_have_count(2)
    expect(page.locator("[data-vtt-problem]")).to_contain_text("left out: 8.")
    rows.nth(0).fill("Das Boot läuft ein.")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    wait_saved(page)
    wait_sources(client, page)
    timeline = parse(json.dumps(draft_of(client, page)["timeline"]))
    assert [(one.start_ms, one.end_ms, one.text) for one in timeline.captions] == [
        (200, 1200, "Das Boot läuft ein."),
        (1500, 2500, "Wind & waves"),
    ]
    video = published(page, "A voice")
    wait_ready(client, video)
    file = tmp_path / "published.mp4"
    card = largest(client, video, file, 1280)
    track = client.get(card["captions"][0]["url"]).text
    assert read_captions(track) == timeline.captions
    samples = heard(file)
    before, after = samples[: 48_000 * 9 // 10], samples[48_000 * 11 // 10 :]
    assert np.abs(before).max() < 0.01 < 0.1 < np.abs(after).max()


def test_a_second_device_takes_nothing_away(visit: Visit, stocked_cell: RunningCell, clip: Path) -> None:
    """Whoever saves second chooses; what is not chosen is kept too."""
    first, (_, client) = visit(viewport=DESKTOP), sign_up(stocked_cell)
    second = visit()
    draft = begun_with(client, clip)
    for page in (first, second):
        sign_in(page, client)
        opened(page, f"/studio/{draft}")
    # One after the other: each device has what was there when it was opened.
    title = "Title of the draft"
    second.get_by_label(title).fill("On the phone")
    wait_saved(second)
    dialog = first.get_by_role("dialog", name="Changed on another device")
    first.get_by_label(title).fill("On the desk")
    expect(dialog).to_be_visible()
    first.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Take the other one").click()
    expect(first.get_by_label(title)).to_have_value("On the phone")
    first.get_by_label(title).fill("On the desk again")
    wait_saved(first)

    second.get_by_label(title).fill("Mine")
    second.get_by_role("button", name="Keep mine as a copy").click()
    second.wait_for_url(lambda url: url.rsplit("/", 1)[1] != draft)
    wait_open(second)
    expect(second.get_by_label(title)).to_have_value("Mine")
    titles = {one["id"]: one["title"] for one in client.get("/api/drafts").json()["drafts"]}
    assert titles == {draft: "On the desk again", draft_of(client, second)["id"]: "Mine"}


def remade(page: Page, video: str, choice: str) -> None:
    """Choose from a video's menu what to make of it, and wait for the editor."""
    page.goto(f"/v/{video}")
    wait_playing(page)
    action(page, "more").click()
    page.locator(f"[data-choice={choice}]").click()
    wait_open(page)


def test_makes_a_duet_and_a_stitch_and_stops_when_they_are_not_allowed(
    visit: Visit, stocked_cell: RunningCell, tmp_path: Path
) -> None:
    """Both begin at the other's video, show both, and name who made the first; without leave there is neither."""
    author, author_client = sign_up(stocked_cell)
    original = publish(author_client, make_clip(tmp_path / "theirs.mp4", "0xb03030"), "Theirs")
    wait_ready(author_client, original)
    page, (_, client) = visit(), sign_up(stocked_cell)
    sign_in(page, client)

    remade(page, original, "duet")
    page.get_by_role("link", name="Record").click()
    expect(page.locator("[data-partner]")).to_be_visible()
    record_take(page, 1)
    page.get_by_role("link", name="Next").click()
    wait_open(page)
    wait_sources(client, page)
    duet = published(page, "With you")
    wait_ready(client, duet)
    file = tmp_path / "duet.mp4"
    card = largest(client, duet, file, 1280)
    assert [(one["kind"], one["name"]) for one in card["credits"]] == [("duet", author)]
    frame = picture(file, 0.5, 720, 1280).astype(int)
    own, theirs = frame[400:880, :340], frame[400:880, 380:]
    # Theirs is dark red but for the white square that wanders; the camera's picture is green.
    assert (np.abs(np.median(theirs, axis=(0, 1)) - (176, 48, 48)) < 24).all()
    assert np.median(own, axis=(0, 1))[1] > np.median(own, axis=(0, 1))[0]

    remade(page, original, "stitch")
    expect(page.locator(".item.clip")).to_have_count(1)
    page.keyboard.press("a")
    page.get_by_role("link", name="Record another take").click()
    record_take(page, 1)
    page.get_by_role("link", name="Next").click()
    wait_open(page)
    expect(page.locator(".item.clip")).to_have_count(2)
    wait_sources(client, page)
    timeline = parse(json.dumps(draft_of(client, page)["timeline"]))
    their_ms = next(one.duration_ms for one in timeline.main.items if isinstance(one, Clip))
    stitch = published(page, "And then")
    wait_ready(client, stitch)
    card = largest(client, stitch, file, 1280)
    assert [(one["kind"], one["name"]) for one in card["credits"]] == [("stitch", author)]
    first = picture(file, 0.3, 720, 1280).astype(int)
    then = picture(file, their_ms / 1000 + 0.3, 720, 1280).astype(int)
    assert (np.abs(np.median(first, axis=(0, 1)) - (176, 48, 48)) < 24).all()
    assert np.median(then, axis=(0, 1))[1] > np.median(then, axis=(0, 1))[0]

    remade(page, original, "duet")
    begun = page.url
    withdraw(author_client, original)
    page.goto(f"/v/{original}")
    action(page, "more").click()
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()
    expect(page.locator("[data-choice=duet]")).to_be_hidden()
    # The draft that was begun before says so where it is published.
    opened(page, begun)
    page.get_by_role("link", name="Record").click()
    record_take(page, 1)
    page.get_by_role("link", name="Next").click()
    wait_open(page)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.locator("[data-publish-problem]")).to_contain_text(f"@{author} does not allow duets")
    assert draft_of(client, page)["state"] == "editing"


def withdraw(client: httpx.Client, video: str) -> None:
    """Take back, on the page where a video is edited, what others may make of it."""
    form = {"caption": "Theirs", "visibility": "public", "allow": "1"}
    answer = client.post(f"/v/{video}/edit", data={**form, "csrfmiddlewaretoken": client.cookies["csrftoken"]})
    assert answer.status_code == 302, answer.text[:500]
