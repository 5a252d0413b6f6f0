"""Stopping what the engine does, from another thread: its child is killed at once, and ReelError STOPPED is raised.

with stoppable() as stop:
    threading.Thread(target=whoever_may_call, args=(stop.ask,)).start()
    make_renditions(...)
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final


class Stop:
    """A wish that what runs shall end.  It holds for every child that is started after it, too."""

    def __init__(self) -> None:
        # A descriptor, so that who waits for a child's words hears of the wish in the same breath.
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._asked = False

    def ask(self) -> None:
        """Wish it; from any thread, any number of times."""
        self._asked = True
        os.eventfd_write(self._descriptor, 1)

    @property
    def is_asked(self) -> bool:
        """Whether somebody wished it."""
        return self._asked

    def fileno(self) -> int:
        """Return a descriptor that is readable once it is wished."""
        return self._descriptor

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)


_current: Final[ContextVar[Stop | None]] = ContextVar("glaswerk.reel.stop", default=None)


def current_stop() -> Stop | None:
    """Return the wish that holds for the work of this thread, if it can be wished at all."""
    return _current.get()


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Let the children that this thread runs within the block be stopped."""
    stop = Stop()
    token = _current.set(stop)
    try:
        yield stop
    finally:
        _current.reset(token)
        stop.close()
