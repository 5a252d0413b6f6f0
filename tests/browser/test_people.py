"""Between people: comments, following, and what those without an account may do."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit, publish, sign_in, sign_up, wait_ready
from tests.browser.player import (
    CURRENT,
    action,
    expect_name,
    expect_pressed,
    fetch_feed,
    move,
    press_and_send,
    shown_video,
    wait_playing,
)
from tests.cells import RunningCell

pytestmark = [pytest.mark.browser, pytest.mark.cell]


def test_a_comment_is_seen_by_others(visit: Visit, stocked_cell: RunningCell) -> None:
    """Written in one browser, read in another."""
    name, client = sign_up(stocked_cell)
    writer, reader = visit(), visit()
    sign_in(writer, client)
    writer.goto("/")
    wait_playing(writer)
    video = shown_video(writer)
    action(writer, "comment").click()
    writer.get_by_label("Your comment").fill("What a calm picture")
    writer.get_by_role("button", name="Send").click()
    expect(writer.locator(".comment-row")).to_contain_text(["What a calm picture"])

    reader.goto(f"/v/{video}")
    expect_name(reader, "comment", "Comments, 1 comment")
    action(reader, "comment").click()
    comment = reader.locator(".comment-row").filter(has_text="What a calm picture")
    expect(comment.get_by_role("link", name=name, exact=True)).to_be_visible()
    expect(reader.get_by_role("link", name="Sign in to comment")).to_be_visible()


def test_following_a_creator_fills_the_following_feed(page: Page, stocked_cell: RunningCell) -> None:
    """The plus on a video brings its creator's videos, and nobody else's."""
    _, client = sign_up(stocked_cell)
    sign_in(page, client)
    page.goto("/following")
    expect(page.get_by_text("Nothing here yet")).to_be_visible()
    page.goto("/")
    wait_playing(page)

    def shown_creator() -> str:
        return str(page.locator(f"{CURRENT} .who-link").get_attribute("href"))

    # Of somebody whose only video was just seen, nothing would be left to show.
    while len(fetch_feed(page, f"creator={shown_creator().removeprefix('/@')}")) < 2:
        move(page, "j")
    creator = shown_creator()
    press_and_send(page, "follow")
    expect_pressed(page, "follow")
    page.goto("/following")
    wait_playing(page)
    creators = page.locator(".slot .who-link").evaluate_all("(links) => links.map((link) => link.getAttribute('href'))")
    assert set(creators) == {creator}


def test_watching_works_without_an_account(page: Page) -> None:
    """The feed plays and keeps likes; what needs an account says so."""
    page.goto("/")
    wait_playing(page)
    liked = shown_video(page)
    press_and_send(page, "like")
    expect_pressed(page, "like")
    assert next(slot["video"]["liked"] for slot in fetch_feed(page, "limit=50&again=1") if slot["video"]["id"] == liked)
    page.goto("/following")
    expect(page.get_by_role("heading", name="The people you follow")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("link", name="Sign in")).to_be_visible()
    page.goto("/upload")
    expect(page).to_have_url(re.compile("/accounts/login/"))


def test_a_private_video_is_nowhere_for_others(visit: Visit, stocked_cell: RunningCell, clip: Path) -> None:
    """Its owner plays it; for everybody else its address leads to nothing."""
    _, client = sign_up(stocked_cell)
    video = publish(client, clip, "Only for me", "private")
    wait_ready(client, video)
    owner, stranger = visit(), visit()
    sign_in(owner, client)
    owner.goto(f"/v/{video}")
    wait_playing(owner)
    answer = stranger.goto(f"/v/{video}")
    assert answer is not None
    assert answer.status == 404
    expect(stranger.get_by_role("heading", level=1)).to_be_visible()
    assert "Only for me" not in stranger.content()
