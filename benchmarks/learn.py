"""How long and how much memory does learning from the event archive take, and how well do its heads foretell?

    python benchmarks/learn.py --videos 100000 --viewers 50000 --views 2000000 --slates 10000

Fits as `glaswerk learn fit` does, on one thread, in a process of its own, on the archive of a made-up audience. The peer for the heads
is LightGBM on the same rows of the log (`uv pip install lightgbm`; without it the fit is measured alone).
"""

import argparse
import multiprocessing
import pickle
import resource
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._audience import Audience
from benchmarks._machine import report
from glaswerk.feed.learning.archive import read_events
from glaswerk.feed.learning.fit import SplitLog, fit
from glaswerk.glass import HEADS, default_policy
from glaswerk.glass.fitting import auc, fit_heads, measure_heads

_TREES = {
    "objective": "binary", "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 50, "num_threads": 1,
    "seed": 1, "deterministic": True, "verbosity": -1,
}  # fmt: skip


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fit(folder: Path, pipe: Any) -> None:
    """Read the archive, fit, and send what it took."""
    videos, slots = pickle.loads((folder / "slots").read_bytes())
    begin = time.perf_counter()
    events = read_events(folder)
    fitted = fit(events, videos, slots, default_policy(), seed=1, threads=1, progress=_say)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send((fitted, {"fit_seconds": round(seconds, 1), "peak_mb": round(peak)}))


def _heads(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The heads of Glass and those of LightGBM on the rows as they were logged: AUC on the last tenth."""
    videos, slots = pickle.loads((folder / "slots").read_bytes())
    policy = default_policy()
    log = SplitLog.of(read_events(folder), videos, slots, policy)
    before, held = log.shown(0, log.held_at, None), log.shown(log.held_at, 1 << 62, None)
    mine = measure_heads(fit_heads(before, 1, _say).over(policy), held)
    figures = {f"{name} AUC": one["auc"] for name, one in mine.items()}
    try:
        lightgbm = import_module("lightgbm")
    except ImportError:
        return figures, {}
    rows, later = (np.column_stack([part.bins, part.signals]).astype(np.float64) for part in (before, held))
    split = len(rows) * 85 // 100
    peers: dict[str, float] = {}
    for name in mine:
        done = before.done[:, HEADS.index(name)]
        first = lightgbm.Dataset(rows[:split], label=done[:split])
        stop = lightgbm.Dataset(rows[split:], label=done[split:], reference=first)
        trees = lightgbm.train(
            _TREES, first, 1000, valid_sets=[stop], callbacks=[lightgbm.early_stopping(30, verbose=False)]
        )
        theirs = auc(np.asarray(trees.predict(later)), held.done[:, HEADS.index(name)])
        peers[f"{name} AUC"] = round(theirs, 5)
        peers[f"{name} AUC, ours against it"] = round(mine[name]["auc"] / theirs, 4)
    return figures, {"lightgbm": peers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--viewers", type=int, default=50_000)
    parser.add_argument("--views", type=int, default=2_000_000)
    parser.add_argument("--slates", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="glaswerk-learn-") as name:
        folder = Path(name)
        _say("making an audience")
        audience = Audience.of(chosen.videos, chosen.viewers, chosen.views)
        events = audience.write_archive(folder)
        (folder / "slots").write_bytes(pickle.dumps((audience.videos, audience.slots(chosen.slates))))
        del audience
        context = multiprocessing.get_context("spawn")
        mine, its = context.Pipe(duplex=False)
        child = context.Process(target=_fit, args=(folder, its), daemon=True)
        child.start()
        its.close()
        fitted, took = mine.recv()
        child.join()
        heads, peers = _heads(folder)
    held, before = fitted.figures["held_out"], fitted.figures["in_service"]
    figures = {
        "videos": chosen.videos,
        "viewers": chosen.viewers,
        "events": events,
        "slots": fitted.figures["log"]["slots"],
        **took,
        "model_mb": round(len(fitted.model.encode()) / 1e6, 1),
        "recall@20": held["cowatch"]["recall@20"],
        "ndcg@20": held["cowatch"]["ndcg@20"],
        "by plain counting recall@20": before["cowatch"]["recall@20"],
        "by plain counting ndcg@20": before["cowatch"]["ndcg@20"],
        **heads,
        "not learned": ", ".join(f"{part}: {why}" for part, why in fitted.figures["missing"].items()),
        "refused": fitted.refused,
    }
    report("learn", figures, peers, chosen.json)


if __name__ == "__main__":
    main()
