"""Imports: an archive is looked at, shown to whoever brings it, and brought in row by row, each row once."""

import shutil
import tempfile
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import orjson
from django.conf import settings
from django.db import transaction
from django.http import Http404
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from glaswerk.border import outbox
from glaswerk.border.bags.archive import Archive
from glaswerk.border.bags.reading import bag_folder, read_bag
from glaswerk.border.bags.rows import Contents
from glaswerk.border.bags.tiktok import FILE_NAMES, read_tiktok
from glaswerk.border.failures import RightsError
from glaswerk.border.models import Import, ImportRow, ImportState, Outcome
from glaswerk.cell.blobs import local_original
from glaswerk.cell.ids import decode_id, encode_id, now_ms
from glaswerk.cell.log import publish_sync
from glaswerk.people import actions as people
from glaswerk.people.avatars import AvatarError
from glaswerk.people.models import Person
from glaswerk.videos import outbox as videos_outbox
from glaswerk.videos.actions import UploadError, upload_video
from glaswerk.videos.drafts import actions as drafts
from glaswerk.videos.drafts.documents import with_sources
from glaswerk.videos.models import Draft
from glaswerk.videos.queries import earlier_video
from glaswerk.videos.reuse import Allowance, refusal_of
from glaswerk.videos.tus.actions import claim_upload

# The namespace of the ids of what an import likes, saves and follows; it never changes, or that would count twice.
_EVENTS: Final = uuid.UUID("0b6f5b0a-55fb-5c6e-8b1e-6a0a4d7d3c11")
_AT_ONCE: Final = 100
_UNDER_WAY: Final = (ImportState.READING, ImportState.PREVIEW, ImportState.APPLYING)
_DAY: Final = timedelta(days=1)
_LARGEST_TIMELINE: Final = 4 << 20


def begin_import(person: Person, upload: str) -> Import:
    """Have a finished upload of this person looked at.  Raises RightsError, and UploadError for the upload."""
    with transaction.atomic():
        # The person's row is the lock under which their imports are counted.
        owner = Person.objects.select_for_update().get(pk=person.pk, is_active=True)
        if Import.objects.filter(person=owner, state__in=_UNDER_WAY).exists():
            raise RightsError("import", _("An import is under way already. Finish it, or drop it first."), 409)
        most = settings.CELL.config.rights.exports_per_day
        if Import.objects.filter(person=owner, asked_at__gt=timezone.now() - _DAY).count() >= most:
            message = _("You began %(count)d imports in the last 24 hours. Please come back tomorrow.")
            raise RightsError("import", message % {"count": most}, 429)
        begun = Import.objects.create(person=owner, archive=claim_upload(person, upload))
        outbox.read_later(begun.pk)
    return begun


def read_import(import_id: int) -> None:
    """Look at an archive, and write down what it holds.  Safe to run again: it begins anew."""
    begun = Import.objects.select_related("person").filter(pk=import_id, state=ImportState.READING).first()
    if begun is None:
        return
    with translation.override(begun.person.language or settings.LANGUAGE_CODE):
        try:
            contents = _contents(begun)
        except RightsError as refusal:
            _end(begun, ImportState.FAILED, refusal.message)
            return
        with transaction.atomic():
            locked = Import.objects.select_for_update().filter(pk=import_id, state=ImportState.READING).first()
            if locked is None:
                return
            locked.rows.all().delete()
            ImportRow.objects.bulk_create(_rows_of(locked, contents), batch_size=2000)
            locked.kind, locked.origin, locked.state = contents.kind, contents.origin, ImportState.PREVIEW
            locked.save(update_fields=["kind", "origin", "state"])


def choose(person: Person, public_id: str, kinds: Collection[str]) -> None:
    """Bring in what was previewed, of these kinds.  Raises Http404, and RightsError where there is nothing to bring."""
    with transaction.atomic():
        found = access_import(person, public_id, lock=True)
        if found.state != ImportState.PREVIEW:
            raise RightsError("import", _("This import waits for nothing."), 409)
        waiting = found.rows.filter(outcome=Outcome.WAITING)
        if not waiting.filter(kind__in=kinds).exists():
            raise RightsError("kinds", _("Please choose at least one kind of things to bring."))
        waiting.exclude(kind__in=kinds).update(outcome=Outcome.LEFT_OUT)
        found.state = ImportState.APPLYING
        found.save(update_fields=["state"])
        outbox.apply_later(found.pk)


