"""What do viewers get from each policy? Simulated ones: prints a table, or JSON with --json.

    python benchmarks/simulate.py --seeds 3

Figures are Glass's (the policy alone, and with learned heads), peers the other policies, each the mean over so many seeds.
"""

import argparse
import sys
import time
from typing import Any

import numpy as np

from benchmarks._machine import report
from glaswerk.glass import warm_up
from glaswerk.glass.simulator import Settings, simulate

FIGURES = (
    "watch_seconds_per_session", "watch_time_ratio", "pleasure_per_clip", "skipped", "pumped_share", "newcomers_share",
    "topics_in_ten",
)  # fmt: skip
OURS = ("glass", "glass_learned")


def summary(figures: dict[str, Any]) -> dict[str, float | None]:
    """The figures of one policy that questions are asked about."""
    return {
        **{name: figures[name] for name in FIGURES},
        "three_skips_ratio": figures["three_skips"]["ratio"],
        "first_shown_seconds_median": figures["first_shown"]["seconds_median"],
        "first_shown_seconds_95": figures["first_shown"]["seconds_95"],
    }


def mean(rows: list[dict[str, float | None]]) -> dict[str, float | None]:
    """Of each figure over all seeds; None where one of them has none."""
    result: dict[str, float | None] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        known = [value for value in values if value is not None]
        result[name] = round(float(np.mean(known)), 4) if len(known) == len(values) else None
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=700)
    parser.add_argument("--videos", type=int, default=2500)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1, help="how many worlds, from seed 1 on")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    warm_up()
    begin = time.perf_counter()
    results = []
    for seed in range(1, chosen.seeds + 1):
        results.append(simulate(Settings(chosen.viewers, chosen.videos, chosen.days, seed)))
        print(f"seed {seed} of {chosen.seeds}", file=sys.stderr)
    policies = {
        name: mean([summary(result["policies"][name]) for result in results]) for name in results[0]["policies"]
    }
    figures = {
        "viewers": chosen.viewers, "videos": chosen.videos, "days": chosen.days, "seeds": chosen.seeds,
        "seconds": round(time.perf_counter() - begin, 1),
        "heads_auc_of_finish": mean([result["heads_auc_of_finish"] or {} for result in results]),
        **{name: policies[name] for name in OURS if name in policies},
    }  # fmt: skip
    report("simulate", figures, {name: row for name, row in policies.items() if name not in OURS}, chosen.json)


if __name__ == "__main__":
    main()
