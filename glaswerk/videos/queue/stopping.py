"""Stopping the preparation of a video while a worker is at it: its creator cancels, an operator does, or the worker leaves.

PostgreSQL carries the wish: it is told with the transaction that changes the video's state, to the connection that holds
the video's lock, on whichever machine that is.
"""

import os
import selectors
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from django.db import connection

from glaswerk import reel

_CHANNEL: Final = "glaswerk_stop_video"

_here: set[reel.Stop] = set()
_here_lock: Final = threading.Lock()
_leaving: Final = threading.Event()


def tell_worker(video_id: int) -> None:
    """Have the worker of a video stop once this transaction is committed; called where the video's state changes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [_CHANNEL, str(video_id)])


def is_leaving() -> bool:
    """Whether this process gives back what it is at."""
    return _leaving.is_set()


def leave() -> None:
    """Stop everything that this process is at; it is given back to the queue."""
    _leaving.set()
    with _here_lock:
        for stop in _here:
            stop.ask()


@contextmanager
def stoppable(own: "psycopg.Connection[Any]", video_id: int) -> Iterator[None]:
    """Within the block the engine stops as soon as somebody wants this video's preparation to end.

    `own` is the connection that holds the video's lock, in autocommit mode; nobody else may use it meanwhile.
    """
    own.execute(f"LISTEN {_CHANNEL}")
    with reel.stoppable() as stop:
        with _here_lock:
            _here.add(stop)
        if is_leaving():
            stop.ask()
        end = os.eventfd(0, os.EFD_CLOEXEC)
        listener = threading.Thread(target=_listen, args=(own, str(video_id).encode(), stop, end), daemon=True)
        listener.start()
        try:
            yield
        finally:
            with _here_lock:
                _here.discard(stop)
            os.eventfd_write(end, 1)
            listener.join()
            os.close(end)


def _listen(own: "psycopg.Connection[Any]", video: bytes, stop: reel.Stop, end: int) -> None:
    # A connection that is lost says so to who renders, when it writes its progress; here nothing more is heard then.
    with selectors.DefaultSelector() as selector, suppress(psycopg.OperationalError):
        selector.register(own.pgconn.socket, selectors.EVENT_READ)
        selector.register(end, selectors.EVENT_READ)
        while True:
            if any(key.fd == end for key, _ in selector.select()):
                return
            own.pgconn.consume_input()
            while (told := own.pgconn.notifies()) is not None:
                if told.extra == video:
                    stop.ask()
