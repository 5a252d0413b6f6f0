"""Opening what is packed: one layer of compression, archives, transfer encodings and escapes at a time."""

import binascii
import bz2
import html
import lzma
import quopri
import re
import zlib
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import numpy as np
import numpy.typing as npt
import zstandard

# Of one packed piece, unpacked.
MOST_BYTES: Final = 256 << 20
_MAGIC: Final = re.compile(
    rb"\x1f\x8b\x08|BZh[1-9](?=1AY&SY)|\xfd7zXZ\x00|\x28\xb5\x2f\xfd|PK\x03\x04|\x78[\x01\x5e\x9c\xda]", re.DOTALL
)
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_ALPHANUMERIC: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_FOLD: Final = re.compile(rb"=?\r?\n[ \t]*")
_ESCAPE: Final = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([0-7]{3}))")
_QUOTED: Final = re.compile(rb"=[0-9A-Fa-f]{2}")
_PERCENT: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_ENTITY: Final = re.compile(rb"&#?[A-Za-z0-9]+;")
_ZIP_HEADER: Final = 30


def _table(letters: bytes) -> npt.NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(letters)] = True
    return table


# Words that people and programs write.  What is encoded or escaped is made of them, also where the rest is no text.
_TEXT: Final = _table(b"\t\r\n" + bytes(range(0x20, 0x7F)))
_BASE64: Final = _table(_ALPHANUMERIC + b"+/-_")
_HEX: Final = _table(b"0123456789ABCDEFabcdef")


class TooLarge(Exception):  # noqa: N818 - it says what was found.
    """A piece unpacks to more than is held."""


def opened(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield whatever is packed in these bytes, anywhere in them, with the name of the wrapping; one layer of it.

    What is cut short, or damaged further on, is unpacked as far as it goes.  Raises TooLarge, after everything else was
    yielded, where a piece has more than 256 MiB.
    """
    too_large = False
    for name, piece in _unpacked(data):
        if piece is None:
            too_large = True
        elif piece:
            yield name, piece
    if wide := b"\n".join(_wide(data)):
        yield "wide letters", wide
    text = b"\0".join(_runs(data, _TEXT, 16))
    for name, piece in (*_decoded(text), *_unescaped(text)):
        if piece and piece != text:
            yield name, piece
    if too_large:
        raise TooLarge


def _stretches(mask: npt.NDArray[np.bool_], least: int) -> list[list[int]]:
    """Where the stretches of True begin and end that are at least so long."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False)).reshape(-1, 2)
    return edges[edges[:, 1] - edges[:, 0] >= least].tolist()  # type: ignore[no-any-return]


def _runs(data: bytes, table: npt.NDArray[np.bool_], least: int) -> Iterator[bytes]:
    for begin, end in _stretches(table[np.frombuffer(data, np.uint8)], least):
        yield data[begin:end]


def _wide(data: bytes) -> Iterator[bytes]:
    """Words whose letters have two or four bytes each."""
    values = np.frombuffer(data, np.uint8)
    is_letter, is_zero = _TEXT[values], values == 0
    for width in (2, 4):
        size = len(data) - width + 1
        fits = is_letter[: max(size, 0)].copy()
        for place in range(1, width):
            fits &= is_zero[place : place + max(size, 0)]
        for shift in range(width):
            for begin, end in _stretches(fits[shift::width], 8):
                yield data[shift + begin * width : shift + end * width : width]


def _unpacked(data: bytes) -> Iterator[tuple[str, bytes | None]]:
    view = memoryview(data)
    for match in _MAGIC.finditer(data):
        magic, place = match[0], match.start()
        if magic == b"PK\x03\x04":
            # The lengths of the name and of what else the header has; then the file itself, deflated or as it is.
            header = data[place : place + _ZIP_HEADER]
            if len(header) == _ZIP_HEADER and header[8:10] == b"\x08\x00":
                begin = (
                    place
                    + _ZIP_HEADER
                    + int.from_bytes(header[26:28], "little")
                    + int.from_bytes(header[28:30], "little")
                )
                yield "zip", _inflated(zlib.decompressobj(-zlib.MAX_WBITS), view[begin:])
        elif magic == b"\x1f\x8b\x08":
            yield "gzip", _inflated(zlib.decompressobj(16 + zlib.MAX_WBITS), view[place:])
        elif magic[:1] == b"\x78":
            yield "zlib", _inflated(zlib.decompressobj(), view[place:])
        elif magic[:3] == b"BZh":
            yield "bzip2", _inflated(bz2.BZ2Decompressor(), view[place:])
        elif magic[:1] == b"\xfd":
            yield "xz", _inflated(lzma.LZMADecompressor(), view[place:])
        else:
            yield "zstd", _inflated(zstandard.ZstdDecompressor().decompressobj(), view[place:])
    # Without a header it can only be told by trying, and only where it begins.
    yield "deflate", _inflated(zlib.decompressobj(-zlib.MAX_WBITS), view)


def _inflated(unpacker: Any, data: memoryview) -> bytes | None:
    """Unpack until the end or the first damage; None where it is more than may be held."""
    out = bytearray()
    for begin in range(0, len(data), 1 << 14):
        try:
            out += unpacker.decompress(data[begin : begin + (1 << 14)])
        except (zlib.error, OSError, lzma.LZMAError, zstandard.ZstdError, EOFError, ValueError):
            break
        if len(out) > MOST_BYTES:
            return None
        if unpacker.eof:
            break
    return bytes(out)


def _decoded(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Runs that may be encoded.  Where one begins is not known, so each alignment is tried; runs stay apart by zeros."""
    runs = [run.translate(_URL_SAFE) for run in _runs(text, _BASE64, 20)]
    for offset in range(4) if runs else ():
        yield "base64", b"\0".join(_from_base64(run[offset:]) for run in runs)
    runs = list(_runs(text, _HEX, 16))
    for offset in range(2) if runs else ():
        yield "hex", b"\0".join(binascii.unhexlify(run[offset : offset + (len(run) - offset) // 2 * 2]) for run in runs)


def _from_base64(run: bytes) -> bytes:
    whole = len(run) // 4 * 4
    rest = run[whole:]
    # A run without its padding, of which two or three characters hold one or two bytes more.
    return binascii.a2b_base64(run[:whole]) + (
        binascii.a2b_base64(rest + b"=" * (4 - len(rest))) if len(rest) > 1 else b""
    )


def _unescaped(text: bytes) -> Iterator[tuple[str, bytes]]:
    if b"\n" in text:
        yield "folded lines", _FOLD.sub(b"", text)
    if _PERCENT.search(text):
        yield "percent", unquote_to_bytes(text)
    if _QUOTED.search(text):
        yield "quoted-printable", quopri.decodestring(text)
    if _ESCAPE.search(text):
        yield "escapes", _ESCAPE.sub(_letter, text)
    if _ENTITY.search(text):
        yield "HTML", html.unescape(text.decode("ascii")).encode("utf-8", "surrogatepass")


def _letter(match: "re.Match[bytes]") -> bytes:
    if match[1]:
        return chr(int(match[1], 16)).encode("utf-8", "surrogatepass")
    return bytes([int(match[2], 16) if match[2] else int(match[3], 8) & 0xFF])
