"""A running cell with people and tiny videos written straight into its tables, because forty uploads would take minutes."""

import hashlib
import itertools
import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import psycopg

from glaswerk.cell import postgres
from glaswerk.cell.config import Cell
from glaswerk.cell.ids import decode_id, encode_id, new_id
from tests.cells import PASSWORD, RunningCell, event, send

DURATION_MS = 6000
_numbers = itertools.count()


@cache
def _password_hash() -> str:
    from django.contrib.auth.hashers import make_password

    return make_password(PASSWORD)


@dataclass(frozen=True)
class Somebody:
    """A person of the running cell."""

    id: int
    name: str
    client: httpx.Client


class Theatre:
    """Makes people and ready videos in a running cell, and asks for feeds."""

    def __init__(self, running: RunningCell) -> None:
        """Open the cell's folder."""
        self.running = running
        self.cell = Cell(running.data)

    def db(self) -> "psycopg.Connection[Any]":
        """Return a connection to the cell's database in autocommit mode."""
        return psycopg.connect(postgres.database_url(self.cell), autocommit=True)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Return the rows of a query."""
        with self.db() as connection:
            return connection.execute(query, values).fetchall()

    def creator(self) -> tuple[int, str]:
        """Make a person and return the id and the name."""
        person, name = new_id(), f"t{next(_numbers)}{secrets.token_hex(4)}"
        with self.db() as connection:
            connection.execute(
                "INSERT INTO people_person (id, name, display_name, bio, avatar, email, password, role, language, profiling,"
                " default_visibility, is_active, is_superuser, joined_at)"
                " VALUES (%s, %s, %s, '', '', %s, %s, 'creator', '', true, 'public', true, false, now())",
                [person, name, name.title(), f"{name}@example.org", _password_hash()],
            )
        return person, name

    def somebody(self) -> Somebody:
        """Make a person and sign in."""
        person, name = self.creator()
        return Somebody(person, name, self.running.sign_in(name))

    def video(
        self,
        creator: int,
        *hashtags: str,
        visibility: str = "public",
        content: bytes = b"",
        words: str = "",
        sound: str = "Original sound",
        features: bytes = b"",
    ) -> str:
        """Make a ready video and return its public id.  It is in the feed as soon as the next epoch is cut."""
        video = new_id()
        content = content or secrets.token_bytes(64)
        sha = hashlib.sha256(content).hexdigest()
        for extension in ("mp4", "jpg"):
            path = self.cell.media / sha[:2] / f"{sha}.{extension}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        with self.db() as connection, connection.transaction():
            connection.execute(
                "INSERT INTO videos_video (id, creator_id, caption, hashtags, mentions, visibility, language, region,"
                " sound_title, state, ladder, progress, failure, source, duration_ms, width, height, poster, color, features,"
                " created_at, published_at) VALUES (%s, %s, %s, %s, '{}', %s, '', 'eu', %s, 'ready', 'whole', 100, '', %s, %s, 720,"
                " 1280, %s, '#123456', %s, now(), now())",
                [
                    video,
                    creator,
                    " ".join([*words.split(), *(f"#{tag}" for tag in hashtags)]),
                    list(hashtags),
                    visibility,
                    sound,
                    sha,
                    DURATION_MS,
                    sha,
                    features,
                ],
            )
            connection.execute(
                "INSERT INTO videos_rendition (video_id, blob, width, height, bitrate, size, codecs, family)"
                " VALUES (%s, %s, 720, 1280, 800000, %s, 'avc1.64001f,mp4a.40.2', 'h264')",
                [video, sha, len(content)],
            )
        return encode_id(video)

    def wait_for(self, videos: Iterable[str], client: httpx.Client | None = None, seconds: float = 90) -> None:
        """Wait until an epoch that holds the videos is in service on every worker (public ones only)."""
        wanted = {decode_id(video) for video in videos}
        self.running.run("feed", "cut")
        names = self.rows(
            "SELECT DISTINCT p.name FROM videos_video v JOIN people_person p ON p.id = v.creator_id WHERE v.id = ANY(%s)",
            list(wanted),
        )
        deadline = time.monotonic() + seconds
        for (name,) in names:
            in_a_row = 0
            while in_a_row < 6:
                answer = fresh(client or self.running.client(), "/api/feed", limit=50, creator=name, again=1).json()
                found = {decode_id(slot["video"]["id"]) for slot in answer["slots"]}
                due = {row[0] for row in self.rows(
                    "SELECT v.id FROM videos_video v JOIN people_person p ON p.id = v.creator_id"
                    " WHERE p.name = %s AND v.id = ANY(%s)", name, list(wanted))}  # fmt: skip
                in_a_row = in_a_row + 1 if due <= found else 0
                assert time.monotonic() < deadline, f"{len(due - found)} videos of {name} are in no epoch"
                if not in_a_row:
                    time.sleep(0.2)

    def until(self, condition: Any, seconds: float = 60) -> Any:
        """Wait until a condition holds and return what it gave."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "it did not come about"
            time.sleep(0.1)
        return found


def fresh(client: httpx.Client, path: str, **query: Any) -> httpx.Response:
    """Ask through a new connection, which any worker may get, as the same visitor."""
    with httpx.Client(base_url=client.base_url, cookies=client.cookies, timeout=30, trust_env=False) as other:
        answer = other.get(path, params=query)
    client.cookies.update(answer.cookies)
    return answer


def slate(client: httpx.Client, **query: Any) -> dict[str, Any]:
    """Return the next slate."""
    answer = fresh(client, "/api/feed", **query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def shown(client: httpx.Client, **query: Any) -> list[str]:
    """Return the ids of the videos of the next slate, in order."""
    return [slot["video"]["id"] for slot in slate(client, **query)["slots"]]


def report(client: httpx.Client, *events: dict[str, Any]) -> None:
    """Report events, all of which are taken."""
    answer = send(client, *events)
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"accepted": len(events), "refused": []}


def finish(video: str) -> dict[str, Any]:
    """A watch to the end."""
    return event("watch", video, watched_ms=DURATION_MS, loops=1)


def skip(video: str) -> dict[str, Any]:
    """A watch of half a second."""
    return event("watch", video, watched_ms=500)


def now() -> str:
    """The time as events give it."""
    return datetime.now(UTC).isoformat()


def kept(theatre: Theatre, *slates: str) -> None:
    """Wait until slates are in the table."""
    numbers = [decode_id(one) for one in slates]
    theatre.until(
        lambda: theatre.rows("SELECT count(*) FROM feed_slaterecord WHERE id = ANY(%s)", numbers)[0][0] == len(numbers)
    )


def compact(value: Any) -> str:
    """JSON in one form."""
    return json.dumps(value, sort_keys=True)
