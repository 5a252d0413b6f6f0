"""The acts of a sunset.  Each is one row of its history and one entry of the public log, in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext as _

from glaswerk.border.models import Act, ActKind
from glaswerk.border.sunset import state
from glaswerk.border.sunset.failures import SunsetRefused
from glaswerk.border.sunset.marks import differences, mark_reached
from glaswerk.border.sunset.plan import Stage
from glaswerk.border.sunset.still import drop_guards, put_guards
from glaswerk.cell.entries import EntryKind, Fact, RecordRefused, check_facts
from glaswerk.cell.records import record
from glaswerk.people.keyring import pseudonym
from glaswerk.people.models import DataKey, Person
from glaswerk.shop.actions.orders import open_orders, pay_back_unsent, retry_refunds
from glaswerk.shop.actions.purchases import end_purchases
from glaswerk.shop.models import Purchase, PurchaseState, Refund, RefundState
from glaswerk.videos.queue.actions import check_is_operator

_WORDS: Final = {
    ActKind.PLAN: "notice",
    ActKind.EXTEND: "extended",
    ActKind.READONLY: "readonly",
    ActKind.DARK: "dark",
    ActKind.RESUME: "open",
    ActKind.CARVED: "carved",
}


@dataclass(frozen=True, slots=True)
class Signed:
    """On which legal basis somebody acts, why, and who answers for it; and who pressed the button, if anybody did."""

    basis: str
    reason: str
    signer: str
    by: Person | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What somebody still waits for in the shop."""

    orders: int
    purchases: int
    refunds: int

    @property
    def is_none(self) -> bool:
        """Whether nobody waits for anything."""
        return not (self.orders or self.purchases or self.refunds)


def waiting() -> Waiting:
    """Count what is neither shipped nor refunded, what is about to be bought, and refunds that are not through."""
    return Waiting(
        open_orders().count(),
        Purchase.objects.filter(state=PurchaseState.RESERVED).count(),
        Refund.objects.filter(state=RefundState.ASKED).count(),
    )


def plan(signed: Signed, dark_at: datetime, readonly_at: datetime | None = None) -> Act:
    """Set the date at which the cell goes dark, and one before at which it becomes read-only.  Raises SunsetRefused."""
    now = _require(signed, Stage.OPEN)
    if dark_at <= now:
        raise SunsetRefused("dark_at", _("This date is over. Choose a later one, or make the cell dark at once."))
    readonly_at = readonly_at or dark_at
    if readonly_at > dark_at:
        raise SunsetRefused("readonly_at", _("A cell is read-only before it is dark. Choose an earlier date."))
    return _act(ActKind.PLAN, signed, readonly_at, dark_at)


def extend(signed: Signed, dark_at: datetime) -> Act:
    """Move the date on, and that of reading only by as much.  Any number of times.  Raises SunsetRefused."""
    _require(signed, Stage.NOTICE, Stage.READONLY)
    before = state.copy.plan
    if before.dark_at is None or before.readonly_at is None:
        raise SunsetRefused("dark_at", _("There is no date yet that could be extended. Make a plan first."))
    most = settings.CELL.config.sunset.extension_days
    if dark_at <= before.dark_at:
        raise SunsetRefused("dark_at", _("An extension ends later than the date that it extends."))
    if dark_at > before.dark_at + timedelta(days=most):
        raise SunsetRefused("dark_at", _("One extension is of at most %(days)d days.") % {"days": most})
    return _act(ActKind.EXTEND, signed, before.readonly_at + (dark_at - before.dark_at), dark_at)


def make_readonly(signed: Signed, at: datetime | None = None, refund: bool = False) -> Act:
    """Let nobody write any more, from now or a later date on.  Raises SunsetRefused while anybody waits for an order.

    `refund` gives back what they paid.
    """
    now = _require(signed, Stage.OPEN, Stage.NOTICE)
    dark_at = state.copy.plan.dark_at if state.copy.stage() is Stage.NOTICE else None
    if at is not None and at <= now:
        raise SunsetRefused("readonly_at", _("This date is over. Choose a later one, or leave it out for at once."))
    if dark_at is not None and at is not None and at > dark_at:
        raise SunsetRefused("readonly_at", _("A cell is read-only before it is dark. Choose an earlier date."))
    if refund:
        settle_orders(signed.reason)
    found = waiting()
    if at is None and not found.is_none:
        raise SunsetRefused(
            "refund",
            _("%(orders)d orders are neither shipped nor refunded, %(purchases)d are being paid, %(refunds)d refunds are under way. Have them shipped, or give the money back.")
            % {"orders": found.orders, "purchases": found.purchases, "refunds": found.refunds},
        )  # fmt: skip
    act = _act(ActKind.READONLY, signed, at or now, dark_at)
    mark_reached()
    return act


