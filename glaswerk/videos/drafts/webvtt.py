"""Captions in and out: WebVTT text, and the list that a timeline holds."""

import re
from io import StringIO
from itertools import pairwise
from typing import Any, Final

import webvtt
from django.utils.translation import gettext as _
from webvtt.errors import MalformedCaptionError, MalformedFileError

from glaswerk.videos.actions import UploadError

MAX_TEXT_BYTES: Final = 512 * 1024
MAX_CAPTIONS: Final = 500
MAX_CAPTION_TEXT: Final = 500
# Voices, classes and styles are for other players; the words are what is kept.
_TAG: Final = re.compile(r"</?[\w:.][^<>]*>")
_ENTITIES: Final = {"&lt;": "<", "&gt;": ">", "&nbsp;": " ", "&lrm;": "", "&rlm;": "", "&amp;": "&"}


def read_captions(text: str) -> list[dict[str, Any]]:
    """Return the captions of a WebVTT text, in order.  Raises UploadError."""
    if len(text.encode("utf-8", "replace")) > MAX_TEXT_BYTES:
        raise _refusal(_("The captions are too long: at most %(size)d KiB.") % {"size": MAX_TEXT_BYTES >> 10})
    if not text.lstrip("\ufeff").startswith("WEBVTT"):
        raise _refusal(_("This is no WebVTT text: its first line has to be WEBVTT."))
    try:
        found = webvtt.from_string(text)
    except (MalformedCaptionError, MalformedFileError, ValueError, IndexError):
        raise _refusal(_("We cannot read these captions. Please export them as WebVTT again.")) from None
    # The reader passes over what it does not understand; here nothing is lost without a word.
    if len(found.captions) != text.count("-->") or not found.captions:
        raise _refusal(_("Some of these captions cannot be read. Please check their times: 00:01.000 --> 00:02.500."))
    captions: list[dict[str, Any]] = []
    for number, caption in enumerate(found.captions, 1):
        # Its own `text` takes everything between < and > for a tag.
        words = _plain(caption.raw_text)
        if not words:
            continue
        start_ms, end_ms = _ms(caption.start_time), _ms(caption.end_time)
        if end_ms <= start_ms:
            raise _refusal(
                _("Caption %(number)d ends before it begins. Please correct its times.") % {"number": number}
            )
        if len(words) > MAX_CAPTION_TEXT:
            raise _refusal(
                _("Caption %(number)d is too long: at most %(count)d characters.")
                % {"number": number, "count": MAX_CAPTION_TEXT}
            )
        captions.append({"start_ms": start_ms, "end_ms": end_ms, "text": words})
    if len(captions) > MAX_CAPTIONS:
        raise _refusal(_("These are too many captions: at most %(count)d.") % {"count": MAX_CAPTIONS})
    captions.sort(key=lambda each: int(each["start_ms"]))
    for before, after in pairwise(captions):
        # Where two overlap, the first gives way: there is one line of captions.
        before["end_ms"] = min(before["end_ms"], after["start_ms"])
    return [each for each in captions if each["end_ms"] > each["start_ms"]]


def write_captions(captions: list[dict[str, Any]]) -> str:
    """Return the WebVTT text of a timeline's captions."""
    made = webvtt.WebVTT()
    for each in captions:
        words = str(each["text"]).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        # An empty line would end the caption, and what follows would be read as something else.
        lines = [line for line in words.splitlines() if line.strip()]
        made.captions.append(webvtt.Caption(_stamp(each["start_ms"]), _stamp(each["end_ms"]), lines))
    out = StringIO()
    made.write(out)
    return out.getvalue()


def _plain(text: str) -> str:
    words = _TAG.sub("", text)
    for entity, character in _ENTITIES.items():
        words = words.replace(entity, character)
    lines = ("".join(c for c in line if c.isprintable()).strip() for line in words.splitlines())
    return "\n".join(line for line in lines if line)


def _ms(stamp: Any) -> int:
    parts = re.split(r"[:.]", str(stamp))
    hours, minutes, seconds, thousandths = (int(part) for part in ["0", *parts][-4:])
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def _stamp(ms: int) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def _refusal(message: str) -> UploadError:
    return UploadError("captions", message)
