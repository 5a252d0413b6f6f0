"""How fast is the public log? Prints a table, or JSON with --json.

    python benchmarks/log.py --entries 1000000

Appends are counted once they are acknowledged: durable, and in a published checkpoint. The peers are measured in the same
run: a file to which each entry is appended with a sync of its own, and a verification of the same log by hashlib and
recursion, as the RFC writes it. Everything is written where --folder says, because the disk is half of the answer.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks._machine import report
from glaswerk.tlog import LogReader, LogWriter, Policy, Signer, folder_fetch, prove, read_checkpoint, verify
from glaswerk.tlog.tiles import read_bundle, tiles_of

SIGNER = Signer("log.example/bench", bytes(range(32)))
POLICY = Policy(SIGNER.key)


def entry(number: int) -> bytes:
    """About as long as a small fact in JSON, and different from all others."""
    return b'{"at":"2027-01-31T12:00:00Z","kind":"cross.out","sha256":"%064x"}' % (number * 0x9E3779B97F4A7C15)


def fill(folder: Path, entries: int) -> float:
    """Append all of them without waiting for each, and return how many were acknowledged a second."""
    begin = time.perf_counter()
    with LogWriter.open(folder, SIGNER) as writer:
        waiting = []
        for number in range(entries):
            waiting.append(writer.submit(entry(number)))
            # Whoever submits holds no more than this in memory.
            if len(waiting) == 20_000:
                for one in waiting[:10_000]:
                    one.result()
                del waiting[:10_000]
        for one in waiting:
            one.result()
    return entries / (time.perf_counter() - begin)


def threaded(folder: Path, threads: int, seconds: float) -> float:
    """Acknowledged appends a second when each thread waits for its own one before the next."""
    counts = [0] * threads
    with LogWriter.open(folder, SIGNER) as writer:
        end = time.perf_counter() + seconds

        def work(thread: int) -> None:
            while time.perf_counter() < end:
                writer.append(entry(thread << 32 | counts[thread]))
                counts[thread] += 1

        begin = time.perf_counter()
        running = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
        for one in running:
            one.start()
        for one in running:
            one.join()
        return sum(counts) / (time.perf_counter() - begin)


def one_sync_each(path: Path, seconds: float) -> float:
    """The peer: a plain file, one write and one sync an entry."""
    count, begin = 0, time.perf_counter()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        while time.perf_counter() - begin < seconds:
            data = entry(count)
            os.write(descriptor, len(data).to_bytes(2, "big") + data)
            os.fdatasync(descriptor)
            count += 1
        return count / (time.perf_counter() - begin)
    finally:
        os.close(descriptor)


def recursive_root(entries: list[bytes], low: int, high: int) -> bytes:
    """The peer: RFC 6962, section 2.1, word for word."""
    if high - low == 1:
        return sha256(b"\0" + entries[low]).digest()
    middle = low + (1 << (high - low - 1).bit_length() - 1)
    return sha256(b"\1" + recursive_root(entries, low, middle) + recursive_root(entries, middle, high)).digest()


def by_recursion(folder: Path) -> bool:
    """The peer: read every bundle, hash by recursion, compare the root; no tile is looked at."""
    checkpoint = read_checkpoint(folder_fetch(folder), POLICY).checkpoint
    entries: list[bytes] = []
    for tile in tiles_of(checkpoint.size, -1):
        entries += read_bundle((folder / tile.path).read_bytes(), tile.width)
    return recursive_root(entries, 0, len(entries)) == checkpoint.root


def clocked(call: Callable[[], Any]) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    begin, spent = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - begin, time.process_time() - spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each way of appending")
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 16, 64, 256])
    parser.add_argument("--folder", type=Path, help="where to write; left out: the system's temporary folder")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    sys.setrecursionlimit(10_000)
    figures: dict[str, Any] = {"entries": chosen.entries}
    peers: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        for threads in chosen.threads:
            # Disks that others use too have moods, so the peer is asked right before each of these.
            rate = one_sync_each(folder / "plain", chosen.seconds)
            peers[f"one_sync_each_per_second_before_{threads}_threads"] = round(rate, 1)
            rate = threaded(folder / f"threads{threads}", threads, chosen.seconds)
            figures[f"appends_per_second_{threads}_threads"] = round(rate, 1)
        spent = time.process_time()
        figures["appends_per_second_submitted"] = round(fill(folder / "log", chosen.entries), 1)
        figures["append_cpu_us"] = round(1e6 * (time.process_time() - spent) / chosen.entries, 1)
        log = folder / "log"
        files = [path.stat().st_size for path in log.rglob("*") if path.is_file() and ".writer" not in path.parts]
        figures["files"], figures["megabytes"] = len(files), round(sum(files) / 1e6, 1)
        seconds, spent = clocked(lambda: figures.__setitem__("verified", verify(log, POLICY).ok))
        figures["verify_seconds"], figures["verify_cpu_seconds"] = round(seconds, 2), round(spent, 2)
        seconds, spent = clocked(lambda: peers.__setitem__("recursive_verified", by_recursion(log)))
        peers["recursive_verify_seconds"], peers["recursive_verify_cpu_seconds"] = round(seconds, 2), round(spent, 2)
        fetch, some = folder_fetch(log), range(0, chosen.entries, max(chosen.entries // 200, 1))
        seconds, _ = clocked(lambda: [prove(fetch, POLICY, number) for number in some])
        figures["prove_ms"] = round(1000 * seconds / len(some), 2)
        found, proof = prove(fetch, POLICY, chosen.entries // 3)
        seconds, _ = clocked(lambda: [proof.verify(found, POLICY) for _ in range(500)])
        figures["check_proof_us"], figures["proof_bytes"] = round(1e6 * seconds / 500, 1), len(proof.encode())
        checkpoint = read_checkpoint(fetch, POLICY).checkpoint
        seconds, _ = clocked(lambda: [LogReader(fetch, checkpoint).inclusion(number) for number in some])
        figures["inclusion_path_ms"] = round(1000 * seconds / len(some), 2)
    report("log", figures, peers, chosen.json)


if __name__ == "__main__":
    main()
