"""Keys: one value for everybody who asks, readable by nobody else."""

import multiprocessing
import stat
from multiprocessing.synchronize import Barrier
from pathlib import Path

from glaswerk.cell.keys import read_or_make_key


def _ask(folder: Path, barrier: Barrier, answers: "multiprocessing.Queue[str]") -> None:
    for number in range(20):
        barrier.wait()
        answers.put(f"{number} {read_or_make_key(folder, f'key{number}')}")


def test_processes_that_ask_at_once_get_the_same_keys(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(3), context.Queue()
    asking = [context.Process(target=_ask, args=(folder, barrier, answers)) for _ in range(3)]
    for process in asking:
        process.start()
    told = [answers.get(timeout=120) for _ in range(60)]
    for process in asking:
        process.join()
    assert len(set(told)) == 20
    assert {len(line.split()[1]) for line in told} == {64}
    # Nothing is left of whoever came second.
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"key{number}" for number in range(20))


def test_keys_are_private_random_and_stay(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = read_or_make_key(folder, "one")
    assert read_or_make_key(folder, "one") == first
    assert read_or_make_key(folder, "other") != first
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
