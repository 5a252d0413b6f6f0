"""The projector: turns the event log into tables, exactly once.

It reads on from a watermark that moves in the same transaction as the effects, so that a kill at any moment loses
nothing and repeats nothing.  An event is counted once by its id; the folds do not mind repetitions anyway.
"""

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from glaswerk.cell import postgres
from glaswerk.cell.config import current_cell
from glaswerk.cell.ids import now_ms
from glaswerk.cell.locks import Lock
from glaswerk.cell.log import EVENTS, SLATES, Entry, EventLog
from glaswerk.feed.events import OLDEST_MS
from glaswerk.feed.fold import CREATOR_KINDS, SETTING_KINDS, VIDEO_KINDS, CreatorMemory, VideoMemory
from glaswerk.feed.settings import Settings
from glaswerk.feed.slates import Chains, store_slates
from glaswerk.feed.statistics import UNITS, decayed
from glaswerk.feed.viewers import PROJECTOR
from glaswerk.glass import Flag

# One advisory lock a stream: of several projectors on several machines, one works and the others wait.
_LOCKS: Final = {EVENTS: Lock.EVENTS_PROJECTOR, SLATES: Lock.SLATES_PROJECTOR}
_WATERMARKS: Final = {EVENTS: PROJECTOR, SLATES: "slates"}
_KEEP_IDS_MS: Final = OLDEST_MS + 86_400_000
_SWEEP_EVERY_MS: Final = 3_600_000
_logger = structlog.get_logger("glaswerk.projector")

Connection = AsyncConnection[Any]
Event = dict[str, Any]

_VIDEO_COLUMNS: Final = (
    "first_at", "last_at", "watched", "watched_ms", "loops", "shared", "liked_at", "saved_at", "refused_at",
    "watched_at",
)  # fmt: skip
_RECENT: Final = {
    "recent_impressions": "impressions",
    "recent_finishes": "finishes",
    "recent_likes": "likes",
}
_OF_VIEWERS: Final = ("feed_watch", "feed_relation", "feed_dials")
_STATISTICS: Final = (
    "impressions", "finishes", "skips", "likes", "shares", "saves", "follows", "watch_ms",
    "recent_impressions", "recent_finishes", "recent_likes",
)  # fmt: skip


async def project(stream: str, log: EventLog) -> None:
    """Project one stream for ever.  Raises psycopg.Error and LogUnavailable; call it again then."""
    async with await AsyncConnection.connect(postgres.database_url(current_cell()), autocommit=True) as connection:
        await _wait_for_lock(connection, _LOCKS[stream])
        row = await (
            await connection.execute("SELECT sequence FROM feed_watermark WHERE stream = %s", [_WATERMARKS[stream]])
        ).fetchone()
        # Held for as long as this connection: what a failed transaction did not store must not be built on.
        chains = Chains(current_cell().config.feed.keep_epochs_days)
        swept = 0
        async for batch in log.tail(stream, int(row[0]) if row else 0, idle_s=5.0):
            if batch:
                async with connection.transaction():
                    if stream == EVENTS:
                        await _apply_events(connection, batch)
                    else:
                        await store_slates(connection, [item for entry in batch for item in entry.items], chains)
                    await connection.execute(
                        "INSERT INTO feed_watermark (stream, sequence) VALUES (%s, %s)"
                        " ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence",
                        [_WATERMARKS[stream], batch[-1].sequence],
                    )
            elif stream == EVENTS and now_ms() - swept > _SWEEP_EVERY_MS:
                swept = now_ms()
                await connection.execute("DELETE FROM feed_countedevent WHERE at < %s", [swept - _KEEP_IDS_MS])


async def _wait_for_lock(connection: Connection, key: int) -> None:
    while True:
        row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [key])).fetchone()
        if row is not None and row[0]:
            return
        await asyncio.sleep(1)


async def _apply_events(connection: Connection, batch: list[Entry]) -> None:
    gone = sorted(item["viewer"] for entry in batch if entry.subject == "people" for item in entry.items)
    await _apply_told(connection, batch)
    # Whoever is to be forgotten did all of it before the log says so: nothing of theirs comes behind this.
    for table in _OF_VIEWERS if gone else ():
        await connection.execute(f"DELETE FROM {table} WHERE viewer = ANY(%s)", [gone])


