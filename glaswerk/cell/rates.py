"""How often somebody may do something: a fixed window of one minute a key, counted in PostgreSQL or in this process alone.

What writes is counted exactly, in one place for all workers (`check_rate`); the busy lean paths are counted by each worker
for itself (`Windows`), which costs them no query.

The shared counters live in the table of Django's cache, where every worker sees them and where they expire.  Django's own
`cache.incr` reads and then writes, so that two workers could both take the last place; one upsert cannot.
"""

import math
import time
from typing import Final

from django.conf import settings
from django.db import connection

from glaswerk.cell.statements import fetch

WINDOW_S: Final = 60
# Apart from Django's own keys, which start with a colon and a version.
_PREFIX: Final = "rate:"
_PRUNED_AT_ONCE: Final = 50


class RateLimited(Exception):  # noqa: N818 - it says what happened, not that something broke.
    """Too much in this minute; `retry_after` is the number of whole seconds until the next one."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many at once. Please try again in {retry_after} seconds.")
        self.retry_after = retry_after


class Windows:
    """Counts uses by key within this process and this minute; with the minute all counts are forgotten.

    It starts no thread and looks at no other key, however many there are.
    """

    def __init__(self) -> None:
        self._window = -1
        self._used: dict[tuple[str, str], int] = {}

    def take(self, what: str, key: str, per_minute: int) -> bool:
        """Count one use, and return whether it is among the first `per_minute` of this minute."""
        window = int(time.time() // WINDOW_S)
        if window != self._window:
            self._window, self._used = window, {}
        used = self._used[what, key] = self._used.get((what, key), 0) + 1
        return used <= per_minute


def check_rate(key: str, per_minute: int) -> None:
    """Count one use of `key` (at most 200 characters) in this minute.  Raises RateLimited beyond `per_minute` uses.

    Call it before the transaction of the action, because a count inside it would be rolled back with it.
    """
    now = time.time()
    window = int(now // WINDOW_S)
    ends = (window + 1) * WINDOW_S
    table = connection.ops.quote_name(str(settings.CACHES["default"]["LOCATION"]))
    # A count that a power cut takes away harms nobody, so nobody waits for the disk, unless it stands in a transaction.
    settle = "false" if connection.in_atomic_block else "set_config('synchronous_commit', 'off', true) IS NULL"
    # The table's name comes from the settings, everything else is a parameter.
    used: int = fetch(
        f"INSERT INTO {table} AS held (cache_key, value, expires) VALUES (%s, '1', to_timestamp(%s))"  # noqa: S608
        " ON CONFLICT (cache_key) DO UPDATE SET value = (held.value::integer + 1)::text"
        f" RETURNING value::integer, {settle}",
        [f"{_PREFIX}{key}:{window}", ends],
    )[0][0]
    if used == 1:
        # Whoever opens a window sweeps up a few that are over; rows that another worker is at are left to it.
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE cache_key IN (SELECT cache_key FROM {table}"  # noqa: S608
                f" WHERE cache_key LIKE %s AND expires < now() LIMIT {_PRUNED_AT_ONCE} FOR UPDATE SKIP LOCKED)",
                [f"{_PREFIX}%"],
            )
    if used > per_minute:
        raise RateLimited(max(1, math.ceil(ends - now)))
