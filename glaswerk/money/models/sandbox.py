"""The other side of the sandbox: what the pretended provider remembers.

These rows are written by connections of their own (`payments/sandbox/store.py`) and by nothing else, so that what the
provider did stays done when a transaction of ours is rolled back or its process is killed.  Nothing here refers to our rows.
"""

from django.db import models

from glaswerk.cell.classes import personal


class SandboxDeed(models.Model):
    """A payment, refund, transfer or dispute at the sandbox, once for every key."""

    id = personal(models.BigAutoField(primary_key=True))
    kind = personal(models.CharField(max_length=10))
    key = personal(models.CharField(max_length=200))
    ref = personal(models.CharField(max_length=60, unique=True))
    # The payment that a refund or a dispute is about; empty for the others.
    of_ref = personal(models.CharField(max_length=60))
    amount = personal(models.BigIntegerField())
    currency = personal(models.CharField(max_length=3))
    card = personal(models.CharField(max_length=40))
    state = personal(models.CharField(max_length=12))
    reason = personal(models.CharField(max_length=200))
    at = personal(models.DateTimeField())
    # When the money moved, which is the day that it is settled on.
    settled_at = personal(models.DateTimeField(null=True))

    class Meta:
        constraints = (models.UniqueConstraint(fields=["kind", "key"], name="sandbox_deed_once"),)
        indexes = (
            models.Index(fields=["of_ref"], name="sandbox_deed_of"),
            models.Index(fields=["settled_at"], name="sandbox_deed_settled"),
        )


class SandboxHook(models.Model):
    """A message that the sandbox sends, once or more often, when it is due."""

    id = personal(models.BigAutoField(primary_key=True))
    event_id = personal(models.CharField(max_length=60))
    body = personal(models.TextField())
    due_at = personal(models.DateTimeField())
    sent_at = personal(models.DateTimeField(null=True))

    class Meta:
        indexes = (models.Index(fields=["due_at"], condition=models.Q(sent_at__isnull=True), name="sandbox_hook_due"),)