async def _apply_told(connection: Connection, batch: list[Entry]) -> None:
    told = [
        (item["viewer"], event)
        for entry in batch
        if entry.subject == "events"
        for item in entry.items
        for event in item["events"]
    ]
    if not told:
        return
    at_ms = batch[-1].at_ms
    fresh = await _not_counted_yet(connection, [event for _, event in told], at_ms)
    added = await _fold_videos(connection, told)
    await _fold_creators(connection, told)
    await _fold_settings(connection, told)
    for _, event in told:
        if event["kind"] == "follow" and "video" in event and id(event) in fresh:
            added[event["video"]]["follows"] += 1
    await _count(connection, added, at_ms)


async def _not_counted_yet(connection: Connection, events: list[Event], at_ms: int) -> set[int]:
    """Note the ids of events, and return `id()` of those objects whose id was not noted before."""
    first = {event["id"]: event for event in reversed(events)}
    rows = await (
        await connection.execute(
            "INSERT INTO feed_countedevent (id, at) SELECT unnest(%s::uuid[]), %s ON CONFLICT (id) DO NOTHING"
            " RETURNING id",
            [list(first), at_ms],
        )
    ).fetchall()
    return {id(first[str(row[0])]) for row in rows}


async def _fold_videos(connection: Connection, told: list[tuple[int, Event]]) -> defaultdict[int, Counter[str]]:
    """Fold into `feed_watch`, let likes and saves of people follow, and return what the totals of each video gain."""
    added: defaultdict[int, Counter[str]] = defaultdict(Counter)
    by_pair: defaultdict[tuple[int, int], list[Event]] = defaultdict(list)
    for viewer, event in told:
        if event["kind"] in VIDEO_KINDS:
            by_pair[viewer, event["video"]].append(event)
    if not by_pair:
        return added
    pairs = sorted(by_pair)
    columns = ", ".join(_VIDEO_COLUMNS)
    rows = await (
        await connection.execute(
            f"SELECT viewer, video, {columns} FROM feed_watch"
            " WHERE (viewer, video) IN (SELECT unnest(%s::bigint[]), unnest(%s::bigint[]))",
            [[pair[0] for pair in pairs], [pair[1] for pair in pairs]],
        )
    ).fetchall()
    memories = {(viewer, video): VideoMemory(*facts) for viewer, video, *facts in rows}
    durations = await _durations(connection, {video for _, video in pairs})
    for pair in pairs:
        memory = memories.get(pair)
        before = _totals(memory, durations.get(pair[1], 0))
        memory = memories.setdefault(pair, VideoMemory())
        for event in by_pair[pair]:
            memory.apply(event)
        after = _totals(memory, durations.get(pair[1], 0))
        added[pair[1]].update({name: after[name] - before[name] for name in after})
    updates = ", ".join(f"{name} = excluded.{name}" for name in _VIDEO_COLUMNS)
    async with connection.cursor() as cursor:
        await cursor.executemany(
            f"INSERT INTO feed_watch (viewer, video, {columns}) VALUES (%s, %s{', %s' * len(_VIDEO_COLUMNS)})"
            f" ON CONFLICT (viewer, video) DO UPDATE SET {updates}",
            [(*pair, *(getattr(memories[pair], name) for name in _VIDEO_COLUMNS)) for pair in pairs],
        )
    people = [pair for pair in pairs if pair[0] > 0]
    await _mirror(connection, "like", {pair: memories[pair].liked_at for pair in people if memories[pair].liked_at})
    await _mirror(connection, "save", {pair: memories[pair].saved_at for pair in people if memories[pair].saved_at})
    await _count_shares(connection, told)
    return added


async def _durations(connection: Connection, videos: set[int]) -> dict[int, int]:
    rows = await (
        await connection.execute("SELECT id, duration_ms FROM videos_video WHERE id = ANY(%s)", [sorted(videos)])
    ).fetchall()
    return dict(rows)


def _totals(memory: VideoMemory | None, duration_ms: int) -> dict[str, int]:
    """What one viewer adds to the totals of a video: each thing once, however often it was repeated or reported."""
    if memory is None:
        return dict.fromkeys(("impressions", "watch_ms", "finishes", "skips", "likes", "shares", "saves"), 0)
    flags = Flag(memory.flags(duration_ms))
    return {
        "impressions": 1,
        "watch_ms": memory.watched_ms,
        "finishes": int(Flag.FINISHED in flags),
        "skips": int(Flag.SKIPPED in flags),
        "likes": int(Flag.LIKED in flags),
        "shares": int(Flag.SHARED in flags),
        "saves": int(Flag.SAVED in flags),
    }


