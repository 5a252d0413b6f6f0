"""Writing a bag into a ZIP file in one pass, without a copy of its files beside it.

The `bagit` library makes a bag of a folder, by moving what lies in it; an export with hundreds of originals would need
their room twice.  So the manifests are written here, from the hashes of what went by, and what the library makes of the
result is a test.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

_PIECE: Final = 1 << 20
# Pictures, sounds and videos do not become smaller.
_PRESSED: Final = (".json", ".html", ".otio", ".vtt", ".txt")
_DECLARATION: Final = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


class BagWriter:
    """A bag that is being written; it is whole, and only then, when the block ends without an error."""

    def __init__(self, path: Path, name: str, facts: dict[str, str]) -> None:
        """Write to `path`; everything lies in the folder `name`, and `facts` stand in `bag-info.txt`."""
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True)
        self._name = name
        self._facts = facts
        self._payload: dict[str, str] = {}
        self._bytes = 0
        self._moment = datetime.now(UTC).timetuple()[:6]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        self._zip.close()

    def add_file(self, path: str, source: Path) -> None:
        """Add a file of this machine to the payload."""
        with source.open("rb") as opened, self._entry(f"data/{path}") as entry:
            while piece := opened.read(_PIECE):
                entry.write(piece)

    def add_bytes(self, path: str, data: bytes) -> None:
        """Add bytes to the payload."""
        with self._entry(f"data/{path}") as entry:
            entry.write(data)

    def add_records(self, path: str, records: Iterable[Any], within: tuple[str, str] = ("", "")) -> int:
        """Add records as one JSON list, one after another and so of any number, and return how many there were.

        `within` is what stands before and behind the list, `%d` behind it for their number.
        """
        number = 0
        with self._entry(f"data/{path}") as entry:
            entry.write(within[0].encode() + b"[")
            for record in records:
                entry.write(b",\n" if number else b"\n")
                entry.write(json.dumps(record, ensure_ascii=False, default=str).encode())
                number += 1
            entry.write(b"\n]" + within[1].replace("%d", str(number)).encode() + b"\n")
        return number

    def _finish(self) -> None:
        self._facts |= {
            "Bagging-Date": datetime.now(UTC).date().isoformat(),
            "Payload-Oxum": f"{self._bytes}.{len(self._payload)}",
        }
        tags = {
            "bagit.txt": _DECLARATION,
            "bag-info.txt": "".join(f"{name}: {value}\n" for name, value in self._facts.items()),
            "manifest-sha256.txt": "".join(f"{digest}  {path}\n" for path, digest in sorted(self._payload.items())),
        }
        hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in tags.items()}
        tags["tagmanifest-sha256.txt"] = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))
        for name, text in tags.items():
            self._zip.writestr(self._info(name), text.encode())

    def _info(self, path: str) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(f"{self._name}/{path}", self._moment)
        info.compress_type = zipfile.ZIP_DEFLATED if path.endswith(_PRESSED) else zipfile.ZIP_STORED
        info.external_attr = 0o600 << 16
        return info

    @contextmanager
    def _entry(self, path: str) -> Iterator["_Hashing"]:
        if path in self._payload:
            raise ValueError(f"{path} is in the bag already")
        with self._zip.open(self._info(path), "w", force_zip64=True) as opened:
            entry = _Hashing(opened)
            yield entry
        self._payload[path] = entry.digest.hexdigest()
        self._bytes += entry.written


class _Hashing:
    """A file that is written and hashed."""

    def __init__(self, opened: IO[bytes]) -> None:
        self._opened = opened
        self.digest = hashlib.sha256()
        self.written = 0

    def write(self, data: bytes) -> None:
        self._opened.write(data)
        self.digest.update(data)
        self.written += len(data)
