"""What the border holds about a person: their exports, imports and moves."""

from collections.abc import Iterable
from typing import ClassVar

from django.utils.translation import gettext_lazy as _

from glaswerk.border.models import Elsewhere, Export, Import
from glaswerk.border.peers.moving import halves_about
from glaswerk.people.models import Person
from glaswerk.people.rights import Exporter, Record, category, facts


class BorderExporter(Exporter):
    """When somebody took their data out, and what they brought."""

    app = "border"
    excluded: ClassVar = {
        "border.Arrival": "It stands for something of another cell, whose people have no account here.",
        "border.ForeignOffer": "It is what another cell sells.",
        "border.Change": "It says by its number that something public changed, until others were told.",
        "border.Erasure": "It names whoever is being erased until nothing of them is left, and then goes itself.",
    }

    @category(_("Your exports"), "border.Export")
    def exports(self, person: Person) -> Iterable[Record]:
        """Every export that was asked for."""
        return (facts(each, "person") for each in Export.objects.filter(person=person).order_by("pk"))

    @category(_("Your imports"), "border.Import", "border.ImportRow")
    def imports(self, person: Person) -> Iterable[Record]:
        """What was brought from elsewhere, row by row."""
        for each in Import.objects.filter(person=person).order_by("pk"):
            rows = [facts(row, "id", "run") for row in each.rows.iterator(chunk_size=2000)]
            yield {**facts(each, "person", "archive"), "rows": rows}

    @category(_("How often your videos were watched in other cells"), "border.Elsewhere")
    def elsewhere(self, person: Person) -> Iterable[Record]:
        """What other cells say of each day."""
        return (facts(each) for each in Elsewhere.objects.filter(video__creator=person).order_by("pk").iterator())

    @category(_("Your moves between cells"), "border.MoveHalf")
    def moves(self, person: Person) -> Iterable[Record]:
        """What was said of them, by this person here and by other cells."""
        return (facts(each, "person") for each in halves_about(person).order_by("pk"))

    def erase(self, person: Person) -> list[str]:
        """Remove the files of exports and imports; the rows go with the person."""
        for export in Export.objects.filter(person=person):
            export.path.unlink(missing_ok=True)
            export.path.with_suffix(".part").unlink(missing_ok=True)
        names = list(Import.objects.filter(person=person).exclude(archive="").values_list("archive", flat=True))
        Import.objects.filter(person=person).delete()
        halves_about(person).delete()
        return names