async def _mirror(connection: Connection, table: str, switches: dict[tuple[int, int], int]) -> None:
    """Make `social_like` or `social_save` say what the switches say, and keep the totals in step."""
    if not switches:
        return
    on = [(person, video, datetime.fromtimestamp(at / 1000, UTC)) for (person, video), at in switches.items() if at > 0]
    off = [pair for pair, at in switches.items() if at < 0]
    change: Counter[int] = Counter()
    if on:
        # A person or a video may be gone by now; then there is nothing left to note.
        rows = await (
            await connection.execute(
                f"INSERT INTO social_{table} (person_id, video_id, at)"
                " SELECT t.person, t.video, t.at FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])"
                " AS t(person, video, at)"
                " JOIN people_person p ON p.id = t.person JOIN videos_video v ON v.id = t.video"
                " ON CONFLICT (person_id, video_id) DO NOTHING RETURNING video_id",
                [list(column) for column in zip(*on, strict=True)],
            )
        ).fetchall()
        change.update(row[0] for row in rows)
    if off:
        rows = await (
            await connection.execute(
                f"DELETE FROM social_{table} WHERE (person_id, video_id) IN"
                " (SELECT unnest(%s::bigint[]), unnest(%s::bigint[])) RETURNING video_id",
                [[pair[0] for pair in off], [pair[1] for pair in off]],
            )
        ).fetchall()
        change.subtract(row[0] for row in rows)
    await _add_to_totals(connection, f"{table}s", change)


async def _count_shares(connection: Connection, told: list[tuple[int, Event]]) -> None:
    """Shares are shown as the number of viewers who shared, so the rows themselves are counted."""
    videos = sorted({event["video"] for _, event in told if event["kind"] == "share"})
    if videos:
        await _ensure_totals(connection, videos)
        await connection.execute(
            "UPDATE social_counts c SET shares = (SELECT count(*) FROM feed_watch w WHERE w.video = c.video_id AND w.shared)"
            " WHERE c.video_id = ANY(%s)",
            [videos],
        )


async def _add_to_totals(connection: Connection, column: str, change: Counter[int]) -> None:
    changed = sorted((video, number) for video, number in change.items() if number)
    if changed:
        await _ensure_totals(connection, [video for video, _ in changed])
        async with connection.cursor() as cursor:
            await cursor.executemany(
                f"UPDATE social_counts SET {column} = greatest({column} + %s, 0) WHERE video_id = %s",
                [(number, video) for video, number in changed],
            )


async def _ensure_totals(connection: Connection, videos: list[int]) -> None:
    await connection.execute(
        "INSERT INTO social_counts (video_id, likes, saves, shares, comments)"
        " SELECT id, 0, 0, 0, 0 FROM videos_video WHERE id = ANY(%s) ORDER BY id ON CONFLICT (video_id) DO NOTHING",
        [videos],
    )


async def _fold_creators(connection: Connection, told: list[tuple[int, Event]]) -> None:
    """Fold into `feed_relation`, and let follows and blocks between people follow."""
    by_pair: defaultdict[tuple[int, int], list[Event]] = defaultdict(list)
    for viewer, event in told:
        if event["kind"] in CREATOR_KINDS:
            by_pair[viewer, event["creator"]].append(event)
    if not by_pair:
        return
    pairs = sorted(by_pair)
    rows = await (
        await connection.execute(
            "SELECT viewer, creator, follow_at, block_at FROM feed_relation"
            " WHERE (viewer, creator) IN (SELECT unnest(%s::bigint[]), unnest(%s::bigint[]))",
            [[pair[0] for pair in pairs], [pair[1] for pair in pairs]],
        )
    ).fetchall()
    memories = {(viewer, creator): CreatorMemory(*facts) for viewer, creator, *facts in rows}
    for pair in pairs:
        memory = memories.setdefault(pair, CreatorMemory())
        for event in by_pair[pair]:
            memory.apply(event)
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO feed_relation (viewer, creator, follow_at, block_at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (viewer, creator) DO UPDATE SET follow_at = excluded.follow_at, block_at = excluded.block_at",
            [(*pair, memories[pair].follow_at, memories[pair].block_at) for pair in pairs],
        )
    people = [pair for pair in pairs if pair[0] > 0 and pair[0] != pair[1]]
    follows = [(pair, memories[pair].follow_at if memories[pair].follows else 0) for pair in people]
    blocks = [(pair, memories[pair].block_at if memories[pair].blocks else 0) for pair in people]
    await _mirror_people(connection, "social_follow", "follower_id", "followed_id", follows)
    await _mirror_people(connection, "social_block", "blocker_id", "blocked_id", blocks)


