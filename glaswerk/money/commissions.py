"""Commissions: accrued by a sale, payable after the return window, taken back by refunds.

Each action is one transaction, or a part of the caller's; each is done once for its key.  A commission that is taken
back after it was paid leaves its creator owing, on the very account that payouts are made from, so the next payout is
less by it.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from glaswerk.money.actions import Line, account_id, ledger_errors, post_journal
from glaswerk.money.amounts import Money
from glaswerk.money.models import AccountKind, Commission, CommissionState, Journal


class CommissionError(Exception):
    """A commission cannot be changed as asked; the message says why."""


def accrued_account(creator_id: int, currency: str) -> int:
    """Return the account of what a creator earned and may still lose to returns."""
    return account_id(AccountKind.CREATOR_ACCRUED, "creator", creator_id, currency)


def payable_account(creator_id: int, currency: str) -> int:
    """Return the account that a creator is paid from."""
    return account_id(AccountKind.CREATOR_PAYABLE, "creator", creator_id, currency)


def accrue_commission(
    key: str, creator_id: int, reference: str, amount: Money, payable_at: datetime, funded_by: int
) -> Commission:
    """Let a creator earn by a sale: `funded_by` (the merchant's account, as a rule) is debited.

    The same key again returns the commission that is there.  Raises CommissionError where it was another one's, or the
    amount is not above zero.
    """
    if amount.minor <= 0:
        raise CommissionError("a commission is of more than nothing")
    values: list[Any] = [key, creator_id, reference, amount.currency, amount.minor, payable_at, funded_by]
    try:
        with transaction.atomic(), ledger_errors(), connection.cursor() as cursor:
            cursor.execute("SELECT money_accrue(%s, %s, %s, %s, %s, %s, %s)", values)
            number = cursor.fetchone()[0]
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) == "GM005":
            raise CommissionError("the key was used for another commission") from None
        raise
    return Commission.objects.get(pk=number)


def mature_commissions(now: datetime | None = None, limit: int = 500) -> int:
    """Make payable what no return can take back any more; return how many.  Safe to run beside itself."""
    # Creator by creator, as everybody posts to their accounts, so that two who do never wait for each other in a ring.
    with transaction.atomic():
        due = list(
            Commission.objects.select_for_update(skip_locked=True)
            .filter(state=CommissionState.ACCRUED, payable_at__lte=now or timezone.now())
            .order_by("payable_at", "pk")[:limit]
        )
        for commission in sorted(due, key=lambda one: (one.creator_id, one.pk)):
            left = commission.amount - commission.reversed
            lines = [
                Line(accrued_account(commission.creator_id, commission.currency), left),
                Line(payable_account(commission.creator_id, commission.currency), -left),
            ]
            post_journal(f"commission:{commission.pk}:payable", "commission.payable", commission.reference, lines)
            commission.state = CommissionState.PAYABLE
            commission.save(update_fields=["state"])
    return len(due)


def postpone_commissions(commissions: QuerySet[Any, Any], payable_at: datetime) -> int:
    """Let these become payable at another moment, as far as they are not yet; return how many.  `commissions` are ids."""
    with transaction.atomic():
        waiting = Commission.objects.filter(pk__in=commissions, state=CommissionState.ACCRUED)
        locked = list(waiting.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
        return Commission.objects.filter(pk__in=locked).update(payable_at=payable_at)


def lock_commissions(commissions: Collection[int]) -> None:
    """Lock commissions by their ids, within a transaction that takes several back, before it posts anything.  One query."""
    list(Commission.objects.filter(pk__in=commissions).order_by("pk").select_for_update(no_key=True).values_list("pk"))


def reverse_commission(key: str, part: str, amount: Money | None, back_to: int) -> Commission:
    """Take back a part of a commission (None: what is left of it) and credit `back_to`; `part` is the refund's own key.

    The same part again does nothing.  Raises CommissionError where more would be taken back than there is, and
    Commission.DoesNotExist.
    """
    with transaction.atomic():
        commission = Commission.objects.select_for_update(no_key=True).get(key=key)
        journal = f"commission:{commission.pk}:reversed:{part}"
        if Journal.objects.filter(key=journal).exists():
            return commission
        left = commission.amount - commission.reversed
        minor = left if amount is None else amount.minor
        if minor == 0 and amount is None:
            return commission
        if (amount is not None and amount.currency != commission.currency) or not 0 < minor <= left:
            raise CommissionError(f"{left} {commission.currency} can be taken back, not {amount}")
        accrued = commission.state == CommissionState.ACCRUED
        account = accrued_account if accrued else payable_account
        lines = [Line(account(commission.creator_id, commission.currency), minor), Line(back_to, -minor)]
        post_journal(journal, "commission.reversed", commission.reference, lines)
        commission.reversed += minor
        if commission.reversed == commission.amount:
            commission.state = CommissionState.REVERSED
        commission.save(update_fields=["reversed", "state"])
    return commission
