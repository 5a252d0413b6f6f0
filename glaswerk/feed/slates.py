"""Recorded slates: how compactly they are kept, and reading them back.

What ranking knew of a viewer hardly changes from one slate to the next, so it is kept as what zlib makes of it with the
state of the viewer's slate before (`base`) as its dictionary; after `LONGEST_CHAIN` of these one stands by itself again.
Checksums within tell of a base that is not the right one.
"""

import contextlib
import time
import zlib
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from django.db import connection
from django.http import Http404
from psycopg import AsyncConnection

from glaswerk.cell.ids import EPOCH_MS, RANDOM_BITS, created_ms, now_ms
from glaswerk.glass import Slate, WireError

LONGEST_CHAIN: Final = 64
# The window of zlib is 32 KiB: a block of the state and what stood around its place before.
_BLOCK: Final = 16 << 10
_AROUND: Final = 8 << 10
# A slate is in the log when it is served, and in the table as soon as the projector has come to it.
PROJECTION_PATIENCE_S: Final = 5.0

# Every row that the wanted ones are built on, each once.
CHAINS: Final = """
WITH RECURSIVE chain(id, base) AS (
  SELECT id, base FROM feed_slaterecord WHERE id = ANY(%s)
  UNION SELECT s.id, s.base FROM feed_slaterecord s JOIN chain c ON s.id = c.base
)
SELECT s.id, s.base, s.viewer_state FROM chain JOIN feed_slaterecord s ON s.id = chain.id
"""
# Whose base goes: they are among the first ones that stay of each viewer, who can have asked twice at once.
_ORPHANS: Final = """
SELECT kept.id FROM (SELECT DISTINCT viewer FROM feed_slaterecord WHERE id < %s) AS gone CROSS JOIN LATERAL (
  SELECT id, base FROM feed_slaterecord WHERE viewer = gone.viewer AND id >= %s ORDER BY id LIMIT 8
) AS kept WHERE kept.base < %s
"""
_COLUMNS: Final = "id, viewer, epoch, at, ask, slate"


class Cursor(Protocol):
    """A cursor of psycopg or of Django."""

    def execute(self, query: Any, params: Any = None, /) -> Any:
        """Run a query."""

    def fetchall(self) -> list[Any]:
        """Return all rows."""


@dataclass(frozen=True, slots=True)
class RecordedSlate:
    """A slate as it was served: with its epoch, everything that its replay needs, in canonical bytes.

    `viewer_state` is empty where its record is damaged or not whole.
    """

    id: int
    viewer: int
    epoch: str
    at: int
    viewer_state: bytes
    ask: bytes
    slate: bytes


def pack(state: bytes, base: bytes = b"") -> bytes:
    """Compress a viewer's state, given the one of the slate before."""
    out = bytearray()
    for start in range(0, len(state), _BLOCK):
        near = _near(base, start)
        packer = zlib.compressobj(6, zdict=near) if near else zlib.compressobj(6)
        piece = packer.compress(state[start : start + _BLOCK]) + packer.flush()
        out += len(piece).to_bytes(2, "big") + piece
    return bytes(out)


def unpack(data: bytes, base: bytes = b"") -> bytes:
    """Read what `pack` wrote.  Raises WireError for damaged bytes and for another base."""
    out = bytearray()
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        near = _near(base, len(out))
        unpacker = zlib.decompressobj(zdict=near) if near else zlib.decompressobj()
        try:
            out += unpacker.decompress(data[at + 2 : end], _BLOCK)
        except zlib.error as error:
            raise WireError(f"the record of a viewer's state is damaged: {error}") from None
        if not unpacker.eof or end > len(data):
            raise WireError("the record of a viewer's state is damaged: it ends too early")
        at = end
    return bytes(out)


def _near(base: bytes, start: int) -> bytes:
    return base[max(0, start - _AROUND) : start + _BLOCK + _AROUND]


