"""The main job, end to end, in a real browser: sign up, upload, watch, like, ask why."""

import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.player import CURRENT, action, expect_name, expect_pressed, press_and_send, shown_video, wait_playing
from tests.cells import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.cell]


def sign_up(page: Page) -> str:
    """Sign up through the page and return the new name."""
    name = f"mia{secrets.token_hex(4)}"
    page.goto("/accounts/signup/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("E-mail address").fill(f"{name}@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Year of birth").fill("1990")
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url(lambda url: "signup" not in url)
    return name


def read_number(place: Locator) -> int:
    """Return a number as the panel writes it: grouped, and with a true minus."""
    return int(place.inner_text().replace("−", "-").replace(",", "").replace("+", ""))


def read_sections(panel: Locator) -> dict[str, tuple[list[int], int]]:
    """Return, by its heading, the parts and the sum of each section of the why panel."""
    sections = {}
    for section in panel.locator(".why-section:has(> .why-sum)").all():
        lines = section.locator("> .why-line .why-number, > details > summary .why-number").all()
        *parts, total = [read_number(line) for line in lines]
        sections[section.get_by_role("heading").inner_text()] = (parts, total)
    return sections


def test_signs_up_uploads_watches_likes_and_asks_why(page: Page, clip: Path) -> None:
    """A newcomer's whole first visit."""
    name = sign_up(page)
    page.goto("/upload")
    page.locator("input[type=file]").set_input_files(clip)
    page.get_by_label("Caption").fill("My first clip #purple")
    page.get_by_role("button", name="Publish").click()
    watch = page.get_by_role("link", name="Watch it")
    expect(watch).to_be_visible(timeout=180_000)
    watch.click()
    page.wait_for_url(re.compile("/v/"))
    wait_playing(page)
    expect(page.locator(CURRENT)).to_contain_text("My first clip")
    page.goto(f"/@{name}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    expect(page.get_by_role("link", name="My first clip")).to_be_visible()

    page.goto("/")
    wait_playing(page)
    liked = shown_video(page)
    expect(action(page, "like")).to_have_attribute("aria-pressed", "false")
    press_and_send(page, "like")
    expect_pressed(page, "like")

    with page.expect_response(re.compile("/why$")) as asked:
        action(page, "why").click()
    panel = page.get_by_role("dialog", name="Why this video?")
    expect(panel.get_by_role("heading", name="What it comes from")).to_be_visible()
    answer: dict[str, Any] = asked.value.json()
    facts = next(slot for slot in answer["slots"] if slot["video"] == liked)
    shown = read_sections(panel)
    assert shown["What you may do with it"] == ([head["term"] for head in facts["heads"]], facts["value"])
    assert shown["What it comes from"][1] == facts["value"]
    assert all(sum(parts) == total for parts, total in shown.values())
    expect(panel.locator(".why-sentence")).to_contain_text(re.compile("because", re.IGNORECASE))
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()

    # The like is counted where everybody sees it, and it is still there for its owner.
    page.goto(f"/v/{liked}")
    expect_name(page, "like", "Like, 1 like")
    expect_pressed(page, "like")
    page.goto(f"/@{name}/liked")
    expect(page.locator(f"a[href='/v/{liked}']")).to_be_visible()
