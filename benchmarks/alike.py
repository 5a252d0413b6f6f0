"""Where should what is alike be found: in the epoch, or by pgvector? Prints a table, or JSON with --json.

    python benchmarks/alike.py --videos 100000 --topics 300

Everything is made from a seed. Three questions:

* What does it cost to find the most alike videos of all, each time an epoch is cut, and how many of the truly most alike are
  found? By words, hashtags, sounds and looks; the truth is every pair of a sample.
* By looks alone, what does pgvector (HNSW on the same distance, in the embedded PostgreSQL) cost and find? Its time for all videos is
  that of a sample of queries, multiplied.
* Is a video that nobody has watched placed? The engine is not told the topics that the videos were made from. A placed video stands in
  the lists of others, and these are of its topic. Watches play no part in any of this.
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks._machine import report
from benchmarks._topics import Topical, make_topical
from glaswerk.cell import postgres
from glaswerk.cell.config import Cell
from glaswerk.cell.process import run_as
from glaswerk.glass import alike

NEIGHBOURS = 32
# A quarter of a list is kept for those who ask to be in it.
OWN = NEIGHBOURS - NEIGHBOURS // 4
SAMPLE = 300


def find(made: Topical, tokens: list[tuple[int, ...]], features: Any) -> tuple[Any, dict[str, float]]:
    """The lists, and the wall and processor seconds of finding them, and of being asked for the same again."""
    columns = tokens, features, made.ids, made.published, NEIGHBOURS
    wall, busy = time.perf_counter(), time.process_time()
    found = alike.alike_lists(*columns)
    spent = {"seconds": time.perf_counter() - wall, "processor_seconds": time.process_time() - busy}
    wall = time.perf_counter()
    alike.alike_lists(*columns)
    return found, {**spent, "unchanged_seconds": time.perf_counter() - wall}


def recall(made: Topical, tokens: list[tuple[int, ...]], features: Any, found: Any, rows: Any) -> tuple[float, float]:
    """Over a sample: how many of the truly best are found, and how much of the weight that there is to be had.

    Of equals any counts, and the truth is every pair's weight, by `_pair_weights`.
    """
    starts, _, weights = found
    hits, kept, wanted, shares = 0, 0, 0, []
    for row, true in zip(rows.tolist(), _pair_weights(tokens, features, rows), strict=True):
        best = np.sort(true[true >= alike.LEAST])[::-1][:OWN].astype(np.int64)
        if len(best):
            mine = weights[starts[row] : starts[row + 1]][: len(best)].astype(np.int64)
            shares.append(np.count_nonzero(mine >= best[-1]) / len(best))
            kept, wanted = kept + int(mine.sum()), wanted + int(best.sum())
            hits += 1
    return round(float(np.mean(shares)), 4), round(kept / wanted, 4)


def _pair_weights(tokens: list[tuple[int, ...]], features: Any, rows: Any) -> Iterator[Any]:
    """For every row asked for its weight with all videos, as the engine's rule says, without its shortcuts."""
    sizes = np.array([len(said) for said in tokens])
    owner = np.repeat(np.arange(len(tokens)), sizes)
    values, token = np.unique(np.array([one for said in tokens for one in said], dtype=np.int64), return_inverse=True)
    pairs = np.unique(owner * max(1, len(values)) + token)
    owner, token = pairs // max(1, len(values)), pairs % max(1, len(values))
    carried = np.bincount(token, minlength=len(values))
    levels = {
        int(one): min(alike.MOST_RARE, (alike.log2_256(len(tokens) + 1) - alike.log2_256(int(one))) >> 4)
        for one in np.unique(carried)
    }
    gain = np.array([levels[one] ** 2 if one > 1 else 0 for one in carried.tolist()], dtype=np.int64)
    norms = np.bincount(owner, weights=gain[token], minlength=len(tokens)) + alike.DOUBT
    starts = np.searchsorted(owner, np.arange(len(tokens) + 1))
    looks, known = features.astype(np.int16), features.any(axis=1)
    for row in rows.tolist():
        mine = np.zeros(len(values), dtype=np.int64)
        said = token[starts[row] : starts[row + 1]]
        mine[said] = gain[said]
        shared = np.bincount(owner, weights=mine[token], minlength=len(tokens))
        text = (shared * 32768 / np.sqrt(norms * norms[row])).astype(np.int64)
        far = np.abs(looks - looks[row]).sum(axis=1, dtype=np.int64)
        visual = np.where(known & known[row], np.maximum(0, alike.SIGHT - far), 0)
        weight = np.minimum(32767, text + ((32768 - text) * (visual * alike.VISUAL_SHARE // alike.SIGHT) >> 15))
        weight[row] = 0
        yield weight


def placement(made: Topical, found: Any, rng: np.random.Generator) -> dict[str, float]:
    """One video in ten as if nobody had watched it: how it is placed among the nine that somebody may have watched."""
    starts, videos, _ = found
    size = len(made.ids)
    new = np.zeros(size, dtype=bool)
    new[rng.choice(size, size // 10, replace=False)] = True
    owner = np.repeat(np.arange(size), np.diff(starts))
    own = new[owner] & ~new[videos]
    bearing = ~new[owner] & new[videos]
    placed = np.unique(videos[bearing])
    silent = np.array([len(said) == 1 for said in made.tokens]) & new
    others = rng.integers(0, size, 100_000), rng.integers(0, size, 100_000)
    return {
        "new_videos": int(new.sum()),
        "new_videos_in_lists_of_watched": round(len(placed) / int(new.sum()), 4),
        "lists_per_new_video": round(float(np.count_nonzero(bearing) / new.sum()), 1),
        "neighbours_of_new_of_same_topic": _same(made, owner[own], videos[own]),
        "lists_with_new_of_same_topic": _same(made, owner[bearing], videos[bearing]),
        "wordless_new_videos": int(silent.sum()),
        "neighbours_of_wordless_of_same_topic": _same(made, owner[own & silent[owner]], videos[own & silent[owner]]),
        "random_videos_of_same_topic": _same(made, *others),
    }


def _same(made: Topical, one: Any, other: Any) -> float:
    return round(float(np.mean(made.topic[one] == made.topic[other])), 4) if len(one) else 0.0


@contextmanager
def embedded_postgres() -> Iterator[str]:
    """A PostgreSQL of its own, as a cell starts it, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="glaswerk-bench-") as folder:
        cell = Cell(Path(folder) / "cell")
        cell.make_folders()
        postgres.prepare(cell)
        server = subprocess.Popen(
            postgres.command(cell),
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **run_as(postgres.system_user()),
        )
        try:
            while not postgres.is_ready(cell):
                if server.poll() is not None:
                    raise SystemExit("PostgreSQL did not start")
                time.sleep(0.1)
            yield postgres.maintenance_url(cell)
        finally:
            server.terminate()
            server.wait()


def pgvector(features: Any, rows: Any) -> dict[str, Any]:
    """Build, size, time a query and recall of pgvector's HNSW on the sum of absolute differences, and of its exact scan."""
    figures: dict[str, Any] = {}
    known = np.flatnonzero(features.any(axis=1))
    with embedded_postgres() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        version = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
        figures["version"] = version[0] if version else "?"
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute("CREATE UNLOGGED TABLE looks (video bigint PRIMARY KEY, look vector(64) NOT NULL)")
        with connection.cursor().copy("COPY looks FROM STDIN") as copy:
            for row in known.tolist():
                copy.write_row((row, str(features[row].tolist())))
        begin = time.perf_counter()
        connection.execute("CREATE INDEX ON looks USING hnsw (look vector_l1_ops)")
        figures["build_seconds"] = round(time.perf_counter() - begin, 1)
        size = connection.execute("SELECT pg_relation_size('looks_look_idx')").fetchone()
        figures["index_mb"] = round(size[0] / 1e6, 1) if size else 0.0
        truth = nearest_looks(features, rows)
        for name, setting in (("hnsw_ef_40", 40), ("hnsw_ef_200", 200), ("exact", 0)):
            if setting:
                connection.execute(f"SET hnsw.ef_search = {setting}")
            else:
                connection.execute("SET enable_indexscan = off")
            asked = truth if setting else truth[:20]
            spent, hits = 0.0, []
            for row, bound, count in asked:
                text = str(features[row].tolist())
                begin = time.perf_counter()
                found = connection.execute(
                    "SELECT video, look <+> %s::vector FROM looks WHERE video <> %s ORDER BY look <+> %s::vector LIMIT %s",
                    [text, row, text, OWN],
                ).fetchall()
                spent += time.perf_counter() - begin
                hits.append(sum(far <= bound for _, far in found) / count)
            figures[f"{name}_ms_per_query"] = round(1000 * spent / len(asked), 2)
            figures[f"{name}_seconds_for_all"] = round(spent / len(asked) * len(known), 1)
            figures[f"{name}_recall"] = round(float(np.mean(hits)), 4)
    return figures


def nearest_looks(features: Any, rows: Any) -> list[tuple[int, int, int]]:
    """For every row that looks like any: the distance of the last of its best, and how many these are."""
    looks, known = features.astype(np.int16), features.any(axis=1)
    truth = []
    for row in rows[known[rows]].tolist():
        far = np.abs(looks - looks[row]).sum(axis=1, dtype=np.int64)
        far[~known], far[row] = 1 << 30, 1 << 30
        best = np.sort(far[far <= alike.SIGHT - alike.SIGHT * alike.LEAST // alike.VISUAL_SHARE])[:OWN]
        if len(best):
            truth.append((row, int(best[-1]), len(best)))
    return truth


def look_recall(features: Any, found: Any, rows: Any) -> float:
    """The same recall of the engine's lists by looks alone."""
    starts, videos, _ = found
    looks, shares = features.astype(np.int16), []
    for row, bound, count in nearest_looks(features, rows):
        far = np.abs(looks[videos[starts[row] : starts[row + 1]]] - looks[row]).sum(axis=1, dtype=np.int64)
        shares.append(min(count, np.count_nonzero(far <= bound)) / count)
    return round(float(np.mean(shares)), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--topics", type=int, default=300)
    parser.add_argument("--without-pgvector", action="store_true", help="Do not start a PostgreSQL.")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rng = np.random.default_rng(7)
    made = make_topical(chosen.videos, chosen.topics, rng)
    rows = rng.choice(chosen.videos, min(SAMPLE, chosen.videos), replace=False)
    # Compiling is not what is measured.
    alike.alike_lists(made.tokens[:100], made.features[:100], made.ids[:100], made.published[:100], NEIGHBOURS)
    found, spent = find(made, made.tokens, made.features)
    figures: dict[str, Any] = {"videos": chosen.videos, "topics": chosen.topics, "neighbours": NEIGHBOURS}
    figures |= {f"find_{name}": round(value, 2) for name, value in spent.items()}
    figures["lists_mb"] = round(sum(column.nbytes for column in found) / 1e6, 1)
    figures["recall"], figures["weight_found"] = recall(made, made.tokens, made.features, found, rows)
    figures |= placement(made, found, rng)
    silent: list[tuple[int, ...]] = [()] * chosen.videos
    by_look, spent = find(made, silent, made.features)
    figures |= {f"looks_only_{name}": round(value, 2) for name, value in spent.items()}
    figures["looks_only_recall"] = look_recall(made.features, by_look, rows)
    figures |= {f"looks_only_{name}": value for name, value in placement(made, by_look, rng).items() if "topic" in name}
    peers = {} if chosen.without_pgvector else {"pgvector": pgvector(made.features, rows)}
    report("alike", figures, peers, chosen.json)


if __name__ == "__main__":
    main()