def resolve(rows: Iterable[Sequence[Any]], wanted: Iterable[int]) -> dict[int, tuple[bytes, int]]:
    """Return the state and the length of the chain of each wanted id, from rows as `CHAINS` gives them.

    An id whose chain is not whole is left out.  Raises WireError for damaged records.
    """
    held = {row[0]: (row[1], bytes(row[2])) for row in rows}
    found: dict[int, tuple[bytes, int]] = {}
    for last in wanted:
        waiting = []
        at: int | None = last
        while at is not None and at not in found and at in held:
            waiting.append(at)
            at = held[at][0]
        if at is not None and at not in found:
            continue
        state, length = found[at] if at is not None else (b"", -1)
        for one in reversed(waiting):
            state, length = unpack(held[one][1], state), length + 1
            found[one] = state, length
    return {one: found[one] for one in wanted if one in found}


def viewer_states(cursor: Cursor, slates: Sequence[int]) -> dict[int, bytes]:
    """Return the canonical bytes of the viewer of each recorded slate; those that are not kept are left out.

    Ask for some thousands at most at once: their states are in memory together.  Raises WireError.
    """
    cursor.execute(CHAINS, [list(slates)])
    return {one: state for one, (state, _) in resolve(cursor.fetchall(), slates).items()}


class Chains:
    """What the projector keeps of each viewer's latest slate, so that the next one can be built on it."""

    def __init__(self, keep_days: int, most_bytes: int = 32 << 20) -> None:
        """Start empty.  Slates are kept for `keep_days`; the least recently used are forgotten beyond `most_bytes`."""
        self._latest: OrderedDict[int, tuple[int, bytes, int]] = OrderedDict()
        # A base that is about to be removed is none.
        self._oldest_ids = (keep_days * 86_400_000 // 2) << RANDOM_BITS
        self._most_bytes = most_bytes
        self._bytes = 0

    def missing(self, viewers: Iterable[int]) -> list[int]:
        """Return those of the viewers of whom nothing is held."""
        return sorted({viewer for viewer in viewers if viewer not in self._latest})

    def hold(self, viewer: int, slate: int, state: bytes, length: int) -> None:
        """Hold a viewer's latest slate, its state and the length of its chain (0 where it stands by itself)."""
        before = self._latest.pop(viewer, None)
        self._bytes += len(state) - (len(before[1]) if before else 0)
        self._latest[viewer] = slate, state, length
        while self._bytes > self._most_bytes and len(self._latest) > 1:
            _, (_, gone, _) = self._latest.popitem(last=False)
            self._bytes -= len(gone)

    def add(self, viewer: int, slate: int, state: bytes) -> tuple[int | None, bytes]:
        """Take a viewer's next slate, and return its base and its packed state."""
        base, before, length = self._latest.get(viewer, (None, b"", LONGEST_CHAIN))
        if length >= LONGEST_CHAIN or base is None or slate - base > self._oldest_ids:
            base, before, length = None, b"", -1
        self.hold(viewer, slate, state, length + 1)
        return base, pack(state, before)


async def store_slates(connection: AsyncConnection[Any], items: Sequence[Mapping[str, Any]], chains: Chains) -> None:
    """Write slates as the log has them into the table."""
    await _load(connection, chains, chains.missing(item["viewer"] for item in items))
    rows = []
    for item in items:
        state, ask, slate = (bytes.fromhex(item[name]) for name in ("viewer_state", "ask", "slate"))
        base, packed = chains.add(item["viewer"], item["id"], state)
        rows.append((item["id"], item["viewer"], base, item["epoch"], item["at"], packed, ask, slate))
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO feed_slaterecord (id, viewer, base, epoch, at, viewer_state, ask, slate)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING",
            rows,
        )


async def _load(connection: AsyncConnection[Any], chains: Chains, viewers: list[int]) -> None:
    """Let the chains go on where the table ends; where a record is damaged, new ones begin."""
    if not viewers:
        return
    latest = await (
        await connection.execute(
            "SELECT v.viewer, s.id FROM unnest(%s::bigint[]) AS v(viewer) CROSS JOIN LATERAL"
            " (SELECT id FROM feed_slaterecord WHERE viewer = v.viewer ORDER BY id DESC LIMIT 1) AS s",
            [viewers],
        )
    ).fetchall()
    rows = await (await connection.execute(CHAINS, [[slate for _, slate in latest]])).fetchall()
    with contextlib.suppress(WireError):
        found = resolve(rows, [slate for _, slate in latest])
        for viewer, slate in latest:
            if slate in found:
                chains.hold(viewer, slate, *found[slate])


