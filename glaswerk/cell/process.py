"""Child processes that cannot outlive their parent."""

import ctypes
import os
import pwd
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(sent: signal.Signals = signal.SIGTERM) -> None:
    """Ask Linux to send this process a signal when its parent dies, even by kill -9 (prctl(2), PR_SET_PDEATHSIG)."""
    _libc.prctl(_PR_SET_PDEATHSIG, sent.value, 0, 0, 0)


def step_back(nice: int) -> None:
    """Let this process, the leader of its session, step back behind others for processor time (nice(2)), by 0 to 19.

    Linux weighs sessions against one another before the processes within them (sched(7), autogroup), so the session
    steps back too. It is asked for and may be refused, as nice(2) alone is all that an older kernel knows.
    """
    level = os.nice(nice)
    if nice:
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(level))


def _before_exec(parent: int, sent: signal.Signals, nice: int) -> Callable[[], None]:
    def prepare() -> None:
        die_with_parent(sent)
        step_back(nice)
        # The parent may have died between the fork and the request, and then nobody would send the signal.
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def run_as(user: str | None) -> dict[str, Any]:
    """Return what `subprocess` needs to run a child as `user` with that user's group and no other; nothing for None."""
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    nice: int = 0,
    inherited: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """Start a child in a session of its own, its output appended to `log`; it gets `stop_signal` if we die.

    `inherited` are the descriptors that it has in common with us beside its output; `nice` (0..19) is how far it steps
    back behind others for processor time.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            **run_as(user),
            cwd="/" if user else None,
            pass_fds=inherited,
            # A Ctrl-C of the terminal is for the supervisor, which stops its children in order.
            start_new_session=True,
            preexec_fn=_before_exec(os.getpid(), stop_signal, nice),
        )
