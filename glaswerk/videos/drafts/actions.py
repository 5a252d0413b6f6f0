"""What people do with drafts.  Each action is one transaction and may run beside itself on another device."""

from pathlib import Path

import orjson
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell import blobs
from glaswerk.cell.ids import decode_id, encode_id, new_id
from glaswerk.cell.keeping import keep_blobs
from glaswerk.people.encrypted import seal_for
from glaswerk.people.models import Person
from glaswerk.videos import outbox
from glaswerk.videos.actions import UploadError, check_size
from glaswerk.videos.drafts import documents
from glaswerk.videos.drafts.failures import VersionConflict
from glaswerk.videos.drafts.limits import MAX_DRAFTS, MAX_SOURCES, MAX_TITLE, STITCH_MS
from glaswerk.videos.drafts.queries import access_draft, access_source, is_being_published
from glaswerk.videos.models import Draft, Reuse, Source, SourceKind, SourceState, Video
from glaswerk.videos.reuse import reusable_by
from glaswerk.videos.sounds.queries import usable_sounds
from glaswerk.videos.tus.actions import claim_upload


def create_draft(
    person: Person, title: str = "", *, sound: str | None = None, duet: str | None = None, stitch: str | None = None
) -> Draft:
    """Begin a draft: empty, or with somebody's sound, or as a duet with or a stitch of somebody's video (public ids).

    Raises UploadError, also where the creator does not allow it.
    """
    if duet and stitch:
        raise UploadError("stitch", _("A draft begins as a duet or as a stitch. Please choose one of them."))
    kind = Reuse.DUET if duet else Reuse.STITCH
    video = _reusable_video(person, duet or stitch or "", kind) if duet or stitch else None
    music = None
    if sound:
        music = usable_sounds(person, [sound]).get(sound)
        if music is None:
            raise UploadError("sound", _("This sound cannot be used: it is gone, or its creator does not allow it."))
    source_id = new_id()
    part = (encode_id(source_id), video.duration_ms) if video is not None else None
    document = documents.new_document(
        sound=(music.public_id, music.duration_ms) if music is not None else None,
        partner=part if duet else None,
        stitch=(part[0], min(part[1], STITCH_MS), video.public_id) if part and video is not None and stitch else None,
    )
    with transaction.atomic():
        draft = _new_draft(person, _checked_title(title), documents.check_document(document))
        if video is not None:
            Source.objects.create(
                id=source_id,
                draft=draft,
                state=SourceState.READY,
                progress=100,
                kind=SourceKind.VIDEO,
                duration_ms=video.duration_ms,
                width=video.width,
                height=video.height,
                has_audio=any("mp4a" in each.codecs for each in video.renditions.all()),
                reuse=kind,
                of_video=video,
                credit=video.creator.name,
            )
    return draft


def save_draft(person: Person, public_id: str, version: int, timeline: object, title: str | None = None) -> Draft:
    """Keep what was changed since `version`.

    Raises Http404, VersionConflict where another device was faster, and UploadError for what cannot be kept.
    """
    draft = access_draft(person, public_id)
    text = _checked_document(timeline)
    changes = {} if title is None else {"title": _checked_title(title)}
    return _replace(draft, version, timeline=text, **changes)


def save_captions(person: Person, public_id: str, version: int, captions: list[dict[str, object]]) -> Draft:
    """Replace the captions of a draft; raises as `save_draft` does."""
    draft = access_draft(person, public_id)
    document = documents.with_captions(orjson.loads(draft.timeline), captions)
    return _replace(draft, version, timeline=_checked_document(document))


def import_draft(person: Person, text: str, title: str = "") -> tuple[Draft, list[str]]:
    """Make a draft of an .otio file; return it, and what of the file could not be taken over.  Raises UploadError."""
    try:
        document, warnings = documents.import_document(text)
    except documents.DocumentError as error:
        raise UploadError(error.field, error.message) from None
    with transaction.atomic():
        return _new_draft(person, _checked_title(title), document), warnings


def copy_draft(person: Person, public_id: str, timeline: object, title: str = "") -> Draft:
    """Make another draft with this timeline and with the files of an existing one.

    It is for what two devices did at once, so that neither has to go.  Raises Http404, and UploadError.
    """
    document = orjson.loads(_checked_document(timeline))
    with transaction.atomic():
        draft = access_draft(person, public_id, lock=True)
        # The files are shared from now on, and may not be removed before the new rows name them.
        keep_blobs()
        copies = {source.public_id: source for source in draft.sources.all()}
        ids = {before: encode_id(new_id()) for before in copies}
        text = orjson.dumps(documents.with_sources(document, ids)).decode()
        made = _new_draft(person, _checked_title(title), text)
        for before, source in copies.items():
            source.pk, source.draft = decode_id(ids[before]), made
            source.save(force_insert=True)
            if source.state in (SourceState.UPLOADED, SourceState.PROCESSING):
                outbox.prepare_later(source.pk)
    return made


