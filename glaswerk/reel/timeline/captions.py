"""Captions: read from WebVTT, written as WebVTT, and drawn into the picture where that is wanted."""

import io
from typing import Final

import webvtt

from glaswerk.reel.timeline.clips import words
from glaswerk.reel.timeline.model import (
    MAX_CAPTIONS,
    MAX_MS,
    MAX_TEXT,
    Caption,
    Text,
    TextStyle,
    Timeline,
    TimelineError,
)
from glaswerk.reel.timeline.place import Place

_MOST_BYTES: Final = 1 << 18
SIZE: Final = 0.03
MIDDLE: Final = 0.82
"""Where burnt captions are: their em, and the middle of them, as fractions of the frame's height."""


def read_captions(text: str) -> tuple[Caption, ...]:
    """The captions of a WebVTT file, without what only some players show (styles, positions, names of voices). Raises TimelineError."""
    if len(text) > _MOST_BYTES:
        raise TimelineError("captions", f"The file is larger than {_MOST_BYTES} characters.")
    if not text.lstrip("\ufeff").startswith("WEBVTT"):
        raise TimelineError("captions", "The file is no WebVTT: it has to begin with WEBVTT.")
    try:
        cues = webvtt.from_buffer(io.StringIO(text.lstrip("\ufeff")), format="vtt").captions
    except (webvtt.errors.MalformedFileError, webvtt.errors.MalformedCaptionError, ValueError, IndexError) as error:
        raise TimelineError("captions", f"The file cannot be read as WebVTT: {type(error).__name__}.") from None
    if len(cues) > MAX_CAPTIONS:
        raise TimelineError("captions", f"There are {len(cues)} captions; at most {MAX_CAPTIONS} are possible.")
    found: list[Caption] = []
    for number, cue in enumerate(cues):
        place = f"captions[{number}]"
        start, end = _moment(cue.start), _moment(cue.end)
        if end <= start or end > MAX_MS:
            raise TimelineError(
                place, f"lasts from {start} to {end} ms; it has to end after it begins, and within ten minutes."
            )
        # Overlapping cues are two speakers at once; here one follows the other.
        if found and start < found[-1].end_ms:
            start = found[-1].end_ms
            if end <= start:
                raise TimelineError(place, "lies within the caption before it; join the two.")
        said = words(Place(_unescaped(cue.text), f"{place}.text"), MAX_TEXT)
        if said.strip():
            found.append(Caption(start, end, said))
    return tuple(found)


def write_captions(captions: tuple[Caption, ...]) -> str:
    """A WebVTT file. What people wrote is escaped, so that it can neither end its cue nor be markup."""
    cues = [f"{_stamp(each.start_ms)} --> {_stamp(each.end_ms)}\n{_escaped(each.text)}\n" for each in captions]
    return "\n".join(["WEBVTT\n", *cues])


def burnt(timeline: Timeline) -> list[tuple[int, Text | None]]:
    """What is drawn over the picture from which moment on; None for nothing."""
    shown: list[tuple[int, Text | None]] = []
    for number, caption in enumerate(timeline.captions):
        said = caption.text.strip()
        if not said:
            continue
        text = Text(text=said, duration_ms=caption.end_ms - caption.start_ms, style=TextStyle.BOX, size=SIZE)
        shown.append((caption.start_ms, text))
        following = timeline.captions[number + 1] if number + 1 < len(timeline.captions) else None
        if following is None or following.start_ms > caption.end_ms or not following.text.strip():
            shown.append((caption.end_ms, None))
    return shown


def _moment(stamp: str) -> int:
    hours, minutes, seconds = stamp.split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)


def _stamp(milliseconds: int) -> str:
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _escaped(text: str) -> str:
    lines = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split("\n")
    # An empty line would end the cue.
    return "\n".join(line if line.strip() else "\u00a0" for line in lines)


def _unescaped(text: str) -> str:
    for name, character in (
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&nbsp;", "\u00a0"),
        ("&lrm;", ""),
        ("&rlm;", ""),
        ("&amp;", "&"),
    ):
        text = text.replace(name, character)
    return text
