"""A real browser, and a cell with a few clips to look at."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import chromium
from tests.cells import RunningCell

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1440, "height": 900}
# Colours that are easily told apart, one a topic.
TOPICS = {"red": "0xb03030", "green": "0x2f8f4e", "blue": "0x3050b0"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; where there is none, the test fails and says how to get one."""
    path = chromium.find()
    if path is None:
        pytest.fail(chromium.HOW_TO_GET_ONE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
        yield browser
        browser.close()


def context_of(browser: Browser, cell: RunningCell, **options: object) -> BrowserContext:
    """Return a fresh browser profile: a phone in English, unless `options` say otherwise."""
    chosen = {"viewport": PHONE, "locale": "en-GB", "base_url": cell.url, **options}
    context = browser.new_context(**chosen)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    return context


@pytest.fixture
def page(browser: Browser, stocked_cell: RunningCell) -> Iterator[Page]:
    """A page of a fresh phone; at its end nothing may have been refused by the content security policy."""
    context = context_of(browser, stocked_cell)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if "Content Security Policy" in line.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def make_clip(path: Path, color: str, seconds: float = 3, frequency: int = 440) -> Path:
    """Make an upright clip with a tone: a plain colour with something moving in it."""
    source = f"color=c={color}:size=360x640:rate=24:duration={seconds}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-f", "lavfi", "-i", source]
    command += ["-f", "lavfi", "-i", f"sine=frequency={frequency}:duration={seconds}"]
    command += ["-vf", "drawbox=x='mod(80*t,300)':y=200:w=60:h=60:color=white:t=fill", "-c:v", "libx264"]
    subprocess.run([*command, "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)], check=True)
    return path


@pytest.fixture(scope="session")
def stocked_cell(live_cell: RunningCell, tmp_path_factory: pytest.TempPathFactory) -> RunningCell:
    """The shared cell with two creators and three clips of each of three topics."""
    folder = tmp_path_factory.mktemp("clips")
    live_cell.run("person", "add", "ada.films", "--password", "a calm long password", "--role", "creator")
    live_cell.run("person", "add", "ben.films", "--password", "a calm long password", "--role", "creator")
    for topic, color in TOPICS.items():
        for number in range(3):
            clip = make_clip(folder / f"{topic}{number}.mp4", color, frequency=330 + 110 * number)
            creator = "ada.films" if number % 2 else "ben.films"
            live_cell.json("video", "add", str(clip), "--as", creator, "--caption", f"Clip {number} #{topic}")
    return live_cell
