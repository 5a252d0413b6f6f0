"""Reading many things at once for callers who each ask for one: the cost of a question is shared by all who wait."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Batched(Generic[Key, Value]):
    """At most one read is under way; whatever is asked for meanwhile goes into the next one.

    A key is never answered by a read that began before it was asked for, so that nobody gets what was true earlier.
    """

    def __init__(self, read: Callable[[list[Key]], Awaitable[Mapping[Key, Value]]], most: int) -> None:
        """Read with `read`, at most `most` keys at once."""
        self._read = read
        self._most = most
        self._waiting: dict[Key, asyncio.Future[Value | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, keys: Iterable[Key]) -> dict[Key, Value]:
        """Return what there is of the keys.  Raises what the read raises."""
        loop = asyncio.get_running_loop()
        asked = {key: self._waiting.setdefault(key, loop.create_future()) for key in keys}
        if not asked:
            return {}
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        await asyncio.wait(asked.values())
        answers = {key: future.result() for key, future in asked.items()}
        return {key: value for key, value in answers.items() if value is not None}

    async def _drain(self) -> None:
        while self._waiting:
            taken = {key: self._waiting.pop(key) for key in list(self._waiting)[: self._most]}
            try:
                found = await self._read(list(taken))
            except Exception as error:
                for future in taken.values():
                    future.set_exception(error)
                    future.exception()  # Whoever asked may be gone, and then nobody is to be told.
                continue
            for key, future in taken.items():
                future.set_result(found.get(key))
