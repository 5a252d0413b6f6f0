"""What the shop does when it hears of a payment.

Everything here runs within the transaction in which the payment's change is written, so that the one cannot be known
without the other.  Each change is told once, and a payment has succeeded before it is refunded or disputed.
"""

from collections.abc import Sequence

import structlog

from glaswerk.money.actions import Line, lock_accounts, post_journal
from glaswerk.money.amounts import allocate
from glaswerk.money.models import Operation
from glaswerk.money.payments import Change, PaymentChange, clearing_account, disputes_account
from glaswerk.shop.actions.orders import tell, write_refund
from glaswerk.shop.actions.purchases import release, settle
from glaswerk.shop.commission import lock_earnings, take_back
from glaswerk.shop.ledger import due_account, payable_accounts, refund_accounts
from glaswerk.shop.models import Order, PurchaseState, Refund, RefundState
from glaswerk.shop.paying import refund_key

_logger = structlog.get_logger("glaswerk.shop")


def hear(change: PaymentChange) -> None:
    """Act on what happened to a purchase's payment."""
    purchase = int(change.payment.reference.partition(":")[2])
    match change.what:
        case Change.SUCCEEDED:
            _succeeded(change, purchase)
        case Change.FAILED:
            release(purchase, PurchaseState.DECLINED)
        case Change.REFUNDED:
            _refunded(change, purchase)
        case Change.REFUND_FAILED:
            _refund_failed(change, purchase)
        case Change.DISPUTE_LOST:
            _lost(change, purchase)
        case Change.DISPUTED | Change.DISPUTE_WON:
            for order in Order.objects.filter(purchase=purchase):
                tell(order, str(change.what), None)


def _succeeded(change: PaymentChange, purchase: int) -> None:
    state = settle(purchase, change.payment.pk)
    if state == PurchaseState.PAID:
        return
    # It came too late, and what it was for is sold out: the money is here, and it is owed.
    due, clearing = due_account(change.amount.currency), _clearing(change)
    post_journal(
        change.source,
        "late",
        change.payment.reference,
        [Line(clearing, change.amount.minor), Line(due, -change.amount.minor)],
    )
    Refund.objects.get_or_create(
        purchase_id=purchase, key="late", defaults={"minor": change.amount.minor, "reason": state}
    )


def _refunded(change: PaymentChange, purchase: int) -> None:
    refunds = _refunds_of(change, purchase)
    lines = [
        Line(due_account(change.amount.currency), change.amount.minor),
        Line(_clearing(change), -change.amount.minor),
    ]
    post_journal(change.source, "refund.paid", change.payment.reference, lines)
    Refund.objects.filter(pk__in=[one.pk for one in refunds]).update(state=RefundState.DONE)


def _refunds_of(change: PaymentChange, purchase: int) -> Sequence[Refund]:
    """Return the refunds that were paid; what somebody gave back on the provider's own pages is written down now."""
    operation = Operation.objects.get(pk=int(change.source.split(":")[1]))
    asked = operation.key.removeprefix(f"refund:{refund_key(0)[:-1]}")
    if operation.key.startswith("refund:") and asked.isdigit():
        found = list(Refund.objects.filter(pk=int(asked), purchase_id=purchase))
        if found:
            return found
    # Orders are locked in one order, as everywhere.
    orders = [
        one for one in Order.objects.filter(purchase=purchase).order_by("pk").select_for_update(no_key=True)
        if one.total_minor > one.refunded_minor
    ]  # fmt: skip
    # Each order posts for itself, so what all of them need is locked first.
    lock_earnings(*orders)
    lock_accounts(refund_accounts([one.merchant_id for one in orders], change.amount.currency))
    parts = allocate(change.amount.minor, [one.total_minor - one.refunded_minor for one in orders])
    found = []
    for order, minor in zip(orders, parts, strict=True):
        if minor:
            found.append(
                write_refund(order, minor, f"seen:{operation.pk}:{order.pk}", None, "Given back at the provider")
            )
            tell(order, "refunded", None)
    return found


def _refund_failed(change: PaymentChange, purchase: int) -> None:
    """Owe again what did not arrive.  Paying it another way is for people."""
    operation = Operation.objects.get(pk=int(change.source.split(":")[1]))
    asked = operation.key.removeprefix(f"refund:{refund_key(0)[:-1]}")
    refund = Refund.objects.filter(pk=int(asked) if asked.isdigit() else -1, purchase_id=purchase).first()
    if refund is not None and refund.state == RefundState.DONE:
        lines = [
            Line(_clearing(change), change.amount.minor),
            Line(due_account(change.amount.currency), -change.amount.minor),
        ]
        post_journal(change.source, "refund.returned", change.payment.reference, lines)
    if refund is not None:
        Refund.objects.filter(pk=refund.pk).update(state=RefundState.FAILED)
    _logger.error("a refund failed and has to be paid another way", purchase=purchase, operation=operation.pk)


def _lost(change: PaymentChange, purchase: int) -> None:
    """Let the merchants bear what a lost dispute took, each by the share of their order."""
    orders = list(Order.objects.filter(purchase=purchase).order_by("pk").select_for_update(no_key=True))
    earnings = lock_earnings(*orders)
    shares = allocate(change.amount.minor, [one.total_minor for one in orders])
    accounts = payable_accounts([one.merchant_id for one in orders], change.amount.currency)
    lines = [Line(account, share) for account, share in zip(accounts, shares, strict=True)]
    held = disputes_account(change.payment.provider, change.amount.currency)
    post_journal(change.source, "dispute.lost", change.payment.reference, [*lines, Line(held, -change.amount.minor)])
    for order, share in zip(orders, shares, strict=True):
        earned = [one for one in earnings if one.line.order_id == order.pk]
        take_back(order, earned, change.source, share, None, is_all=False)
        tell(order, "dispute_lost", None)


def _clearing(change: PaymentChange) -> int:
    return clearing_account(change.payment.provider, change.amount.currency)
