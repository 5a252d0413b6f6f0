"""The one error of this package, and the reasons it can have."""

from enum import StrEnum


class Reason(StrEnum):
    """Why something about a log was refused. The values are stable: they may be stored and translated."""

    # What was read is not what its format says.
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    MISSING = "missing"
    # What was read is well formed and does not hold.
    SIGNATURE = "signature"
    WITNESSES = "witnesses"
    MISMATCH = "mismatch"
    PROOF = "proof"
    # It holds by itself, and contradicts what was seen before.
    ROLLBACK = "rollback"
    FORK = "fork"
    STALE = "stale"
    # The question itself cannot be answered.
    OUT_OF_RANGE = "out_of_range"
    # The disk, the network or the state of the writer.
    STORAGE = "storage"
    UNREACHABLE = "unreachable"
    CLOSED = "closed"


class LogError(Exception):
    """Something about a log was refused. `reason` is for programs, `detail` is a sentence for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