def make_dark(signed: Signed, at: datetime | None = None, refund: bool = False) -> Act:
    """Switch the cell off, now or at a date.  A law may give no notice at all, so nothing holds this up."""
    now = _require(signed, Stage.OPEN, Stage.NOTICE, Stage.READONLY)
    if at is not None and at <= now:
        raise SunsetRefused("dark_at", _("This date is over. Choose a later one, or leave it out for at once."))
    if refund:
        settle_orders(signed.reason)
    dark_at = at or _database_time()
    is_planned = state.copy.stage() is not Stage.OPEN
    readonly_at = min(filter(None, (state.copy.plan.readonly_at if is_planned else None, dark_at)))
    act = _act(ActKind.DARK, signed, readonly_at, dark_at)
    mark_reached()
    return act


def resume(signed: Signed, despite: bool = False) -> tuple[Act, list[str]]:
    """Open the cell again, having proved that nothing changed in the dark.  Raises SunsetRefused, which says what did.

    `despite` opens it all the same; the history and the log then say that it was so.
    """
    _require(signed, Stage.NOTICE, Stage.READONLY, Stage.DARK)
    facts: dict[str, Fact] = {}
    changed: list[str] = []
    if state.copy.stage() is Stage.DARK:
        mark = mark_reached()
        assert mark is not None
        changed = differences(mark)
        if changed and not despite:
            raise SunsetRefused("tables", _("This is not what it was when the cell went dark: ") + "; ".join(changed))
        facts = {"state": "open.changed"} if changed else {"root": mark.root}
    act = _act(ActKind.RESUME, signed, None, None, facts)
    drop_guards(settings.CELL)
    return act, changed


def hand_over(signed: Signed) -> Act:
    """Say that the cell has another owner now: it stays dark for ever.  Raises SunsetRefused."""
    _require(signed, Stage.DARK)
    return _act(ActKind.CARVED, signed, None, None)


def settle_orders(reason: str) -> None:
    """End what is being bought, and give back the money for what was not sent.  Safe to run again."""
    end_purchases()
    for order_id in list(open_orders().values_list("pk", flat=True)):
        pay_back_unsent(order_id, reason)
    retry_refunds(limit=Refund.objects.filter(state=RefundState.ASKED).count())


def _require(signed: Signed, *stages: Stage) -> datetime:
    """Return the database's time where the cell is at one of these stages.  Raises SunsetRefused and PermissionDenied."""
    if signed.by is not None:
        check_is_operator(signed.by)
    state.refresh()
    found = state.copy.stage()
    if found not in stages:
        raise SunsetRefused(
            "state", _("The cell is %(stage)s now, and this can be done only while it is %(stages)s.")
            % {"stage": found.value, "stages": ", ".join(stages)},
        )  # fmt: skip
    return state.copy.now()


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def _act(
    kind: ActKind,
    signed: Signed,
    readonly_at: datetime | None,
    dark_at: datetime | None,
    more: Mapping[str, Fact] | None = None,
) -> Act:
    facts: dict[str, Any] = {
        "state": _WORDS[kind],
        "basis": signed.basis.strip(),
        "reason": signed.reason.strip(),
        "signer": signed.signer.strip(),
        **({"until": _second(dark_at)} if dark_at else {}),
        **({"by": by} if (by := _pseudonym(signed.by)) else {}),
        **(more or {}),
    }
    try:
        check_facts(EntryKind.SUNSET, facts)
        if kind not in (ActKind.RESUME, ActKind.CARVED):
            # Before the act, so that it counts for the database from its first moment on.
            put_guards(settings.CELL)
        with transaction.atomic():
            act = Act.objects.create(
                kind=kind,
                at=state.copy.now(),
                readonly_at=readonly_at,
                dark_at=dark_at,
                basis=facts["basis"],
                reason=facts["reason"],
                signer=facts["signer"],
                by=facts.get("by", ""),
            )
            act.refresh_from_db()
            if act.extension:
                facts["extension"] = act.extension
            record(EntryKind.SUNSET, facts)
    except RecordRefused as refused:
        raise SunsetRefused(refused.field, refused.detail) from None
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") != "GB002":
            raise
        raise SunsetRefused("state", _("The cell has moved meanwhile. Look where it stands, and try again.")) from None
    state.refresh()
    return act


def _pseudonym(person: Person | None) -> str:
    """How the log names whoever acts.  In the dark nobody gets a key who has none."""
    if person is None:
        return ""
    has_key = DataKey.objects.filter(pk=person.pk, destroyed_at=None).exists()
    return pseudonym(person) if has_key or state.copy.stage() is not Stage.DARK else ""


def _second(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
