"""How a value may be spelled in bytes: character sets, transfer encodings, escapes, and digests."""

import base64
import codecs
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Of a needle, in bytes.  Random data holds 8 given bytes once in 2^64 places.
SHORTEST: Final = 8
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_LENGTH: Final = 20
_CHARSETS: Final = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp037")
_DIGESTS: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s")
_UUENCODED: Final = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", bytes([96, *range(33, 96)])
)


@dataclass(frozen=True, slots=True)
class Needle:
    """Bytes to look for, whose they are, and how they are spelled."""

    label: str
    spelling: str
    data: bytes


def new_token() -> str:
    """Return a random word of 20 letters and digits (100 bits), which any field that takes a word can hold."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def spelled(label: str, value: str) -> list[Needle]:
    """Return the needles of a value, in each of its spellings and with its digests.

    Raises ValueError for a value that is too short to be unmistakable.
    """
    return [Needle(label, name, data) for name, data in spellings(value)] + digested(label, value)


def digested(label: str, value: str) -> list[Needle]:
    """Return the needles of a value's digests: their first eight bytes, so that shortened ones are found as well."""
    return [
        Needle(label, name, hashlib.new(name, text.encode(), usedforsecurity=False).digest()[:SHORTEST])
        for text in dict.fromkeys((value, value.lower(), value.upper()))
        for name in _DIGESTS
    ]


def spellings(value: str) -> Iterator[tuple[str, bytes]]:
    """Yield each spelling of a value with its name; none twice.  Raises ValueError where it has less than 8 bytes."""
    if len(value.encode()) < SHORTEST:
        raise ValueError(f"{value!r} has less than {SHORTEST} bytes, so it may stand anywhere by chance")
    met: set[bytes] = set()
    for text, how in ((value, ""), (value.lower(), ", lower case"), (value.upper(), ", upper case")):
        for name, data in _spellings(text):
            if data not in met and len(data) >= SHORTEST:
                met.add(data)
                yield name + how, data


def _spellings(text: str) -> Iterator[tuple[str, bytes]]:
    for name in _CHARSETS:
        # Not every character set has every letter.
        data = text.encode(name, "ignore")
        yield name, data
        yield f"{name}, reversed", data[::-1]
    yield "rot13", codecs.encode(text, "rot13").encode()
    yield "reversed letters", text[::-1].encode()
    yield from _escapes(text)
    plain = text.encode()
    for name, data in (
        ("", plain),
        (" of utf-16-le", text.encode("utf-16-le")),
        (" of utf-16-be", text.encode("utf-16-be")),
    ):
        yield f"hex{name}", data.hex().encode()
        yield f"upper-case hex{name}", data.hex().upper().encode()
        for offset in range(3):
            piece = _window(base64.b64encode(bytes(offset) + data), 6, offset, len(data))
            yield f"base64{name}, offset {offset}", piece
            yield f"base64url{name}, offset {offset}", piece.translate(bytes.maketrans(b"+/", b"-_"))
    for offset in range(3):
        piece = _window(base64.b64encode(bytes(offset) + plain), 6, offset, len(plain))
        yield f"uuencode, offset {offset}", piece.translate(_UUENCODED)
    for offset in range(5):
        piece = _window(base64.b32encode(bytes(offset) + plain), 5, offset, len(plain))
        yield f"base32, offset {offset}", piece
        yield f"lower-case base32, offset {offset}", piece.lower()
    for offset in range(4):
        # Groups of four bytes are spelled without regard to their neighbours.
        whole = plain[-offset % 4 :]
        whole = whole[: len(whole) // 4 * 4]
        yield f"base85, offset {offset}", base64.b85encode(whole)
        yield f"ascii85, offset {offset}", base64.a85encode(whole)


def _window(encoded: bytes, bits: int, offset: int, size: int) -> bytes:
    """The characters that hang on the value's own bits and on no others, of one that stands `offset` bytes into it."""
    return encoded[-(-8 * offset // bits) : 8 * (offset + size) // bits]


def _escapes(text: str) -> Iterator[tuple[str, bytes]]:
    data = text.encode()
    # Of characters beyond the Basic Multilingual Plane JSON spells two halves.
    wide = text.encode("utf-16-be")
    halves = [int.from_bytes(wide[place : place + 2], "big") for place in range(0, len(wide), 2)]
    for name, form in (("", "{:02X}"), ("lower-case ", "{:02x}")):
        yield f"{name}percent", "".join("%" + form.format(byte) for byte in data).encode()
        yield f"{name}double percent", "".join("%25" + form.format(byte) for byte in data).encode()
        yield f"{name}quoted-printable", "".join("=" + form.format(byte) for byte in data).encode()
        yield f"{name}\\x", "".join("\\x" + form.format(byte) for byte in data).encode()
        yield f"{name}spaced hex", " ".join(form.format(byte) for byte in data).encode()
        yield f"{name}colon hex", ":".join(form.format(byte) for byte in data).encode()
        yield f"{name}\\u", "".join("\\u" + form.replace("02", "04").format(half) for half in halves).encode()
        yield f"{name}HTML hex", "".join(f"&#x{form.format(ord(letter))};" for letter in text).encode()
    yield "HTML decimal", "".join(f"&#{ord(letter)};" for letter in text).encode()
    yield "octal", "".join(f"\\{byte:03o}" for byte in data).encode()
    yield "binary", "".join(f"{byte:08b}" for byte in data).encode()
    yield "list of bytes", ",".join(map(str, data)).encode()
    yield "spaced list of bytes", ", ".join(map(str, data)).encode()
    yield "punycode", text.encode("punycode").removesuffix(b"-")
    for name, between in (("spaces", " "), ("dashes", "-"), ("dots", ".")):
        yield f"{name} between letters", between.join(text).encode()
