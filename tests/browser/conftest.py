"""A real browser, and a cell with a few clips to look at."""

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import imageio_ffmpeg
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests import chromium
from tests.cells import PASSWORD, RunningCell

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1440, "height": 900}
# Colours that are easily told apart, one a topic.
TOPICS = {"cobalt": "0x3050b0", "crimson": "0xb03030", "emerald": "0x2f8f4e"}
CLIPS_PER_TOPIC = 4
PATIENCE_S = 180

Visit = Callable[..., Page]


# Playwright keeps an event loop running in this thread; beyond its module it would hinder the tests that start their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; where there is none, the test fails and says how to get one."""
    path = chromium.find()
    if path is None:
        pytest.fail(chromium.HOW_TO_GET_ONE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, stocked_cell: RunningCell) -> Iterator[Visit]:
    """Open a page of a fresh browser profile: a phone in English, unless the options say otherwise.

    At the end no page may have met an error, nor anything that the content security policy refused.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def listen(line: ConsoleMessage) -> None:
        # An answer such as 404 is for the test that asks for it to judge.
        if line.type == "error" and not line.text.startswith("Failed to load resource"):
            complaints.append(line.text)

    def open_page(**options: object) -> Page:
        chosen = {"viewport": PHONE, "locale": "en-GB", "base_url": stocked_cell.url, **options}
        context = browser.new_context(**chosen)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(90_000)
        context.on("console", listen)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(visit: Visit) -> Page:
    """A page of a fresh phone."""
    return visit()


def make_clip(path: Path, color: str, seconds: float = 3, frequency: int = 440) -> Path:
    """Make an upright clip with a tone: a plain colour with something moving in it."""
    source = f"color=c={color}:size=360x640:rate=24:duration={seconds}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-f", "lavfi", "-i", source]
    command += ["-f", "lavfi", "-i", f"sine=frequency={frequency}:duration={seconds}"]
    command += ["-vf", "drawbox=x='mod(80*t,300)':y=200:w=60:h=60:color=white:t=fill", "-c:v", "libx264"]
    subprocess.run([*command, "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)], check=True)
    return path


def sign_up(cell: RunningCell) -> tuple[str, httpx.Client]:
    """Make an account as the sign-up page does; return its name and a client that is signed in."""
    name, client = f"kim{secrets.token_hex(5)}", cell.client()
    client.get("/accounts/signup/")
    form = {"username": name, "email": f"{name}@example.org", "password1": PASSWORD, "birth_year": "1990"}
    answer = client.post("/accounts/signup/", data={**form, "csrfmiddlewaretoken": client.cookies["csrftoken"]})
    assert answer.status_code == 302, answer.text[:500]
    return name, client


def sign_in(page: Page, client: httpx.Client) -> None:
    """Let the browser profile of this page be signed in as the client is."""
    url = str(client.base_url)
    page.context.add_cookies([{"name": one.name, "value": one.value or "", "url": url} for one in client.cookies.jar])


def publish(client: httpx.Client, clip: Path, caption: str, visibility: str = "public") -> str:
    """Upload a clip and return its id; it is prepared in the background."""
    answer = client.post(
        "/api/videos",
        files={"file": (clip.name, clip.read_bytes(), "video/mp4")},
        data={"caption": caption, "visibility": visibility},
        headers={"X-CSRFToken": client.cookies["csrftoken"]},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def wait_ready(client: httpx.Client, video: str) -> None:
    """Wait until a video is prepared."""
    deadline = time.monotonic() + PATIENCE_S
    while (state := client.get(f"/api/videos/{video}/state").json())["state"] != "ready":
        assert state["state"] != "failed", state
        assert time.monotonic() < deadline, state
        time.sleep(0.2)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One more clip, for tests to upload."""
    return make_clip(tmp_path_factory.mktemp("clip") / "mine.mp4", "0x804090")


@pytest.fixture(scope="session")
def stocked_cell(live_cell: RunningCell, tmp_path_factory: pytest.TempPathFactory) -> RunningCell:
    """The shared cell with twelve clips in the feed.

    The clips about cobalt are by a creator each, so that whoever likes them likes the topic; two creators share the rest.
    """
    folder = tmp_path_factory.mktemp("clips")
    first, second, *others = [sign_up(live_cell)[1] for _ in range(2 + CLIPS_PER_TOPIC)]
    published: list[tuple[httpx.Client, str]] = []
    for topic, color in TOPICS.items():
        creators = others if topic == "cobalt" else [first, second] * 2
        for number, creator in enumerate(creators):
            clip = make_clip(folder / f"{topic}{number}.mp4", color, frequency=330 + 110 * number)
            published.append((creator, publish(creator, clip, f"Clip {number} #{topic}")))
    for creator, video in published:
        wait_ready(creator, video)
    deadline = time.monotonic() + PATIENCE_S
    wanted = {video for _, video in published}
    # A new viewer each time, so that no slate depends on the one before.
    while wanted - {slot["video"]["id"] for slot in live_cell.client().get("/api/feed?limit=50").json()["slots"]}:
        assert time.monotonic() < deadline, "the clips do not come into the feed"
        time.sleep(0.5)
    return live_cell
