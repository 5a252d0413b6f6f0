"""What the headers of tus 1.0.0 say, read strictly; whatever is refused names the header and the remedy."""

import base64
import binascii
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from glaswerk.videos.actions import UploadError
from glaswerk.videos.models import UploadPurpose

VERSION: Final = b"1.0.0"
EXTENSIONS: Final = b"creation,creation-with-upload,checksum,expiration,termination"
# The names of the protocol, which are those of hashlib as well.
ALGORITHMS: Final = ("sha1", "sha256", "md5")
CHUNK_TYPE: Final = b"application/offset+octet-stream"
CHECKSUM_MISMATCH: Final = 460
MAX_METADATA: Final = 32 * 1024
MAX_FILENAME: Final = 255
_MAX_KEYS: Final = 20
_NUMBER: Final = re.compile(rb"[0-9]{1,15}")
_KEY: Final = re.compile(r"[!-+\--~]{1,64}")
_FILETYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}(;[ -~]{0,60})?")
# The beginning of an absolute path of any system, or a step upwards anywhere.
_PATH: Final = re.compile(
    r"~?[/\\]|~\w+[/\\]|[A-Za-z]:[/\\]|file:|(.*[/\\])?\.\.([/\\].*)?$", re.IGNORECASE | re.DOTALL
)
# These turn the order of what is shown, so that a name could look like another.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

Headers = Mapping[bytes, bytes]


class TusError(UploadError):
    """A request that cannot be answered as it stands; `headers` go with the refusal."""

    def __init__(
        self, status: int, message: str, field: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(field, message, status)
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an upload says of itself; `visibility` None stands for the person's default."""

    filename: str = ""
    filetype: str = ""
    purpose: UploadPurpose = UploadPurpose.VIDEO
    caption: str = ""
    visibility: str | None = None
    # False: it is shown in this region only.
    elsewhere: bool | None = None


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a chunk's digest has to be."""

    algorithm: str
    digest: bytes

    def begin(self) -> "hashlib._Hash":
        """Return a fresh hash of this algorithm.  It guards against accidents, not against attackers."""
        return hashlib.new(self.algorithm, usedforsecurity=False)


def check_version(headers: Headers) -> None:
    """Refuse every version but ours."""
    if headers.get(b"tus-resumable") != VERSION:
        raise TusError(
            412, "Send the header Tus-Resumable: 1.0.0.", "Tus-Resumable", headers=((b"tus-version", VERSION),)
        )


def parse_length(headers: Headers) -> int:
    """Return the length of a new upload."""
    if b"upload-concat" in headers:
        raise TusError(400, "Joining uploads is not offered here. Send the file as one upload.", "Upload-Concat")
    if b"upload-defer-length" in headers:
        raise TusError(400, "The length has to be known. Send Upload-Length instead.", "Upload-Defer-Length")
    return _number(headers, b"upload-length", "Upload-Length")


def parse_offset(headers: Headers) -> int:
    """Return the offset at which a chunk begins."""
    return _number(headers, b"upload-offset", "Upload-Offset")


def content_length(headers: Headers) -> int | None:
    """Return the announced length of the body; None where the client does not know it yet."""
    if b"content-length" not in headers:
        return None
    return _number(headers, b"content-length", "Content-Length")


def is_chunk(headers: Headers) -> bool:
    """Whether the body is a piece of an upload."""
    return headers.get(b"content-type", b"").split(b";")[0].strip().lower() == CHUNK_TYPE


def parse_checksum(headers: Headers) -> Checksum | None:
    """Return the digest that a chunk must have, or None where none is named."""
    given = headers.get(b"upload-checksum")
    if given is None:
        return None
    algorithm, _, encoded = given.partition(b" ")
    name = algorithm.decode("latin-1").lower()
    if name not in ALGORITHMS:
        raise TusError(400, f"Use one of the algorithms {', '.join(ALGORITHMS)}.", "Upload-Checksum")
    try:
        digest = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != hashlib.new(name, usedforsecurity=False).digest_size:
        raise TusError(400, "Send the algorithm, a space and the digest in base64.", "Upload-Checksum")
    return Checksum(name, digest)


def parse_metadata(given: bytes) -> Metadata:
    """Return what Upload-Metadata says.

    Keys that nobody here knows are left alone, but nothing in the header may be a path or hold control characters.
    """
    if len(given) > MAX_METADATA:
        raise TusError(400, f"Send at most {MAX_METADATA >> 10} KiB of metadata.", "Upload-Metadata")
    pairs = _pairs(given)
    for key, value in pairs.items():
        if key != "caption":
            _check_value(key, value)
    filename, filetype = pairs.get("filename", ""), pairs.get("filetype", "")
    if len(filename) > MAX_FILENAME or re.search(r"[/\\]", filename) or filename in (".", ".."):
        raise _metadata_error("filename", f"must be a plain name of at most {MAX_FILENAME} characters, without a path")
    if filetype and not _FILETYPE.fullmatch(filetype):
        raise _metadata_error("filetype", "must be a media type such as video/mp4")
    elsewhere = pairs.get("elsewhere", "")
    if elsewhere not in ("", "yes", "no"):
        raise _metadata_error("elsewhere", "must be yes or no")
    purpose = pairs.get("purpose") or UploadPurpose.VIDEO.value
    if purpose not in UploadPurpose.values:
        raise _metadata_error("purpose", f"must be one of {', '.join(UploadPurpose.values)}")
    return Metadata(
        filename=filename,
        filetype=filetype,
        purpose=UploadPurpose(purpose),
        caption=pairs.get("caption", ""),
        visibility=pairs.get("visibility") or None,
        elsewhere={"yes": True, "no": False}.get(elsewhere),
    )


def _number(headers: Headers, name: bytes, shown: str) -> int:
    given = headers.get(name)
    if given is None:
        raise TusError(400, f"Send the header {shown}.", shown)
    if not _NUMBER.fullmatch(given):
        raise TusError(400, f"{shown} must be a whole number of bytes.", shown)
    return int(given)


def _pairs(given: bytes) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in given.decode("latin-1").split(",") if given.strip() else ():
        key, _, encoded = pair.strip(" ").partition(" ")
        if not _KEY.fullmatch(key) or key in pairs or len(pairs) == _MAX_KEYS:
            raise TusError(
                400, f"Send at most {_MAX_KEYS} keys, each once, as: key base64, key base64.", "Upload-Metadata"
            )
        try:
            pairs[key] = base64.b64decode(encoded.strip(" ").encode("latin-1"), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise _metadata_error(key, "must be UTF-8 text in base64") from None
    return pairs


def _check_value(key: str, value: str) -> None:
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in _TURNING for letter in value):
        raise _metadata_error(key, "must not hold control characters")
    if _PATH.match(value):
        raise _metadata_error(key, "must not be a path")


def _metadata_error(key: str, what: str) -> TusError:
    return TusError(400, f"In Upload-Metadata, {key} {what}.", f"Upload-Metadata.{key}")
