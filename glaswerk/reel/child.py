"""Run a program on untrusted input: confined, watched, and gone when this function returns."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.stop import current_stop

_CONFINE: Final = str(Path(__file__).with_name("confine.py"))
_PACKAGE: Final = Path(__file__).resolve().parents[1]
PYTHON_LISTS: Final = (str(_PACKAGE.parent),)
"""What an interpreter of ours has to list, besides reading `python_reads`."""
_ERRORS_KEPT: Final = 32 * 1024
_OUTPUT_KEPT: Final = 1 << 20
_TICK_SECONDS: Final = 0.5
_OPEN_FILES: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What a child may use.

    Where the kernel has Landlock, the child can open what lies beneath `read`, `write` and SYSTEM_READS, and
    see the names (but not the contents) of what lies beneath `list`: an interpreter has to list the folders
    that it imports from. `stack_bytes` is what each thread gets, 0 what is usual here: with hundreds of threads
    the usual 8 MiB would be most of the memory.
    """

    memory_bytes: int
    file_bytes: int
    wall_seconds: float
    stall_seconds: float
    stack_bytes: int = 0
    nice: int = 5
    list: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended: its exit status (negative: the signal), all of its output, the end of its errors."""

    status: int
    output: bytes
    errors: str


def run_confined(
    command: Sequence[str],
    confinement: Confinement,
    *,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    on_line: Callable[[bytes], bool] | None = None,
    folder: str = "/",
    descriptors: Sequence[int] = (),
) -> Outcome:
    """Run `command` (its first word an absolute path) until it ends.

    `on_line` is called with each line of standard output and says whether the line shows that work went on;
    without it, any output does. Output is then not kept. The child works in `folder`, and has the open files
    `descriptors` under the same numbers. Whatever happens, also in
    `on_line`, the child's whole process group is dead on return. Raises ReelError BROKEN_TOOL, TIMED_OUT,
    STALLED, KILLED, or STOPPED within `stoppable`.
    """
    stop = current_stop()
    if stop is not None and stop.is_asked:
        raise ReelError(Failure.STOPPED)
    rules = {
        "parent": os.getpid(),
        "memory": confinement.memory_bytes,
        "file_bytes": confinement.file_bytes,
        # ffmpeg keeps a second descriptor of every file that it was given open.
        "open_files": _OPEN_FILES + 2 * len(descriptors),
        "stack": confinement.stack_bytes,
        "nice": confinement.nice,
        "cpu_seconds": max(1, int(confinement.wall_seconds * (os.cpu_count() or 1))),
        "list": confinement.list,
        "read": [*SYSTEM_READS, *confinement.read],
        "write": confinement.write,
    }
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", _CONFINE, json.dumps(rules), *command],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(_PACKAGE.parent)},
            cwd=folder,
            pass_fds=descriptors,
            start_new_session=True,
        )
    except OSError as error:
        raise ReelError(Failure.BROKEN_TOOL, f"no child could be started: {error.strerror}") from error
    try:
        output, errors = _watch(process, confinement, on_line)
        status = process.wait(timeout=max(1.0, confinement.stall_seconds))
    except subprocess.TimeoutExpired:
        raise ReelError(Failure.STALLED, "the program closed its output but did not end") from None
    finally:
        _kill_group(process)
    if status in (-signal.SIGXCPU,):
        raise ReelError(Failure.TIMED_OUT, "processor time used up")
    if status in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP):
        raise ReelError(Failure.KILLED, f"the program was stopped by signal {-status}")
    return Outcome(status, output, errors.decode("utf-8", "replace"))


def python_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package in a fresh interpreter, without the working folder."""
    return [sys.executable, "-P", "-B", "-m", module, *arguments]


SYSTEM_READS: Final = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"),
    *("/dev/null", "/dev/urandom", "/sys/devices/system/cpu"),
)
"""What any program has to read to start: the dynamic loader, the C library, the number of processors."""


def python_reads() -> tuple[str, ...]:
    """What such an interpreter has to read besides: itself and this package."""
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(_PACKAGE), os.path.realpath(sys.executable)}
    # Packages may be installed outside of the interpreter's own folders.
    places |= {each for each in sys.path if each.endswith("-packages")}
    return tuple(sorted(places))


def _watch(
    process: subprocess.Popen[bytes], confinement: Confinement, on_line: Callable[[bytes], bool] | None
) -> tuple[bytes, bytes]:
    """Read both pipes to their ends, under the two clocks."""
    assert process.stdout is not None
    assert process.stderr is not None
    output, errors, line = bytearray(), bytearray(), bytearray()
    started = advanced = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, "output")
        selector.register(process.stderr, selectors.EVENT_READ, "errors")
        stop, open_pipes = current_stop(), 2
        if stop is not None:
            selector.register(stop, selectors.EVENT_READ, "stop")
        while open_pipes:
            for key, _ in selector.select(_TICK_SECONDS):
                if key.data == "stop":
                    raise ReelError(Failure.STOPPED)
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                    open_pipes -= 1
                elif key.data == "errors":
                    errors += chunk
                    del errors[:-_ERRORS_KEPT]
                elif on_line is None:
                    output += chunk
                    advanced = time.monotonic()
                    if len(output) > _OUTPUT_KEPT:
                        raise ReelError(Failure.UNDECODABLE, "the reader said too much")
                else:
                    line += chunk
                    *whole, rest = line.split(b"\n")
                    line = bytearray(rest)
                    for each in whole:
                        if on_line(bytes(each)):
                            advanced = time.monotonic()
            now = time.monotonic()
            if now - started > confinement.wall_seconds:
                raise ReelError(Failure.TIMED_OUT, f"not done after {confinement.wall_seconds:g} s")
            if now - advanced > confinement.stall_seconds:
                raise ReelError(Failure.STALLED, f"no progress for {confinement.stall_seconds:g} s")
    return bytes(output), bytes(errors)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the child and everything that it started, and collect it so that no zombie stays."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    process.wait()
