"""The studio in a real browser with a camera of its own: recorded, cut, published, and the file is what the preview promised."""

import json
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from glaswerk.reel import probe
from glaswerk.reel.timeline import Clip, parse
from tests.browser.conftest import DESKTOP, PHONE, Visit, sign_in, sign_up, wait_ready
from tests.browser.cutting import (
    PATIENCE_MS,
    TAKE_MS,
    add_material,
    begun_with,
    browser,
    draft_of,
    largest,
    opened,
    picture,
    published,
    record_take,
    wait_open,
    wait_saved,
    wait_sources,
)
from tests.browser.test_accessibility import violations
from tests.cells import ROOT, RunningCell
from tests.reel.test_sound import loudness

__all__ = ["browser"]
pytestmark = [pytest.mark.browser, pytest.mark.cell]

OPERATIONS: Final = ROOT / "tests" / "browser" / "studio" / "operations.js"


def where_white(picture: np.ndarray[Any, Any]) -> list[float]:
    """Return where what is nearly white begins and ends across and down, as fractions."""
    white = picture.min(axis=2) > 200
    return [
        float(edge) / white.shape[axis] for axis in (1, 0) for edge in np.flatnonzero(white.any(axis=1 - axis))[[0, -1]]
    ]


def previewed(page: Page) -> np.ndarray[Any, Any]:
    """Return the picture that the preview shows."""
    width, height, pixels = page.evaluate(
        """() => {
            const canvas = document.querySelector("[data-canvas]");
            const { width, height } = canvas;
            return [width, height, [...canvas.getContext("2d").getImageData(0, 0, width, height).data]];
        }"""
    )
    return np.array(pixels, np.uint8).reshape(height, width, 4)[:, :, :3]


def test_records_two_takes_adds_text_and_a_sound_and_publishes(
    visit: Visit, stocked_cell: RunningCell, tmp_path: Path
) -> None:
    """From the camera to the file that everybody gets."""
    page, (_, client) = visit(), sign_up(stocked_cell)
    sign_in(page, client)
    page.goto("/studio")
    page.get_by_role("link", name=re.compile("^Record")).click()
    for number in (1, 2):
        record_take(page, number)
    # Takes are on the server, so that a reload takes nothing away.
    page.reload()
    expect(page.locator("[data-keeping]")).to_have_text("2 takes kept", timeout=PATIENCE_MS)
    page.get_by_role("link", name="Next").click()
    wait_open(page)
    expect(page.locator(".item.clip")).to_have_count(2)

    page.get_by_role("toolbar").get_by_role("button", name="Text").click()
    page.locator("[data-for=text]").get_by_label("Text").fill("Harbour")
    page.get_by_role("button", name="Done", exact=True).first.click()
    page.keyboard.press("Escape")
    page.get_by_role("toolbar").get_by_role("button", name="Sound").click()
    page.locator(".sound-row").first.get_by_role("button", name=re.compile("^Use ")).click()
    expect(page.locator(".item.music")).to_have_count(1)
    wait_saved(page)

    wait_sources(client, page)
    page.wait_for_timeout(2500)
    wait_saved(page)
    page.keyboard.press("Home")
    page.wait_for_timeout(500)
    expect(page.locator("[data-wait]")).to_be_hidden(timeout=PATIENCE_MS)
    promised = where_white(previewed(page))
    draft = draft_of(client, page)
    timeline = parse(json.dumps(draft["timeline"]))
    video = published(page, "Two takes #studio")
    wait_ready(client, video)
    file = tmp_path / "published.mp4"
    card = largest(client, video, file, 1280)
    assert card["caption"] == "Two takes #studio"
    assert card["renditions"][0]["width"] == 720
    facts = probe(file)
    assert facts.duration_ms == pytest.approx(timeline.duration_ms, abs=120)
    assert facts.duration_ms == pytest.approx(2 * TAKE_MS, abs=900)
    # The text is the only white there is; it stands where the preview had it.
    frame = picture(file, 0.4, 720, 1280)
    assert (frame.min(axis=2) > 200).sum() > 1000
    assert where_white(frame) == pytest.approx(promised, abs=0.012)
    assert promised[2] < 0.3 < promised[3]
    # As loud as all others, unless peaks stand in the way: the microphone's beeps are short and high.
    lufs, peak = loudness(file)
    assert lufs == pytest.approx(-14, abs=1) or (-20 < lufs < -14 and -3.5 < peak < 0), (lufs, peak)
    page.get_by_role("link", name="Watch it").click()
    page.wait_for_url(re.compile("/v/"))


