"""What people do with videos.  Each action is one transaction and may run beside itself.

Processing moves a video from state to state on its own; that is in `processing.py`.
"""

from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from glaswerk.cell import blobs
from glaswerk.cell.keeping import keep_blobs
from glaswerk.people.actions import become_creator
from glaswerk.people.decisions import record_decision
from glaswerk.people.models import Person, Visibility
from glaswerk.videos import captions, outbox
from glaswerk.videos.limits import max_upload_bytes, max_upload_mb
from glaswerk.videos.models import Sound, State, Video
from glaswerk.videos.models.sound import MAX_SOUND_TITLE
from glaswerk.videos.reuse import Allowance, allowance_fields, refusal_of


class UploadError(Exception):
    """An upload or an edit cannot be taken: which field, and a sentence that says what to do about it."""

    def __init__(self, field: str, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.status = status


def upload_video(
    creator: Person,
    source: Path,
    caption: str = "",
    visibility: str | None = None,
    allow: Allowance = Allowance(),  # noqa: B008  (frozen)
) -> Video:
    """Keep a copy of the file, make a video of it and have it processed; the caller keeps `source`.

    Without `visibility` the person's own default holds.  A first upload makes a viewer a creator.  Raises
    UploadError, and OSError where the disk cannot take the file; then nothing has changed.
    """
    check_words(caption, visibility)
    check_allowance(creator, allow)
    check_size(source.stat().st_size)
    with transaction.atomic():
        # Under the lock nobody removes an original that is the same as this one until this row refers to it.
        keep_blobs()
        return make_video(creator, blobs.store_original(source), caption, visibility, allow)


def make_video(
    creator: Person,
    source: str,
    caption: str,
    visibility: str | None,
    allow: Allowance = Allowance(),  # noqa: B008  (frozen)
    sound: Sound | None = None,
) -> Video:
    """Make a video of an original that is in the store, and have it processed.

    An empty `source` stands for a cut that is yet to be rendered; the caller adds that cut.  The caller's transaction
    holds `keep_blobs`.  Raises UploadError.
    """
    check_may_publish(creator)
    parsed = _parsed(caption)
    _check_visibility(visibility)
    check_allowance(creator, allow)
    chosen = visibility or creator.default_visibility
    video = Video.objects.create(
        creator=creator,
        caption=parsed.text,
        hashtags=list(parsed.hashtags),
        mentions=_resolved(parsed.mentions),
        visibility=chosen,
        language=creator.language,
        region=settings.CELL.config.cell.region,
        sound=sound,
        sound_title=sound.title if sound is not None else own_sound_title(creator),
        source=source,
        **allowance_fields(creator, chosen, allow),
    )
    become_creator(creator)
    outbox.process_later(video.pk)
    return video


def check_may_publish(person: Person) -> None:
    """Raise UploadError where this account has moved to another cell."""
    if person.moved_at is not None:
        raise UploadError("file", _("This account has moved to another cell. Publish there."), HTTPStatus.FORBIDDEN)


def check_words(caption: str, visibility: str | None) -> None:
    """Raise UploadError where a video cannot have this caption or this visibility."""
    _parsed(caption)
    _check_visibility(visibility)


def check_allowance(creator: Person, allow: Allowance) -> None:
    """Raise UploadError where this creator cannot allow so much."""
    refusal = refusal_of(creator, allow)
    if refusal is not None:
        raise UploadError("allow", refusal)


def check_size(size: int) -> None:
    """Raise UploadError where a file of so many bytes cannot become a video."""
    if size == 0:
        raise UploadError(
            "file", _("The file is empty. Please choose the video again; if it is in a cloud, download it first.")
        )
    if size > max_upload_bytes():
        raise too_large()


def edit_video(
    person: Person,
    video: Video,
    *,
    caption: str | None = None,
    visibility: str | None = None,
    allow: Allowance = Allowance(),  # noqa: B008  (frozen)
) -> Video:
    """Change the words of one's own video, who may see it, or what may be made of it; None leaves as it is.

    Raises UploadError, and PermissionDenied for somebody else's video.
    """
    _check_is_own(person, video)
    _check_visibility(visibility)
    check_allowance(person, allow)
    changes: dict[str, Any] = {**allow.fields()}
    if caption is not None:
        parsed = _parsed(caption)
        changes |= {
            "caption": parsed.text,
            "hashtags": list(parsed.hashtags),
            "mentions": _resolved(parsed.mentions),
            "edited_at": timezone.now(),
        }
    if visibility is not None:
        if visibility not in (video.visibility, Visibility.PRIVATE):
            check_may_publish(person)
        changes["visibility"] = visibility
    if changes:
        with transaction.atomic():
            if Video.objects.filter(pk=video.pk).update(**changes):
                outbox.announce(video.pk)
        for name, value in changes.items():
            setattr(video, name, value)
    return video


def delete_video(person: Person, video: Video) -> None:
    """Delete one's own video with all of its files.  Raises PermissionDenied for somebody else's."""
    _check_is_own(person, video)
    with transaction.atomic():
        # The row's lock keeps a worker from publishing between reading the files' names and deleting the row.
        locked = Video.objects.select_for_update().filter(pk=video.pk).first()
        if locked is None:
            return
        names = [f"{blob}.mp4" for blob in locked.renditions.values_list("blob", flat=True)]
        names += [f"{asset.blob}.{asset.extension}" for asset in locked.assets.all()]
        names += [f"{locked.poster}.jpg"] if locked.poster else []
        names += [f"{blob}.vtt" for blob in locked.tracks.values_list("blob", flat=True)]
        names += [f"{blob}.m4a" for blob in Sound.objects.filter(video=locked).values_list("blob", flat=True)]
        names += [locked.source] if locked.source else []
        locked.delete()
        outbox.discard_later(names)
        outbox.announce(video.pk)


def retry_video(person: Person, video: Video) -> None:
    """Process one's own failed video again; in any other state nothing happens.  Raises PermissionDenied."""
    _check_is_own(person, video)
    with transaction.atomic():
        failed = Video.objects.filter(pk=video.pk, state=State.FAILED)
        if failed.update(state=State.UPLOADED, failure="", progress=0):
            outbox.process_later(video.pk)
    video.refresh_from_db(fields=["state", "failure", "progress"])


def take_down(moderator: Person, video: Video) -> None:
    """Hide a video from everybody; its creator keeps it.  Raises PermissionDenied for who may not moderate."""
    if not moderator.is_moderator:
        raise PermissionDenied
    with transaction.atomic():
        if Video.objects.filter(pk=video.pk, taken_down_at__isnull=True).update(taken_down_at=timezone.now()):
            record_decision("take_down", moderator, video.creator, f"video:{video.public_id}")
            outbox.announce(video.pk)
    video.refresh_from_db(fields=["taken_down_at"])


def too_large() -> UploadError:
    """Return the refusal of a file beyond the limit."""
    message = _("The file is too large. Please upload at most %(size)d MiB; exporting at 1080p makes it smaller.")
    return UploadError("file", message % {"size": max_upload_mb()}, status=413)


def no_room() -> UploadError:
    """Return the refusal for a disk that is full."""
    full = _("There is no room left on this server. Please tell the operator, and upload again later.")
    return UploadError("file", full, HTTPStatus.INSUFFICIENT_STORAGE)


def caption_sentence(reason: captions.Refusal) -> str:
    """Return why a caption cannot be taken, and what to do about it."""
    match reason:
        case captions.Refusal.TOO_LONG:
            return _("Please shorten the caption to at most %(count)d characters.") % {"count": captions.MAX_CAPTION}
        case captions.Refusal.CONTROL_CHARACTER:
            return _("The caption holds an invisible control character. Please type it instead of pasting it.")
        case captions.Refusal.TOO_MANY_HASHTAGS:
            return _("Please use at most %(count)d hashtags.") % {"count": captions.MAX_HASHTAGS}
        case captions.Refusal.HASHTAG_TOO_LONG:
            return _("A hashtag has at most %(count)d characters. Please shorten the longest one.") % {
                "count": captions.MAX_HASHTAG
            }
        case captions.Refusal.TOO_MANY_MENTIONS:
            return _("Please mention at most %(count)d people.") % {"count": captions.MAX_MENTIONS}


def _parsed(caption: str) -> captions.Caption:
    try:
        return captions.parse_caption(caption)
    except captions.CaptionError as error:
        raise UploadError("caption", caption_sentence(error.reason)) from None


def _check_visibility(visibility: str | None) -> None:
    if visibility is not None and visibility not in Visibility.values:
        raise UploadError("visibility", _("Please choose who may see it: public, followers or private."))


def _check_is_own(person: Person, video: Video) -> None:
    if video.creator_id != person.pk:
        raise PermissionDenied


def _resolved(names: tuple[str, ...]) -> list[int]:
    """Return the ids of the persons that are mentioned, in the order of the mentions; unknown names are just words."""
    known = dict(Person.objects.filter(name__in=names).values_list("name", "pk"))
    return [known[name] for name in names if name in known]


def own_sound_title(creator: Person) -> str:
    """Return the title of a video's own sound, in the language of the cell, because everybody reads the same one."""
    with translation.override(settings.LANGUAGE_CODE):
        return (_("Original sound – %(name)s") % {"name": creator.shown_name})[:MAX_SOUND_TITLE]
