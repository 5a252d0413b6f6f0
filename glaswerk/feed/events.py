"""What viewers may report, read strictly: each event is taken or refused on its own, with the field and the remedy."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from glaswerk.cell.ids import decode_id
from glaswerk.feed.fold import CREATOR_KINDS, KINDS
from glaswerk.people.names import FULL_NAME_COMPILED

MOST_EVENTS: Final = 200
MOST_BYTES: Final = 256 << 10
# Ids of counted events are kept for longer than this, so within it every repetition is recognised.
OLDEST_MS: Final = 7 * 86_400_000
LONGEST_WATCH_MS: Final = 86_400_000
MOST_LOOPS: Final = 10_000


class BadEvent(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """An event, or a whole batch, that cannot be taken: which field, and what it takes."""

    def __init__(self, field: str, message: str) -> None:
        """Name the field and the remedy."""
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(slots=True)
class Event:
    """One event as it was read; `creator_name` is still to be looked up where it stands in place of a video."""

    id: str
    kind: str
    at: int
    video: int | None
    creator_name: str | None
    watched_ms: int
    loops: int


def read_batch(body: Any) -> tuple[int | None, list[Any]]:
    """Return the slate's id and the raw events.  Raises BadEvent where the batch itself is malformed."""
    if not isinstance(body, dict):
        raise BadEvent("body", 'must be an object such as {"slate": …, "events": […]}')
    slate = body.get("slate")
    if slate is not None:
        slate = _id("slate", slate)
    events = body.get("events")
    if not isinstance(events, list):
        raise BadEvent("events", "must be a list of events")
    if len(events) > MOST_EVENTS:
        raise BadEvent("events", f"has more than {MOST_EVENTS} events; send them in several batches")
    return slate, events


def read_event(raw: Any, now_ms: int) -> Event:
    """Read one event.  Raises BadEvent, which names the field.

    A time ahead of ours is taken as now: people's clocks are wrong, and their likes count all the same.
    """
    if not isinstance(raw, dict):
        raise BadEvent("event", "must be an object")
    kind = raw.get("kind")
    # A list cannot even be looked up in a set.
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadEvent("kind", f"must be one of {', '.join(sorted(KINDS))}")
    creator_name = raw.get("creator") if kind in CREATOR_KINDS else None
    if creator_name is not None and not (isinstance(creator_name, str) and FULL_NAME_COMPILED.fullmatch(creator_name)):
        raise BadEvent("creator", "must be a person's name")
    video = None if creator_name is not None else _id("video", raw.get("video"))
    watched = kind == "watch"
    return Event(
        id=_uuid(raw.get("id")),
        kind=kind,
        at=_time(raw.get("at"), now_ms),
        video=video,
        creator_name=creator_name,
        watched_ms=_whole("watched_ms", raw.get("watched_ms"), LONGEST_WATCH_MS) if watched else 0,
        loops=_whole("loops", raw.get("loops", 0), MOST_LOOPS) if watched else 0,
    )


def read_events(raws: list[Any], now_ms: int) -> Iterator[tuple[str | None, Event | BadEvent]]:
    """Yield, for each raw event, its own id where it has one, and the event or why it is refused."""
    for raw in raws:
        name = raw.get("id") if isinstance(raw, dict) else None
        try:
            yield name if isinstance(name, str) else None, read_event(raw, now_ms)
        except BadEvent as error:
            yield name[:36] if isinstance(name, str) else None, error


def _id(field: str, value: Any) -> int:
    if not isinstance(value, str):
        raise BadEvent(field, "must be an id as the feed gives it")
    try:
        return decode_id(value)
    except ValueError as error:
        raise BadEvent(field, str(error)) from None


def _uuid(value: Any) -> str:
    try:
        return str(uuid.UUID(value if isinstance(value, str) else ""))
    except ValueError:
        raise BadEvent("id", "must be a UUID that you keep when you send the event again") from None


def _whole(field: str, value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise BadEvent(field, f"must be a whole number from 0 to {most}")
    return value


def _time(value: Any, now_ms: int) -> int:
    if not isinstance(value, str) or len(value) > 40:
        raise BadEvent("at", "must be a time such as 2026-01-31T12:00:00Z")
    try:
        moment = datetime.fromisoformat(value)
        at_ms = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadEvent("at", "must be a time such as 2026-01-31T12:00:00Z") from None
    if at_ms < now_ms - OLDEST_MS:
        raise BadEvent("at", "lies more than seven days back; such events are not taken any more")
    return min(at_ms, now_ms)
