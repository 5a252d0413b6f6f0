"""The studio in a browser with a camera and a microphone of its own, for tests: how it is opened, filled and read."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import imageio_ffmpeg
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import chromium

PATIENCE_MS: Final = 180_000
TAKE_MS: Final = 1100


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium with a camera and a microphone that nobody has to allow: a picture that turns, and a beep."""
    path = chromium.find()
    if path is None:
        pytest.fail(chromium.HOW_TO_GET_ONE)
    devices = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*chromium.ARGUMENTS, *devices])
        yield browser
        browser.close()


def draft_of(client: httpx.Client, page: Page) -> dict[str, Any]:
    """Return the draft that the page shows, as the server has it."""
    found: dict[str, Any] = client.get(f"/api/drafts/{page.url.rsplit('/', 1)[1].split('#')[0]}").json()
    return found


def opened(page: Page, address: str) -> None:
    """Open the editor and wait until it works."""
    page.goto(address)
    wait_open(page)


def wait_open(page: Page) -> None:
    """Wait until the editor works."""
    expect(page.locator("[data-studio][data-ready]")).to_be_visible(timeout=PATIENCE_MS)


def wait_saved(page: Page) -> None:
    """Wait until everything is on the server."""
    expect(page.locator("[data-saved]")).to_have_text("Saved")


def wait_sources(client: httpx.Client, page: Page) -> None:
    """Wait until the server has looked into everything that the draft is made of."""
    for _ in range(PATIENCE_MS // 500):
        if all(source["state"] == "ready" for source in draft_of(client, page)["sources"]):
            return
        page.wait_for_timeout(500)
    pytest.fail(f"material that is not ready: {draft_of(client, page)['sources']}")


def begun_with(client: httpx.Client, clip: Path) -> str:
    """Begin a draft with a clip in its material, and return its id."""
    headers = {"X-CSRFToken": client.cookies["csrftoken"]}
    draft: str = client.post("/api/drafts", json={}, headers=headers).json()["id"]
    files = {"file": (clip.name, clip.read_bytes(), "video/mp4")}
    answer = client.post(f"/api/drafts/{draft}/sources", files=files, headers=headers)
    assert answer.status_code == 201, answer.text
    return draft


def add_material(page: Page) -> None:
    """Put the draft's only material onto the timeline."""
    page.keyboard.press("a")
    page.get_by_role("button", name="Add Video to the timeline").click(timeout=PATIENCE_MS)
    page.keyboard.press("Escape")


def record_take(page: Page, count: int) -> None:
    """Record one take with the keyboard; it is the draft's `count`-th."""
    shutter = page.locator("[data-do=shutter]")
    expect(shutter).to_be_enabled(timeout=PATIENCE_MS)
    shutter.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(TAKE_MS)
    page.keyboard.press("Enter")
    kept = "1 take kept" if count == 1 else f"{count} takes kept"
    expect(page.locator("[data-keeping]")).to_have_text(kept, timeout=PATIENCE_MS)


def published(page: Page, caption: str) -> str:
    """Publish what is in the editor, and return the video's id."""
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Caption", exact=True).fill(caption)
    page.get_by_role("button", name="Publish", exact=True).click()
    watch = page.get_by_role("link", name="Watch it")
    expect(watch).to_be_visible(timeout=PATIENCE_MS)
    return str(watch.get_attribute("href")).rsplit("/", 1)[1]


def largest(client: httpx.Client, video: str, file: Path, height: int) -> dict[str, Any]:
    """Fetch the rendition of this height into `file` once it is there, and return the video's card."""
    # A video plays from its first rendition on; the largest one follows.
    for _ in range(PATIENCE_MS // 500):
        card: dict[str, Any] = client.get(f"/api/videos/{video}").json()
        found = [one for one in card["renditions"] if one["height"] == height]
        if found:
            file.write_bytes(client.get(found[0]["url"]).content)
            return card
        time.sleep(0.5)
    pytest.fail(f"no rendition of {height} lines: {card['renditions']}")


def picture(file: Path, at: float, width: int, height: int) -> np.ndarray[Any, Any]:
    """Return one frame of a video, decoded."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-ss", str(at), "-i", str(file), "-frames:v", "1"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(height, width, 3)


def heard(file: Path) -> np.ndarray[Any, Any]:
    """Return the sound of a file: mono samples, 48,000 a second, between -1 and 1."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(file), "-ac", "1", "-ar", "48000"]
    raw = subprocess.run([*command, "-f", "f32le", "-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.float32)
