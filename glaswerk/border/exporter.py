"""What the border holds about a person: their exports and imports."""

from collections.abc import Iterable
from typing import ClassVar

from django.utils.translation import gettext_lazy as _

from glaswerk.border.models import Export, Import
from glaswerk.people.models import Person
from glaswerk.people.rights import Exporter, Record, category, facts


class BorderExporter(Exporter):
    """When somebody took their data out, and what they brought."""

    app = "border"
    excluded: ClassVar = {
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

    def erase(self, person: Person) -> list[str]:
        """Remove the files of exports and imports; the rows go with the person."""
        for export in Export.objects.filter(person=person):
            export.path.unlink(missing_ok=True)
            export.path.with_suffix(".part").unlink(missing_ok=True)
        names = list(Import.objects.filter(person=person).exclude(archive="").values_list("archive", flat=True))
        Import.objects.filter(person=person).delete()
        return names
