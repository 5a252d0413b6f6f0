"""What whoever appends gets back."""

from dataclasses import dataclass

from glaswerk.tlog.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Receipt:
    """`count` entries from number `index` on are in the log of this checkpoint, whose signed bytes are `note`."""

    index: int
    count: int
    checkpoint: Checkpoint
    note: bytes
