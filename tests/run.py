"""`./run test`: makes sure that there is a browser, then runs pytest with the given arguments."""

import sys

import pytest

from tests.chromium import find_or_install


def main() -> int:
    """Return pytest's exit status."""
    browser = find_or_install()
    print(f"browser: {browser or 'none'}", flush=True)
    return int(pytest.main(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
