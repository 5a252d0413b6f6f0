"""Opening a ZIP file that somebody brings.  Nothing in it is believed: not its names, not its sizes, not its kinds.

Everything is checked against the directory of the archive before a byte is unpacked, and again while it is: a file ends
where the directory says, or the archive is refused.
"""

import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Final, Self

from django.utils.translation import gettext as _

from glaswerk.border.failures import RightsError

MOST_FILES: Final = 50_000
_LONGEST_NAME: Final = 500
_DEEPEST: Final = 20
# The directory of so many files with such names has less; a larger one only costs memory.
_LARGEST_DIRECTORY: Final = 16 << 20
# Text becomes twenty times smaller, a bomb a thousand times.
_MOST_PRESSED: Final = 200
_PRESSED_FREELY: Final = 1 << 20
_PIECE: Final = 1 << 20
_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_HEADER_BYTES: Final = 30
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 0x1


class Archive:
    """A ZIP file whose names and sizes are in order."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        """Open and check it.  Raises RightsError, whose sentence is for who brought it."""
        _check_directory(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise damaged() from None
        try:
            self.files = self._checked(most_bytes)
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def _checked(self, most_bytes: int) -> dict[str, zipfile.ZipInfo]:
        entries = self._zip.infolist()
        if len(entries) > MOST_FILES:
            raise _refusal(_("The archive holds more than %(count)d files."), count=MOST_FILES)
        files: dict[str, zipfile.ZipInfo] = {}
        seen: set[str] = set()
        total = 0
        for info in entries:
            _check_name(info)
            _check_kind(info)
            # File systems that know no case would let one file overwrite another.
            folded = info.filename.casefold().rstrip("/")
            if folded in seen:
                raise _refusal(_("The archive holds “%(name)s” twice."), name=info.filename)
            seen.add(folded)
            total += info.file_size
            if total > most_bytes:
                raise _refusal(_("Unpacked, the archive has more than %(size)d MiB."), size=most_bytes >> 20)
            if info.file_size > _PRESSED_FREELY and info.file_size > _MOST_PRESSED * max(info.compress_size, 1):
                raise _refusal(_("“%(name)s” is pressed so hard that it must be a trap."), name=info.filename)
            if not info.is_dir():
                files[info.filename] = info
        _check_apart(entries)
        for name in files:
            if any(str(parent) in files for parent in PurePosixPath(name).parents):
                raise _refusal(_("The archive holds “%(name)s” within a file."), name=name)
        return files

    def open(self, name: str) -> IO[bytes]:
        """Open a file of it.  Whoever reads stops at `size_of`; reading may raise zipfile.BadZipFile and zlib.error."""
        return self._zip.open(self.files[name])

    def size_of(self, name: str) -> int:
        """How many bytes a file has, as the directory says."""
        return self.files[name].file_size

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes, never more than the directory says.  Raises RightsError where it is damaged."""
        left = self.size_of(name)
        try:
            with self.open(name) as opened:
                while piece := opened.read(min(_PIECE, left + 1)):
                    left -= len(piece)
                    if left < 0:
                        raise damaged()
                    yield piece
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, zlib.error):
            raise damaged() from None
        if left:
            raise damaged()

    def unpack(self, folder: Path) -> None:
        """Write all files into an empty folder.  Raises RightsError, and OSError where the disk does not take them."""
        folder.mkdir(mode=0o700, parents=True)
        if shutil.disk_usage(folder).free < sum(info.file_size for info in self.files.values()) + (256 << 20):
            raise RightsError("file", _("There is no room left on this server. Please tell the operator."), 507)
        for name in self.files:
            target = folder / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with target.open("xb") as out:
                for piece in self.pieces(name):
                    out.write(piece)


def damaged() -> RightsError:
    """Return the refusal of an archive whose bytes are not in order."""
    return RightsError(
        "file", _("This is no ZIP file, or it is damaged. Please download the archive again, and bring it as it is.")
    )


def _refusal(sentence: str, **facts: object) -> RightsError:
    return RightsError(
        "file", (sentence % {key: str(value)[:100] if key == "name" else value for key, value in facts.items()})[:500]
    )


def _check_directory(path: Path) -> None:
    """Refuse an archive whose directory alone would fill the memory, before the library reads it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - (1 << 16) - _END.size))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < _END.size:
            raise damaged()
        directory = _END.unpack_from(tail, at)[5]
        if at >= _LOCATOR.size and tail[at - _LOCATOR.size : at].startswith(b"PK\x06\x07"):
            place = _LOCATOR.unpack_from(tail, at - _LOCATOR.size)[2]
            if place + _END64.size > size:
                raise damaged()
            file.seek(place)
            directory = _END64.unpack(file.read(_END64.size))[8]
    if directory > _LARGEST_DIRECTORY:
        raise _refusal(_("The archive holds more than %(count)d files."), count=MOST_FILES)


def _check_name(info: zipfile.ZipInfo) -> None:
    name = info.filename
    parts = name.rstrip("/").split("/")
    is_plain = (
        0 < len(name) <= _LONGEST_NAME
        and len(parts) <= _DEEPEST
        and all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in parts)
        and "\\" not in name
        and ":" not in parts[0]
        and name.isprintable()
        # The library cuts names at a zero byte, and so would show another name than the archive has.
        and info.orig_filename == name
    )
    if not is_plain:
        raise _refusal(
            _("The archive holds a name that leads out of it, or that no file can have: “%(name)s”."),
            name=ascii(name)[1:-1],
        )


def _check_kind(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refusal(_("The archive holds a link or a device: “%(name)s”."), name=info.filename)
    if info.flag_bits & _ENCRYPTED:
        raise _refusal(_("The archive is protected by a password. Please unpack it, and pack it without one."))
    if info.compress_type not in _METHODS:
        raise _refusal(_("“%(name)s” is packed in a way that we do not read."), name=info.filename)


def _check_apart(entries: list[zipfile.ZipInfo]) -> None:
    """Refuse files that share bytes: so a small archive could be unpacked into a huge one without being pressed hard."""
    end = 0
    for info in sorted(entries, key=lambda one: one.header_offset):
        if info.header_offset < end:
            raise damaged()
        end = info.header_offset + _HEADER_BYTES + info.compress_size
