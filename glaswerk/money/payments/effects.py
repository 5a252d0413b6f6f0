"""What a provider's fact does here.  Facts come by answers, hooks and look-ups, and all of them go through `take_in`.

Every effect is a step forward of a row that is locked: hearing a fact again does nothing, and one that comes before the
fact it follows from brings that one's effect with it.
"""

from contextlib import nullcontext
from typing import Final

import structlog
from django.db import connection, transaction
from django.utils import timezone

from glaswerk.cell.statements import fetch
from glaswerk.money.actions import Line, account_id, lock_accounts, post_journal
from glaswerk.money.amounts import Money
from glaswerk.money.models import (
    AccountKind,
    Commission,
    CommissionState,
    Dispute,
    DisputeState,
    Operation,
    OperationKind,
    OperationState,
    Payment,
    PaymentState,
    Payout,
    PayoutState,
)
from glaswerk.money.payments.port import DisputeFact, Fact, PaymentFact, RefundFact, TransferFact
from glaswerk.money.payments.registry import (
    Change,
    PaymentChange,
    callback_of,
    clearing_account,
    disputes_account,
    sellers,
)

APPLIED: Final = "applied"
KNOWN: Final = "known"
UNMATCHED: Final = "unmatched: it is about nothing that was asked for here"
MISMATCH: Final = "mismatch: it is about another amount or currency than was asked for"
_OPEN: Final = (PaymentState.PENDING, PaymentState.NEEDS_ACTION)
_LIVE: Final = (*_OPEN, PaymentState.SUCCEEDED)
_MAX_REASON: Final = 200
_SUCCEED: Final = "SELECT money_succeed(%s, %s, %s, %s::bigint, %s, %s::text[], %s::text[])"
_logger = structlog.get_logger("glaswerk.money")


def take_in(provider: str, *facts: Fact) -> str:
    """Apply what a provider says, in one transaction; return APPLIED, KNOWN, UNMATCHED or MISMATCH."""
    effects = []
    with transaction.atomic():
        for fact in facts:
            match fact:
                case PaymentFact():
                    effects.append(_take_payment(provider, fact))
                case RefundFact():
                    effects.append(_take_refund(provider, fact))
                case DisputeFact():
                    effects.append(_take_dispute(provider, fact))
                case TransferFact():
                    effects.append(_take_transfer(provider, fact))
    for worst in (MISMATCH, UNMATCHED, APPLIED):
        if worst in effects:
            if worst is not APPLIED:
                _logger.error("a provider's word fits nothing here", provider=provider, effect=worst)
            return worst
    return KNOWN


def succeed_at_once(provider: str, fact: Fact) -> bool:
    """Take in the usual success of a payment in one round trip, and have sold what it is for; return whether it was that.

    Where it was not, nothing has changed, and `take_in` is to have it.
    """
    kinds, functions = sellers()
    if not isinstance(fact, PaymentFact) or fact.state != OperationState.SUCCEEDED or not kinds:
        return False
    # Within a transaction, what is refused must not break the rest of it; a single statement is a transaction by itself.
    with transaction.atomic() if connection.in_atomic_block else nullcontext():
        values = [provider, fact.key, fact.ref, fact.amount.minor, fact.amount.currency, kinds, functions]
        return bool(fetch(_SUCCEED, values)[0][0])


def _locked_payment(**where: object) -> Payment | None:
    return Payment.objects.select_for_update(of=("self",), no_key=True).filter(**where).first()


def _tell(payment: Payment, what: Change, minor: int, source: str) -> None:
    if payment.state == PaymentState.SURPLUS:
        return
    change = PaymentChange(payment, what, Money(minor, payment.currency), f"{source}:{what}")
    callback_of(payment.reference)(change)


def _decide(operation: Operation, state: OperationState, ref: str, reason: str = "") -> None:
    operation.state = state
    operation.provider_ref = ref or operation.provider_ref
    operation.reason = reason[:_MAX_REASON]
    operation.decided_at = timezone.now()
    operation.save(update_fields=["state", "provider_ref", "reason", "decided_at"])


