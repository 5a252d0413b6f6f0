"""The machine that a benchmark ran on, and how its figures are printed."""

import json
import os
import platform
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    model = platform.processor() or platform.machine()
    try:
        with Path("/proc/cpuinfo").open() as file:
            model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        pass
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def processor_seconds(pid: int) -> float:
    """Return what a process, and the children that it has now, have spent of the processors so far."""
    return sum(map(_spent, (pid, *_children(pid))))


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _spent(pid: int) -> float:
    try:
        # Behind the name, which may hold anything, the twelfth and thirteenth field: user and system time in ticks.
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def report(name: str, figures: dict[str, Any], peers: dict[str, Any], as_json: bool) -> None:
    """Print the figures as a table, or as `{"name", "machine", "figures", "peers"}`."""
    if as_json:
        print(json.dumps({"name": name, "machine": machine(), "figures": figures, "peers": peers}))
        return
    print(f"{name} on {machine()}")
    for title, rows in (("figures", figures), ("peers", peers)):
        print(f"{title}:")
        for key, value in rows.items():
            print(f"  {key:<44} {value}")
