"""Serving the feed: one slate from question to answer, and one batch of events from request to acknowledgement."""

import asyncio
import secrets
import unicodedata
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from prometheus_client import Counter as Metric
from prometheus_client import Histogram

from glaswerk.cell.config import Cell
from glaswerk.cell.database import pool
from glaswerk.cell.ids import encode_id, new_id, now_ms
from glaswerk.cell.log import EventLog, LogUnavailable
from glaswerk.feed import dials
from glaswerk.feed.cards import Card, CardStore
from glaswerk.feed.epochs import NEWEST, EpochInService
from glaswerk.feed.events import BadEvent, Event, read_batch, read_events
from glaswerk.feed.fold import CREATOR_KINDS, ViewerMemory
from glaswerk.feed.market import LOOK_EVERY_S, market
from glaswerk.feed.settings import Settings
from glaswerk.feed.viewers import LoadedViewer, ViewerStore
from glaswerk.glass import Ask, Epoch, Slate, Viewer, rank, warm_up
from glaswerk.glass.dials import NAMES
from glaswerk.people.names import FULL_NAME_COMPILED

DEFAULT_LIMIT: Final = 10
MOST_SLOTS: Final = 50
LONGEST_HASHTAG: Final = 50
EPOCH_POLL_S: Final = 0.5
_logger = structlog.get_logger("glaswerk.feed")

slates_served = Metric("glaswerk_slates_total", "Slates served", ["surface"])
events_taken = Metric("glaswerk_events_total", "Events acknowledged", ["kind"])
events_refused = Metric("glaswerk_events_refused_total", "Events refused")
rank_seconds = Histogram(
    "glaswerk_rank_seconds", "Time of one call of rank", buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05)
)