def _take_payment(provider: str, fact: PaymentFact) -> str:
    payment = _locked_payment(provider=provider, operations__key=fact.key, operations__kind=OperationKind.PAY)
    if payment is None and fact.ref:
        payment = _locked_payment(provider=provider, provider_ref=fact.ref)
    if payment is None:
        return UNMATCHED
    operation = Operation.objects.get(payment=payment, kind=OperationKind.PAY)
    if fact.state == OperationState.SUCCEEDED:
        # Money is taken for what was asked for, or a person has to look at it.
        if (fact.amount.minor, fact.amount.currency) != (payment.total, payment.currency):
            return MISMATCH
        return _succeed(payment, operation, fact.ref)
    if payment.state not in _OPEN:
        return KNOWN
    if fact.state == OperationState.FAILED:
        payment.state, payment.reason, payment.next_url = PaymentState.DECLINED, fact.reason[:_MAX_REASON], ""
        payment.provider_ref = fact.ref or payment.provider_ref
        payment.save(update_fields=["state", "reason", "provider_ref", "next_url"])
        _decide(operation, OperationState.FAILED, fact.ref, fact.reason)
        _tell(payment, Change.FAILED, payment.total, f"payment:{payment.pk}")
        return APPLIED
    state = PaymentState.NEEDS_ACTION if fact.next_url else PaymentState.PENDING
    if (payment.state, payment.provider_ref, payment.next_url) == (state, fact.ref, fact.next_url):
        return KNOWN
    payment.state, payment.provider_ref, payment.next_url = state, fact.ref or payment.provider_ref, fact.next_url
    payment.save(update_fields=["state", "provider_ref", "next_url"])
    operation.provider_ref = payment.provider_ref
    operation.save(update_fields=["provider_ref"])
    return APPLIED


def _succeed(payment: Payment, operation: Operation, ref: str) -> str:
    if payment.state in (PaymentState.SUCCEEDED, PaymentState.SURPLUS):
        return KNOWN
    others = Payment.objects.filter(reference=payment.reference, state__in=_LIVE).exclude(pk=payment.pk)
    surplus = payment.state == PaymentState.DECLINED and others.exists()
    payment.state = PaymentState.SURPLUS if surplus else PaymentState.SUCCEEDED
    payment.authorised = payment.captured = payment.total
    payment.provider_ref = ref or payment.provider_ref
    payment.next_url = payment.reason = ""
    payment.save(
        update_fields=["state", "authorised", "captured", "provider_ref", "next_url", "reason"],
    )
    _decide(operation, OperationState.SUCCEEDED, ref)
    if surplus:
        # Imported here, because the job goes on with the actions, which go through this module.
        from glaswerk.money.jobs import give_back_surplus

        give_back_surplus.defer(payment_id=payment.pk)
    else:
        _tell(payment, Change.SUCCEEDED, payment.total, f"payment:{payment.pk}")
    return APPLIED


def _take_refund(provider: str, fact: RefundFact) -> str:
    payment = _locked_payment(provider=provider, provider_ref=fact.payment_ref)
    if payment is None:
        return UNMATCHED
    if fact.amount.currency != payment.currency:
        return MISMATCH
    # Nothing is refunded that was not paid: the word of the payment is still on its way.
    paid = Operation.objects.get(payment=payment, kind=OperationKind.PAY)
    _succeed(payment, paid, fact.payment_ref)
    asked = Operation.objects.filter(provider=provider, kind=OperationKind.REFUND, payment=payment)
    operation = asked.filter(key=fact.key).first() if fact.key else None
    operation = operation or asked.filter(provider_ref=fact.ref).first()
    if operation is None:
        # Somebody gave it back on the provider's own pages.
        if fact.state != OperationState.SUCCEEDED:
            return KNOWN
        if fact.amount.minor > payment.refundable:
            return MISMATCH
        operation = Operation.objects.create(
            key=f"seen:{provider}:{fact.ref}", provider=provider, kind=OperationKind.REFUND, payment=payment,
            reference=payment.reference, amount=fact.amount.minor, currency=payment.currency, provider_ref=fact.ref,
        )  # fmt: skip
        payment.refunding += operation.amount
    elif fact.amount.minor != operation.amount:
        return MISMATCH
    source = f"refund:{operation.pk}"
    match (operation.state, fact.state):
        case ((OperationState.PENDING | OperationState.UNKNOWN), OperationState.SUCCEEDED):
            payment.refunding -= operation.amount
            payment.refunded += operation.amount
            change = Change.REFUNDED
        case ((OperationState.PENDING | OperationState.UNKNOWN), OperationState.FAILED):
            payment.refunding -= operation.amount
            change = Change.REFUND_FAILED
        case (OperationState.SUCCEEDED, OperationState.FAILED):
            # A bank may send a refund back days later; failed is the last word about a refund.
            payment.refunded -= operation.amount
            change = Change.REFUND_FAILED
        case _:
            if fact.ref and operation.provider_ref != fact.ref:
                operation.provider_ref = fact.ref
                operation.save(update_fields=["provider_ref"])
            return KNOWN
    payment.save(update_fields=["refunding", "refunded"])
    _decide(operation, fact.state, fact.ref, fact.reason)
    _tell(payment, change, operation.amount, source)
    return APPLIED