def drop_import(person: Person, public_id: str) -> None:
    """Bring nothing, and forget the archive; nothing happens where it is being brought in or has ended.  Raises Http404."""
    found = access_import(person, public_id)
    if found.state in (ImportState.READING, ImportState.PREVIEW):
        _end(found, ImportState.DROPPED)


def apply_import(import_id: int) -> None:
    """Bring in what waits, row by row.  Safe to run again after a kill: a row and its outcome are one transaction."""
    found = Import.objects.select_related("person").filter(pk=import_id, state=ImportState.APPLYING).first()
    if found is None:
        return
    with translation.override(found.person.language or settings.LANGUAGE_CODE):
        try:
            with _unpacked(found) as folder:
                for row in found.rows.filter(outcome=Outcome.WAITING, kind__in=("profile", "video", "draft")):
                    _bring(found.person, row, folder / "data" if folder is not None else None)
        except RightsError as refusal:
            _end(found, ImportState.FAILED, refusal.message)
            return
        while rows := list(found.rows.filter(outcome=Outcome.WAITING)[:_AT_ONCE]):
            _tell(found.person, rows)
    _end(found, ImportState.DONE)


def fail_import(import_id: int) -> None:
    """Say of an import that it could not be made; what was brought until then stays."""
    found = Import.objects.select_related("person").filter(pk=import_id, state__in=_UNDER_WAY).first()
    if found is not None:
        with translation.override(found.person.language or settings.LANGUAGE_CODE):
            message = _(
                "The archive could not be read to its end. Please try again; if it fails again, tell the operator."
            )
            _end(found, ImportState.FAILED, message)


