"""The outbox of the public log: an entry comes into being with the act that it is about, in the same transaction."""

from django.db import models
from django.db.models.fields.json import KeyTransform

from glaswerk.cell.classes import public
from glaswerk.cell.entries import EntryKind
from glaswerk.cell.ids import encode_id


class Record(models.Model):
    """One entry of the public log: on its way into it, or in it at `index`.  The database lets nothing else change."""

    # It counts, so that of two entries the later one comes later in the log.
    id = public(models.BigAutoField(primary_key=True))
    kind = public(models.CharField(max_length=16))
    # The bytes of the entry; what the log has is exactly this.
    entry = public(models.TextField())
    # What of it is asked for.
    facts = public(models.JSONField())
    at = public(models.DateTimeField())
    index = public(models.BigIntegerField(null=True, unique=True))

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in EntryKind]), name="record_kind_is_known"
            ),
            models.CheckConstraint(condition=models.Q(index__gte=0), name="record_index_is_not_negative"),
            # A log ends once, and the database lets nothing come behind it.
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(kind="carve", facts__step="finish"), name="record_one_end"
            ),
        )
        indexes = (
            # What waits for the recorder, in its order.
            models.Index(models.F("id"), name="record_waiting", condition=models.Q(index=None)),
            models.Index(models.F("kind"), models.F("id").desc(), name="record_by_kind"),
            models.Index(KeyTransform("person", "facts"), models.F("id").desc(), name="record_by_person"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {encode_id(self.id)}"
