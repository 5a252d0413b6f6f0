"""The stage that tests of the running feed share."""

import pytest

from tests.cells import RunningCell
from tests.feed.theatre import Theatre


@pytest.fixture(scope="session")
def theatre(live_cell: RunningCell) -> Theatre:
    """People and tiny videos in the shared running cell."""
    return Theatre(live_cell)
