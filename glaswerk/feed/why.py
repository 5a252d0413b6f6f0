"""Why a slate is as it is, for people: the engine's exact parts with what is needed to show them; and what if."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from glaswerk.cell.blobs import blob_url
from glaswerk.cell.ids import encode_id
from glaswerk.feed.epochs import kept_epoch
from glaswerk.feed.market import market
from glaswerk.feed.slates import RecordedSlate
from glaswerk.glass import Ask, Slate, Viewer, explain
from glaswerk.people.models import Person
from glaswerk.social.queries import watchable


class ReplayDiffers(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """The replay of a recorded slate gave other bytes; nothing may be explained by it."""


def explain_slate(record: RecordedSlate, person: Person | None) -> dict[str, Any]:
    """Return the JSON that explains a recorded slate to the person who was shown it, or None for somebody signed out.

    Raises ReplayDiffers where ranking again does not give the recorded bytes, and EpochError or OSError where the epoch
    is not kept any more.
    """
    viewer, ask = Viewer.decode(record.viewer_state), Ask.decode(record.ask)
    explanation = explain(kept_epoch(record.epoch), viewer, ask)
    if explanation.slate.encode() != record.slate:
        raise ReplayDiffers(encode_id(record.id))
    said = explanation.as_dict()
    stills = _stills(
        (watch["video"] for slot in said["slots"] for part in slot["signals"] for watch in part["watches"]), person
    )
    bought = [part for slot in said["slots"] if slot["sells"] for part in slot["sells"]["parts"]]
    stills |= _stills((part["video"] for part in bought if part["video"] not in stills), person)
    goods = _goods({part[end] for part in bought for end in ("product", "other")})
    return {
        "slate": encode_id(record.id),
        "epoch": record.epoch,
        "at": record.at,
        "unit": "1/65536 log-odds",
        "personal": viewer.profiling,
        "order": said["order"],
        "candidates": said["candidates"],
        "cap": said["cap"],
        "slots": [_slot(slot, stills, goods) for slot in said["slots"]],
    }


def _goods(products: set[int]) -> dict[int, dict[str, str]]:
    """Return what to show of products; one that is not on sale any more is not in it."""
    selling = market()
    return selling.named(products) if products and selling is not None else {}


def _slot(
    slot: dict[str, Any], stills: Mapping[int, dict[str, Any]], goods: Mapping[int, dict[str, str]]
) -> dict[str, Any]:
    """One slot as the engine takes it apart, with ids, stills and the names of products as pages need them."""
    spacing = slot.pop("spacing")
    return {
        **slot,
        "video": encode_id(slot["video"]),
        "creator_term": spacing["creator"],
        "topic_term": spacing["topic"],
        "sells": _sells(slot["sells"], stills, goods) if slot["sells"] else None,
        "dials": [_named("dial", part) for part in slot["dials"]],
        "heads": [
            _named("head", {**head, "signals": [_named("signal", part) for part in head["signals"]]})
            for head in slot["heads"]
        ],
        "signals": [
            {
                "name": part["signal"],
                "amount": part["amount"],
                "effect": part["effect"],
                "videos": [{**stills[watch["video"]], "contribution": watch["amount"]} for watch in part["watches"]],
            }
            for part in slot["signals"]
        ],
    }


def _sells(
    sells: dict[str, Any], stills: Mapping[int, dict[str, Any]], goods: Mapping[int, dict[str, str]]
) -> dict[str, Any]:
    parts = [
        {
            **stills[part["video"]],
            "contribution": part["amount"],
            "product": goods.get(part["product"]),
            "other": goods.get(part["other"]),
            "buyers": part["buyers"],
        }
        for part in sells["parts"]
    ]
    return {**sells, "parts": parts}


def _named(kind: str, part: dict[str, Any]) -> dict[str, Any]:
    return {"name": part[kind], **{key: value for key, value in part.items() if key != kind}}


def _stills(videos: Iterable[int], person: Person | None) -> dict[int, dict[str, Any]]:
    """Return what to show of videos: of those that one may not see any more, the id alone."""
    wanted = set(videos)
    stills: dict[int, dict[str, Any]] = {video: {"id": encode_id(video)} for video in wanted}
    for video in watchable(person).filter(id__in=wanted):
        stills[video.pk] |= {"poster": blob_url(video.poster, "jpg"), "caption": video.caption}
    return stills


def what_if(
    record: RecordedSlate,
    person: Person | None,
    dials: Mapping[str, int],
    topics: Mapping[str, int] | None,
    profiling: bool | None,
) -> dict[str, Any]:
    """Return how a recorded slate would have been with other dials; those that are not given stay as they were.

    Raises EpochError or OSError where the epoch is not kept any more.
    """
    viewer, ask = Viewer.decode(record.viewer_state), Ask.decode(record.ask)
    turned: dict[str, Any] = dict(dials)
    if topics is not None:
        turned["topics"] = tuple(sorted(topics.items()))
    other = replace(
        viewer,
        dials=replace(viewer.dials, **turned),
        profiling=viewer.profiling if profiling is None else profiling,
    )
    explanation = explain(kept_epoch(record.epoch), other, ask)
    was = {slot.video: slot.position for slot in Slate.decode(record.slate).slots}
    now = [why.slot.video for why in explanation.slots]
    stills = _stills(now, person)
    return {
        "slate": encode_id(record.id),
        "slots": [
            {
                "position": why.slot.position,
                "was": was.get(why.slot.video),
                "video": {"poster": "", "caption": "", **stills[why.slot.video]},
                "value": why.slot.value,
                "dials_term": sum(part.term for part in why.dials),
                "explored": why.explored,
            }
            for why in explanation.slots
        ],
        "left": [encode_id(video) for video in was if video not in now],
    }