def delete_draft(person: Person, public_id: str) -> None:
    """Delete a draft with its files.  Videos that were made of it stay.  Raises Http404, and UploadError meanwhile."""
    with transaction.atomic():
        draft = access_draft(person, public_id, lock=True)
        _check_rests(draft)
        names = [name for source in draft.sources.all() for name in _files_of(source)]
        draft.delete()
        outbox.discard_later(names)


def add_source(person: Person, public_id: str, file: Path) -> Source:
    """Keep a copy of a file as a source of a draft and have it prepared; the caller keeps `file`.

    Raises Http404, UploadError, and OSError where the disk cannot take it; then nothing has changed.
    """
    check_size(file.stat().st_size)
    with transaction.atomic():
        draft = access_draft(person, public_id, lock=True)
        _check_room_for_a_source(draft)
        keep_blobs()
        return _new_source(draft, blobs.store_original(file))


def claim_source(person: Person, public_id: str, upload: str) -> Source:
    """Make a finished upload of this person a source of their draft.  Raises Http404 and UploadError."""
    with transaction.atomic():
        draft = access_draft(person, public_id, lock=True)
        if not upload:
            raise UploadError("file", _("Please choose a file, or name a finished upload."))
        _check_room_for_a_source(draft)
        try:
            original = claim_upload(person, upload)
        except UploadError as refusal:
            raise UploadError("upload", refusal.message, refusal.status) from None
        return _new_source(draft, original)


def delete_source(person: Person, draft_id: str, public_id: str) -> None:
    """Delete a source with its files; clips that use it miss it from now on.  Raises Http404, and UploadError."""
    with transaction.atomic():
        source = access_source(person, draft_id, public_id, lock=True)
        _check_rests(source.draft)
        names = _files_of(source)
        source.delete()
        outbox.discard_later(names)


def _new_draft(person: Person, title: str, text: str) -> Draft:
    # The person's row is the lock under which drafts are counted, so that two beginnings do not share the last place.
    owner = Person.objects.select_for_update().get(pk=person.pk)
    if owner.drafts.count() >= MAX_DRAFTS:
        message = _("You have %(count)d drafts, which is all there is room for. Please delete one first.")
        raise UploadError("draft", message % {"count": MAX_DRAFTS}, 409)
    return Draft.objects.create(owner=owner, title=title, timeline=text, duration_ms=_length(text))


def _new_source(draft: Draft, original: str) -> Source:
    source = Source.objects.create(draft=draft, original=original)
    outbox.prepare_later(source.pk)
    return source


def _replace(draft: Draft, version: int, **changes: str) -> Draft:
    """Write a new version over the one that the change began with, and over no other."""
    sealed = {name: seal_for(draft, name, value) for name, value in changes.items()}
    moved = Draft.objects.filter(pk=draft.pk, version=version).update(
        duration_ms=_length(changes["timeline"]), version=F("version") + 1, updated_at=timezone.now(), **sealed
    )
    if not moved:
        raise VersionConflict
    draft.refresh_from_db()
    return draft


def _reusable_video(person: Person, public_id: str, kind: Reuse) -> Video:
    try:
        wanted = decode_id(public_id)
    except ValueError:
        wanted = -1
    found = Video.objects.filter(reusable_by(person, kind), pk=wanted)
    video = found.select_related("creator").prefetch_related("renditions").first()
    if video is None:
        sentences = {
            Reuse.DUET: _("There can be no duet with this video: it is gone, or its creator does not allow it."),
            Reuse.STITCH: _("This video cannot be stitched: it is gone, or its creator does not allow it."),
        }
        raise UploadError(str(kind), sentences[kind])
    return video


def _checked_document(timeline: object) -> str:
    try:
        return documents.check_document(timeline)
    except documents.DocumentError as error:
        raise UploadError(error.field, error.message) from None


def _checked_title(title: str) -> str:
    clean = " ".join(title.split())
    if not clean.isprintable():
        raise UploadError("title", _("The title holds an invisible control character. Please type it anew."))
    if len(clean) > MAX_TITLE:
        raise UploadError(
            "title", _("Please shorten the title to at most %(count)d characters.") % {"count": MAX_TITLE}
        )
    return clean


def _check_rests(draft: Draft) -> None:
    if is_being_published(draft):
        message = _("This draft is being made into a video. Please wait until that is done, or delete the video first.")
        raise UploadError("draft", message, 409)


def _check_room_for_a_source(draft: Draft) -> None:
    if draft.sources.count() >= MAX_SOURCES:
        message = _("A draft has at most %(count)d files. Please delete one that you do not need.")
        raise UploadError("file", message % {"count": MAX_SOURCES}, 409)


def _files_of(source: Source) -> list[str]:
    proxy = {SourceKind.VIDEO: "mp4", SourceKind.AUDIO: "m4a"}.get(SourceKind(source.kind), "jpg")
    names = [f"{source.proxy}.{proxy}"] if source.proxy else []
    names += [f"{source.poster}.jpg"] if source.poster else []
    return [*names, source.original] if source.original else names


def _length(text: str) -> int:
    return documents.duration_ms(orjson.loads(text))
