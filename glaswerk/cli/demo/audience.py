"""The simulated audience: viewers with hidden tastes who watch their feeds through the public API.

A taste says for every topic how likely somebody is to stay with it.  Nothing of it is told to the cell, which sees what
it would see of people: what was on the screen, for how long, and what they did about it.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from glaswerk.cli.demo.display import Display
from glaswerk.cli.demo.failure import DemoError
from glaswerk.cli.demo.remarks import FIRST_NAMES, remark_about
from glaswerk.cli.demo.visitor import Visitor

WATCHING: Final = "watching"
ROUNDS: Final = 4
AT_ONCE: Final = 16
# Between two rounds the audience waits for what was learnt of the last one, but no longer than this.
LONGEST_PAUSE_S: Final = 8.0
# Who likes one of these rather likes another of the same kind.
_KINDS: Final = (
    frozenset(("pottery", "papercut", "marbling", "stainedglass")),
    frozenset(("aurora", "ocean", "mountains", "jellyfish")),
    frozenset(("synthwave", "rainynight", "galaxy", "fireworks")),
)
_PLAIN: Final = str.maketrans("öéł", "oel")
_EVENTS: Final = uuid.UUID("6d3bd2f4-4f0a-5b52-9d0e-2b1f4f6a7c11")


@dataclass(frozen=True, slots=True)
class Spectator:
    """One simulated viewer; `tastes` maps topics to 0 (leaves at once) .. 1 (watches again and again)."""

    name: str
    display_name: str
    language: str
    tastes: Mapping[str, float]
    visits: int
    attention: int

    def taste_of(self, hashtags: Sequence[str]) -> tuple[str, float]:
        """Return the topic of a clip and how much this viewer cares for it; unknown topics leave everybody cool."""
        topic = next((tag for tag in hashtags if tag in self.tastes), "")
        return topic, self.tastes.get(topic, 0.2)


def invent_audience(topics: Sequence[str], number: int, seed: int) -> list[Spectator]:
    """Return `number` spectators; the same arguments give the same ones."""
    chance = random.Random(seed)  # noqa: S311 - a simulation, which has to repeat.
    spectators: dict[str, Spectator] = {}
    while len(spectators) < number:
        first = chance.choice(FIRST_NAMES)
        initial = chance.choice("abcdefghijklmnoprstuvwz")
        name = f"{first.lower().translate(_PLAIN)}.{initial}{chance.randint(1, 99)}"
        if name in spectators:
            continue
        loved = _loved(topics, chance)
        tastes = {
            topic: chance.uniform(0.75, 0.97) if topic in loved else chance.uniform(0.03, 0.3) for topic in topics
        }
        spectators[name] = Spectator(
            name=name,
            display_name=f"{first} {initial.upper()}.",
            language=chance.choices(("de", "en"), (3, 2))[0],
            tastes=tastes,
            visits=chance.choices((2, 3, 4), (3, 4, 3))[0],
            attention=chance.randint(6, 12),
        )
    return list(spectators.values())


def _loved(topics: Sequence[str], chance: random.Random) -> set[str]:
    """Choose the one to three topics that somebody loves."""
    loved = {chance.choice(topics)}
    wanted = min(chance.choices((1, 2, 3), (3, 5, 2))[0], len(topics))
    while len(loved) < wanted:
        kin = {topic for kind in _KINDS if kind & loved for topic in kind}
        loved.add(chance.choices(topics, [5 if topic in kin else 1 for topic in topics])[0])
    return loved


class Audience:
    """Spectators in front of their feeds."""

    def __init__(self, visitors: Mapping[str, Visitor], display: Display, seed: int) -> None:
        """`visitors` are the ways into the cell, by the spectators' names."""
        self._visitors = visitors
        self._display = display
        self._seed = seed
        self._epoch = ""
        # Nobody repeats under a clip what somebody has said there.
        self._said: set[tuple[str, str]] = set()

    async def watch(self, spectators: Sequence[Spectator]) -> None:
        """Let everybody visit as often as they do, in rounds between which the cell can learn.  Raises DemoError."""
        present = [one for one in spectators if one.name in self._visitors]
        if not present:
            raise DemoError("Nobody of the audience could be signed up.")
        self._display.add(WATCHING, sum(min(one.visits, ROUNDS) for one in present))
        places = asyncio.Semaphore(AT_ONCE)
        for number in range(ROUNDS):
            coming = [one for one in present if one.visits > number]
            if number > 0 and coming:
                await self._wait_for_epoch(self._visitors[coming[0].name])
            async with asyncio.TaskGroup() as group:
                for one in coming:
                    group.create_task(self._visit(one, number, places))

    async def _wait_for_epoch(self, visitor: Visitor) -> None:
        deadline = time.monotonic() + LONGEST_PAUSE_S
        while time.monotonic() < deadline:
            self._display.tick()
            if (await visitor.get("/api/feed", limit=1))["epoch"] != self._epoch:
                return
            await asyncio.sleep(1)

    async def _visit(self, one: Spectator, number: int, places: asyncio.Semaphore) -> None:
        # A string seeds through its SHA-512, so that the same visit has the same luck in every process.
        chance = random.Random(f"{self._seed}/{one.name}/{number}")  # noqa: S311
        visitor = self._visitors[one.name]
        async with places:
            slate = await visitor.get("/api/feed", limit=one.attention)
            self._epoch = slate["epoch"]
            events: list[dict[str, Any]] = []
            remarks: list[tuple[str, str]] = []
            skipped = 0
            for slot in slate["slots"]:
                video = slot["video"]
                reaction, remark = react(one, video, chance)
                events += reaction
                if remark and (video["id"], remark) not in self._said:
                    self._said.add((video["id"], remark))
                    remarks.append((video["id"], remark))
                skipped = skipped + 1 if _was_left(reaction) else 0
                if skipped >= 3 and chance.random() < 0.4:
                    break
            if events:
                answer = await visitor.post("/api/events", {"slate": slate["slate"], "events": events})
                if answer["refused"]:
                    raise DemoError(f"The cell refused an event: {answer['refused'][0]['message']}.")
            for video_id, remark in remarks:
                await visitor.post(f"/api/videos/{video_id}/comments", {"text": remark})
        self._display.advance(WATCHING)


