"""Reads that are shared: few questions, everybody's own answer, and none from before the question."""

import asyncio

import pytest

from glaswerk.cell.batches import Batched


class Table:
    """A table that counts how it is read, and that lets a test hold a read under way."""

    def __init__(self) -> None:
        self.rows = {number: f"row {number}" for number in range(100)}
        self.reads: list[list[int]] = []
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def read(self, keys: list[int]) -> dict[int, str]:
        self.reads.append(keys)
        found = {key: self.rows[key] for key in keys if key in self.rows}
        await self.may_end.wait()
        if 13 in keys:
            raise LookupError("13")
        return found


def test_those_who_ask_during_a_read_share_the_next_one() -> None:
    async def scene() -> None:
        table = Table()
        batched = Batched(table.read, 4)
        table.may_end.clear()
        first = asyncio.create_task(batched.get([1]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        others = [asyncio.create_task(batched.get([number, 2])) for number in (3, 4, 5, 6)]
        await asyncio.sleep(0)
        table.may_end.set()
        assert await first == {1: "row 1"}
        assert [await other for other in others] == [{n: f"row {n}", 2: "row 2"} for n in (3, 4, 5, 6)]
        assert table.reads == [[1], [3, 2, 4, 5], [6]]

    asyncio.run(scene())


def test_an_answer_is_never_older_than_its_question() -> None:
    async def scene() -> None:
        table = Table()
        batched = Batched(table.read, 4)
        table.may_end.clear()
        early = asyncio.create_task(batched.get([1]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        table.rows[1] = "changed"
        late = asyncio.create_task(batched.get([1]))
        await asyncio.sleep(0)
        table.may_end.set()
        assert (await early, await late) == ({1: "row 1"}, {1: "changed"})

    asyncio.run(scene())


def test_what_is_not_there_is_left_out_and_a_failure_reaches_those_who_share_it_and_nobody_else() -> None:
    async def scene() -> None:
        batched = Batched(Table().read, 2)
        assert await batched.get([]) == {}
        assert await batched.get([7, 1000]) == {7: "row 7"}
        answers = await asyncio.gather(batched.get([12]), batched.get([13]), batched.get([14]), return_exceptions=True)
        assert [type(answer) for answer in answers] == [LookupError, LookupError, dict]
        with pytest.raises(LookupError):
            await batched.get([13])
        assert await batched.get([12]) == {12: "row 12"}

    asyncio.run(scene())


def test_a_caller_who_leaves_takes_nothing_from_the_others() -> None:
    async def scene() -> None:
        table = Table()
        batched = Batched(table.read, 4)
        table.may_end.clear()
        leaving, staying = (asyncio.create_task(batched.get([1])) for _ in range(2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        table.may_end.set()
        assert await staying == {1: "row 1"}
        assert leaving.cancelled()

    asyncio.run(scene())