def _take_dispute(provider: str, fact: DisputeFact) -> str:
    payment = _locked_payment(provider=provider, provider_ref=fact.payment_ref)
    if payment is None:
        return UNMATCHED
    if fact.amount.currency != payment.currency or fact.amount.minor > payment.total:
        return MISMATCH
    _succeed(payment, Operation.objects.get(payment=payment, kind=OperationKind.PAY), fact.payment_ref)
    dispute, opened = Dispute.objects.get_or_create(
        provider=provider, provider_ref=fact.ref, defaults={"payment": payment, "amount": fact.amount.minor}
    )
    if dispute.payment_id != payment.pk or dispute.amount != fact.amount.minor:
        return MISMATCH
    source = f"dispute:{dispute.pk}"
    held, cash = disputes_account(provider, payment.currency), clearing_account(provider, payment.currency)
    if opened:
        lines = [Line(held, dispute.amount), Line(cash, -dispute.amount)]
        post_journal(f"{source}:open", "dispute.open", payment.reference, lines)
        _tell(payment, Change.DISPUTED, dispute.amount, source)
    if dispute.state != DisputeState.OPEN or fact.state == DisputeState.OPEN:
        return APPLIED if opened else KNOWN
    dispute.state = fact.state
    dispute.save(update_fields=["state"])
    if fact.state == DisputeState.WON:
        lines = [Line(cash, dispute.amount), Line(held, -dispute.amount)]
        post_journal(f"{source}:won", "dispute.won", payment.reference, lines)
        _tell(payment, Change.DISPUTE_WON, dispute.amount, source)
    else:
        _tell(payment, Change.DISPUTE_LOST, dispute.amount, source)
    return APPLIED


def _take_transfer(provider: str, fact: TransferFact) -> str:
    asked = Operation.objects.select_for_update(no_key=True).filter(provider=provider, kind=OperationKind.TRANSFER)
    operation = asked.filter(key=fact.key).first()
    if operation is None:
        return UNMATCHED
    if (fact.amount.minor, fact.amount.currency) != (operation.amount, operation.currency):
        return MISMATCH
    if not operation.is_open or fact.state not in (OperationState.SUCCEEDED, OperationState.FAILED):
        return KNOWN
    _decide(operation, fact.state, fact.ref, fact.reason)
    number = operation.reference.removeprefix("payout:")
    payout = Payout.objects.select_for_update(of=("self",), no_key=True).select_related("run").get(pk=number)
    if fact.state == OperationState.SUCCEEDED:
        settle_payout(payout, PayoutState.PAID, clearing_account(provider, operation.currency))
    else:
        back = account_id(AccountKind.CREATOR_PAYABLE, "creator", payout.creator_id, operation.currency)
        settle_payout(payout, PayoutState.FAILED, back)
    return APPLIED


def in_transit(currency: str) -> int:
    """Return the account of payouts that are sent and not confirmed."""
    return account_id(AccountKind.PAYOUT_IN_TRANSIT, "platform", 0, currency)


def owe_again(payout: Payout) -> None:
    """Let the commissions of a payout that failed be payable as before; those that were taken back in whole are not.

    It comes before the accounts, as whoever takes a commission back locks them.
    """
    back = Commission.objects.filter(payout=payout, state=CommissionState.PAID)
    back.update(state=CommissionState.PAYABLE, payout=None)


def settle_payout(payout: Payout, state: PayoutState, account: int) -> None:
    """End a payout whose row is locked: what was in transit goes to `account`, where it was paid from or back to."""
    currency = payout.run.currency
    if state == PayoutState.FAILED:
        owe_again(payout)
    transit = in_transit(currency)
    # One of the platform, and so before a creator's.
    lock_accounts([transit])
    lines = [Line(transit, payout.amount), Line(account, -payout.amount)]
    post_journal(f"payout:{payout.pk}:{state}", f"payout.{state}", f"payout:{payout.pk}", lines)
    payout.state = state
    payout.save(update_fields=["state"])
