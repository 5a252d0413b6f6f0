"""What a blob is called: the SHA-256 of its bytes, with an extension where it may be served."""

import re
from dataclasses import dataclass
from typing import Final, Self

TYPES: Final = {
    "jpg": "image/jpeg",
    "m3u8": "application/vnd.apple.mpegurl",
    "m4a": "audio/mp4",
    "m4s": "video/mp4",
    "mp4": "video/mp4",
    "vtt": "text/vtt; charset=utf-8",
    "webp": "image/webp",
}
"""The extensions of what may be served, each with its media type."""

EXTENSIONS: Final = frozenset(TYPES)
SHA256: Final = re.compile(r"[0-9a-f]{64}")

MEDIA: Final = "media"
ORIGINALS: Final = "originals"
_KEY: Final = re.compile(r"(media|originals)/([0-9a-f]{2})/(\2[0-9a-f]{62})(?:\.([a-z0-9]+))?")


@dataclass(frozen=True, slots=True, order=True)
class Blob:
    """The name of a blob.  Without an extension it is an original, which is never served."""

    sha: str
    extension: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be the name of a blob."""
        if self.extension and self.extension not in EXTENSIONS:
            raise ValueError(f"a blob's extension is one of {', '.join(sorted(EXTENSIONS))}")
        if not SHA256.fullmatch(self.sha):
            raise ValueError("a blob is named by 64 lowercase hexadecimal digits")

    def __str__(self) -> str:
        """Return `<sha>.<extension>`, or `<sha>` for an original."""
        return f"{self.sha}.{self.extension}" if self.extension else self.sha

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read what `str` wrote.  Raises ValueError."""
        sha, _, extension = name.partition(".")
        return cls(sha, extension)

    @property
    def room(self) -> str:
        """Which of the two rooms of a store it lies in."""
        return MEDIA if self.extension else ORIGINALS

    @property
    def place(self) -> str:
        """Where it lies within its room; folders of a 256th each keep any file system quick."""
        return f"{self.sha[:2]}/{self}"

    @property
    def key(self) -> str:
        """Where it lies within a store."""
        return f"{self.room}/{self.place}"

    @classmethod
    def of_key(cls, key: str) -> Self | None:
        """Return the blob that lies at a key, or None for what is no blob of ours."""
        match = _KEY.fullmatch(key)
        if match is None or (match[1] == MEDIA) != (match[4] in EXTENSIONS) or (match[1] == ORIGINALS and match[4]):
            return None
        return cls(match[3], match[4] or "")
