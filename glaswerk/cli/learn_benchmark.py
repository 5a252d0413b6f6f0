"""The measurement behind `glaswerk learn benchmark`: the served filter on public data, beside `implicit`."""

import multiprocessing
import resource
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import sparse

from glaswerk.cli.learn import Protocol, say
from glaswerk.glass import CoWatch, GlassError, NextWatch
from glaswerk.glass.cowatch.protocols import LastSplit, SetSplit

THREADS: Final = 2
_TIMED_USERS: Final = 10_000


def run(folder: Path, protocol: Protocol) -> dict[str, Any]:
    """All figures of one folder: ours, and `peers`."""
    # The child starts first, while this process is small: what it reports is the memory of reading and fitting alone.
    model, fitted = _fit_in_child(folder, protocol)
    split = SetSplit.read(folder) if protocol is Protocol.LIGHTGCN else LastSplit.read(folder)
    rows = split.train if isinstance(split, SetSplit) else split.history
    n = 20 if isinstance(split, SetSplit) else 10
    speed = _speed(lambda users: model.recommend(users, n), rows)
    say("measuring")
    if isinstance(split, SetSplit):
        figures = split.measure(model.recommend(rows, n)[0], n)
    else:
        figures = split.measure(lambda first, last: model.scores(rows[first:last]), n)
    peers = _peers(split, rows, n)
    for peer in peers.values():
        if "users_per_second" in peer:
            peer["ours_is_faster"] = round(speed / peer["users_per_second"], 2)
    return {
        **figures,
        **fitted,
        "model_mb": round(model.nbytes / 1e6, 1),
        "users_per_second": round(speed),
        "settings": model.as_dict(),
        "peers": peers,
    }


def _fit_in_child(folder: Path, protocol: Protocol) -> tuple[CoWatch | NextWatch, dict[str, float]]:
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe(duplex=False)
    child = context.Process(target=_fit, args=(folder, protocol, its), daemon=True)
    child.start()
    its.close()
    try:
        answer = mine.recv()
    except EOFError as error:
        child.join()
        raise GlassError(f"the fit ended with exit code {child.exitcode}") from error
    child.join()
    if isinstance(answer, GlassError):
        raise answer
    model, figures = answer
    return model, figures


def _fit(folder: Path, protocol: Protocol, pipe: Any) -> None:
    """Read, fit, and send the model with what the fit took."""
    try:
        model: CoWatch | NextWatch
        if protocol is Protocol.LIGHTGCN:
            model, rows = CoWatch(threads=THREADS, progress=say), SetSplit.read(folder).train
        else:
            model, rows = NextWatch(threads=THREADS, progress=say), LastSplit.read(folder).train
        begin = time.perf_counter()
        model.fit(rows)
        seconds = time.perf_counter() - begin
    except GlassError as error:
        pipe.send(error)
        return
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    model.progress = None
    pipe.send((model, {"fit_seconds": round(seconds, 1), "peak_mb": round(peak)}))


def _peers(split: SetSplit | LastSplit, rows: sparse.csr_matrix, n: int) -> dict[str, dict[str, Any]]:
    """The same figures of `implicit`: its item-item models with several numbers of neighbours, and its factors."""
    try:
        als = import_module("implicit.als")
        lists = import_module("implicit.nearest_neighbours")
        limits = import_module("threadpoolctl")
    except ImportError:
        say("no peers: `uv pip install implicit` brings them")
        return {}
    trained = split.train.copy().astype(np.float32)
    trained.data[:] = 1
    known = rows.copy().astype(np.float32)
    known.data[:] = 1
    makers: dict[str, Callable[[], Any]] = {
        f"implicit {name} K={most}": partial(kind, K=most, num_threads=THREADS)
        for name, kind in (
            ("cosine", lists.CosineRecommender),
            ("TF-IDF", lists.TFIDFRecommender),
            ("BM25", lists.BM25Recommender),
        )
        for most in (20, 200)
    }
    for alpha in (2.0, 20.0):
        makers[f"implicit ALS 128 alpha={alpha:.0f}"] = partial(
            als.AlternatingLeastSquares,
            factors=128,
            regularization=0.05,
            alpha=alpha,
            iterations=15,
            num_threads=THREADS,
            random_state=0,
        )
    peers = {}
    for name, make in makers.items():
        say(name)
        # As the library asks for: its own threads, and none below them.
        with limits.threadpool_limits(1, "blas"), warnings.catch_warnings(action="ignore"):
            model = make()
            begin = time.perf_counter()
            model.fit(trained, show_progress=False)
            seconds = time.perf_counter() - begin
        peers[name] = {
            **_peer_figures(model, split, known, n),
            "fit_seconds": round(seconds, 1),
            "users_per_second": round(_speed(partial(_peer_best, model, n=n), known)),
        }
    return peers


def _peer_figures(model: Any, split: SetSplit | LastSplit, known: sparse.csr_matrix, n: int) -> dict[str, float]:
    factors = getattr(model, "item_factors", None)
    if isinstance(split, SetSplit):
        return split.measure(_peer_best(model, known, n), n)
    if factors is None:
        return split.measure(lambda first, last: (known[first:last] @ model.similarity).toarray(), n)
    # The history at test time has one item more than the training rows: users are folded in again.
    users = model.recalculate_user(np.arange(known.shape[0]), known)
    return split.measure(lambda first, last: users[first:last] @ factors.T, n)


def _peer_best(model: Any, known: sparse.csr_matrix, n: int) -> Any:
    """Recommendations on as many threads as ours: factors have their own, item-item models go through the users one by one."""
    users = np.arange(known.shape[0])
    if hasattr(model, "item_factors"):
        return model.recommend(users, known, N=n)[0]
    half = [span for span in np.array_split(users, THREADS) if len(span)]
    with ThreadPoolExecutor(THREADS) as pool:
        return np.concatenate(list(pool.map(lambda span: model.recommend(span, known[span], N=n)[0], half)))


def _speed(recommend: Callable[[sparse.csr_matrix], Any], rows: sparse.csr_matrix) -> float:
    """Users a second, the best of three rounds: whatever else runs on the machine can only slow a round down."""
    recommend(rows[:10])
    timed = rows[:_TIMED_USERS]
    rounds = []
    for _ in range(3):
        begin = time.perf_counter()
        recommend(timed)
        rounds.append(time.perf_counter() - begin)
    return float(timed.shape[0] / max(min(rounds), 1e-9))
