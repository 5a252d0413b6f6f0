"""The main job, end to end, in a real browser: sign up, upload, watch, like, ask why."""

import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import make_clip
from tests.cells import PASSWORD, RunningCell

pytestmark = [pytest.mark.browser, pytest.mark.cell]

PLAYED = "() => { const v = document.querySelector('.slot.current video, video'); return v ? v.currentTime : 0 }"


def current_time(page: Page) -> float:
    """Return how far the video that plays now has come, in seconds."""
    return float(
        page.evaluate("() => Math.max(0, ...[...document.querySelectorAll('video')].filter(v => !v.paused).map(v => v.currentTime))")
    )


def wait_playing(page: Page) -> None:
    """Wait until some video plays and its clock moves."""
    page.wait_for_function("() => [...document.querySelectorAll('video')].some(v => !v.paused && v.currentTime > 0.2)")


def sign_up(page: Page) -> str:
    """Sign up through the page and return the new name."""
    name = f"mia{secrets.token_hex(4)}"
    page.goto("/accounts/signup/")
    page.get_by_label("E-mail", exact=False).first.fill(f"{name}@example.org")
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password1]").fill(PASSWORD)
    page.locator("input[name=birth_year]").fill("1990")
    page.locator("form button[type=submit]:visible").last.click()
    page.wait_for_url(lambda url: "signup" not in url)
    return name


def test_signs_up_uploads_watches_likes_and_asks_why(page: Page, stocked_cell: RunningCell, tmp_path: Path) -> None:
    """A newcomer's whole first visit."""
    name = sign_up(page)
    clip = make_clip(tmp_path / "mine.mp4", "0x804090")
    page.goto("/upload")
    page.locator("input[type=file]").set_input_files(clip)
    page.locator("textarea").first.fill("My first clip #purple")
    page.get_by_role("button", name="Publish").click()
    watch = page.locator("[data-watch]")
    expect(watch).to_be_visible(timeout=120_000)
    watch.click()
    page.wait_for_url(re.compile("/v/"))
    wait_playing(page)
    before = current_time(page)
    page.wait_for_function(f"() => [...document.querySelectorAll('video')].some(v => !v.paused && v.currentTime > {before} + 0.3)")
    expect(page.get_by_text("My first clip").first).to_be_visible()

    page.goto("/")
    wait_playing(page)
    like = page.get_by_role("button", name=re.compile("^Like,")).first
    expect(like).to_have_attribute("aria-pressed", "false")
    with page.expect_response(lambda answer: answer.url.endswith("/api/events") and answer.status == 202):
        like.click()
    expect(like).to_have_attribute("aria-pressed", "true")

    page.get_by_role("button", name="Why this video?").first.click()
    why = page.get_by_role("dialog", name="Why this video?")
    expect(why).to_be_visible()
    expect(why).to_contain_text("Because", ignore_case=True)
    # The video goes on playing behind the sheet.
    at = current_time(page)
    page.wait_for_function(f"() => [...document.querySelectorAll('video')].some(v => !v.paused && v.currentTime !== {at})")
    page.keyboard.press("Escape")
    expect(why).to_be_hidden()

    page.goto(f"/@{name}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    assert page.locator("a[href^='/v/'], a[href*='/v/']").count() >= 1


def test_the_feed_works_with_the_keyboard_and_keeps_its_place(page: Page) -> None:
    """Next, pause, mute and the list of keys; going away and back returns to the same video."""
    page.goto("/")
    wait_playing(page)
    shown = "() => location.href + '|' + (document.querySelector('.slot.current, .slot[data-current]')?.dataset.video ?? '')"
    first = page.evaluate(shown)
    page.keyboard.press("j")
    page.wait_for_timeout(1_500)
    wait_playing(page)
    page.keyboard.press(" ")
    page.wait_for_function("() => [...document.querySelectorAll('video')].every(v => v.paused)")
    page.keyboard.press(" ")
    wait_playing(page)
    page.keyboard.press("m")
    page.wait_for_function("() => [...document.querySelectorAll('video')].some(v => !v.paused && !v.muted)")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    assert first is not None


def test_installable_and_offline(page: Page) -> None:
    """The manifest is complete, the service worker takes over, and without network the shell still opens."""
    page.goto("/")
    manifest = page.evaluate("async () => (await fetch(document.querySelector('link[rel=manifest]').href)).json()")
    assert manifest["display"] == "standalone"
    assert {icon["sizes"] for icon in manifest["icons"]} >= {"192x192", "512x512"}
    page.evaluate("async () => { await navigator.serviceWorker.ready }")
    page.reload()
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    page.context.set_offline(True)
    page.goto("/discover")
    expect(page.locator("body")).to_contain_text(re.compile("offline|connection|network", re.I))
    page.context.set_offline(False)
