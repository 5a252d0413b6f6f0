"""Commissions: accrued by a sale, payable after the return window, taken back by refunds.

Each action is one transaction, or a part of the caller's; each is done once for its key.  A commission that is taken
back after it was paid leaves its creator owing, on the very account that payouts are made from, so the next payout is
less by it.
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from glaswerk.money.actions import Line, account_id, post_journal
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
    with transaction.atomic():
        commission, fresh = Commission.objects.get_or_create(
            key=key,
            defaults={
                "creator_id": creator_id, "reference": reference, "currency": amount.currency, "amount": amount.minor,
                "payable_at": payable_at,
            },
        )  # fmt: skip
        held = (commission.creator_id, commission.reference, commission.amount, commission.currency)
        if held != (creator_id, reference, amount.minor, amount.currency):
            raise CommissionError("the key was used for another commission")
        if fresh:
            lines = [
                Line(funded_by, amount.minor),
                Line(accrued_account(creator_id, amount.currency), -amount.minor),
            ]
            post_journal(f"commission:{commission.pk}:accrued", "commission.accrued", reference, lines)
    return commission


def mature_commissions(now: datetime | None = None, limit: int = 500) -> int:
    """Make payable what no return can take back any more; return how many.  Safe to run beside itself."""
    with transaction.atomic():
        due = list(
            Commission.objects.select_for_update(skip_locked=True)
            .filter(state=CommissionState.ACCRUED, payable_at__lte=now or timezone.now())
            .order_by("pk")[:limit]
        )
        for commission in due:
            left = commission.amount - commission.reversed
            lines = [
                Line(accrued_account(commission.creator_id, commission.currency), left),
                Line(payable_account(commission.creator_id, commission.currency), -left),
            ]
            post_journal(f"commission:{commission.pk}:payable", "commission.payable", commission.reference, lines)
            commission.state = CommissionState.PAYABLE
            commission.save(update_fields=["state"])
    return len(due)


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
