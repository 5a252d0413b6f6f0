"""The first slate comes with the page: its first video plays before any script has run.

Django renders the page, which is the same for everybody who asks, and leaves a mark in it; the front door, which ranks the
slate meanwhile, puts it there.  The player takes the playing element over when it has come.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.html import format_html, format_html_join, json_script
from django.utils.safestring import SafeString

MARK: Final = b"<!--first-slate-->"
LIMIT: Final = 10
# As the player does: a rendition a quarter smaller than the pixels it covers is not told apart in motion.
_TOLD_APART: Final = 0.75
_DENSE: Final = 1.5
# The stage is upright and as high as the window, so a window's height bounds the picture's width as well.
_UPRIGHT: Final = 16 / 9
_FLAT: Final = 0.7


def first_slate(slate: Mapping[str, Any], saves: bool) -> bytes:
    """Return the HTML of a slate: its first video, and the whole of it for the script.

    `saves` is for those who asked their browser to be sparing with data.
    """
    slots = slate.get("slots") or ()
    picture = _picture(slots[0]["video"], saves) if slots else SafeString("")
    return (picture + json_script(dict(slate), "first-slate")).encode()


def _picture(video: Mapping[str, Any], saves: bool) -> SafeString:
    renditions = [one for one in video["renditions"] if one["codecs"].startswith("avc1")]
    # By size, the cheapest of each.
    sizes = {min(one["width"], one["height"]): one for one in sorted(renditions, key=lambda one: -one["bitrate"])}
    chosen = [sizes[edge] for edge in sorted(sizes)]
    if not chosen:
        return SafeString("")
    if saves:
        del chosen[1:]
    sources = format_html_join(
        "", '<source src="{}" type="video/mp4"{}>', ((one["url"], _condition(one, one is chosen[-1])) for one in chosen)
    )
    # Nobody can reach it and no reader speaks of it: the slot that takes its place has the names and the buttons.
    return format_html(
        '<div class="slot first-slot has-picture{}" inert aria-hidden="true"><div class="picture">'
        '<video data-video="{}" poster="{}" muted autoplay loop playsinline preload="auto">{}</video></div></div>',
        " wide" if video["width"] / video["height"] > _FLAT else "",
        video["id"],
        video["poster"],
        sources,
    )


def _condition(rendition: Mapping[str, Any], is_largest: bool) -> SafeString:
    """Return for which windows a rendition has pixels enough; the largest one is for all others."""
    if is_largest:
        return SafeString("")
    width = min(rendition["width"], rendition["height"]) / _TOLD_APART
    conditions = []
    for density, query in ((1.0, f"(max-resolution: {_DENSE}dppx)"), (2.0, f"(min-resolution: {_DENSE}dppx)")):
        widest = int(width / density)
        conditions += [
            f"{query} and (max-width: {widest}px)",
            f"{query} and (max-height: {int(widest * _UPRIGHT)}px)",
        ]
    return format_html(' media="{}"', ", ".join(conditions))
