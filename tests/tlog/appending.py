"""What a writer's process does until it is killed: append, and say what was acknowledged."""

import fcntl
import os
import threading
from pathlib import Path

from glaswerk.tlog import LogWriter

from .naive import SIGNER

THREADS = 4


def append_until_killed(folder: Path, speaker: int, name: str, honest: bool) -> None:
    """Append from some threads, and write the number and the entry of everything acknowledged to a pipe.

    `honest`: only what the writer acknowledged. Otherwise the control: what was merely submitted.
    """
    writer = LogWriter.open(folder, SIGNER)

    def work(thread: int) -> None:
        for number in range(1_000_000):
            entries = [f"{name} {thread} {number} {part}".encode() for part in range(1 + number % 3)]
            if honest:
                receipt = writer.append(*entries)
                said = [f"{receipt.index + part} {entry.decode()}\n" for part, entry in enumerate(entries)]
            else:
                writer.submit(*entries)
                said = [f"-1 {entry.decode()}\n" for entry in entries]
            # Less than a pipe writes at once, so lines of different threads stay whole.
            os.write(speaker, "".join(said).encode())

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def append_together(folder: Path, speaker: int, name: str, count: int, locked: bool) -> None:
    """Append one by one beside other processes, and write what was acknowledged. `locked`: False is the control."""
    if not locked:
        fcntl.flock = lambda descriptor, operation: None
    writer = LogWriter.open(folder, SIGNER)
    for number in range(count):
        entry = f"{name} {number}"
        os.write(speaker, f"{writer.append(entry.encode()).index} {entry}\n".encode())
    writer.close()
