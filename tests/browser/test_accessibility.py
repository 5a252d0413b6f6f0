"""axe-core finds nothing on any page, on a phone in the light and on a desktop in the dark."""

from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Visit, sign_in, sign_up
from tests.browser.player import CURRENT, shown_video, wait_playing
from tests.cells import ROOT, RunningCell

pytestmark = [pytest.mark.browser, pytest.mark.cell]

AXE: Final = ROOT / "node_modules" / "axe-core" / "axe.min.js"
FORMS: Final[dict[str, dict[str, object]]] = {
    "phone": {"viewport": PHONE, "color_scheme": "light", "has_touch": True},
    "desktop": {"viewport": DESKTOP, "color_scheme": "dark"},
}


def violations(page: Page) -> list[str]:
    """Return what axe-core objects to on the page as it is now."""
    # Colours are judged when they have arrived.
    page.wait_for_function(
        "() => document.getAnimations().every((one) => one.playState !== 'running' || one.effect.getTiming().iterations === Infinity)"
    )
    # The policy of the pages forbids foreign scripts, so that it is run by the browser's own debugger.
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
    where = page.url.removeprefix(page.evaluate("() => location.origin"))
    return [f"{where}: {one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("form", FORMS)
def test_axe_finds_nothing(visit: Visit, stocked_cell: RunningCell, form: str) -> None:
    """Every page, and the panels of the feed."""
    page = visit(**FORMS[form])
    found: list[str] = []
    for path in (
        "/accounts/login/",
        "/accounts/signup/",
        "/discover",
        "/t/cobalt",
        "/offline",
        "/following",
        "/nowhere",
    ):
        page.goto(path)
        found += violations(page)
    page.goto("/")
    wait_playing(page)
    video, creator = shown_video(page), page.locator(f"{CURRENT} .who-link").get_attribute("href") or ""
    found += violations(page)
    for key, title in (("c", "Comments"), ("w", "Why this video?"), ("?", "Keyboard")):
        page.keyboard.press(key)
        panel = page.get_by_role("dialog", name=title)
        expect(panel).to_be_visible()
        expect(panel.locator(".skeleton")).to_have_count(0)
        found += violations(page)
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
    sign_in(page, sign_up(stocked_cell)[1])
    for path in (creator, "/me", "/upload", "/inbox"):
        page.goto(path)
        found += violations(page)
    page.goto(f"/v/{video}")
    wait_playing(page)
    page.keyboard.press("c")
    expect(page.get_by_label("Your comment")).to_be_visible()
    found += violations(page)
    assert found == []
