"""Recorded slates made again, counted for an audit, and written out for somebody who trusts nobody here."""

import hashlib
from dataclasses import dataclass
from typing import Final

from glaswerk.cell.config import Cell, current_cell
from glaswerk.cell.ids import encode_id
from glaswerk.feed.epochs import epoch_path, kept_epoch
from glaswerk.feed.slates import RecordedSlate
from glaswerk.glass import Ask, Epoch, EpochError, Viewer, WireError, rank

BUNDLE_MAGIC: Final = b"GLASBU01"


@dataclass(frozen=True)
class Replay:
    """What came of making one slate again. byte: the first that differs, or None; failure: why it could not be made, or ""."""

    slate: str
    epoch: str
    identical: bool
    byte: int | None
    failure: str


def replay(record: RecordedSlate, cell: Cell | None = None) -> Replay:
    """Make a recorded slate again and compare every byte. What is gone or altered is a failure, not an exception."""
    name = encode_id(record.id)
    try:
        viewer, ask = Viewer.decode(record.viewer_state), Ask.decode(record.ask)
        made = rank(kept_epoch(record.epoch, cell), viewer, ask).encode()
    except (EpochError, WireError, OSError) as error:
        return Replay(name, record.epoch, False, None, str(error))
    return Replay(name, record.epoch, made == record.slate, first_difference(made, record.slate), "")


def first_difference(one: bytes, other: bytes) -> int | None:
    """The place of the first byte in which two texts differ, or None where they are equal."""
    if one == other:
        return None
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def bundle(epoch: bytes, viewer: bytes, ask: bytes, slate: bytes) -> bytes:
    """One file with everything that a slate was made from: the form is in docs/algorithm.md, and every byte of it is hashed."""
    parts = (epoch, viewer, ask, slate)
    table = b"".join(len(part).to_bytes(8, "little") + hashlib.sha256(part).digest() for part in parts)
    data = BUNDLE_MAGIC + table + b"".join(parts)
    return data + hashlib.sha256(data).digest()


def export(record: RecordedSlate, cell: Cell | None = None) -> bytes:
    """The bundle of a recorded slate.

    Raises OSError where its epoch is not kept any more, EpochError where that is altered, WireError where the record is.
    """
    data = epoch_path(cell or current_cell(), record.epoch).read_bytes()
    Epoch.from_bytes(data, record.epoch)
    Viewer.decode(record.viewer_state)
    return bundle(data, record.viewer_state, record.ask, record.slate)
