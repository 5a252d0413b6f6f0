"""What the feed holds about a person: in its tables, in the archive, and what was recorded of every slate."""

from collections.abc import Iterable
from typing import ClassVar, Final

import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.ids import encode_id
from glaswerk.feed.models import Dials, PolicyRecord, Relation, SlateRecord, Statistics, Watch
from glaswerk.feed.settings import Settings
from glaswerk.feed.slates import slates_of
from glaswerk.glass import Ask, Slate, WireError
from glaswerk.people.models import Person
from glaswerk.people.rights import Exporter, Record, category, facts, public_form

_AT_ONCE: Final = 500
_NUMBERS: Final = "It holds numbers about all, and nothing by which one of them could be found."
# Who changed the policy stands in its public history; what was done stays, and who it was does not.
_NOBODY: Final = "erased"


class FeedExporter(Exporter):
    """Watch history, dials, what was hidden, every slate, and the events as they came."""

    app = "feed"
    excluded: ClassVar = {
        "feed.CountedEvent": "It says that an event was counted, and not whose it was; it is forgotten after eight days.",
        "feed.Watermark": _NUMBERS,
        "feed.EpochRecord": _NUMBERS,
        "feed.LearnedModel": _NUMBERS,
    }

    @category(_("Your watch history"), "feed.Watch")
    def watches(self, person: Person) -> Iterable[Record]:
        """What the person did with each video."""
        rows = Watch.objects.filter(viewer=person.pk).order_by("pk")
        return ({**facts(each, "id", "viewer"), "video": public_form(each.video)} for each in rows.iterator())

    @category(_("What you said of creators"), "feed.Relation")
    def relations(self, person: Person) -> Iterable[Record]:
        """Whom the person follows or blocks, as the feed knows it."""
        rows = Relation.objects.filter(viewer=person.pk).order_by("pk")
        return ({**facts(each, "id", "viewer"), "creator": public_form(each.creator)} for each in rows.iterator())

    @category(_("Your dials and hidden words"), "feed.Dials")
    def dials(self, person: Person) -> Iterable[Record]:
        """What the person has set, and what they do not want to see."""
        for row in Dials.objects.filter(viewer=person.pk):
            held = Settings.of(row.settings, row.reset_at)
            hidden = [{"kind": kind, "value": value} for kind, value in held.hidden]
            yield {**facts(row, "viewer"), "topics": held.topics, "hidden": hidden}

    @category(_("Every feed that you were shown"), "feed.SlateRecord")
    def slates(self, person: Person) -> Iterable[Record]:
        """Each slate with its videos; `feed/slates` of the API has the bytes by which it can be made again."""
        before: int | None = None
        while True:
            found = slates_of(person.pk, before, _AT_ONCE)
            for record in found:
                try:
                    videos = [encode_id(slot.video) for slot in Slate.decode(record.slate).slots]
                    place = Ask.decode(record.ask).surface
                except WireError:
                    videos, place = [], ""
                yield {
                    "id": encode_id(record.id),
                    "at": record.at,
                    "epoch": record.epoch,
                    "place": place,
                    "videos": videos,
                }
            if len(found) < _AT_ONCE:
                return
            before = found[-1].id

    @category(_("Events as they came"))
    def events(self, person: Person) -> Iterable[Record]:
        """Every event of the person in the archive, the oldest first; the last minutes may not be archived yet."""
        for path in sorted((settings.CELL.archive / "events").rglob("*.parquet")):
            try:
                table = pq.read_table(path, filters=pc.field("viewer") == person.pk)
            except FileNotFoundError:
                # It was joined into its hour's file, which comes later in the order.
                continue
            for row in table.to_pylist():
                yield {
                    "id": row["id"],
                    "kind": row["kind"],
                    "at": row["at"].isoformat() if row["at"] else None,
                    "logged_at": row["logged_at"].isoformat(),
                    "watched_ms": row["watched_ms"],
                    "loops": row["loops"],
                    **{name: public_form(row[name]) for name in ("slate", "video", "creator") if row[name] is not None},
                }

    @category(_("Totals of your videos in the feed"), "feed.Statistics")
    def statistics(self, person: Person) -> Iterable[Record]:
        """What viewers did with the person's videos, as numbers."""
        return (facts(each) for each in Statistics.objects.filter(video__creator=person).order_by("pk").iterator())

    @category(
        _("Policies that you set"),
        "feed.PolicyRecord",
        kept=_("The history of the algorithm is public; your name is taken out of it."),
    )
    def policies(self, person: Person) -> Iterable[Record]:
        """What the person changed in the feed of all as an operator."""
        return (facts(each) for each in PolicyRecord.objects.filter(set_by=person.name).order_by("pk"))

    def erase(self, person: Person) -> list[str]:
        """Delete what the tables say of this viewer; the log and the archive follow when their readers come to it."""
        PolicyRecord.objects.filter(set_by=person.name).update(set_by=_NOBODY)
        self.forget(person.pk)
        return []

    def forget(self, number: int) -> None:
        """Delete the rows of a viewer.  Their slates are built on each other alone, so they go together."""
        for model in (Watch, Relation, Dials, SlateRecord):
            model.objects.filter(viewer=number).delete()