async def _fold_settings(connection: Connection, told: list[tuple[int, Event]]) -> None:
    """Fold into `feed_dials`, and let the account's page say what the viewer has chosen."""
    by_viewer: defaultdict[int, list[Event]] = defaultdict(list)
    for viewer, event in told:
        if event["kind"] in SETTING_KINDS:
            by_viewer[viewer].append(event)
    if not by_viewer:
        return
    viewers = sorted(by_viewer)
    rows = await (
        await connection.execute("SELECT viewer, settings, reset_at FROM feed_dials WHERE viewer = ANY(%s)", [viewers])
    ).fetchall()
    held = {viewer: Settings.of(stored, reset_at) for viewer, stored, reset_at in rows}
    for viewer in viewers:
        settings = held.setdefault(viewer, Settings())
        for event in by_viewer[viewer]:
            settings.apply(event)
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO feed_dials (viewer, settings, at, reset_at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (viewer) DO UPDATE SET settings = excluded.settings, at = excluded.at,"
            " reset_at = excluded.reset_at",
            [
                (viewer, Jsonb(held[viewer].stored), held[viewer].changed_at, held[viewer].reset_at)
                for viewer in viewers
            ],
        )
        await cursor.executemany(
            "UPDATE people_person SET profiling = %(on)s WHERE id = %(person)s AND profiling <> %(on)s",
            [
                {"on": held[viewer].profiling, "person": viewer}
                for viewer in viewers
                if viewer > 0 and held[viewer].profiling is not None
            ],
        )


async def _mirror_people(
    connection: Connection, table: str, subject: str, target: str, switches: list[tuple[tuple[int, int], int]]
) -> None:
    on = [(*pair, datetime.fromtimestamp(at / 1000, UTC)) for pair, at in switches if at > 0]
    off = [pair for pair, at in switches if at <= 0]
    if on:
        await connection.execute(
            f"INSERT INTO {table} ({subject}, {target}, at) SELECT t.a, t.b, t.at"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS t(a, b, at)"
            " JOIN people_person p ON p.id = t.a JOIN people_person q ON q.id = t.b"
            f" ON CONFLICT ({subject}, {target}) DO NOTHING",
            [list(column) for column in zip(*on, strict=True)],
        )
    if off:
        await connection.execute(
            f"DELETE FROM {table} WHERE ({subject}, {target}) IN (SELECT unnest(%s::bigint[]), unnest(%s::bigint[]))",
            [[pair[0] for pair in off], [pair[1] for pair in off]],
        )


async def _count(connection: Connection, added: dict[int, Counter[str]], at_ms: int) -> None:
    """Add to the totals of videos; the recent ones, which decay, only grow by what was done and never by undoing."""
    videos = sorted(video for video, change in added.items() if any(change.values()))
    if not videos:
        return
    columns = ", ".join(_STATISTICS)
    rows = await (
        await connection.execute(
            f"SELECT video_id, decayed_at, {columns} FROM feed_statistics WHERE video_id = ANY(%s)", [videos]
        )
    ).fetchall()
    before = {video: (decayed_at, dict(zip(_STATISTICS, values, strict=True))) for video, decayed_at, *values in rows}
    updated = []
    for video in videos:
        decayed_at, totals = before.get(video, (at_ms, dict.fromkeys(_STATISTICS, 0)))
        change = added[video]
        for name in _STATISTICS:
            if name in _RECENT:
                gained = UNITS * max(change[_RECENT[name]], 0)
                totals[name] = decayed(totals[name], at_ms - decayed_at) + gained
            else:
                totals[name] = max(totals[name] + change[name], 0)
        updated.append((max(at_ms, decayed_at), *(totals[name] for name in _STATISTICS), video))
    updates = ", ".join(f"{name} = excluded.{name}" for name in ("decayed_at", *_STATISTICS))
    async with connection.cursor() as cursor:
        await cursor.executemany(
            f"INSERT INTO feed_statistics (video_id, decayed_at, {columns})"
            f" SELECT id, %s{', %s' * len(_STATISTICS)} FROM videos_video WHERE id = %s"
            f" ON CONFLICT (video_id) DO UPDATE SET {updates}",
            updated,
        )


async def main() -> None:
    """Project both streams until cancelled; after a failure of the database or the log, go on where it was."""
    await asyncio.gather(_project_for_ever(EVENTS), _project_for_ever(SLATES))


async def _project_for_ever(stream: str) -> None:
    log: EventLog | None = None
    while True:
        try:
            log = log or await EventLog.connect()
            await project(stream, log)
        except Exception as error:
            _logger.warning("projection starts anew", stream=stream, exc_info=error)
        await asyncio.sleep(0.5)
