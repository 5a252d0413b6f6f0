"""What the pages of the border read.  Each function says how many queries it makes."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from glaswerk.border.bags.rows import KINDS
from glaswerk.border.exporters import EXPORTERS
from glaswerk.border.models import Export, Import, ImportRow, ImportState, MoveHalf, Outcome
from glaswerk.border.peers.effects import own_origin
from glaswerk.people.models import Person


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays when somebody is erased, and why."""

    title: str
    why: str


def newest_export(person: Person) -> Export | None:
    """Return the export that the page shows.  One query."""
    return Export.objects.filter(person=person).order_by("-pk").first()


def export_state(export: Export) -> dict[str, Any]:
    """Return how far an export is, for its page.  No query."""
    return {"state": export.state, "progress": export.progress}


def what_is_kept() -> list[Kept]:
    """Return what the law keeps of an erased person, each with the reason.  No query."""
    categories = [each for exporter in EXPORTERS for each in exporter.categories()]
    return [Kept(str(each.title), str(each.kept)) for each in categories if each.kept]


def obstacles(person: Person) -> list[str]:
    """Return what has to be settled before somebody can be erased.  About ten queries."""
    return [sentence for exporter in EXPORTERS for sentence in exporter.obstacles(person)]


@dataclass(frozen=True, slots=True)
class Half:
    """One half of a move, as its page shows it; `goes` says that it leads away from here."""

    cell: str
    name: str
    goes: bool
    is_done: bool = False


def own_half(person: Person) -> Half | None:
    """Return what this cell says of a person's move.  One query."""
    said = MoveHalf.objects.filter(person=person, withdrawn_at=None).select_related("other").first()
    if said is None:
        return None
    assert said.other is not None
    goes = said.item == person.pk and said.home == own_origin()
    return Half(said.other.label, said.to_name if goes else said.name, goes, said.done_at is not None)


def halves_that_wait(person: Person) -> list[Half]:
    """Return what other cells say of moves to and from this account, as long as nothing came of it.  One query."""
    here = own_origin()
    said = MoveHalf.objects.filter(withdrawn_at=None, done_at=None, said_by__removed_at=None)
    about = said.filter(Q(home=here, item=person.pk) | Q(to=here, to_item=person.pk), said_by__isnull=False)
    found = []
    for one in about.select_related("said_by").order_by("-pk")[:10]:
        assert one.said_by is not None
        goes = one.home == here
        found.append(Half(one.said_by.label, one.to_name if goes else one.name, goes))
    return found


@dataclass(frozen=True, slots=True)
class Group:
    """One kind of what an import holds, and how many of it came to what."""

    kind: str
    title: str
    waiting: int
    counts: list[tuple[str, str, int]]
    is_chosen: bool


def newest_imports(person: Person) -> list[Import]:
    """Return the imports that the page shows, the newest first.  One query."""
    return list(Import.objects.filter(person=person).order_by("-pk")[:3])


def import_state(found: Import) -> dict[str, Any]:
    """Return how far an import is, for its page.  One query."""
    whole = found.rows.exclude(outcome__in=(Outcome.NOT_HERE, Outcome.NOT_POSSIBLE, Outcome.KNOWN)).aggregate(
        number=Count("pk"), waiting=Count("pk", filter=Q(outcome=Outcome.WAITING))
    )
    done = whole["number"] - whole["waiting"]
    percent = 100 * done // whole["number"] if whole["number"] else 0
    return {"state": found.state, "progress": percent if found.state == ImportState.APPLYING else 0}


def import_groups(found: Import) -> list[Group]:
    """Return what an import holds by kind, in the order in which it is brought.  One query."""
    rows = found.rows.order_by().values_list("kind", "outcome").annotate(number=Count("pk"))
    held: dict[str, dict[str, int]] = {}
    for kind, outcome, number in rows:
        held.setdefault(kind, {})[outcome] = number
    return [
        Group(
            kind=kind,
            title=str(title),
            waiting=held[kind].get(Outcome.WAITING, 0),
            counts=[(str(each), str(each.label), held[kind][each]) for each in Outcome if each in held[kind]],
            # Whom a foreign archive names need not be who has that name here.
            is_chosen=not (kind == "follow" and found.kind == "tiktok"),
        )
        for kind, title in KINDS.items()
        if kind in held
    ]


def import_rows(found: Import, kind: str, outcome: str, most: int) -> list[ImportRow]:
    """Return the first rows of an import, of one kind and outcome where they are named.  One query."""
    rows = found.rows.all()
    if kind in KINDS:
        rows = rows.filter(kind=kind)
    if outcome in Outcome.values:
        rows = rows.filter(outcome=outcome)
    return list(rows[:most])
