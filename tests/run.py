"""`./run test`: makes sure that there is a browser, then runs pytest with the given arguments.

Tests run side by side, because most of them wait for a cell or a browser; `-n 0` runs them one after the other.
"""

import os
import sys

import pytest

from tests.chromium import find_or_install

# Each has a database, an event log and a whole cell of its own.
_MOST_SIDE_BY_SIDE = 4


def main() -> int:
    """Return pytest's exit status."""
    browser = find_or_install()
    print(f"browser: {browser or 'none'}", flush=True)
    side_by_side = ["-n", str(min(os.cpu_count() or 1, _MOST_SIDE_BY_SIDE))]
    return int(pytest.main([*side_by_side, *sys.argv[1:]]))


if __name__ == "__main__":
    sys.exit(main())
