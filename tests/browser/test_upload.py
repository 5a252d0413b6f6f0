"""Uploading in a real browser: several files, pause, a lost network, a restarted server, a reload; and what was begun goes on."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PHONE, make_clip, sign_in, sign_up
from tests.browser.test_accessibility import violations
from tests.cells import SETTINGS, RunningCell

pytestmark = [pytest.mark.browser, pytest.mark.cell, pytest.mark.timeout(600)]
# A fast line would have the whole file sent before anybody could interrupt it.
BYTES_PER_SECOND = 800_000


@pytest.fixture(scope="module")
def own_cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCell]:
    """A cell that may be killed and started again."""
    with RunningCell.started(tmp_path_factory.mktemp("own") / "data", SETTINGS + "[web]\nworkers = 1\n") as cell:
        yield cell


@pytest.fixture(scope="module")
def big_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that takes some seconds on a thin line: what follows its last box is filled up, as the format allows."""
    path = make_clip(tmp_path_factory.mktemp("big") / "big.mp4", "0x4060a0", seconds=1)
    size = 2_400_000
    with path.open("ab") as file:
        file.write(size.to_bytes(4, "big") + b"free" + os.urandom(size - 8))
    return path


@pytest.fixture
def profile(browser: Browser, own_cell: RunningCell) -> Iterator[tuple[BrowserContext, httpx.Client]]:
    """A phone of somebody new."""
    _, client = sign_up(own_cell)
    context = browser.new_context(viewport=PHONE, locale="en-GB", base_url=own_cell.url)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    yield context, client
    context.close()


def opened(profile: tuple[BrowserContext, httpx.Client], thin: bool = True) -> Page:
    """Open the upload page, on a thin line."""
    context, client = profile
    page = context.new_page()
    sign_in(page, client)
    page.goto("/upload")
    if thin:
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        facts = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": BYTES_PER_SECOND}
        session.send("Network.emulateNetworkConditions", facts)
    return page


def begun(page: Page, clip: Path, caption: str) -> None:
    """Choose a file, say something about it and publish it; return when a fifth was acknowledged."""
    page.locator("input[type=file]").set_input_files(clip)
    page.get_by_label("Caption").fill(caption)
    page.get_by_role("button", name="Publish", exact=True).click()
    wait_safe(page, 0.2)


def wait_safe(page: Page, part: float) -> int:
    """Wait until the server has this part of the one unfinished upload on its disk; return how much that is."""
    page.wait_for_function(
        """async (part) => {
            const { uploads } = await (await fetch("/api/uploads")).json();
            return uploads.length === 1 && uploads[0].offset >= part * uploads[0].length;
        }""",
        arg=part,
        polling=200,
    )
    return int(page.evaluate("fetch('/api/uploads').then((a) => a.json()).then((j) => j.uploads[0].offset)"))


def expect_live(page: Page) -> None:
    expect(page.get_by_role("link", name="Watch it")).to_be_visible(timeout=120_000)


def test_goes_on_after_the_server_was_killed_at_forty_percent(
    profile: tuple[BrowserContext, httpx.Client], own_cell: RunningCell, big_clip: Path
) -> None:
    page = opened(profile)
    begun(page, big_clip, "Through it all #steady")
    safe = wait_safe(page, 0.4)
    assert own_cell.process is not None
    os.kill(own_cell.children()["web"], signal.SIGKILL)
    own_cell.stop()
    expect(page.get_by_role("button", name="Try now")).to_be_visible()
    offsets: list[int] = []
    page.on(
        "request",
        lambda asked: offsets.append(int(asked.headers["upload-offset"])) if asked.method == "PATCH" else None,
    )
    own_cell.start()
    expect_live(page)
    assert offsets[0] >= safe
    videos = profile[1].get("/api/me/videos").json()["videos"]
    assert [video["caption"] for video in videos] == ["Through it all #steady"]


