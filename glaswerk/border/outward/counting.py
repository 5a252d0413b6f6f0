"""Counts: once a day, how often each public video was watched, told to other cells with noise and a floor.

A viewer counts once for a video and a day, and so changes one number by one; the noise hides that.  Every public video is
told of every day, so that which are told says nothing.  Live totals never leave: their differences would name people.
"""

import threading
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from glaswerk.border.messages import MOST_COUNTED, Counts
from glaswerk.border.outward.noise import discrete_laplace
from glaswerk.border.outward.speaking import say
from glaswerk.border.peers.effects import own_origin
from glaswerk.cell.ids import encode_id
from glaswerk.tlog import VerifierKey

# Whoever watched over midnight is in the table by then.
_SETTLE: Final = timedelta(minutes=10)
# With the cell's own rights: what is told of it is noise and a floor away from this.
_WATCHED: Final = """
SELECT told.home, told.item, (
    SELECT count(*) FROM feed_watch w
    WHERE w.video = told.video AND w.watched AND w.watched_at >= %(since)s AND w.watched_at < %(until)s
)
FROM (
    SELECT '' AS home, v.id AS item, v.id AS video FROM videos_video v WHERE v.allow_elsewhere AND border_video_crosses(v.id)
    UNION ALL
    SELECT p.key, a.item, a.video_id FROM border_arrival a JOIN border_peer p ON p.id = a.peer_id
    JOIN videos_video v ON v.id = a.video_id WHERE p.removed_at IS NULL AND v.state = 'ready' AND v.taken_down_at IS NULL
) AS told
"""
_lock = threading.Lock()
_counted: set[date] = set()


def count_yesterday(now: datetime) -> bool:
    """Publish the counts of the day before, unless that was done; return whether it was done now."""
    day = (now.astimezone(UTC) - _SETTLE).date() - timedelta(days=1)
    with _lock:
        if day in _counted:
            return False
    done = count_day(day)
    with _lock:
        _counted.add(day)
    return done


def count_day(day: date) -> bool:
    """Publish a day's counts; return False where that was done before, because a second draw would wear the noise away."""
    peers = settings.CELL.config.peers
    epsilon_milli = max(1, round(peers.count_epsilon * 1000))
    with transaction.atomic():
        if not _begin(day):
            return False
        for home, plays in _watched(day).items():
            noisy = {
                item: _floored(number + discrete_laplace(epsilon_milli, 1000), peers.count_floor)
                for item, number in plays.items()
            }
            parts = _parts(sorted(noisy))
            for number, videos in enumerate(parts, 1):
                message = Counts(
                    day=day.isoformat(),
                    home=VerifierKey.parse(home).name if home else own_origin(),
                    part=number,
                    parts=len(parts),
                    epsilon_milli=epsilon_milli,
                    floor=peers.count_floor,
                    videos=videos,
                    plays=tuple(noisy[video] for video in videos),
                )
                say(message)
    return True


def _begin(day: date) -> bool:
    """Whether nobody counted this day before; of two at once, one does."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO border_countedday (day) VALUES (%s) ON CONFLICT DO NOTHING", [day])
        return bool(cursor.rowcount)


def _watched(day: date) -> dict[str, dict[str, int]]:
    """How many watched each video on a day: by the key of the log that the video is at home in, empty for this cell's."""
    since = int(datetime.combine(day, time(), UTC).timestamp() * 1000)
    found: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_WATCHED, {"since": since, "until": since + 86_400_000})
        for home, item, number in cursor.fetchall():
            found.setdefault(home, {})[encode_id(item)] = number
    return found


def _floored(number: int, floor: int) -> int:
    return number if number >= floor else 0


def _parts(videos: list[str]) -> list[tuple[str, ...]]:
    return [tuple(videos[start : start + MOST_COUNTED]) for start in range(0, len(videos), MOST_COUNTED)]