def test_cuts_with_the_keyboard_alone_and_takes_it_back(visit: Visit, stocked_cell: RunningCell, clip: Path) -> None:
    """Every step has a key; undoing leads back through all of them; another device finds the same draft."""
    page, (_, client) = visit(viewport=DESKTOP), sign_up(stocked_cell)
    sign_in(page, client)
    draft = begun_with(client, clip)
    opened(page, f"/studio/{draft}")
    expect(page.locator(".sources .source")).to_have_count(0)
    page.keyboard.press("a")
    add = page.get_by_role("button", name="Add Video to the timeline")
    expect(add).to_be_visible(timeout=PATIENCE_MS)
    add.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("Home")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(page.locator("[data-now]")).to_have_text("0:01.0")
    page.keyboard.press("s")
    expect(page.locator(".item.clip")).to_have_count(2)
    page.keyboard.press(",")
    page.keyboard.press("f")
    noir = page.get_by_role("radio", name="Noir")
    page.get_by_role("radio", name="None").focus()
    while noir.get_attribute("aria-checked") == "false":
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.keyboard.type("Harbour")
    page.keyboard.press("Escape")
    wait_saved(page)
    timeline = parse(json.dumps(draft_of(client, page)["timeline"]))
    assert [each.look for each in timeline.main.items if isinstance(each, Clip)] == ["noir", ""]
    saved = draft_of(client, page)["timeline"]

    other = visit(viewport=PHONE)
    sign_in(other, client)
    opened(other, f"/studio/{draft}")
    expect(other.locator(".item.text")).to_contain_text("Harbour")
    expect(other.locator(".item.clip")).to_have_count(2)

    steps = 0
    while page.locator("[data-do=undo]").is_enabled():
        page.keyboard.press("Control+z")
        steps += 1
    assert steps >= 5
    expect(page.locator(".item")).to_have_count(0)
    while page.locator("[data-do=redo]").is_enabled():
        page.keyboard.press("Control+Shift+z")
    expect(page.locator(".item.clip")).to_have_count(2)
    wait_saved(page)
    assert draft_of(client, page)["timeline"] == saved


def test_whatever_is_done_to_a_document_it_keeps_its_form(visit: Visit, stocked_cell: RunningCell) -> None:
    """The renderer's own strict reader takes every state of random cutting sessions, and no operation changes what it was given."""
    page = visit()
    page.goto("/offline")
    # An expression whose value is a function would be called: it is a statement here.
    page.evaluate(OPERATIONS.read_text().replace("export function", "globalThis.randomTimelines = function") + ";0")
    states = page.evaluate(
        """async ([seeds, steps]) => {
            const modules = ["document", "otio", "trims", "arrange"].map((name) => import(`/static/studio/${name}.js`));
            const all = await Promise.all(modules);
            return seeds.flatMap((seed) => randomTimelines(...all, seed, steps).map((doc) => JSON.stringify(doc)));
        }""",
        [list(range(20)), 30],
    )
    assert len(set(states)) > 300
    for state in states:
        parse(state)


def test_axe_finds_nothing_in_the_studio(visit: Visit, stocked_cell: RunningCell, clip: Path) -> None:
    """The first page, the camera, and the editor with its panels: light on a phone, and dark in German on a desktop."""
    page, (_, client) = visit(viewport=PHONE, color_scheme="light"), sign_up(stocked_cell)
    sign_in(page, client)
    draft = begun_with(client, clip)
    found: list[str] = []
    for path in ("/studio", "/studio/record"):
        page.goto(path)
        page.wait_for_timeout(500)
        found += violations(page)
    opened(page, f"/studio/{draft}")
    found += violations(page)
    add_material(page)
    for key in ("a", "t", "k", "m", "v", "c", "f", "x", "g", "u", "o", "p"):
        page.keyboard.press("Escape")
        page.keyboard.press(key)
        page.keyboard.press("Escape") if key == "t" else None
        found += violations(page)
    german = visit(viewport=DESKTOP, color_scheme="dark", locale="de-DE")
    sign_in(german, client)
    german.goto("/studio")
    expect(german.get_by_role("link", name=re.compile("^Aufnehmen"))).to_be_visible()
    found += violations(german)
    opened(german, f"/studio/{draft}")
    german.keyboard.press("f")
    expect(german.get_by_role("radio", name="Goldene Stunde")).to_be_visible()
    found += violations(german)
    assert found == []
