"""The timeline of a draft: read it, write it, plan it, render it. The document is described in docs/timeline.md.

timeline = parse(text)                        # raises TimelineError
text = dump(timeline)                         # parse(dump(t)) == t
"""

from glaswerk.reel.timeline.model import Note, Timeline, TimelineError
from glaswerk.reel.timeline.reading import parse
from glaswerk.reel.timeline.writing import dump

__all__ = ["Note", "Timeline", "TimelineError", "dump", "parse"]
