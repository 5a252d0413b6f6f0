"""What a video says of itself as 64-bit numbers, so that a viewer can hide a word, a hashtag, a creator or a sound."""

import hashlib
import unicodedata


def token(text: str) -> int:
    """The number that stands for a text: the first 8 bytes (little endian, signed) of the SHA-256 of its UTF-8.

    The text is normalised first (NFC, case folded, NFC again), so that case and the way an accent is typed do not matter.
    A word stands for itself; the others carry what they are: "#hashtag", "@<creator id>", "sound:<id>", ids in decimal.
    """
    return int.from_bytes(hashlib.sha256(_folded(text).encode()).digest()[:8], "little", signed=True)


def caption_tokens(text: str) -> tuple[int, ...]:
    """The tokens of the words of a caption, rising, each once: maximal runs of letters, digits and the marks on them."""
    spaced = "".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in _folded(text))
    return tuple(sorted({token(word) for word in spaced.split()}))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
