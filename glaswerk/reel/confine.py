"""Limit this process, then become another program: `python -I -S confine.py RULES COMMAND ARGUMENT…`.

Runs on its own, by path, between the caller and the program. Setting limits in the caller's forked copy
(subprocess's preexec_fn) can deadlock in a process with threads; a small program in between cannot.

RULES is a JSON object: "parent" (process id), "memory", "nice", "cpu_seconds", "file_bytes", "open_files", "stack" (0: as
it is), and "list", "read" and "write" (paths). Limits that every Linux has must hold, or the program is not started. Isolation that a
kernel or a container may refuse (network namespace, Landlock) is taken where it is given.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000

# Landlock (Linux 5.13): the system call numbers are the same on all architectures.
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_FIRST_ABI_RIGHTS = (1 << 13) - 1
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_RIGHTS_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> None:
    rules: dict[str, Any] = json.loads(arguments[0])
    command = arguments[1:]
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_PDEATHSIG")
    # The parent may have died before the line above took effect, and then no signal would ever come.
    if os.getppid() != rules["parent"]:
        os._exit(1)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _lower_priority(rules["nice"])
    _leave_network()
    _narrow_files(rules["list"], rules["read"], rules["write"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    open_files = min(rules["open_files"], resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
    if rules["stack"]:
        resource.setrlimit(resource.RLIMIT_STACK, (rules["stack"], rules["stack"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (rules["file_bytes"], rules["file_bytes"]))
    resource.setrlimit(resource.RLIMIT_CPU, (rules["cpu_seconds"], rules["cpu_seconds"] + 1))
    resource.setrlimit(resource.RLIMIT_AS, (rules["memory"], rules["memory"]))
    # With the signal ignored a write past RLIMIT_FSIZE is an error that the program reports, not a death.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    os.execv(command[0], command)


def _lower_priority(by: int) -> None:
    """Yield to the web workers of the same machine, and be the first to go when memory runs out."""
    level = os.nice(by)
    # Linux weighs sessions against one another before the processes within them (sched(7), autogroup); this is one of its own.
    for name, value in (("autogroup", str(level)), ("oom_score_adj", "500")):
        try:
            with open(f"/proc/self/{name}", "w") as handle:
                handle.write(value)
        except OSError:
            pass


def _leave_network() -> None:
    """Enter an empty network namespace. Without privilege this takes a user namespace of one's own."""
    if _libc.unshare(_CLONE_NEWNET) == 0:
        return
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return
    maps = (("uid_map", f"{user} {user} 1"), ("setgroups", "deny"), ("gid_map", f"{group} {group} 1"))
    for name, text in maps:
        try:
            with open(f"/proc/self/{name}", "w") as handle:
                handle.write(text)
        except OSError:
            pass
    # Inside a fresh user namespace the count starts at nothing, so a limit here cannot hit other programs.
    resource.setrlimit(resource.RLIMIT_NPROC, (512, 512))


def _narrow_files(listable: list[str], readable: list[str], writable: list[str]) -> None:
    """Allow names beneath `listable`, files beneath `readable`, all but executing beneath `writable`."""
    abi = _libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return
    handled = _FIRST_ABI_RIGHTS | (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0)
    attributes = (ctypes.c_uint64 * 1)(handled)
    ruleset = _libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.sizeof(attributes), 0)
    if ruleset < 0:
        return
    wanted = [(path, _READ_DIR) for path in listable]
    wanted += [(path, _READ_FILE | _READ_DIR | _EXECUTE) for path in readable]
    wanted += [(path, handled & ~_EXECUTE) for path in writable]
    for path, rights in wanted:
        try:
            target = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        if not os.path.isdir(path):
            rights &= _RIGHTS_ON_FILES
        # struct landlock_path_beneath_attr is packed: eight bytes of rights, four of a descriptor.
        rule = rights.to_bytes(8, sys.byteorder) + target.to_bytes(4, sys.byteorder)
        _libc.syscall(_LANDLOCK_ADD, ruleset, 1, rule, 0)
        os.close(target)
    _libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


if __name__ == "__main__":
    main(sys.argv[1:])
