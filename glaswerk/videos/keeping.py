"""When a file may be removed: see `glaswerk.cell.keeping`, which knows the files of every app."""

from glaswerk.cell.keeping import discard, keep_blobs

__all__ = ["discard", "keep_blobs"]
