"""From a draft to a video: everything is looked at once more, and what is published is credited.

The video is made at once, without an original; rendering the cut is the first step of its processing (`rendering.py`).
"""

from collections.abc import Iterable, Mapping
from typing import Final

import orjson
from django.db import transaction
from django.utils.translation import get_language

from glaswerk.cell import blobs
from glaswerk.cell.keeping import keep_blobs
from glaswerk.people.models import Person
from glaswerk.videos.actions import UploadError, check_words, delete_video, make_video
from glaswerk.videos.drafts import checks, webvtt
from glaswerk.videos.drafts.documents import Document, Use, captions_of, uses_of
from glaswerk.videos.drafts.queries import access_draft
from glaswerk.videos.models import CaptionTrack, Credit, Cut, Reuse, Sound, Source, State, Video
from glaswerk.videos.reuse import Allowance, may_reuse
from glaswerk.videos.sounds.queries import usable_sounds

# The language of captions whose author has chosen none and uses none.
_UNKNOWN_LANGUAGE: Final = "und"


class NotPublishable(UploadError):  # noqa: N818 - it says what is the case, not that something broke.
    """Something in the draft has to change first; `problems` are all of it, with their places."""

    def __init__(self, problems: list[checks.Problem]) -> None:
        super().__init__(problems[0].field, problems[0].message, 422)
        self.problems = problems


def publish_draft(
    person: Person,
    public_id: str,
    caption: str = "",
    visibility: str | None = None,
    allow: Allowance = Allowance(),  # noqa: B008  (frozen)
) -> Video:
    """Make a video of this person's draft as it is now; the draft stays.

    Safe to run twice: a version that is being made, or was made, into a video is not made into another.  A video of it
    that failed is replaced.  Raises Http404, NotPublishable, and UploadError for the words.
    """
    check_words(caption, visibility)
    with transaction.atomic():
        draft = access_draft(person, public_id, lock=True)
        latest = draft.cuts.select_related("video__creator").order_by("-video_id").first()
        before: Video | None = latest.video if latest is not None else None
        if before is not None and latest is not None:
            is_underway = before.state in (State.UPLOADED, State.PROCESSING)
            if is_underway or (before.state == State.READY and latest.version == draft.version):
                return before
        document = orjson.loads(draft.timeline)
        uses = uses_of(document)
        sources = {
            each.public_id: each for each in draft.sources.select_related("of_video__creator", "of_video__sound")
        }
        sounds = usable_sounds(person, {use.id for use in uses if use.kind == "sound"})
        problems = checks.problems_of(person, document, sources.values(), sounds)
        if problems:
            raise NotPublishable(problems)
        # Under the lock no file of this cut is removed before the rows that refer to it stand.
        keep_blobs()
        if before is not None and before.state == State.FAILED:
            delete_video(person, before)
        video = make_video(person, "", caption, visibility, allow, _sound_of(person, uses, sources, sounds))
        Cut.objects.create(video=video, draft=draft, version=draft.version, timeline=draft.timeline)
        Credit.objects.bulk_create(_credits(video, uses, sources, sounds))
        _keep_captions(video, document)
    return video


def _sound_of(
    person: Person, uses: Iterable[Use], sources: Mapping[str, Source], sounds: Mapping[str, Sound]
) -> Sound | None:
    """Return what the video's sound is called after: the first sound that it uses, or that of its partner in a duet."""
    uses = list(uses)
    used = next((use.id for use in uses if use.kind == "sound"), None)
    if used is not None:
        return sounds[used]
    for use in uses:
        source = sources.get(use.id) if use.kind == "source" else None
        partner = source.of_video if source is not None and source.reuse == Reuse.DUET else None
        if partner is not None and may_reuse(person, partner.pk, Reuse.SOUND):
            sound: Sound | None = partner.sound
            return sound
    return None


def _credits(
    video: Video, uses: Iterable[Use], sources: Mapping[str, Source], sounds: Mapping[str, Sound]
) -> list[Credit]:
    """Return whom the video is made with, each once, in the order of the timeline."""
    made: dict[tuple[str, int], Credit] = {}
    for use in uses:
        if use.kind == "sound":
            sound = sounds[use.id]
            made[Reuse.SOUND, sound.pk] = Credit(
                video=video,
                kind=Reuse.SOUND,
                of_sound=sound,
                of_person=sound.owner,
                name=sound.owner.name,
                title=sound.title,
            )
            continue
        source = sources[use.id]
        if source.reuse and source.of_video is not None:
            made[source.reuse, source.of_video.pk] = Credit(
                video=video,
                kind=source.reuse,
                of_video=source.of_video,
                of_person=source.of_video.creator,
                name=source.of_video.creator.name,
            )
    return list(made.values())


def _keep_captions(video: Video, document: Document) -> None:
    captions = captions_of(document)
    if not captions:
        return
    text = webvtt.write_captions(captions)
    blob = blobs.store_bytes(text.encode(), "vtt")
    # Nobody is asked which language they speak; it is that of the pages that they cut it with.
    language = video.language or get_language() or _UNKNOWN_LANGUAGE
    CaptionTrack.objects.create(video=video, language=language[:5], blob=blob)