def test_goes_on_after_a_reload_when_its_file_is_chosen_again(
    profile: tuple[BrowserContext, httpx.Client], big_clip: Path, clip: Path
) -> None:
    page = opened(profile)
    begun(page, big_clip, "Twice chosen")
    page.reload()
    unfinished = page.get_by_role("region", name="Not finished yet")
    expect(unfinished.get_by_text("big.mp4")).to_be_visible()
    safe = wait_safe(page, 0.2)
    stored = page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('tus::')).length")
    assert stored == 1
    offsets: list[int] = []
    page.on(
        "request",
        lambda asked: offsets.append(int(asked.headers["upload-offset"])) if asked.method == "PATCH" else None,
    )
    page.locator("input[type=file]").set_input_files(big_clip)
    expect(unfinished).to_be_hidden()
    expect_live(page)
    assert offsets[0] >= safe > 0
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('tus::')).length") == 0
    assert profile[1].get("/api/me/videos").json()["videos"][0]["caption"] == "Twice chosen"


def test_pauses_goes_on_and_waits_for_the_network(profile: tuple[BrowserContext, httpx.Client], big_clip: Path) -> None:
    page = opened(profile)
    begun(page, big_clip, "Paused")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", name="Paused")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Uploading")).to_be_visible()
    profile[0].set_offline(True)
    expect(page.get_by_text("It goes on by itself when you are online.", exact=False).first).to_be_visible()
    profile[0].set_offline(False)
    expect_live(page)


def test_cancels_and_discards(
    profile: tuple[BrowserContext, httpx.Client], own_cell: RunningCell, big_clip: Path
) -> None:
    page = opened(profile)
    begun(page, big_clip, "Not after all")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_label("Caption")).to_have_value("Not after all")
    page.wait_for_function("fetch('/api/uploads').then((a) => a.json()).then((j) => j.uploads.length === 0)")
    page.get_by_role("button", name="Publish", exact=True).click()
    wait_safe(page, 0.1)
    page.reload()
    page.get_by_role("button", name=re.compile("^Discard")).click()
    expect(page.get_by_role("region", name="Not finished yet")).to_be_hidden()
    assert profile[1].get("/api/uploads").json() == {"uploads": []}
    assert profile[1].get("/api/me/videos").json()["videos"] == []
    assert not any((own_cell.data / "uploads" / "tus").iterdir())


def test_several_files_at_once_each_with_its_own_words(
    profile: tuple[BrowserContext, httpx.Client], clip: Path, tmp_path: Path
) -> None:
    """Three files, one of them no video; the same one again is recognised."""
    _, client = profile
    page = opened(profile, thin=False)
    other, text = make_clip(tmp_path / "other.mp4", "0x308060", seconds=1), tmp_path / "notes.txt"
    text.write_text("no video")
    found = violations(page)
    page.locator("input[type=file]").set_input_files([clip, other, text])
    expect(page.get_by_role("alert").filter(has_text="notes.txt")).to_be_visible()
    cards = page.locator(".upload-card")
    expect(cards).to_have_count(2)
    cards.nth(0).get_by_label("Caption").fill("One")
    cards.nth(1).get_by_label("Caption").fill("Two")
    cards.nth(1).get_by_label("Only me").check()
    found += violations(page)
    page.get_by_role("button", name="Publish all 2").click()
    expect(page.get_by_role("heading", name="Preparing your video").first).to_be_visible()
    found += violations(page)
    expect(page.get_by_role("link", name="Watch it")).to_have_count(2, timeout=120_000)
    videos = {one["caption"]: one["visibility"] for one in client.get("/api/me/videos").json()["videos"]}
    assert videos == {"One": "public", "Two": "private"}
    page.goto("/upload")
    page.locator("input[type=file]").set_input_files(other)
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("You have uploaded this very file before.").last).to_be_visible()
    expect(page.get_by_role("link", name="See the earlier one.")).to_be_visible()
    assert [*found, *violations(page)] == []
