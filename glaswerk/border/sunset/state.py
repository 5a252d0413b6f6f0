"""The plan as each process knows it: a copy in memory, so that no request asks the database where the cell stands.

A thread keeps the copy.  The database tells it of every act at once, and it looks by itself twice a second in case a
notice was lost.  With the plan it takes the database's clock, so that all processes, on whichever machine, turn over at
the same moment; and within one plan a copy never goes back, even if a clock does.
"""

import time
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import Any, Final

import psycopg
import structlog

from glaswerk.border.sunset.plan import Plan, Stage, later
from glaswerk.cell import postgres
from glaswerk.cell.config import Cell

CHANNEL: Final = "border_sunset"
LOOK_EVERY_S: Final = 0.5
_RETRY_S: Final = 0.25
_READ: Final = """
SELECT extract(epoch FROM clock_timestamp())::float8, a.id, a.kind, a.readonly_at, a.dark_at, a.extension,
    (SELECT min(m.stage) FROM border_mark m WHERE m.act_id = a.id)
FROM (SELECT) one LEFT JOIN LATERAL (SELECT * FROM border_act ORDER BY id DESC LIMIT 1) a ON true
"""
_logger = structlog.get_logger("glaswerk.sunset")


class Copy:
    """What this process knows.  Any thread may ask it."""

    def __init__(self) -> None:
        """Know of no plan; `known` is set once the database has been asked."""
        self.known = Event()
        self._lock = Lock()
        self._plan = Plan()
        self._reached = Stage.OPEN
        self._ahead_s = 0.0

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return self._plan

    def now(self) -> datetime:
        """The database's time."""
        return datetime.fromtimestamp(time.time() + self._ahead_s, UTC)

    def stage(self) -> Stage:
        """Where the cell stands now."""
        plan = self._plan
        if plan.kind in ("", "resume"):
            return Stage.OPEN
        stage = plan.stage(self.now())
        with self._lock:
            if plan is self._plan:
                self._reached = stage = later(stage, self._reached)
        return stage

    def take(self, plan: Plan, now_s: float) -> None:
        """Take over what the database says at its time; an older plan than the one that is known is none."""
        with self._lock:
            if plan.version >= self._plan.version:
                if plan.version != self._plan.version:
                    self._reached = Stage.OPEN
                self._plan = plan
            self._ahead_s = now_s - time.time()
        self.known.set()

    def forget(self) -> None:
        """Know nothing again; for tests, whose databases come and go."""
        with self._lock:
            self._plan, self._reached, self._ahead_s = Plan(), Stage.OPEN, 0.0
        self.known.clear()


copy: Final = Copy()


def read_plan(cursor: Any) -> tuple[Plan, float]:
    """Return the plan in force and the database's time, read with a cursor."""
    cursor.execute(_READ)
    now_s, version, kind, readonly_at, dark_at, extension, marked = cursor.fetchone()
    if version is None:
        return Plan(), now_s
    # Of the two marks that there are, "dark" comes first in the alphabet and later in time.
    return Plan(version, kind, readonly_at, dark_at, extension, Stage(marked or "open")), now_s


def refresh() -> Plan:
    """Have this process know what its own database connection sees; return the plan."""
    from django.db import connection

    with connection.cursor() as cursor:
        plan, now_s = read_plan(cursor)
    copy.take(plan, now_s)
    return plan


def watch(cell: Cell) -> Thread:
    """Keep this process's copy for as long as the process lives."""
    thread = Thread(target=_watch_for_ever, args=(cell,), name="sunset", daemon=True)
    thread.start()
    return thread


def _watch_for_ever(cell: Cell) -> None:
    while True:
        try:
            with psycopg.connect(postgres.database_url(cell), autocommit=True) as connection:
                connection.execute(f"LISTEN {CHANNEL}")
                while True:
                    with connection.cursor() as cursor:
                        copy.take(*read_plan(cursor))
                    for _ in connection.notifies(timeout=LOOK_EVERY_S, stop_after=1):
                        pass
        except psycopg.Error as error:
            # The plan that is known stays in force, and so does the clock.
            _logger.warning("the plan of the sunset cannot be read now", exc_info=error)
        time.sleep(_RETRY_S)
