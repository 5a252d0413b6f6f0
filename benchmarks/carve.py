"""How long it takes to hand over a cell: 10,000 people, 2,000 small videos and 200,000 events, from one data folder to another."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._machine import machine
from tests.cells import ROOT, _copy_prepared, environment

SIGNED = ("--basis", "benchmark", "--reason", "benchmark", "--signer", "benchmark")


def run(data: Path, *words: str) -> tuple[dict[str, Any], float]:
    """Run a command; return what it printed and how long it took, its database's start and stop included."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "glaswerk", *words, "--json"], env=environment(data), capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return json.loads(done.stdout), time.perf_counter() - began


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--videos", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="glaswerk-carve-"))
    try:
        seller, buyer, bag = folder / "seller", folder / "buyer", folder / "bag"
        for data in (seller, buyer):
            _copy_prepared(data)
        fill = [
            sys.executable,
            "-m",
            "tests.border.carve.seller",
            *map(str, (asked.people, asked.videos, asked.events)),
        ]
        subprocess.run(fill, env=environment(seller), cwd=ROOT, check=True)
        key, _ = run(seller, "carve", "key", "--out", str(folder / "key"))
        _, dark_s = run(seller, "sunset", "dark", *SIGNED)
        exported, export_s = run(seller, "carve", "export", "--for", key["recipient"], "--out", str(bag))
        accepted, accept_s = run(
            buyer,
            "carve",
            "accept",
            str(bag),
            "--identity",
            str(folder / "key"),
            "--seller-key",
            exported["seller_key"],
        )
        size = sum(path.stat().st_size for path in bag.rglob("*") if path.is_file())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    result = {
        "people": asked.people, "videos": asked.videos, "events": asked.events, "bag_bytes": size,
        "same_root": accepted["root"] == exported["root"], "dark_s": round(dark_s, 1), "export_s": round(export_s, 1),
        "accept_s": round(accept_s, 1), "together_s": round(export_s + accept_s, 1), "machine": machine(),
    }  # fmt: skip
    if asked.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:12} {value}")


if __name__ == "__main__":
    main()