def _was_left(reaction: Sequence[dict[str, Any]]) -> bool:
    return any(event["kind"] == "watch" and event["watched_ms"] < 2_000 for event in reaction)


def react(one: Spectator, video: Mapping[str, Any], chance: random.Random) -> tuple[list[dict[str, Any]], str]:
    """Return what somebody does about a video of `/api/feed`, as events, and what they say, mostly nothing.

    The ids are made of the viewer, the video and the kind: whoever repeats an interrupted visit repeats its ids, and
    repetitions count once.
    """
    topic, taste = one.taste_of(video["hashtags"])
    # Some clips are simply better than others, for everybody: the same clip for the same caption.
    taste += random.Random(video["caption"]).uniform(-0.1, 0.1)  # noqa: S311
    duration: int = video["duration_ms"]
    events: list[dict[str, Any]] = []

    def report(kind: str, **facts: int) -> None:
        identity = uuid.uuid5(_EVENTS, f"{one.name} {video['id']} {kind}")
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        events.append({"id": str(identity), "video": video["id"], "kind": kind, "at": at, **facts})

    report("impression")
    luck = chance.random()
    if luck < taste:
        loops = chance.choices((1, 2, 3), (6, 3, 1))[0]
        report("watch", watched_ms=duration * loops + chance.randint(0, duration // 2), loops=loops)
        for kind, likely in (("like", 0.5), ("save", 0.12), ("share", 0.08), ("follow", 0.15)):
            if chance.random() < likely * taste:
                report(kind)
        if taste > 0.6 and chance.random() < 0.08:
            return events, remark_about(topic, one.language, chance)
    elif luck < taste + 0.65 * (1 - taste):
        report("watch", watched_ms=chance.randint(300, 1_900), loops=0)
        if taste < 0.1 and chance.random() < 0.06:
            report("not_interested")
    else:
        report("watch", watched_ms=max(2_100, int(duration * chance.uniform(0.3, 0.8))), loops=0)
    return events, ""
