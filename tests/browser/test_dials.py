"""A viewer's own hand on the feed: dials, what if, hidden things, no profile, starting over."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Visit, sign_in, sign_up
from tests.browser.player import CURRENT, action, fetch_feed, shown_video, wait_playing
from tests.browser.test_accessibility import violations
from tests.cells import RunningCell

pytestmark = [pytest.mark.browser, pytest.mark.cell]

# Values are in 2^-16 of log-odds.
ONE = 1 << 16
PAGES = ("/me/feed", "/me/slates", "/transparency/algorithm")


def settings(page: Page) -> dict[str, Any]:
    """Return what the cell holds for this very viewer."""
    answer = page.request.get("/api/dials")
    assert answer.ok, answer.text()
    return dict(answer.json())


def open_your_feed(page: Page) -> None:
    """Open the page of one's own feed and wait until its dials stand."""
    page.goto("/me/feed")
    expect(page.locator("#your-feed")).not_to_have_attribute("aria-busy", "true")
    expect(page.get_by_role("slider")).not_to_have_count(0)


def posters(page: Page) -> list[str]:
    """Return the videos of "what if" in the order in which they stand, without those that fell out."""
    return [str(one.get_attribute("data-video")) for one in page.locator(".what-if-tile:not(.left)").all()]


def turn(dial: Locator, key: str, times: int) -> None:
    """Turn a dial with the keyboard."""
    dial.focus()
    for _ in range(times):
        dial.press(key)


