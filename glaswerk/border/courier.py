"""The courier: says what is to be said to other cells, and follows each of them, in one process of the cell.

Every peer has a thread and connections of its own, so a slow one keeps nobody waiting.  It may be killed at any moment.
While the cell is dark it rests: the tables take nothing, and nobody is asked for anything.
"""

import os
import threading
import time
from typing import Any, Final, NoReturn

import psycopg
import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from psycopg_pool import PoolTimeout

from glaswerk.border.models import Peer
from glaswerk.border.outward import counting, speaking
from glaswerk.border.peers.fetching import Source
from glaswerk.border.peers.following import note_failure, take_turn
from glaswerk.border.peers.witnessing import take_cosignature
from glaswerk.border.sunset import state
from glaswerk.border.sunset.keeping import is_dark, rest_in_the_dark
from glaswerk.cell import postgres
from glaswerk.cell.blobs import StorageError
from glaswerk.cell.locks import Lock

# Whoever follows a peer holds a lock of this kind, with the peer's number.
FOLLOWER_LOCK: Final = 0x676C_6173
# A notice may be lost with its connection, so the table is looked at from time to time as well.
_LOOK_EVERY_S: Final = 5.0
_LOOK_FOR_PEERS_S: Final = 1.0
_RETRY_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 300.0
_AWAY: Final = (DatabaseError, psycopg.Error, PoolTimeout, StorageError, OSError)
_logger = structlog.get_logger("glaswerk.courier")


def main() -> NoReturn:
    """Speak and follow for ever."""
    state.watch(settings.CELL)
    state.copy.known.wait()
    threading.Thread(target=_speak_for_ever, daemon=True).start()
    followers: dict[int, threading.Thread] = {}
    while True:
        rest_in_the_dark()
        try:
            wanted = list(_followed().values_list("pk", flat=True))
        except _AWAY as error:
            _logger.warning("the database is away", exc_info=error)
            wanted = []
        finally:
            connection.close()
        for number in wanted:
            if number not in followers or not followers[number].is_alive():
                followers[number] = threading.Thread(target=_follow, args=(number,), daemon=True)
                followers[number].start()
        time.sleep(_LOOK_FOR_PEERS_S)


def _followed() -> QuerySet[Peer]:
    """The peers that are followed: neither removed nor at their log's end."""
    return Peer.objects.filter(removed_at=None, closed_at=None)


def _speak_for_ever() -> None:
    while True:
        rest_in_the_dark()
        try:
            _speak_until_it_fails()
        except _AWAY as error:
            # What the dark came upon is begun again when it is over.
            if not is_dark():
                _logger.warning("nothing is said to others just now", exc_info=error)
        except Exception as error:
            _logger.error("a mistake in what is said to others; nobody is told anything", exc_info=error)
            # The supervisor starts the process anew, with growing delays.
            os._exit(1)
        finally:
            connection.close()
        time.sleep(_RETRY_S)


def _speak_until_it_fails() -> None:
    with psycopg.connect(postgres.database_url(settings.CELL), autocommit=True) as own:
        own.execute("SELECT pg_advisory_lock(%s)", [Lock.SPEAKER])
        own.execute(f"LISTEN {speaking.CHANNEL}")
        while not is_dark():
            while speaking.speak_waiting():
                pass
            counting.count_yesterday(timezone.now())
            connection.close()
            for _ in own.notifies(timeout=_LOOK_EVERY_S, stop_after=1):
                pass


def _follow(number: int) -> None:
    """Follow one peer until it is removed, or its log ends, or this cell goes dark."""
    try:
        with psycopg.connect(postgres.database_url(settings.CELL), autocommit=True) as own:
            # On another machine it is followed already; that one's death lets go of it.
            own.execute("SELECT pg_advisory_lock(%s, %s)", [FOLLOWER_LOCK, number])
            _follow_until_it_fails(number, own)
    except _AWAY as error:
        if not is_dark():
            _logger.warning("a peer is not followed just now", exc_info=error)
    finally:
        connection.close()


def _follow_until_it_fails(number: int, lock: "psycopg.Connection[Any]") -> None:
    source: Source | None = None
    pause = every = float(settings.CELL.config.peers.poll_seconds)
    try:
        while not is_dark() and (peer := _followed().filter(pk=number).first()):
            if source is None or source.url != peer.url:
                source = Source(peer)
            try:
                more = take_turn(peer, source)
                if not peer.failure and not more:
                    take_cosignature(peer, source)
            except _AWAY:
                raise
            except Exception as error:
                # What no rule foresaw is a mistake of ours; it must not end the others.
                _logger.error("a mistake while following a peer", peer=peer.label, exc_info=error)
                note_failure(peer, "internal", "A mistake of this cell; its log/courier.log says more.")
                more = False
            connection.close()
            # The lock goes with its connection; who lost it must not go on following.
            lock.execute("SELECT 1")
            pause = min(2 * pause, _LONGEST_PAUSE_S) if peer.failure else every
            if not more:
                time.sleep(pause)
    finally:
        if source is not None:
            source.close()