def access_import(person: Person, public_id: str, *, lock: bool = False) -> Import:
    """Return a person's own import.  Raises Http404 for everybody else's."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    own = Import.objects.filter(person=person, pk=wanted)
    found = (own.select_for_update() if lock else own).first()
    if found is None:
        raise Http404
    return found


def _contents(begun: Import) -> Contents:
    with local_original(begun.archive, settings.CELL.exports) as path, path.open("rb") as opened:
        if not opened.read(4).startswith(b"PK"):
            opened.seek(0)
            return read_tiktok(iter(lambda: opened.read(1 << 20), b""), begun.person)
        with Archive(path, _most_bytes()) as archive:
            names = list(archive.files)
            if bag_folder(names) is None:
                found = [name for name in names if name.rpartition("/")[2].lower() in FILE_NAMES]
                if len(found) != 1:
                    message = _("The archive is neither an export of a cell nor TikTok's archive in JSON.")
                    raise RightsError("file", message)
                return read_tiktok(archive.pieces(found[0]), begun.person)
    with _unpacked(begun) as folder:
        assert folder is not None
        return read_bag(folder, begun.person)


@contextmanager
def _unpacked(begun: Import) -> Iterator[Path | None]:
    """Yield the folder of an unpacked bag for as long as the block; None where the archive is none."""
    settings.CELL.exports.mkdir(mode=0o700, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="import-", dir=settings.CELL.exports))
    try:
        with local_original(begun.archive, settings.CELL.exports) as path:
            with path.open("rb") as opened:
                is_zip = opened.read(2) == b"PK"
            inside = None
            if is_zip:
                with Archive(path, _most_bytes()) as archive:
                    inside = bag_folder(list(archive.files))
                    if inside is not None:
                        archive.unpack(work / "bag")
        yield work / "bag" / inside if inside is not None else None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _most_bytes() -> int:
    most: int = settings.CELL.config.rights.import_mb
    return most << 20


def _rows_of(begun: Import, contents: Contents) -> Iterator[ImportRow]:
    brought = _brought_before(begun.person)
    for number, row in enumerate(contents.rows):
        outcome = Outcome.KNOWN if row.outcome == Outcome.WAITING and row.key in brought else row.outcome
        yield ImportRow(
            run=begun, number=number, kind=row.kind, key=row.key, title=row.title, facts=row.facts,
            outcome=outcome, note=row.note[:500],
        )  # fmt: skip


def _brought_before(person: Person) -> set[str]:
    """Return what an earlier import brought and what is still here."""
    made = ImportRow.objects.filter(run__person=person, kind="draft", outcome=Outcome.DONE)
    kept = {each.public_id for each in Draft.objects.filter(owner=person)}
    return {key for key, facts in made.values_list("key", "facts") if facts.get("made") in kept}


def _bring(person: Person, row: ImportRow, data: Path | None) -> None:
    """Bring one thing in; where it cannot be, its row says why."""
    bring = {"profile": _bring_profile, "video": _bring_video, "draft": _bring_draft}[row.kind]
    try:
        with transaction.atomic():
            # Two workers at one import would otherwise both bring the row.
            locked = ImportRow.objects.select_for_update().filter(pk=row.pk, outcome=Outcome.WAITING).first()
            if locked is None:
                return
            locked.outcome = bring(person, locked, data)
            locked.save(update_fields=["outcome", "facts", "note"])
    except (UploadError, RightsError) as refusal:
        ImportRow.objects.filter(pk=row.pk).update(outcome=Outcome.FAILED, note=refusal.message[:500])


def _bring_profile(person: Person, row: ImportRow, data: Path | None) -> Outcome:
    shown, bio = str(row.facts.get("display_name", ""))[:50], str(row.facts.get("bio", ""))[:160]
    people.edit_profile(person, display_name=shown, bio=bio)
    picture = row.facts.get("picture")
    if picture and data is not None:
        try:
            with (data / picture).open("rb") as opened:
                people.set_avatar(person, opened)
        except AvatarError as error:
            row.note = str(error)[:500]
    return Outcome.DONE


def _bring_video(person: Person, row: ImportRow, data: Path | None) -> Outcome:
    file = _file(data, row.facts["original"])
    names = ("duet", "stitch", "sound")
    allow = Allowance(**{name: row.facts.get(f"allow_{name}") is True for name in names})
    if refusal_of(person, allow) is not None:
        allow = Allowance()
    video = upload_video(person, file, row.facts["caption"], row.facts["visibility"], allow)
    if earlier_video(person, video.source, before=video.pk) is not None:
        # The bag holds it twice, or it came by another way meanwhile.
        raise RightsError("file", _("It was here already."))
    row.facts["made"] = video.public_id
    return Outcome.DONE


def _bring_draft(person: Person, row: ImportRow, data: Path | None) -> Outcome:
    timeline = _file(data, row.facts["timeline"])
    if timeline.stat().st_size > _LARGEST_TIMELINE:
        raise RightsError("file", _("The timeline is longer than any is."))
    draft, _warnings = drafts.import_draft(person, timeline.read_text("utf-8", "replace"), row.title[:80])
    ids: dict[str, str] = {}
    for before, name in row.facts["sources"].items():
        ids[before] = drafts.add_source(person, draft.public_id, _file(data, name)).public_id
    document = with_sources(orjson.loads(draft.timeline), ids)
    drafts.save_draft(person, draft.public_id, draft.version, document)
    row.facts["made"] = draft.public_id
    return Outcome.DONE


def _file(data: Path | None, name: str) -> Path:
    if data is None or not (data / name).is_file():
        raise RightsError("file", _("The bag does not hold its file."))
    return data / name


def _tell(person: Person, rows: list[ImportRow]) -> None:
    """Follow, like and save as the person would: by events, whose ids are the same however often they are sent."""
    at = now_ms()
    names = [row.facts["name"] for row in rows if row.kind == "follow"]
    creators = dict(Person.objects.filter(name__in=names, is_active=True).values_list("name", "pk"))
    events = []
    for row in rows:
        event = {"id": str(uuid.uuid5(_EVENTS, f"{row.run_id}:{encode_id(row.number)}")), "kind": row.kind, "at": at}
        if row.kind == "follow":
            if row.facts["name"] not in creators:
                continue
            event["creator"] = creators[row.facts["name"]]
        else:
            event["video"] = decode_id(row.facts["video"])
        events.append(event)
    if events:
        publish_sync("events", {"viewer": person.pk, "slate": None, "events": events})
    ImportRow.objects.filter(pk__in=[row.pk for row in rows]).update(outcome=Outcome.DONE)


def _end(found: Import, state: ImportState, failure: str = "") -> None:
    """End an import; its archive is not needed any more."""
    with transaction.atomic():
        locked = Import.objects.select_for_update().filter(pk=found.pk, state__in=_UNDER_WAY).first()
        if locked is None:
            return
        archive, locked.archive = locked.archive, ""
        locked.state, locked.failure, locked.ended_at = state, failure[:500], timezone.now()
        locked.save(update_fields=["state", "failure", "archive", "ended_at"])
        videos_outbox.discard_later([archive] if archive else [])