def tags_of(slots: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the hashtags of each video of a slate."""
    return {slot["video"]["id"]: slot["video"]["hashtags"] for slot in slots}


def asked_why(page: Page) -> tuple[Locator, dict[str, Any]]:
    """Open the panel about the first video; return it, and the slate that it was told of."""
    page.goto("/")
    wait_playing(page)
    with page.expect_response(lambda answer: answer.url.endswith("/api/what-if")) as told:
        page.keyboard.press("w")
    why = page.get_by_role("dialog", name="Why this video?")
    expect(why.locator(".what-if-summary")).to_have_text("Just as it was shown to you.")
    return why, told.value.json()


@pytest.mark.parametrize("form", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_moving_a_dial_orders_the_slate_anew_and_can_be_kept(visit: Visit, form: dict[str, int]) -> None:
    """The posters move at once; nothing is stored before the viewer says so, and then the feed follows."""
    page = visit(viewport=form)
    why, shown = asked_why(page)
    before = posters(page)
    assert before == [slot["video"]["id"] for slot in shown["slots"]]

    tag = str(why.locator(".what-if [data-dial^='topic:']").first.get_attribute("data-dial")).removeprefix("topic:")
    dial = why.get_by_role("slider", name=f"#{tag}")
    expect(dial).to_have_attribute("aria-valuetext", "Neutral")
    with page.expect_response(lambda answer: answer.url.endswith("/api/what-if")):
        turn(dial, "ArrowLeft", 2)
    expect(dial).to_have_attribute("aria-valuetext", "Much less")
    expect(why.locator(".what-if-summary")).to_contain_text("at another place")
    after = posters(page)
    assert after != before
    # What was seen meanwhile has its tags too.
    tags = tags_of(fetch_feed(page, "limit=50&again=1"))
    unmoved = {slot["video"]["id"]: slot["value"] for slot in fetch_feed(page)}
    places = [place for place, video in enumerate(after) if tag in tags.get(video, [])]
    earlier = [place for place, video in enumerate(before) if tag in tags.get(video, [])]
    assert sum(places) > sum(earlier)
    assert settings(page)["dials"]["topics"] == {}

    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        why.get_by_role("button", name="Apply to my feed").click()
    assert settings(page)["dials"]["topics"] == {tag: -2}
    for slot in fetch_feed(page):
        # Between the two, everything has become a little older, and nothing else has changed.
        change = slot["value"] - unmoved[slot["video"]["id"]]
        assert (change < -ONE) == (tag in slot["video"]["hashtags"]), slot


def test_what_was_moved_can_be_taken_back(page: Page) -> None:
    """Undo brings the dials and the posters back to how they were."""
    why, _ = asked_why(page)
    before = posters(page)
    why.get_by_role("button", name="What if?").click()
    dial = why.locator(".what-if [data-dial]").first.get_by_role("slider")
    expect(dial).to_be_focused()
    turn(dial, "ArrowRight", 2)
    expect(why.locator(".what-if-summary")).to_contain_text(re.compile("another place|Nothing moves"))
    why.get_by_role("button", name="Undo").click()
    expect(why.locator(".what-if-summary")).to_have_text("Just as it was shown to you.")
    assert posters(page) == before
    assert settings(page)["dials"]["topics"] == {}


def test_what_the_slate_would_have_been_without_a_profile_is_shown_and_can_be_kept(page: Page) -> None:
    """The switch of the personal feed asks like a dial; nothing is stored before the viewer says so."""
    why, _ = asked_why(page)
    personal = why.get_by_role("switch", name="Personal feed")
    expect(personal).to_be_checked()
    with page.expect_response(lambda answer: answer.url.endswith("/api/what-if")) as asked:
        personal.press("Space")
    assert asked.value.request.post_data_json["profiling"] is False
    assert settings(page)["profiling"] is True
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        why.get_by_role("button", name="Apply to my feed").click()
    assert settings(page)["profiling"] is False


def test_the_why_panel_counts_what_a_dial_added(page: Page) -> None:
    """A dial stands among the numbers with its own, and they add up as before."""
    page.goto("/")
    wait_playing(page)
    tag = tags_of(fetch_feed(page))[shown_video(page)][0]
    assert page.request.put("/api/dials", data={"dials": {"topics": {tag: 2}}}).ok
    page.reload()
    wait_playing(page)
    slate = page.request.get("/api/feed?limit=10").json()
    why = page.request.get(f"/api/slates/{slate['slate']}/why").json()
    for slot in why["slots"]:
        dials = sum(part["term"] for part in slot["dials"])
        assert slot["value"] == sum(head["term"] for head in slot["heads"]) + dials
    page.keyboard.press("w")
    panel = page.get_by_role("dialog", name="Why this video?")
    if tag in tags_of(slate["slots"]).get(shown_video(page), []):
        expect(panel.get_by_text(f"Your dial: #{tag}").first).to_be_visible()


def test_the_menu_hides_a_hashtag_and_the_next_slate_has_none(page: Page) -> None:
    """From the video's menu; the page of one's own feed shows it, and lets it come again."""
    page.goto("/")
    wait_playing(page)
    hidden = tags_of(fetch_feed(page))[shown_video(page)][0]
    action(page, "more").click()
    page.get_by_role("button", name="Hide …").click()
    sheet = page.get_by_role("dialog", name="Hide from your feed")
    assert violations(page) == []
    with page.expect_response(lambda answer: answer.url.endswith("/api/dials/hide") and answer.ok):
        sheet.get_by_role("button", name=f"#{hidden}", exact=True).click()
    expect(sheet).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text(f"You will see nothing more with #{hidden}.")
    tags = tags_of(fetch_feed(page))
    assert tags
    assert all(hidden not in one for one in tags.values())
    page.wait_for_function(f"() => !document.querySelector('{CURRENT} .caption')?.textContent.includes('#{hidden}')")

    open_your_feed(page)
    page.get_by_role("button", name=f"Show #{hidden} again").click()
    expect(page.get_by_text("Nothing is hidden.")).to_be_visible()
    assert settings(page)["hidden"] == []
    assert any(hidden in one for one in tags_of(fetch_feed(page)).values())


def test_a_word_a_creator_and_a_sound_can_be_hidden(visit: Visit) -> None:
    """Each of what the menu offers takes its videos out of the feed."""
    for kind in ("creator", "sound", "word"):
        page = visit()
        page.goto("/")
        wait_playing(page)
        slots = fetch_feed(page)
        this = next(slot["video"] for slot in slots if slot["video"]["id"] == shown_video(page))
        action(page, "more").click()
        page.get_by_role("button", name="Hide …").click()
        sheet = page.get_by_role("dialog", name="Hide from your feed")
        choice = sheet.locator(f"[data-hide='{kind}']") if kind != "word" else sheet.locator(".word-chip")
        with page.expect_response(lambda answer: answer.url.endswith("/api/dials/hide") and answer.ok):
            choice.first.click()
        left = {slot["video"]["id"] for slot in fetch_feed(page)}
        assert this["id"] not in left
        assert settings(page)["hidden"][0]["kind"] == kind
        if kind == "creator":
            assert this["creator"]["name"] not in {slot["video"]["creator"]["name"] for slot in fetch_feed(page)}


def test_dials_work_with_the_keyboard_alone(page: Page) -> None:
    """Tab reaches every dial, arrows turn it, its words are said, and it is stored without a button."""
    open_your_feed(page)
    first = page.get_by_role("slider", name="New things")
    for _ in range(40):
        page.keyboard.press("Tab")
        if first.evaluate("(dial) => dial === document.activeElement"):
            break
    expect(first).to_be_focused()
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
    expect(first).to_have_attribute("aria-valuetext", "Much more")
    expect(page.locator("[data-save-state]")).to_have_text("Saved")
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowLeft")
    page.get_by_label("Hashtag", exact=True).fill("#Cobalt")
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        page.keyboard.press("Enter")
    expect(page.get_by_role("slider", name="#cobalt")).to_be_focused()
    expect(page.locator("[data-save-state]")).to_have_text("Saved")
    held = settings(page)["dials"]
    assert (held["new"], held["familiar"], held["topics"]) == (2, -1, {"cobalt": 1})

    page.reload()
    expect(page.get_by_role("slider", name="New things")).to_have_attribute("aria-valuetext", "Much more")
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        page.get_by_role("button", name="All to the middle").press("Enter")
    expect(page.get_by_role("slider", name="#cobalt")).to_have_count(0)
    expect(page.get_by_role("button", name="All to the middle")).to_be_disabled()
    expect(page.locator("[data-save-state]")).to_have_text("Saved")
    held = settings(page)["dials"]
    assert (held["new"], held["familiar"], held["topics"]) == (0, 0, {})


def test_the_feed_can_be_made_without_a_profile(page: Page, stocked_cell: RunningCell) -> None:
    """The switch holds for the next slate, whose explanation says so, and the settings say it too."""
    sign_in(page, sign_up(stocked_cell)[1])
    open_your_feed(page)
    switch = page.get_by_role("switch", name="Personal feed")
    expect(switch).to_be_checked()
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        switch.press("Space")
    expect(switch).not_to_be_checked()
    expect(page.get_by_text("No profile:")).to_be_visible()
    slate = page.request.get("/api/feed?limit=3").json()["slate"]
    assert page.request.get(f"/api/slates/{slate}/why").json()["personal"] is False
    page.reload()
    expect(switch).not_to_be_checked()
    # It can be pressed once the script is there.
    expect(switch).to_be_enabled()
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        switch.press("Space")
    assert settings(page)["profiling"] is True


def test_history_is_reset_only_after_asking(page: Page) -> None:
    """ "Keep it" changes nothing; the other button does, and the page says when."""
    open_your_feed(page)
    page.get_by_role("button", name="Reset history").click()
    dialog = page.get_by_role("dialog", name="Forget what you watched?")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    assert violations(page) == []
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    assert settings(page)["reset_at"] is None
    page.get_by_role("button", name="Reset history").click()
    with page.expect_response(lambda answer: answer.url.endswith("/api/dials/reset") and answer.ok):
        dialog.get_by_role("button", name="Reset history").click()
    expect(page.get_by_text("Last reset:")).to_be_visible()
    assert settings(page)["reset_at"] > 0


@pytest.mark.parametrize("look", [(PHONE, "light", "de-DE"), (DESKTOP, "dark", "en-GB")], ids=["phone", "desktop"])
def test_axe_finds_nothing_on_the_pages_about_the_feed(visit: Visit, look: tuple[dict[str, int], str, str]) -> None:
    """One's own feed with things in it, what was shown, the policy with everything unfolded, and what if."""
    viewport, scheme, locale = look
    page = visit(viewport=viewport, color_scheme=scheme, locale=locale)
    page.goto("/")
    wait_playing(page)
    changed = {"dials": {"long": -1, "topics": {"cobalt": 2}}, "hidden": [{"kind": "word", "value": "spoiler"}]}
    assert page.request.put("/api/dials", data=changed).ok
    found: list[str] = []
    for path in PAGES:
        page.goto(path)
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        wide = page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
        assert not wide, path
        found += violations(page)
    page.goto("/")
    wait_playing(page)
    page.keyboard.press("w")
    expect(page.locator(".what-if-tile")).not_to_have_count(0)
    expect(page.locator(".what-if-posters")).not_to_have_attribute("aria-busy", "true")
    found += violations(page)
    assert found == []


def test_everything_shown_can_be_downloaded(page: Page) -> None:
    """The list of slates has the one that was just watched, with its bundle."""
    page.goto("/")
    wait_playing(page)
    slate = page.request.get("/api/feed?limit=3").json()["slate"]
    page.wait_for_function(
        "async (id) => (await (await fetch('/me/slates')).text()).includes(id)", arg=f"/api/slates/{slate}/bundle"
    )
    page.goto("/me/slates")
    with page.expect_download() as download:
        page.locator(f"a[href='/api/slates/{slate}/bundle']").click()
    assert download.value.suggested_filename == f"{slate}.bundle"
    assert download.value.path().read_bytes()[:5] == b"GLASB"
