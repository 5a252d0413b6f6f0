"""Recorded slates made again, for the signals that their slots were ranked by."""

from collections import defaultdict
from typing import Any, Final

import numpy as np
import psycopg
import structlog

from glaswerk.cell.config import Cell
from glaswerk.feed.epochs import epoch_path
from glaswerk.feed.learning.slots import Ints, Slots
from glaswerk.feed.slates import viewer_states
from glaswerk.glass import Ask, Epoch, GlassError, Slate, Viewer, WireError
from glaswerk.glass.fitting import SlotSignals, slot_signals

MOST_SLATES: Final = 20_000
MOST_EPOCHS: Final = 200
"""So many slates of so many epochs are made again, spread evenly over time: opening an epoch costs more than ranking by it."""
_logger = structlog.get_logger("glaswerk.learning")


def read_slots(connection: "psycopg.Connection[Any]", cell: Cell) -> Slots:
    """Make slates of the For You feed again. What cannot be made again - its epoch is gone, or of an earlier form - is left out."""
    epochs = connection.execute(
        "SELECT epoch, count(*) FROM feed_slaterecord GROUP BY epoch ORDER BY min(at), epoch"
    ).fetchall()
    if len(epochs) > MOST_EPOCHS:
        epochs = [epochs[place] for place in np.linspace(0, len(epochs) - 1, MOST_EPOCHS).round().astype(int)]
    each = _each([count for _, count in epochs], MOST_SLATES)
    found: list[tuple[int, int, Ints, SlotSignals]] = []
    failures: defaultdict[str, int] = defaultdict(int)
    for sha256, _ in epochs:
        try:
            epoch = Epoch.open(epoch_path(cell, sha256), sha256)
        except (GlassError, OSError) as error:
            failures[str(error)] += 1
            continue
        records = connection.execute(
            "SELECT id, at, viewer, ask, slate FROM feed_slaterecord WHERE epoch = %s ORDER BY at, id LIMIT %s",
            [sha256, each],
        ).fetchall()
        try:
            states = viewer_states(connection.cursor(), [record[0] for record in records])
        except WireError as error:
            failures[str(error)] += len(records)
            continue
        for number, at, viewer, asked, shown in records:
            try:
                state = Viewer.decode(states.get(number, b""))
                ask, slate = Ask.decode(bytes(asked)), Slate.decode(bytes(shown))
                videos = np.array([slot.video for slot in slate.slots if "again" not in slot.sources], dtype=np.int64)
                if ask.kind == "for_you" and len(videos):
                    found.append((at, viewer, videos, slot_signals(epoch, state, ask, videos)))
            except GlassError as error:
                failures[str(error)] += 1
    for failure, count in sorted(failures.items()):
        _logger.warning("slates were left out", failure=failure, count=count)
    return Slots.of(found)


def _each(counts: list[int], most: int) -> int:
    """How many slates of every epoch may be read, so that there are `most` in all, or all of them."""
    low, high = 0, max(counts, default=0)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(count, middle) for count in counts) <= most:
            low = middle
        else:
            high = middle - 1
    return max(low, 1)