class BadQuestion(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """A question that cannot be answered: which parameter, and what it takes."""

    def __init__(self, field: str, message: str) -> None:
        """Name the parameter and the remedy."""
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class NotReady(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """The cell cannot serve a feed yet, or for a moment."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asks for, read and checked; `creator_name` becomes an id when it is looked up."""

    limit: int = DEFAULT_LIMIT
    feed: str = "for_you"
    hashtag: str = ""
    creator_name: str = ""
    again: bool = False


def read_question(parameters: dict[str, str]) -> Question:
    """Read the query of `GET /api/feed`.  Raises BadQuestion, which names the parameter."""
    unknown = parameters.keys() - {"limit", "feed", "hashtag", "creator", "again"}
    if unknown:
        raise BadQuestion(min(unknown), "is not a parameter of the feed; it takes limit, feed, hashtag, creator, again")
    text = parameters.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MOST_SLOTS):
        raise BadQuestion("limit", f"must be a whole number from 1 to {MOST_SLOTS}")
    feed = parameters.get("feed", "for_you")
    if feed not in ("for_you", "following", "shop"):
        raise BadQuestion("feed", "must be for_you, following or shop")
    hashtag = unicodedata.normalize("NFC", parameters.get("hashtag", "").removeprefix("#")).casefold()
    if "hashtag" in parameters and not (0 < len(hashtag) <= LONGEST_HASHTAG and hashtag.isprintable()):
        raise BadQuestion("hashtag", f"must be a hashtag of at most {LONGEST_HASHTAG} characters")
    creator = parameters.get("creator", "").lower()
    if "creator" in parameters and not FULL_NAME_COMPILED.fullmatch(creator):
        raise BadQuestion("creator", "must be a person's name")
    if len({"feed", "hashtag", "creator"} & parameters.keys()) > 1:
        raise BadQuestion("feed", "goes with neither hashtag nor creator; ask for one of the three")
    again = parameters.get("again", "0")
    if again not in ("0", "1"):
        raise BadQuestion("again", "must be 0 or 1")
    return Question(int(text), feed, hashtag, creator, again == "1")


class Feed:
    """Everything that one process needs to serve slates and take events."""

    def __init__(self, cell: Cell, log: EventLog) -> None:
        """Make a feed; `start` begins to follow the log and the epochs."""
        self._cell = cell
        self._log = log
        self._epochs = EpochInService(cell)
        self._cards = CardStore()
        self._tasks: list[asyncio.Task[None]] = []
        # Videos that the epoch holds and nobody may be shown any more; a new epoch starts without them.
        self._withdrawn: set[int] = set()
        self.viewers = ViewerStore(log, self._cards.forget)
        selling = market()
        self._shelf = selling.shelf() if selling is not None else None

    async def start(self) -> None:
        """Load what serving needs; afterwards the background tasks keep it current."""
        await asyncio.to_thread(warm_up)
        await self.viewers.start()
        await self._refresh_epoch()
        if self._shelf is not None:
            await self._shelf.catch_up()
        self._tasks = [
            asyncio.create_task(self._for_ever(self.viewers.follow)),
            asyncio.create_task(self._for_ever(self._follow_epochs)),
            asyncio.create_task(self._for_ever(self._follow_shelf)),
        ]

    async def stop(self) -> None:
        """End the background tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run a background task again whenever the database or the log fails under it."""
        while True:
            try:
                await work()
            except Exception as error:
                _logger.warning("background task starts anew", exc_info=error)
            await asyncio.sleep(0.5)

    async def _follow_epochs(self) -> None:
        while True:
            await self._refresh_epoch()
            await asyncio.sleep(EPOCH_POLL_S)

    async def _follow_shelf(self) -> None:
        while self._shelf is not None:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._shelf.catch_up()

    async def _refresh_epoch(self) -> None:
        async with pool().connection() as connection:
            rows = await (await connection.execute(NEWEST)).fetchall()
        sha256s = [row[0] for row in rows]
        current = self._epochs.epoch
        if not sha256s or (current is not None and current.sha256 == sha256s[0]):
            return
        # Opening an epoch hashes all of it, so it happens beside the event loop.
        if await asyncio.to_thread(self._epochs.refresh, sha256s):
            self._withdrawn = set()

    def why_not_ready(self) -> str | None:
        """Say what is missing before slates can be served, or None."""
        if self._epochs.epoch is None:
            return "no epoch has been cut yet"
        return None if self._log.is_connected else "the event log is away"

    async def slate(self, viewer_id: int, question: Question, language: str) -> dict[str, Any]:
        """Return the slate that answers a question, recorded and acknowledged by the log.

        Raises NotReady, BadQuestion (nobody has the creator's name) and LogUnavailable.
        """
        epoch = self._epochs.epoch
        if epoch is None:
            raise NotReady("no epoch has been cut yet")
        surface, label = await self._surface(question)
        loaded = await self.viewers.get(viewer_id)
        viewer = loaded.frozen(viewer_id, epoch, self._cell.config.cell.region, language)
        at_ms, seed = now_ms(), secrets.randbits(63)
        # Somebody's page, a hashtag's and the shop are places to look things up, so what was seen comes again, after the rest.
        again = question.again or label in ("creator", "hashtag", "shop")
        while True:
            ask = Ask(question.limit, at_ms, surface, seed, tuple(sorted(self._withdrawn)), again)
            with rank_seconds.time():
                slate = rank(epoch, viewer, ask)
            cards = await self._cards.get([slot.video for slot in slate.slots])
            # A video that changed since the epoch was cut is taken out by the ask, so that the replay knows of it too.
            gone = {slot.video for slot in slate.slots if not _is_shown(cards.get(slot.video), viewer)}
            if not gone:
                break
            self._withdrawn |= gone
        slate_id = new_id()
        await self._record(slate_id, viewer_id, viewer, ask, slate)
        slates_served.labels(label).inc()
        return {
            "slate": encode_id(slate_id),
            "epoch": slate.epoch,
            "personal": viewer.profiling,
            "slots": [
                {
                    "position": slot.position,
                    "value": slot.value,
                    "sources": list(slot.sources),
                    "video": _shown(cards[slot.video], loaded.memory),
                    **self._goods(epoch, slot.video, viewer.language),
                }
                for slot in slate.slots
            ],
        }

    def _goods(self, epoch: Epoch, video: int, language: str) -> dict[str, Any]:
        """Return what a slot sells, or nothing at all where that is not known; who looks then asks the shop itself."""
        goods = self._shelf.shown(video, language) if self._shelf is not None else None
        if goods is None:
            return {}
        # What came on sale after the epoch was cut did not count under the cap, so it waits for the next one.
        if any(not one["is_sold_out"] for one in goods) and not epoch.column("commercial")[epoch.index_of(video)]:
            goods = []
        return {"products": goods}

    async def _surface(self, question: Question) -> tuple[str, str]:
        """Return the ask's surface, and its label among the metrics."""
        if question.hashtag:
            return f"hashtag:{question.hashtag}", "hashtag"
        if not question.creator_name:
            return question.feed, question.feed
        creators = await self._creator_ids({question.creator_name})
        if not creators:
            raise BadQuestion("creator", "is nobody's name here")
        return f"creator:{creators[question.creator_name]}", "creator"

    async def _record(self, slate_id: int, viewer_id: int, viewer: Viewer, ask: Ask, slate: Slate) -> None:
        item = {
            "id": slate_id,
            "viewer": viewer_id,
            "epoch": slate.epoch,
            "at": ask.at_ms,
            "viewer_state": viewer.encode().hex(),
            "ask": ask.encode().hex(),
            "slate": slate.encode().hex(),
        }
        await self._log.append("slates", item)

    async def take(self, viewer_id: int, body: Any) -> dict[str, Any]:
        """Take a batch of events; what is accepted is on disk when this returns.

        Returns {"accepted", "refused": [{"id", "field", "message"}]}.  Raises BadEvent where the batch itself is
        malformed, and LogUnavailable where nothing was taken.
        """
        slate, raws = read_batch(body)
        refused: list[dict[str, Any]] = []
        read: list[Event] = []
        for name, result in read_events(raws, now_ms()):
            if isinstance(result, BadEvent):
                refused.append({"id": name, "field": result.field, "message": result.message})
            else:
                read.append(result)
        taken: list[dict[str, Any]] = []
        if read:
            cards = await self._cards.get(list({event.video for event in read if event.video is not None}))
            creators = await self._creator_ids({event.creator_name for event in read if event.creator_name})
            relations = await self._relations(viewer_id, cards)
            for event in read:
                try:
                    taken.append(_resolved(event, viewer_id, cards, creators, relations))
                except BadEvent as error:
                    refused.append({"id": event.id, "field": error.field, "message": error.message})
        if taken:
            await self._log.append("events", {"viewer": viewer_id, "slate": slate, "events": taken})
        for kind, number in Counter(event["kind"] for event in taken).items():
            events_taken.labels(kind).inc(number)
        events_refused.inc(len(refused))
        return {"accepted": len(taken), "refused": refused}

    async def settings(self, viewer_id: int) -> dict[str, Any]:
        """Return what a viewer has set, as `GET /api/dials` answers it.  Raises LogUnavailable."""
        loaded = await self.viewers.get(viewer_id)
        settings = loaded.memory.settings
        names = await self._hidden_creators(settings)
        shown = [(kind, names.get(int(value), "") if kind == "creator" else value) for kind, value in settings.hidden]
        return {
            "dials": {**{name: settings.value(name) for name in NAMES}, "topics": settings.topics},
            "profiling": loaded.profiling,
            # Everybody may have a personal feed who wants one; whoever may be under 16 begins without.
            "profiling_allowed": True,
            # Whoever has no account any more has no name, and publishes nothing either.
            "hidden": [{"kind": kind, "value": value} for kind, value in shown if value],
            "reset_at": settings.reset_at or None,
        }

    async def change_settings(self, viewer_id: int, body: Any) -> dict[str, Any]:
        """Set what the body of `PUT /api/dials` says; the next slate on every worker follows it.

        Returns the new state.  Raises BadEvent, which names the field, and LogUnavailable where nothing was set.
        """
        change = dials.read_change(body)
        creators = await self._creators_to_hide(viewer_id, "hidden", dials.creator_names(change.hidden))
        return await self._set(viewer_id, lambda settings: dials.difference(settings, change, creators))

    async def hide(self, viewer_id: int, body: Any, on: bool) -> dict[str, Any]:
        """Hide one thing more, or show it again; otherwise like `change_settings`."""
        one = dials.read_hidden(body)
        creators = await self._creators_to_hide(viewer_id, "value", dials.creator_names([one]))
        return await self._set(viewer_id, lambda settings: dials.hiding(settings, one, on, creators))

    async def reset(self, viewer_id: int) -> dict[str, Any]:
        """Let nothing count any more that was watched until now; likes, follows and what was seen stay."""
        settings = (await self.viewers.get(viewer_id)).memory
        latest = max([settings.settings.reset_at, *(video.last_at for video in settings.videos.values())])
        await self._tell(viewer_id, {"kind": "reset", "at": max(now_ms(), latest)})
        return await self.settings(viewer_id)

    async def _set(self, viewer_id: int, difference: Callable[[Settings], dict[str, int]]) -> dict[str, Any]:
        settings = (await self.viewers.get(viewer_id)).memory.settings
        registers = difference(settings)
        if registers:
            # A clock that was set back must not make what is set now older than what was set before.
            at_ms = max(
                [now_ms(), *(settings.registers[name][0] + 1 for name in registers if name in settings.registers)]
            )
            await self._tell(viewer_id, {"kind": "dials", "at": at_ms, "set": registers})
        return await self.settings(viewer_id)

    async def _tell(self, viewer_id: int, event: Mapping[str, Any]) -> None:
        events = [{"id": str(uuid.uuid4()), **event}]
        await self._log.append("events", {"viewer": viewer_id, "slate": None, "events": events})
        events_taken.labels(event["kind"]).inc()

    async def _creators_to_hide(self, viewer_id: int, field: str, names: set[str]) -> dict[str, int]:
        """Return the ids of names.  Raises BadEvent for a name that is nobody's, and that nobody had who is hidden already."""
        if not names:
            return {}
        hidden = await self._hidden_creators((await self.viewers.get(viewer_id)).memory.settings)
        creators = {name: creator for creator, name in hidden.items()} | await self._creator_ids(names)
        missing = sorted(names - creators.keys())
        if missing:
            raise BadEvent(field, f"{missing[0]} is nobody's name here")
        return creators

    async def _hidden_creators(self, settings: Settings) -> dict[int, str]:
        """Return the names of the creators who are hidden, also of those who are not active any more."""
        creators = [int(value) for kind, value in settings.hidden if kind == "creator"]
        if not creators:
            return {}
        async with pool().connection() as connection:
            rows = await (
                await connection.execute("SELECT id, name FROM people_person WHERE id = ANY(%s)", [creators])
            ).fetchall()
        return dict(rows)

    async def _creator_ids(self, names: set[str]) -> dict[str, int]:
        if not names:
            return {}
        async with pool().connection() as connection:
            rows = await (
                await connection.execute(
                    "SELECT name, id FROM people_person WHERE name = ANY(%s) AND is_active", [list(names)]
                )
            ).fetchall()
        return dict(rows)

    async def _relations(self, viewer_id: int, cards: dict[int, Card]) -> LoadedViewer | None:
        """Return the viewer where a video is not public, so that only who may see it may speak of it."""
        if all(card.visibility == "public" for card in cards.values()):
            return None
        return await self.viewers.get(viewer_id)


def _is_shown(card: Card | None, viewer: Viewer) -> bool:
    return card is not None and card.may_be_seen_by(viewer.id, viewer.follows, viewer.blocks)


def _resolved(
    event: Event, viewer_id: int, cards: dict[int, Card], creators: dict[str, int], relations: LoadedViewer | None
) -> dict[str, Any]:
    """Return the event as the log keeps it.  Raises BadEvent where it speaks of nothing this viewer may see."""
    kept: dict[str, Any] = {"id": event.id, "kind": event.kind, "at": event.at}
    if event.video is not None:
        card = cards.get(event.video)
        memories = relations.memory.creators if relations is not None else {}
        follows = [creator for creator, memory in memories.items() if memory.follows]
        if card is None or not card.may_be_seen_by(viewer_id, follows, ()):
            raise BadEvent("video", "is no video that you can see here")
        kept["video"], kept["creator"] = event.video, card.creator
    else:
        assert event.creator_name is not None
        if event.creator_name not in creators:
            raise BadEvent("creator", "is nobody's name here")
        kept["creator"] = creators[event.creator_name]
    if event.kind in CREATOR_KINDS and kept["creator"] == viewer_id:
        raise BadEvent(
            "creator" if event.video is None else "video", "is your own; nobody follows or blocks themselves"
        )
    if event.kind == "watch":
        kept["watched_ms"], kept["loops"] = event.watched_ms, event.loops
    return kept


def _shown(card: Card, memory: ViewerMemory) -> dict[str, Any]:
    """Return a card's JSON with what this viewer did about it."""
    video = memory.videos.get(card.video)
    creator = memory.creators.get(card.creator)
    return {
        **card.facts,
        "creator": {**card.creator_facts, "followed": creator is not None and creator.follows},
        "liked": video is not None and video.liked_at > 0,
        "saved": video is not None and video.saved_at > 0,
    }


__all__ = ["BadQuestion", "Feed", "LogUnavailable", "NotReady", "Question", "read_question"]
