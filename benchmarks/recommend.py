"""How accurate, small and fast is the served co-watch filter, beside `implicit`? Prints a table, or JSON with --json.

    python benchmarks/recommend.py DIR --protocol lightgcn|leave-last-out

DIR holds `train.txt` and `test.txt`, or `data.txt` (see glaswerk/glass/cowatch/protocols.py). The peers need
`uv pip install implicit`; without it the filter is measured alone.
"""

import argparse
from pathlib import Path

from benchmarks._machine import report
from glaswerk.cli.learn import Protocol
from glaswerk.cli.learn_benchmark import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--protocol", type=Protocol, choices=list(Protocol), required=True)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    figures = run(chosen.folder, chosen.protocol)
    peers = figures.pop("peers")
    report("recommend", figures, peers, chosen.json)


if __name__ == "__main__":
    main()
