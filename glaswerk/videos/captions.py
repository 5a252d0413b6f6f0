"""What a caption may hold, and which hashtags and mentions stand in it.  Pure functions over text."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from glaswerk.people.names import NAME_PATTERN

MAX_CAPTION: Final = 2200
MAX_HASHTAGS: Final = 30
MAX_HASHTAG: Final = 50
MAX_MENTIONS: Final = 30

# Embeddings, overrides and isolates: they can turn the text around them against what it says.
# Unicode Technical Report 36, section 3.2; the plain marks (LRM, RLM) stay, because Arabic and Hebrew need them.
_BIDI_CONTROLS: Final = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_NAME: Final = re.compile(NAME_PATTERN, re.IGNORECASE)


class Refusal(StrEnum):
    """Why a caption cannot be taken."""

    TOO_LONG = "caption_too_long"
    CONTROL_CHARACTER = "caption_control_character"
    TOO_MANY_HASHTAGS = "too_many_hashtags"
    HASHTAG_TOO_LONG = "hashtag_too_long"
    TOO_MANY_MENTIONS = "too_many_mentions"


class CaptionError(Exception):
    """A caption cannot be taken as it is; `reason` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption that may be stored.  `hashtags` (without #, casefolded) and `mentions` (names, without @) are in
    the order of their first appearance, each once."""

    text: str
    hashtags: tuple[str, ...]
    mentions: tuple[str, ...]


def parse_caption(raw: str) -> Caption:
    """Clean a caption and read its hashtags and mentions.  Raises CaptionError.

    Parsing the text of the result again gives the same result.
    """
    text = clean_caption(raw)
    hashtags = find_hashtags(text)
    mentions = find_mentions(text)
    if any(len(hashtag) > MAX_HASHTAG for hashtag in hashtags):
        raise CaptionError(Refusal.HASHTAG_TOO_LONG)
    if len(hashtags) > MAX_HASHTAGS:
        raise CaptionError(Refusal.TOO_MANY_HASHTAGS)
    if len(mentions) > MAX_MENTIONS:
        raise CaptionError(Refusal.TOO_MANY_MENTIONS)
    return Caption(text, hashtags, mentions)


def clean_caption(raw: str) -> str:
    """Return the caption in NFC, with plain line ends and without bidirectional controls.  Raises CaptionError.

    The length is counted in code points after cleaning.
    """
    # Normalising is slow on long texts and shortens a text at most to a third, so the absurd is refused first.
    if len(raw) > 4 * MAX_CAPTION:
        raise CaptionError(Refusal.TOO_LONG)
    text = raw.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").translate(_BIDI_CONTROLS)
    if any(unicodedata.category(character) in ("Cc", "Cs") and character != "\n" for character in text):
        raise CaptionError(Refusal.CONTROL_CHARACTER)
    text = unicodedata.normalize("NFC", text).strip()
    if len(text) > MAX_CAPTION:
        raise CaptionError(Refusal.TOO_LONG)
    return text


def find_hashtags(text: str) -> tuple[str, ...]:
    """Return the hashtags of a text as they are compared: casefolded, NFC, each once.

    A hashtag is # and then letters, marks, digits and underscores of any script, at least one of them a letter; the
    character before the # is none of these, so that addresses with a fragment have no hashtags.
    """
    found = (fold_hashtag(word) for word in _words_after(text, "#") if any(map(str.isalpha, word)))
    return tuple(dict.fromkeys(found))


def fold_hashtag(word: str) -> str:
    """Return the form of a hashtag that is stored, compared and put into addresses."""
    folded = unicodedata.normalize("NFC", word).casefold()
    # Folding can undo the composition, and composing can make something that folds again.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", folded).casefold())


def find_mentions(text: str) -> tuple[str, ...]:
    """Return the names that a text mentions as @name, in lower case, each once; e-mail addresses are no mentions."""
    found: dict[str, None] = {}
    for position, character in enumerate(text):
        if character == "@" and not _touches(text, position):
            match = _NAME.match(text, position + 1)
            # A name that goes on in another script, or that is too long, is not the name of its beginning.
            # With a cell behind it, it is the name of somebody there.
            rest = text[match.end() : match.end() + 1] if match else ""
            if match and match.group().isascii() and not _is_word(rest) and rest != "@":
                found[match.group().lower()] = None
    return tuple(found)


def _words_after(text: str, sign: str) -> list[str]:
    words = []
    position = text.find(sign)
    while position >= 0:
        end = position + 1
        while _is_word(text[end : end + 1]):
            end += 1
        if end > position + 1 and not _touches(text, position):
            words.append(text[position + 1 : end])
        position = text.find(sign, end)
    return words


def _touches(text: str, position: int) -> bool:
    """Whether what stands before a sign makes it part of something else."""
    before = text[position - 1 : position]
    return _is_word(before) or (before != "" and before in "/#@&")


def _is_word(character: str) -> bool:
    # Python's \w leaves out combining marks, without which most scripts of India cannot be written.
    return bool(character) and (character == "_" or unicodedata.category(character)[0] in "LMN")
