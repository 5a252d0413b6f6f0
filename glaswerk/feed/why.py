"""Why a slate is as it is, for people: the engine's exact parts with what is needed to show them."""

import time
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.http import Http404

from glaswerk.cell.blobs import blob_url
from glaswerk.cell.ids import created_ms, encode_id, now_ms
from glaswerk.feed.epochs import epoch_path
from glaswerk.feed.models import SlateRecord
from glaswerk.glass import Ask, Epoch, Viewer, explain
from glaswerk.glass.explanation import SlotWhy
from glaswerk.videos.models import State, Video

# A slate is in the log when it is served, and in the table as soon as the projector has come to it.
PROJECTION_PATIENCE_S: Final = 5.0


def access_slate(slate: int, viewer: int) -> SlateRecord:
    """Return a slate that this viewer was shown; wait a moment for one that was served just now.  Raises Http404."""
    deadline = time.monotonic() + PROJECTION_PATIENCE_S
    while True:
        record = SlateRecord.objects.filter(id=slate, viewer=viewer).first()
        if record is not None:
            return record
        if time.monotonic() > deadline or now_ms() - created_ms(slate) > 60_000:
            raise Http404
        time.sleep(0.05)


@lru_cache(maxsize=4)
def _epoch(sha256: str) -> Epoch:
    return Epoch.open(epoch_path(settings.CELL, sha256), sha256)


class ReplayDiffers(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """The replay of a recorded slate gave other bytes; nothing may be explained by it."""


def explain_slate(record: SlateRecord) -> dict[str, Any]:
    """Return the JSON that explains a recorded slate.

    Raises ReplayDiffers where ranking again does not give the recorded bytes, and EpochError or OSError where the epoch
    is not kept any more.
    """
    viewer, ask = Viewer.decode(bytes(record.viewer_state)), Ask.decode(bytes(record.ask))
    explanation = explain(_epoch(record.epoch), viewer, ask)
    if explanation.slate.encode() != bytes(record.slate):
        raise ReplayDiffers(encode_id(record.id))
    watched = {part.video for why in explanation.slots for signal in why.signals for part in signal.watches}
    stills = {
        video.id: {"id": video.public_id, "poster": blob_url(video.poster, "jpg"), "caption": video.caption}
        for video in Video.objects.filter(id__in=watched, state=State.READY, taken_down_at=None)
    }
    return {
        "slate": encode_id(record.id),
        "epoch": record.epoch,
        "at": record.at,
        "unit": "1/65536 log-odds",
        "personal": viewer.profiling,
        "order": explanation.order,
        "candidates": explanation.candidates,
        "slots": [_slot(why, stills) for why in explanation.slots],
    }


def _slot(why: SlotWhy, stills: dict[int, dict[str, Any]]) -> dict[str, Any]:
    return {
        "position": why.slot.position,
        "video": encode_id(why.slot.video),
        "value": why.slot.value,
        "base": why.base,
        "score": why.score,
        "creator_term": why.creator_term,
        "topic_term": why.topic_term,
        "explored": why.explored,
        "sources": list(why.slot.sources),
        "reasons": list(why.reasons),
        "heads": [
            {
                "name": head.head,
                "weight": head.weight,
                "bias": head.bias,
                "bias_term": head.bias_term,
                "log_odds": head.log_odds,
                "probability": head.probability,
                "term": head.term,
                "signals": [
                    {"name": part.signal, "log_odds": part.log_odds, "term": part.term} for part in head.contributions
                ],
            }
            for head in why.heads
        ],
        "signals": [
            {
                "name": part.signal,
                "amount": part.amount,
                "effect": part.effect,
                "videos": [
                    {**stills.get(watch.video, {"id": encode_id(watch.video)}), "contribution": watch.amount}
                    for watch in part.watches
                ],
            }
            for part in why.signals
        ],
    }
