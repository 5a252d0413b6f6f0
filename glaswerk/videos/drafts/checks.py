"""What keeps a draft from being published, clip by clip, in sentences that say what to do.

The same look serves the studio, which shows what is missing while one works, and publishing, which refuses it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from glaswerk.people.models import Person
from glaswerk.reel.timeline.graph import FORGIVEN_MS
from glaswerk.videos.drafts.documents import Document, Use, is_empty, uses_of
from glaswerk.videos.models import Reuse, Sound, Source, SourceKind, SourceState
from glaswerk.videos.reuse import may_reuse


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that has to change first; `passes` says of what goes away by waiting."""

    field: str
    message: str
    passes: bool = False


def problems_of(
    person: Person, document: Document, sources: Iterable[Source], sounds: Mapping[str, Sound]
) -> list[Problem]:
    """Return what keeps this document from being published; `sounds` are those that this person may use now.

    One query for each source that is somebody's video.
    """
    known = {source.public_id: source for source in sources}
    found = []
    if is_empty(document):
        found.append(Problem("timeline", _("There is nothing to publish yet. Please add a clip first."), passes=True))
    for use in uses_of(document):
        problem = _problem_of(person, use, known, sounds)
        if problem is not None:
            found.append(problem)
    # Nobody should wait for what is refused after all.
    return sorted(found, key=lambda one: one.passes)


def reuse_refusal(source: Source, *, allowed: bool) -> str | None:
    """Return why a duet or a stitch cannot go on, or None where it can."""
    names = {"name": source.credit}
    if source.of_video_id is None:
        return _("The video by @%(name)s was deleted. Please remove its clip.") % names
    if allowed:
        return None
    if source.reuse == Reuse.DUET:
        return _("@%(name)s does not allow duets with this video any more. Please remove its clip.") % names
    return _("@%(name)s does not allow stitches of this video any more. Please remove its clip.") % names


def _problem_of(person: Person, use: Use, sources: Mapping[str, Source], sounds: Mapping[str, Sound]) -> Problem | None:
    words = {"number": use.number, "track": use.track}
    if use.kind == "sound":
        if use.id in sounds:
            return _beyond(use, sounds[use.id].duration_ms)
        message = _(
            "The sound of clip %(number)d on the track “%(track)s” cannot be used any more: it was deleted, or its "
            "creator does not allow it now. Please remove it or choose another sound."
        )
        return Problem(use.place, message % words)
    source = sources.get(use.id) if use.kind == "source" else None
    if source is None:
        message = _(
            "Clip %(number)d on the track “%(track)s” misses its file: it was deleted from this draft. Please remove "
            "the clip or choose another file."
        )
        return Problem(use.place, message % words)
    if source.reuse:
        refusal = reuse_refusal(source, allowed=may_reuse(person, source.of_video_id, source.reuse))
        return Problem(use.place, refusal) if refusal is not None else _beyond(use, source.duration_ms)
    if source.state == SourceState.FAILED:
        message = _(
            "The file of clip %(number)d on the track “%(track)s” cannot be used. Please remove the clip or choose "
            "another file."
        )
        return Problem(use.place, message % words)
    if source.state != SourceState.READY:
        message = _("The file of clip %(number)d on the track “%(track)s” is still being prepared. Please wait.")
        return Problem(use.place, message % words, passes=True)
    return _beyond(use, source.duration_ms) if source.kind != SourceKind.IMAGE else None


def _beyond(use: Use, lasts_ms: int) -> Problem | None:
    """Whether a clip uses more than there is, given how long its media lasts."""
    if use.end_ms <= lasts_ms + FORGIVEN_MS:
        return None
    message = _("Clip %(number)d on the track “%(track)s” is longer than its file. Please shorten it.")
    return Problem(use.place, message % {"number": use.number, "track": use.track})
