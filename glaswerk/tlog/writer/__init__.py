"""Writing a log: batches, a journal that decides, and the files that everybody may read."""

from glaswerk.tlog.writer.receipt import Receipt
from glaswerk.tlog.writer.writer import LogWriter

__all__ = ["LogWriter", "Receipt"]
