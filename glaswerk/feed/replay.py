"""Recorded slates made again, counted for an audit, and written out for somebody who trusts nobody here."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from glaswerk.cell.config import Cell, current_cell
from glaswerk.cell.ids import encode_id
from glaswerk.feed.epochs import epoch_path
from glaswerk.feed.models import SlateRecord
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


@lru_cache(maxsize=2)
def _epoch(cell: Cell, sha256: str) -> Epoch:
    return Epoch.open(epoch_path(cell, sha256), sha256)


def replay(record: SlateRecord, cell: Cell | None = None) -> Replay:
    """Make a recorded slate again and compare every byte. An epoch that is gone or altered is a failure, not an exception."""
    cell = cell or current_cell()
    name, recorded = encode_id(record.id), bytes(record.slate)
    try:
        viewer, ask = Viewer.decode(bytes(record.viewer_state)), Ask.decode(bytes(record.ask))
        made = rank(_epoch(cell, record.epoch), viewer, ask).encode()
    except (EpochError, WireError, OSError) as error:
        return Replay(name, record.epoch, False, None, str(error))
    return Replay(name, record.epoch, made == recorded, first_difference(made, recorded), "")


def first_difference(one: bytes, other: bytes) -> int | None:
    """The place of the first byte in which two texts differ, or None where they are equal."""
    if one == other:
        return None
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def sampled(size: int) -> Iterator[SlateRecord]:
    """At most so many recorded slates, drawn at random, those of one epoch together so that it is opened once."""
    drawn = SlateRecord.objects.order_by("?").values_list("id", flat=True)[:size]
    return SlateRecord.objects.filter(id__in=list(drawn)).order_by("epoch", "id").iterator()


def bundle(epoch: bytes, viewer: bytes, ask: bytes, slate: bytes) -> bytes:
    """One file with everything that a slate was made from: the form is in docs/algorithm.md, and every byte of it is hashed."""
    parts = (epoch, viewer, ask, slate)
    table = b"".join(len(part).to_bytes(8, "little") + hashlib.sha256(part).digest() for part in parts)
    data = BUNDLE_MAGIC + table + b"".join(parts)
    return data + hashlib.sha256(data).digest()


def export(record: SlateRecord, cell: Cell | None = None) -> bytes:
    """The bundle of a recorded slate. Raises OSError where its epoch is not kept any more, EpochError where it is altered."""
    data = epoch_path(cell or current_cell(), record.epoch).read_bytes()
    Epoch.from_bytes(data, record.epoch)
    return bundle(data, bytes(record.viewer_state), bytes(record.ask), bytes(record.slate))