def read_slates(condition: str, *values: Any) -> list[RecordedSlate]:
    """Return the recorded slates that fulfil an SQL condition, which may end in an order and a limit.  Two queries."""
    states: dict[int, bytes] = {}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM feed_slaterecord WHERE {condition}", values)  # noqa: S608 - ours.
        rows = cursor.fetchall()
        try:
            states = viewer_states(cursor, [row[0] for row in rows])
        except WireError:
            # One damaged record must not take the others with it.
            for row in rows:
                with contextlib.suppress(WireError):
                    states |= viewer_states(cursor, row[:1])
    return [
        RecordedSlate(number, viewer, epoch, at, states.get(number, b""), bytes(ask), bytes(slate))
        for number, viewer, epoch, at, ask, slate in rows
    ]


def recorded_slate(slate: int) -> RecordedSlate | None:
    """Return a recorded slate, or None where there is none."""
    return next(iter(read_slates("id = %s", slate)), None)


def access_slate(slate: int, viewer: int) -> RecordedSlate:
    """Return a slate that this viewer was shown; wait a moment for one that was served just now.  Raises Http404."""
    deadline = time.monotonic() + PROJECTION_PATIENCE_S
    while True:
        found = read_slates("id = %s AND viewer = %s", slate, viewer)
        if found:
            return found[0]
        if time.monotonic() > deadline or now_ms() - created_ms(slate) > 60_000:
            raise Http404
        time.sleep(0.05)


def served_videos(slate: int, viewers: Collection[int]) -> frozenset[int]:
    """Return the videos of a recorded slate that was served to one of these viewers, and none where there is no such one.

    It waits a moment for one that was served just now.  One query as a rule.
    """
    deadline = time.monotonic() + min(PROJECTION_PATIENCE_S, max(0.0, (created_ms(slate) + 10_000 - now_ms()) / 1000))
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT slate FROM feed_slaterecord WHERE id = %s AND viewer = ANY(%s)", [slate, list(viewers)]
            )
            row = cursor.fetchone()
        if row is not None:
            return frozenset(slot.video for slot in Slate.decode(bytes(row[0])).slots)
        if time.monotonic() >= deadline:
            return frozenset()
        time.sleep(0.05)


def slates_of(viewer: int, before: int | None, limit: int) -> list[RecordedSlate]:
    """Return a viewer's slates, the newest first, those older than `before`."""
    if before is None:
        return read_slates("viewer = %s ORDER BY id DESC LIMIT %s", viewer, limit)
    return read_slates("viewer = %s AND id < %s ORDER BY id DESC LIMIT %s", viewer, before, limit)


def sampled(size: int) -> Iterator[RecordedSlate]:
    """Yield at most so many recorded slates, drawn at random, those of one epoch together so that it is opened once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM (SELECT id, epoch FROM feed_slaterecord ORDER BY random() LIMIT %s) AS drawn"
            " ORDER BY epoch, id",
            [size],
        )
        drawn = [row[0] for row in cursor.fetchall()]
    for start in range(0, len(drawn), 500):
        found = {one.id: one for one in read_slates("id = ANY(%s)", drawn[start : start + 500])}
        yield from (found[one] for one in drawn[start : start + 500] if one in found)


def remove_before(cursor: Cursor, at_ms: int) -> None:
    """Remove what was served before a moment; what was built on it stands by itself from now on."""
    first = max(at_ms - EPOCH_MS, 0) << RANDOM_BITS
    cursor.execute(_ORPHANS, [first, first, first])
    orphans = [row[0] for row in cursor.fetchall()]
    for start in range(0, len(orphans), 500):
        states: Mapping[int, bytes] = viewer_states(cursor, orphans[start : start + 500])
        for orphan, state in states.items():
            cursor.execute(
                "UPDATE feed_slaterecord SET base = NULL, viewer_state = %s WHERE id = %s", [pack(state), orphan]
            )
    cursor.execute("DELETE FROM feed_slaterecord WHERE id < %s", [first])
