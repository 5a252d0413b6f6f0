"""The advisory locks of a cell's database, in one place, because two that share a number exclude each other.

Videos are locked by their ids, which are positive and small; `border.courier` locks each peer by a pair of numbers.
"""

from enum import IntEnum, unique


@unique
class Lock(IntEnum):
    """What one process of the cell does at a time, whatever the machine it runs on."""

    CUTTER = 0x676C_6173_0001
    EVENTS_PROJECTOR = 0x676C_6173_0002
    SLATES_PROJECTOR = 0x676C_6173_0003
    CUT = 0x676C_6173_0004
    LEARNER = 0x676C_6173_0005
    SPEAKER = 0x676C_6173_0006
    RECORDER = 0x676C_6173_0007
    COLLECTOR = 0x676C_6173_0008
    SUNSET_MARK = 0x676C_6173_0009
    MOVES = 0x676C_6173_000A
