"""What has changed of the goods in videos, so that whoever keeps them in memory need not read them all again."""

from typing import Final

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils import timezone

from glaswerk.cell.classes import public

KINDS: Final = ("product", "merchant", "video")


class ShelfChange(models.Model):
    """Something that may look otherwise in videos than it did: a product, all products of a merchant, or what a video shows.

    Triggers write these rows, so that no way of changing a price or a stock passes them by.  They are appended, and so no two
    purchases wait for each other here.  Whoever reads them goes by the transactions: numbers are given before a commit, and
    may come out of order.
    """

    id = public(models.BigAutoField(primary_key=True))
    kind = public(models.CharField(max_length=10))
    subject = public(models.BigIntegerField())
    xid = public(models.BigIntegerField(db_index=True))
    at = public(models.DateTimeField(default=timezone.now))

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(kind__in=KINDS), name="shelf_change_kind_is_known"),)


def noting(kind: str, subject: str, source: str = "") -> str:
    """Return the SQL that notes a change; `subject` is an expression, of `source` where it has to be looked up."""
    return (
        "INSERT INTO shop_shelfchange (kind, subject, xid, at)"
        f" SELECT '{kind}', {subject}, pg_current_xact_id()::text::bigint, clock_timestamp() {source};"
    )


def note_changes(
    name: str, kind: str, subject: str, source: str = "", columns: tuple[str, ...] = ()
) -> pgtrigger.Trigger:
    """Return a trigger that notes whatever happens to a row; of changes only those of `columns`, where some are named.

    `subject` and `source` speak of the row as ROW: the new one, or the old one where it is gone.
    """
    old, new = (noting(kind, subject.replace("ROW", row), source.replace("ROW", row)) for row in ("OLD", "NEW"))
    changed = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns) or "true"
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        func=f"""
IF TG_OP = 'DELETE' THEN
    {old}
ELSIF TG_OP = 'INSERT' THEN
    {new}
ELSIF {changed} THEN
    {new}
END IF;
RETURN NULL;
""",
    )
