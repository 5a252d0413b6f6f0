"""The sunset's history: every act that moves the cell, and what was found when it had moved."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import count, public
from glaswerk.cell.references import keeps_nothing


class ActKind(models.TextChoices):
    """What somebody decided."""

    PLAN = "plan", _("Planned")
    EXTEND = "extend", _("Extended")
    READONLY = "readonly", _("Made read-only")
    DARK = "dark", _("Made dark")
    RESUME = "resume", _("Resumed")
    CARVED = "carved", _("Handed over")


_DATED = (ActKind.PLAN, ActKind.EXTEND, ActKind.DARK)
_UNDATED = (ActKind.RESUME, ActKind.CARVED)


class Act(models.Model):
    """One decision, with the whole plan that is in force after it.  The last one counts, and none ever changes.

    The order of acts is guarded by the database (`border_guard_act`), by its own clock.
    """

    # It counts, so it is the version of the plan as well.
    id = public(models.BigAutoField(primary_key=True))
    kind = public(models.CharField(max_length=10, choices=ActKind.choices))
    at = public(models.DateTimeField())
    readonly_at = public(models.DateTimeField(null=True))
    dark_at = public(models.DateTimeField(null=True))
    # How many extensions the plan has had.
    extension = public(models.PositiveIntegerField(default=0))
    basis = public(models.TextField())
    reason = public(models.TextField())
    signer = public(models.TextField())
    # Who pressed the button, as the public log names them; empty for a command.
    by = public(keeps_nothing(models.CharField(max_length=64, blank=True)))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=ActKind.values), name="act_kind_is_known"),
            models.CheckConstraint(
                condition=~Q(kind__in=_DATED) | Q(readonly_at__isnull=False, dark_at__isnull=False),
                name="act_has_its_dates",
            ),
            models.CheckConstraint(
                condition=~Q(kind=ActKind.READONLY) | Q(readonly_at__isnull=False), name="act_readonly_has_its_date"
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=_UNDATED) | Q(readonly_at=None, dark_at=None), name="act_end_has_no_dates"
            ),
            models.CheckConstraint(
                condition=Q(dark_at=None) | Q(dark_at__gte=F("readonly_at")), name="act_is_read_only_before_dark"
            ),
            models.CheckConstraint(condition=~Q(reason="") & ~Q(basis="") & ~Q(signer=""), name="act_says_why_and_who"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Mark(models.Model):
    """That a state had begun, and what the tables and the log were then.

    It decides nothing: acts and the clock do.  But a state that was marked stays, even if a clock is set back.
    """

    id = public(models.BigAutoField(primary_key=True))
    act = public(models.ForeignKey(Act, on_delete=models.PROTECT, related_name="marks"))
    stage = public(models.CharField(max_length=10))
    at = public(models.DateTimeField())
    # Of the dark: the root of each table that stays as it is, with its rows, and the root over all of these.
    tables = count(models.JSONField(default=dict))
    root = public(keeps_nothing(models.CharField(max_length=64, blank=True)))
    log_size = public(models.BigIntegerField(null=True))
    log_root = public(keeps_nothing(models.CharField(max_length=64, blank=True)))
    # The last record that was on its way into the log by then.
    last_record = public(models.BigIntegerField(default=0))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["act", "stage"], name="mark_once_a_stage"),
            models.CheckConstraint(condition=Q(stage__in=("readonly", "dark")), name="mark_stage_is_known"),
            models.CheckConstraint(
                condition=~Q(stage="dark") | (~Q(root="") & ~Q(log_root="") & Q(log_size__isnull=False)),
                name="mark_of_the_dark_has_roots",
            ),
        )

    def __str__(self) -> str:
        return f"{self.stage} after {self.act_id}"
