"""Erasing a person: from the tables in one transaction, then from the event log and its archive.

The order is what makes it complete.  The account is hidden when it is asked for, so nothing new comes from it.  When it is
due, the person's row is locked, which every other row about them needs for its own foreign key: a comment that is written
at that moment waits, and then finds nobody.  What the tables lose goes with the keys, in one transaction with the entry of
the public log.  Then a message in the event log tells each of its readers to forget the number; and when all of them have
come past it, the log forgets too.
"""

from datetime import timedelta
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from glaswerk.border import queries
from glaswerk.border.exporters import EXPORTERS
from glaswerk.border.failures import RightsError
from glaswerk.border.models import Erasure
from glaswerk.cell import log
from glaswerk.cell.entries import EntryKind
from glaswerk.cell.log import EVENTS, SLATES, EventLog, LogUnavailable
from glaswerk.cell.records import record
from glaswerk.feed.archiver import ARCHIVER
from glaswerk.feed.models import Watermark
from glaswerk.feed.viewers import PROJECTOR
from glaswerk.people.keyring import destroy_keys, pseudonym
from glaswerk.people.leaving import leave
from glaswerk.people.models import Departure, Person
from glaswerk.videos import outbox
from glaswerk.videos.models import Video

# A worker honours a session that it has just looked up for two seconds more.
_QUIET: Final = timedelta(seconds=5)
# One look at the log serves so many people; it may be long.
_AT_ONCE: Final = 500
_PATIENCE_S: Final = 600.0
_SLATES_MARK: Final = "slates"
_logger = structlog.get_logger("glaswerk.border")


def request_erasure(person: Person) -> Departure:
    """Hide a person at once, and have them erased after the days of grace.  Raises RightsError, which says what is open."""
    open_things = queries.obstacles(person)
    if open_things:
        raise RightsError("erase", " ".join(open_things), 409)
    with transaction.atomic():
        departure = leave(person)
        # Workers keep what they show for a few seconds; of these videos they forget it now.
        for video_id in Video.objects.filter(creator=person).order_by("pk").values_list("pk", flat=True):
            outbox.announce(video_id)
        transaction.on_commit(lambda: _say_hidden(person, departure))
    return departure


def erase_due() -> int:
    """Erase everybody whose days of grace are over; return how many there were."""
    erased = 0
    for person_id in (
        Departure.objects.filter(due_at__lte=timezone.now()).order_by("due_at").values_list("pk", flat=True)
    ):
        try:
            erased += erase(person_id)
        except Exception as error:
            # One whose erasure fails must not keep others from theirs; the next run tries again.
            _logger.error("somebody could not be erased", exc_info=error)
    return erased


def erase(person_id: int) -> bool:
    """Erase a person who is due; return whether it was done.  Nothing happens where they came back, or something is open."""
    person = Person.objects.filter(pk=person_id, departure__due_at__lte=timezone.now()).first()
    if person is None:
        return False
    with translation.override(settings.LANGUAGE_CODE):
        waits_for = queries.obstacles(person)
    if waits_for != person.departure.waits_for:
        Departure.objects.filter(pk=person_id).update(waits_for=waits_for)
    if waits_for:
        return False
    # The last mail goes before its address does; a machine that stops in between sends it again.
    if person.departure.told_at is None:
        _say_erased(person)
        Departure.objects.filter(pk=person_id).update(told_at=timezone.now())
    with transaction.atomic():
        locked = Person.objects.select_for_update().filter(pk=person_id).first()
        if locked is None or not Departure.objects.filter(pk=person_id).exists():
            return False
        known_as = pseudonym(locked)
        names = [name for exporter in reversed(EXPORTERS) for name in exporter.erase(locked)]
        Erasure.objects.create(number=person_id)
        destroy_keys(person_id)
        record(EntryKind.ERASE, {"person": known_as, "blobs": len(set(names))})
        outbox.discard_later(sorted(set(names)))
    _logger.info("somebody was erased", reason=f"{len(names)} files")
    return True


def finish_erasures() -> int:
    """Go on with what the event log and the archive know of the erased; return for how many it is done."""
    for erasure in Erasure.objects.filter(events_end__isnull=True, erased_at__lte=timezone.now() - _QUIET)[:_AT_ONCE]:
        try:
            slates_end = log.run_with_log(lambda events: events.stream_end(SLATES))
            events_end = log.publish_sync("people", {"viewer": erasure.number})
        except LogUnavailable:
            return 0
        Erasure.objects.filter(pk=erasure.pk).update(events_end=events_end, slates_end=slates_end)
    marks = dict(Watermark.objects.values_list("stream", "sequence"))
    events_read = min(marks.get(PROJECTOR, 0), marks.get(ARCHIVER, 0))
    ready = list(
        Erasure.objects.filter(events_end__lte=events_read, slates_end__lte=marks.get(_SLATES_MARK, 0))[:_AT_ONCE]
    )
    if not ready:
        return 0
    for erasure in ready:
        for exporter in EXPORTERS:
            exporter.forget(erasure.number)
    numbers = {each.number for each in ready}
    ends = (max(each.events_end or 0 for each in ready), max(each.slates_end or 0 for each in ready))
    try:
        is_done = log.run_with_log(lambda events: _forgotten(events, numbers, *ends), _PATIENCE_S)
    except LogUnavailable:
        return 0
    if not is_done:
        return 0
    return Erasure.objects.filter(pk__in=numbers).delete()[0]


async def _forgotten(events: EventLog, numbers: set[int], events_end: int, slates_end: int) -> bool:
    """Remove what both streams hold of these numbers; return whether nothing of it is left."""
    for stream, end in ((EVENTS, events_end), (SLATES, slates_end)):
        if not await events.remove_about(stream, numbers, end) and await events.stream_begin(stream) <= end:
            return False
    return True


def _say_hidden(person: Person, departure: Departure) -> None:
    with translation.override(person.language or settings.LANGUAGE_CODE):
        date = formats.date_format(timezone.localtime(departure.due_at), "DATETIME_FORMAT")
        text = _(
            "You asked us to erase your account @%(name)s. Nobody sees it any more. On %(date)s everything is deleted for good.\n\nIf you want to keep it, sign in before then: %(address)s"
        )
        facts = {"name": person.name, "date": date, "address": f"{settings.PUBLIC_URL}{settings.LOGIN_URL}"}
        _send(person, _("Your account is hidden, and will be erased"), text % facts)


def _say_erased(person: Person) -> None:
    with translation.override(person.language or settings.LANGUAGE_CODE):
        kept = "".join(f"\n- {each.title}: {each.why}" for each in queries.what_is_kept())
        text = _(
            "Your account @%(name)s is being erased now, with your videos, comments, history and keys. This is the last mail that you get from us, because your address goes too.\n\nWhat the law wants us to keep stays without your name:%(kept)s"
        )
        _send(person, _("Your account is erased"), text % {"name": person.name, "kept": kept})


def _send(person: Person, subject: str, text: str) -> None:
    if not person.email:
        return
    try:
        send_mail(subject, text, None, [person.email])
    except OSError as error:
        # Whoever asks to be erased is erased, also when the mail server is away.
        _logger.warning("a mail could not be sent", reason=type(error).__name__)
