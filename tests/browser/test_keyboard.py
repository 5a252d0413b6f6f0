"""The feed by keyboard: every key, and the place that is kept."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.player import CURRENT, expect_pressed, move, shown_video, wait_paused, wait_playing

pytestmark = [pytest.mark.browser, pytest.mark.cell]

# The two videos after the one on the screen, once they could play at once.
NEXT_TWO = f"""() => {{
    const slots = [...document.querySelectorAll('.slot')];
    const at = slots.indexOf(document.querySelector('{CURRENT}'));
    const videos = slots.slice(at + 1, at + 3).map((slot) => slot.querySelector('video'));
    return videos.length === 2 && videos.every((video) => video?.readyState >= 2) && videos.map((video) => video.currentSrc);
}}"""
TIME = f"() => document.querySelector('{CURRENT} video').currentTime"


def test_moves_and_loads_two_ahead(page: Page) -> None:
    """Letters and arrows lead on and back; what comes next is there already, in four video elements at most."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    wait_playing(page)
    first = shown_video(page)
    following = page.wait_for_function(NEXT_TWO).json_value()
    assert set(following) <= set(asked)
    second = move(page, "j")
    assert second != first
    third = move(page, "ArrowDown")
    assert move(page, "k") == second
    assert move(page, "ArrowUp") == first
    for _ in range(4):
        move(page, "j")
    assert third != first
    wait_playing(page)
    assert page.locator("video").count() <= 4


def test_every_key_does_what_the_list_says(page: Page) -> None:
    """Pause, like, the panels, and the sound, which the next visit remembers."""
    page.goto("/")
    wait_playing(page)
    page.keyboard.press(" ")
    wait_paused(page)
    page.keyboard.press(" ")
    wait_playing(page)
    page.keyboard.press("l")
    expect_pressed(page, "like")
    for key, name in (("c", "Comments"), ("w", "Why this video?"), ("?", "Keyboard")):
        page.keyboard.press(key)
        panel = page.get_by_role("dialog", name=name)
        expect(panel).to_be_visible()
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
    muted = f"() => document.querySelector('{CURRENT} video').muted"
    assert page.evaluate(muted) is True
    page.keyboard.press("m")
    assert page.evaluate(muted) is False
    page.reload()
    wait_playing(page)
    assert page.evaluate(muted) is False
    expect(page.get_by_role("button", name="Turn sound off")).to_be_visible()


def test_back_returns_to_the_same_video_and_second(page: Page) -> None:
    """Whoever looks at a profile and comes back finds the feed as it was."""
    # Video events do not bubble, but they can be caught on their way down.
    page.add_init_script(
        "window.seeks = []; addEventListener('seeked', (event) => window.seeks.push(event.target.currentTime), true)"
    )
    page.goto("/")
    wait_playing(page)
    shown = move(page, "j")
    page.wait_for_function(f"() => document.querySelector('{CURRENT} video')?.currentTime > 1")
    page.keyboard.press(" ")
    wait_paused(page)
    left_at = page.evaluate(TIME)
    page.locator(f"{CURRENT} .who-link").click()
    page.wait_for_url("**/@*")
    page.go_back()
    wait_playing(page)
    assert shown_video(page) == shown
    assert any(abs(second - left_at) < 0.1 for second in page.evaluate("() => window.seeks"))
