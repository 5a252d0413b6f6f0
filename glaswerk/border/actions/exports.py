"""Exports: asked for, made by a job, downloaded by their owner alone, and deleted after a while."""

import os
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.core import signing
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.border import outbox
from glaswerk.border.bags.exporting import write_bag
from glaswerk.border.failures import RightsError
from glaswerk.border.models import Export, ExportState
from glaswerk.cell.blobs import make_durable
from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person

# The address of a file opens it for so long; a download that has begun goes on.
KEY_SECONDS: Final = 600
_SALT: Final = "glaswerk.border.export"
_DAY: Final = timedelta(days=1)
_logger = structlog.get_logger("glaswerk.border")


def begin_export(person: Person) -> Export:
    """Have an export made.  Raises RightsError where one is being made, or there were enough for today."""
    with transaction.atomic():
        # The person's row is the lock under which their exports are counted.
        owner = Person.objects.select_for_update().get(pk=person.pk, is_active=True)
        if Export.objects.filter(person=owner, state__in=(ExportState.WAITING, ExportState.RUNNING)).exists():
            raise RightsError("export", _("An export is being made already. Please wait until it is ready."), 409)
        most = settings.CELL.config.rights.exports_per_day
        if Export.objects.filter(person=owner, asked_at__gt=timezone.now() - _DAY).count() >= most:
            message = _("You asked for %(count)d exports in the last 24 hours. Please come back tomorrow.")
            raise RightsError("export", message % {"count": most}, 429)
        # The newest one is enough: what waits from before would be an older copy of the same.
        for before in Export.objects.filter(person=owner, state=ExportState.READY):
            expire_export(before)
        export = Export.objects.create(person=owner)
        outbox.export_later(export.pk)
    return export


def make_export(export_id: int) -> None:
    """Write the file of an export.  Safe to run again after a kill at any point: it begins anew, and ends whole."""
    open_states = (ExportState.WAITING, ExportState.RUNNING)
    export = Export.objects.select_related("person").filter(pk=export_id, state__in=open_states).first()
    if export is None:
        return
    Export.objects.filter(pk=export_id).update(state=ExportState.RUNNING, progress=0)
    part = export.path.with_suffix(".part")
    shown = 0

    def progress(percent: int) -> None:
        nonlocal shown
        if percent > shown:
            shown = percent
            Export.objects.filter(pk=export_id).update(progress=percent)

    settings.CELL.exports.mkdir(mode=0o700, exist_ok=True)
    try:
        part.touch(mode=0o600)
        write_bag(export.person, part, progress)
        _sync(part)
        size = part.stat().st_size
        part.replace(export.path)
        make_durable(settings.CELL.exports)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    now = timezone.now()
    until = now + timedelta(hours=settings.CELL.config.rights.keep_exports_hours)
    found = Export.objects.filter(pk=export_id, state=ExportState.RUNNING)
    if not found.update(state=ExportState.READY, progress=100, size=size, ready_at=now, expires_at=until):
        # Its owner was erased meanwhile.
        export.path.unlink(missing_ok=True)


def fail_export(export_id: int) -> None:
    """Say of an export that it could not be made."""
    Export.objects.filter(pk=export_id, state__in=(ExportState.WAITING, ExportState.RUNNING)).update(
        state=ExportState.FAILED
    )


def expire_export(export: Export) -> None:
    """Delete the file of an export."""
    Export.objects.filter(pk=export.pk).update(state=ExportState.EXPIRED)
    export.path.unlink(missing_ok=True)


def sweep_exports() -> int:
    """Delete what has waited long enough, and files that belong to no export; return how many were deleted."""
    due = list(Export.objects.filter(state=ExportState.READY, expires_at__lte=timezone.now()))
    for export in due:
        expire_export(export)
    kept = {each.path.stem for each in Export.objects.exclude(state__in=(ExportState.EXPIRED, ExportState.FAILED))}
    for path in settings.CELL.exports.iterdir() if settings.CELL.exports.exists() else ():
        if path.is_dir():
            # An archive that a killed worker had unpacked; whoever goes on with it unpacks it anew.
            if path.stat().st_mtime < time.time() - _DAY.total_seconds():
                shutil.rmtree(path, ignore_errors=True)
        elif path.stem not in kept:
            path.unlink(missing_ok=True)
    return len(due)


def access_export(person: Person, public_id: str) -> Export:
    """Return a person's own export.  Raises Http404 for everybody else's."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    found = Export.objects.filter(person=person, pk=wanted).first()
    if found is None:
        raise Http404
    return found


def key_of(export: Export) -> str:
    """Return what opens the file of an export for a few minutes, to its owner."""
    return signing.dumps([export.public_id, export.person_id], salt=_SALT)


def open_export(person: Person, public_id: str, key: str) -> Export:
    """Return an export whose file may be sent.

    Raises Http404 for everybody else's and where there is none, and RightsError for a key that is over or forged.
    """
    export = access_export(person, public_id)
    try:
        opened = signing.loads(key, salt=_SALT, max_age=KEY_SECONDS)
    except signing.BadSignature:
        opened = None
    if opened != [export.public_id, person.pk]:
        raise RightsError("key", _("This address has expired. Please press “Download” once more."), 403)
    if export.state != ExportState.READY or not export.path.exists():
        raise Http404
    return export


def _sync(path: Path) -> None:
    """Return when a file's bytes are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
