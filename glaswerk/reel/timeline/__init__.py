"""The timeline of a draft: read it, write it, plan it, render it. The document is described in docs/timeline.md.

timeline = parse(text)                        # raises TimelineError: .field is the place, .message the remedy
text = dump(timeline)                         # parse(dump(t)) == t
plan = graph(timeline, media)                 # pure; `media` from `inspect(path)` or `Media.of(probe)`, by reference
render(timeline, sources, out, progress)      # a whole MP4 or nothing; raises TimelineError and ReelError
"""

from glaswerk.reel.timeline.captions import read_captions, write_captions
from glaswerk.reel.timeline.cover import save_cover
from glaswerk.reel.timeline.files import find_files
from glaswerk.reel.timeline.graph import graph
from glaswerk.reel.timeline.media import Media, inspect
from glaswerk.reel.timeline.model import (
    Caption,
    Clip,
    Gap,
    Note,
    Sticker,
    Text,
    Timeline,
    TimelineError,
    Track,
    Transition,
)
from glaswerk.reel.timeline.opening import MAX_BYTES
from glaswerk.reel.timeline.plan import Graph
from glaswerk.reel.timeline.reading import parse
from glaswerk.reel.timeline.render import render
from glaswerk.reel.timeline.writing import dump

__all__ = [
    "MAX_BYTES",
    "Caption",
    "Clip",
    "Gap",
    "Graph",
    "Media",
    "Note",
    "Sticker",
    "Text",
    "Timeline",
    "TimelineError",
    "Track",
    "Transition",
    "dump",
    "find_files",
    "graph",
    "inspect",
    "parse",
    "read_captions",
    "render",
    "save_cover",
    "write_captions",
]
