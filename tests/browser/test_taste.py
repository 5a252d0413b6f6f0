"""What a viewer does changes what the feed shows next."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Response

from tests.browser.player import action, fetch_feed, move, play_to_the_end, shown_video, wait_playing

pytestmark = [pytest.mark.browser, pytest.mark.cell]


def events_of(request: Request) -> list[dict[str, Any]]:
    """Return the events in a request of the page, none where it is about something else."""
    if request.method != "POST" or not request.url.endswith("/api/events"):
        return []
    return list(json.loads(request.post_data or "{}").get("events", []))


def reports(answer: Response, kind: str, video: str) -> bool:
    """Return whether the server took an event of this kind about this video."""
    events = events_of(answer.request)
    return answer.status == 202 and any(one["kind"] == kind and one["video"] == video for one in events)


def values(slots: list[dict[str, Any]]) -> dict[str, int]:
    """Return the values of a slate by video."""
    return {slot["video"]["id"]: slot["value"] for slot in slots}


def test_finishing_two_clips_of_a_topic_brings_more_of_it(page: Page) -> None:
    """The page reports what was watched, and the very next slate knows."""
    page.goto("/t/cobalt/play")
    wait_playing(page)
    before = fetch_feed(page)
    watched = []
    for _ in range(2):
        play_to_the_end(page)
        watched.append(shown_video(page))
        with page.expect_response(lambda answer: reports(answer, "watch", watched[-1])):
            move(page, "j")
    after = fetch_feed(page)
    assert not set(watched) & set(values(after))
    topic = {slot["video"]["id"] for slot in after if "cobalt" in slot["video"]["hashtags"]}
    assert topic
    gains = {video: value - values(before)[video] for video, value in values(after).items() if video in values(before)}
    others = set(gains) - topic
    assert min(gains[video] for video in topic) > max(0, *(gains[video] for video in others))
    page.goto("/")
    wait_playing(page)
    assert "#cobalt" in " ".join(page.locator(".slot .caption").all_inner_texts()[:6])


def test_not_interested_shows_less_like_it(page: Page) -> None:
    """The video goes, and what shares its topic and its creator weighs less."""
    page.goto("/t/cobalt/play")
    wait_playing(page)
    # A video that has played to its end by now would count as liked for that.
    page.keyboard.press(" ")
    refused = shown_video(page)
    # By now it may count as seen.
    before = fetch_feed(page, "limit=50&again=1")
    this = next(slot["video"] for slot in before if slot["video"]["id"] == refused)
    action(page, "more").click()
    # It is sent when it can no longer be taken back.
    with page.expect_response(lambda answer: reports(answer, "not_interested", refused)):
        page.get_by_role("button", name="Not interested").click()
    after = fetch_feed(page)
    assert refused not in values(after)
    known = [slot["video"] for slot in after if slot["video"]["id"] in values(before)]
    same_topic = [video["id"] for video in known if set(video["hashtags"]) & set(this["hashtags"])]
    same_creator = [video["id"] for video in known if video["creator"]["name"] == this["creator"]["name"]]
    assert same_topic
    assert all(values(after)[video] < values(before)[video] for video in same_topic + same_creator)
