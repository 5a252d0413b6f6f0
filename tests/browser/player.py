"""What a person sees of the player, for tests: which video is shown, whether it plays, what its buttons say."""

from typing import Any

from playwright.sync_api import Locator, Page, expect

# Only the slot that fills the screen can be reached.
CURRENT = ".slot:not([inert])"


def wait_playing(page: Page) -> None:
    """Wait until the video on the screen plays and its clock moves."""
    page.wait_for_function(
        f"""() => {{
            const video = document.querySelector('{CURRENT} video');
            if (!video || video.paused || video.readyState < 2) return false;
            const before = (window.clock ??= new WeakMap()).get(video);
            window.clock.set(video, video.currentTime);
            return before !== undefined && before !== video.currentTime;
        }}"""
    )


def wait_paused(page: Page) -> None:
    """Wait until no video plays."""
    page.wait_for_function("() => [...document.querySelectorAll('video')].every((video) => video.paused)")


def play_to_the_end(page: Page) -> None:
    """Wait until the video on the screen has played to its end and has begun anew."""
    wait_playing(page)
    page.evaluate(
        f"""() => new Promise((done) => {{
            const video = document.querySelector('{CURRENT} video');
            let last = video.currentTime;
            video.addEventListener('timeupdate', () => {{
                if (video.currentTime < last) done();
                last = video.currentTime;
            }});
        }})"""
    )


def shown_video(page: Page) -> str:
    """Return the id of the video on the screen."""
    return str(page.locator(CURRENT).get_attribute("data-video"))


def move(page: Page, key: str) -> str:
    """Press a key that leads to another video, and return the id of the one that is shown then."""
    before = shown_video(page)
    page.keyboard.press(key)
    page.wait_for_function(f"(before) => document.querySelector('{CURRENT}')?.dataset.video !== before", arg=before)
    return shown_video(page)


def action(page: Page, name: str) -> Locator:
    """Return a button of the video on the screen: like, comment, save, share, why, more or follow."""
    return page.locator(f"{CURRENT} [data-action={name}]")


def press_and_send(page: Page, name: str) -> None:
    """Press a button of the video on the screen and wait until the server has what it says."""
    with page.expect_response(lambda answer: answer.url.endswith("/api/events") and answer.status == 202):
        action(page, name).click()


def expect_pressed(page: Page, name: str) -> None:
    """Expect a button of the video on the screen to show that it is on."""
    expect(action(page, name)).to_have_attribute("aria-pressed", "true")


def expect_name(page: Page, name: str, words: str) -> None:
    """Expect a button of the video on the screen to be called so, once totals have come to what was just done."""
    for _ in range(60):
        expect(action(page, name)).to_be_visible(timeout=60_000)
        if action(page, name).get_attribute("aria-label") == words:
            return
        page.wait_for_timeout(300)
        page.reload()
    expect(action(page, name)).to_have_accessible_name(words)


def fetch_feed(page: Page, query: str = "limit=50") -> list[dict[str, Any]]:
    """Return the slots that the feed would show this very viewer now."""
    answer = page.request.get(f"/api/feed?{query}")
    assert answer.ok, answer.text()
    return list(answer.json()["slots"])
