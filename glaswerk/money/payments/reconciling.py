"""The daily comparison of a provider's settlement with what is known here."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

from glaswerk.money.models import (
    Dispute,
    DisputeState,
    Operation,
    OperationKind,
    OperationState,
    Reconciliation,
)
from glaswerk.money.payments.port import SettledLine
from glaswerk.money.payments.registry import provider_named

# Our clock, the provider's, and the time that an answer takes: around midnight each may put a line on another day.
_SLACK = timedelta(minutes=10)


@dataclass(slots=True)
class Compared:
    """A day's result: how many lines there are, how many of them match, and a sentence for each difference."""

    provider: str
    day: date
    lines: int = 0
    matched: int = 0
    fees: dict[str, int] = field(default_factory=dict)
    net: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


def reconcile(provider: str, day: date) -> Compared:
    """Match every settled line of a day (UTC) to an operation or dispute, and the other way round; keep the report.

    Safe to run again: the report of the day is replaced.
    """
    lines = provider_named(provider).settlement(day)
    result = Compared(provider, day, lines=len(lines))
    fees: dict[str, int] = defaultdict(int)
    net: dict[str, int] = defaultdict(int)
    seen: set[int] = set()
    for line in lines:
        fees[line.currency] += line.fee
        net[line.currency] += line.amount - line.fee
        difference = _dispute_difference(provider, line) if line.kind == "dispute" else None
        if line.kind != "dispute":
            operation = _operation_of(provider, line)
            if operation is not None and operation.pk in seen:
                difference = f"{line.kind} {line.ref} is settled twice"
            else:
                difference = _difference(line, operation)
            if operation is not None:
                seen.add(operation.pk)
        if difference is None:
            result.matched += 1
        else:
            result.differences.append(difference)
    result.differences += _not_settled(provider, day, seen)
    result.fees, result.net = dict(fees), dict(net)
    Reconciliation.objects.update_or_create(
        provider=provider,
        day=day,
        defaults={
            "lines": result.lines, "matched": result.matched, "differences": result.differences, "at": timezone.now(),
        },
    )  # fmt: skip
    return result


def _operation_of(provider: str, line: SettledLine) -> Operation | None:
    asked = Operation.objects.filter(provider=provider, kind=line.kind)
    by_key = asked.filter(key=line.key).first() if line.key else None
    return by_key or asked.filter(provider_ref=line.ref).first()


def _difference(line: SettledLine, operation: Operation | None) -> str | None:
    if operation is None:
        return f"{line.kind} {line.ref} over {line.amount} {line.currency} is unknown here"
    sign = 1 if operation.kind == OperationKind.PAY else -1
    if (line.amount, line.currency) != (sign * operation.amount, operation.currency):
        return (
            f"{line.kind} {line.ref} is settled over {line.amount} {line.currency},"
            f" and was asked for over {sign * operation.amount} {operation.currency}"
        )
    if operation.state != OperationState.SUCCEEDED:
        return f"{line.kind} {line.ref} is settled, and {operation.state} here"
    return None


def _dispute_difference(provider: str, line: SettledLine) -> str | None:
    dispute = Dispute.objects.filter(provider=provider, provider_ref=line.ref).select_related("payment").first()
    if dispute is None:
        return f"dispute {line.ref} over {line.amount} {line.currency} is unknown here"
    if (line.amount, line.currency) != (-dispute.amount, dispute.payment.currency):
        return f"dispute {line.ref} is settled over {line.amount}, and known here over {-dispute.amount}"
    if dispute.state == DisputeState.WON:
        return f"dispute {line.ref} is settled, and won here"
    return None


def _not_settled(provider: str, day: date, seen: set[int]) -> list[str]:
    """Return what succeeded here well within the day, and is not in its settlement."""
    start = datetime.combine(day, time.min, tzinfo=UTC)
    missing = Operation.objects.filter(
        provider=provider,
        state=OperationState.SUCCEEDED,
        at__gte=start + _SLACK,
        decided_at__lt=start + timedelta(days=1) - _SLACK,
    ).exclude(pk__in=seen)
    return [
        f"{operation.kind} {operation.provider_ref or operation.key} over {operation.amount} {operation.currency}"
        " succeeded here, and is not settled"
        for operation in missing.order_by("pk")
    ]
