"""German and English, dark and light, with and without motion."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit, sign_in, sign_up
from tests.browser.player import action, wait_playing
from tests.cells import RunningCell

pytestmark = [pytest.mark.browser, pytest.mark.cell]


def test_speaks_german(visit: Visit, stocked_cell: RunningCell) -> None:
    """The language of the browser is the language of every page and of its scripts."""
    page = visit(locale="de-DE")

    def opened(path: str) -> Page:
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", "de")
        return page

    expect(opened("/discover").get_by_role("heading", name="Neu hier")).to_be_visible()
    expect(
        opened("/accounts/login/").get_by_role("main").get_by_role("button", name="Anmelden", exact=True)
    ).to_be_visible()
    expect(opened("/accounts/signup/").get_by_role("button", name="Konto anlegen")).to_be_visible()
    expect(opened("/nowhere").get_by_role("heading", level=1)).to_be_visible()
    expect(opened("/").get_by_role("link", name="Für dich")).to_be_visible()
    wait_playing(page)
    action(page, "why").click()
    sentence = page.get_by_role("dialog", name="Warum dieses Video?").locator(".why-sentence")
    expect(sentence).to_contain_text(re.compile("weil|Neulinge"))
    sign_in(page, sign_up(stocked_cell)[1])
    expect(opened("/upload").get_by_text("Videos wählen")).to_be_visible()


def luminance(page: Page) -> float:
    """Return how light the ground of the page is, 0 to 255."""
    red, green, blue, _ = page.evaluate(
        """() => {
            const canvas = document.createElement('canvas').getContext('2d');
            canvas.fillStyle = getComputedStyle(document.body).backgroundColor;
            canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data];
        }"""
    )
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


@pytest.mark.parametrize("path", ["/discover", "/accounts/login/"])
def test_dark_and_light_follow_the_system(visit: Visit, path: str) -> None:
    """The ground of a page is nearly black or nearly white."""
    dark, light = visit(color_scheme="dark"), visit(color_scheme="light")
    dark.goto(path)
    light.goto(path)
    assert luminance(dark) < 40
    assert luminance(light) > 215


def test_nothing_moves_for_those_who_want_no_motion(visit: Visit) -> None:
    """With reduced motion, panels are simply there."""
    page = visit(reduced_motion="reduce")
    page.goto("/")
    wait_playing(page)
    page.wait_for_function("() => document.getAnimations().length === 0")
    action(page, "comment").click()
    expect(page.get_by_role("dialog", name="Comments")).to_be_visible()
    page.wait_for_function("() => document.getAnimations().length === 0")
