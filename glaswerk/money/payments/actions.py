"""What is asked of providers: to take a payment, to give it back, to send money on, and what became of it.

Each starts by committing the operation, so it cannot be part of a larger transaction; then the provider is called
outside of any transaction; then the answer is taken in.  Whatever dies in between, the next attempt with the same key,
or the job that asks after open operations, finds out from the provider what was done.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.utils import timezone

from glaswerk.cell.statements import fetch
from glaswerk.money.amounts import Money
from glaswerk.money.models import (
    Operation,
    OperationKind,
    OperationState,
    Payment,
    PaymentState,
)
from glaswerk.money.payments.effects import succeed_at_once, take_in
from glaswerk.money.payments.port import Fact, NoAnswer, PaymentFact, Provider, RefundFact, Refused, TransferFact
from glaswerk.money.payments.registry import PaymentError, callback_of, parse_method, provider_named

MAX_KEY: Final = 160
# A call that was sent may still be under way for so long; only then does "never heard of it" mean that nothing comes.
_LOST_AFTER: Final = timedelta(hours=1)
# So long a buyer may sit on the provider's page.
_ABANDONED_AFTER: Final = timedelta(hours=2)
_ASK_AFTER: Final = timedelta(seconds=30)
_logger = structlog.get_logger("glaswerk.money")


class KeyTaken(PaymentError):  # noqa: N818 - it says what happened, not that something broke.
    """The key was used to ask for something else."""


class PaymentUnderway(PaymentError):  # noqa: N818 - it says what happened, not that something broke.
    """The purchase is paid already, or about to be."""


class NotRefundable(PaymentError):  # noqa: N818 - it says what happened, not that something broke.
    """More would be given back than was paid and is not given back yet."""


def start_payment(reference: str, amount: Money, method: str, key: str) -> Payment:
    """Take a payment for `reference`, such as "purchase:42"; return it as far as it came.

    Its state is succeeded, declined, pending (no answer yet; ask again with the same key, or wait to be told), or needs
    action, where the buyer goes to `next_url` and `confirm_payment` follows.  The same key again continues the same
    payment and never pays twice.  `method` is a provider and a token, see `parse_method`.

    Raises KeyTaken, PaymentUnderway where the purchase has another payment that was not declined, and PaymentError
    where the amount is not above zero, the provider is not this cell's, or nobody asked to hear of such references.
    """
    callback_of(reference)
    name, token = parse_method(method)
    provider = provider_named(name)
    if amount.minor <= 0:
        raise PaymentError("a payment is of more than nothing")
    _check_key(key)
    payment, operation, fresh = _open_payment(reference, amount, name, token, key)
    if not operation.is_open:
        return payment
    _drive(provider, operation, fresh)
    payment.refresh_from_db()
    return payment


def _check_key(key: str) -> None:
    if not 1 <= len(key) <= MAX_KEY:
        raise PaymentError(f"a key has 1 to {MAX_KEY} characters")


_OPEN: Final = "SELECT money_open(%s::bigint, %s, %s, %s, %s, %s, %s::bigint)"


def _open_payment(reference: str, amount: Money, name: str, token: str, key: str) -> tuple[Payment, Operation, bool]:
    """Commit a payment and its operation, or return those of the key; the last value says whether they are new."""
    payment = Payment(
        key=key, reference=reference, provider=name, method=token, currency=amount.currency, total=amount.minor
    )
    values = [payment.pk, key, reference, name, token, amount.currency, amount.minor]
    with transaction.atomic(durable=True):
        opened = fetch(_OPEN, values)[0][0]
        if opened is not None:
            return payment, _operation_of(payment, opened), True
        found = Payment.objects.filter(key=key).first()
        if found is None:
            raise PaymentUnderway(f"{reference} has another payment already")
        if (found.reference, found.total, found.currency, found.provider, found.method) != (
            reference,
            amount.minor,
            amount.currency,
            name,
            token,
        ):
            raise KeyTaken("the key was used for another payment")
        return found, Operation.objects.get(payment=found, kind=OperationKind.PAY), False


def _operation_of(payment: Payment, number: int) -> Operation:
    """Return the operation that `money_open` has written down with a payment."""
    return Operation(
        pk=number, key=f"pay:{payment.key}", provider=payment.provider, kind=OperationKind.PAY, payment=payment,
        reference=payment.reference, amount=payment.total, currency=payment.currency,
    )  # fmt: skip


def check_that_it_commits() -> None:
    """Raise RuntimeError within a transaction: a provider may only be called when what it is asked for is committed."""
    # Django's own tests run within one that is rolled back, and say so.
    around: Any = connection.atomic_blocks[-1] if connection.in_atomic_block else None
    if around is not None and not around._from_testcase:
        raise RuntimeError("a payment is no part of a larger transaction")


def drive_payment(payment: Payment, operation: int) -> bool:
    """Take a payment that `money_open` has just written down, together with why it is made; what comes of it is told.

    `payment` has key, reference, provider, method, currency and total.  To be called once what was written is committed.
    Returns whether it succeeded and the seller has sold; otherwise it may have come to anything, also to that.
    """
    check_that_it_commits()
    return _drive(provider_named(payment.provider), _operation_of(payment, operation), True)


def confirm_payment(payment_id: int) -> Payment:
    """Ask the provider how a payment stands, such as when its buyer comes back from the provider's page.

    Raises Payment.DoesNotExist.
    """
    payment = Payment.objects.get(pk=payment_id)
    operation = Operation.objects.get(payment=payment, kind=OperationKind.PAY)
    if operation.is_open:
        _ask(provider_named(payment.provider), operation)
        payment.refresh_from_db()
    return payment


def cancel_payment(payment_id: int) -> Payment:
    """Give up a payment that waits for its buyer; return it as it is then, which may be succeeded."""
    payment = Payment.objects.get(pk=payment_id)
    operation = Operation.objects.get(payment=payment, kind=OperationKind.PAY)
    if operation.is_open and payment.provider_ref:
        provider = provider_named(payment.provider)
        _take_answer(provider, operation, lambda: provider.cancel_payment(operation.key, payment.provider_ref))
        payment.refresh_from_db()
    return payment


def refund_payment(payment_id: int, amount: Money, key: str) -> Operation:
    """Give back a part of a payment, or all of it; return the operation as far as it came.

    The same key again continues the same refund.  Raises KeyTaken, NotRefundable, and Payment.DoesNotExist.
    """
    _check_key(key)
    operation_key = f"refund:{key}"
    with transaction.atomic(durable=True):
        payment = Payment.objects.select_for_update(no_key=True).get(pk=payment_id)
        # The row is locked: of two who ask with one key, the second sees the first's operation.
        operation = Operation.objects.filter(key=operation_key).first()
        fresh = operation is None
        if operation is None:
            if amount.currency != payment.currency or not 0 < amount.minor <= payment.refundable:
                raise NotRefundable(f"{payment.refundable} {payment.currency} can be given back, not {amount}")
            operation = Operation.objects.create(
                key=operation_key, provider=payment.provider, kind=OperationKind.REFUND, payment=payment,
                reference=payment.reference, amount=amount.minor, currency=amount.currency,
            )  # fmt: skip
            payment.refunding += amount.minor
            payment.save(update_fields=["refunding"])
        elif (operation.payment_id, operation.amount, operation.currency) != (
            payment.pk,
            amount.minor,
            amount.currency,
        ):
            raise KeyTaken("the key was used for another refund")
    if operation.is_open:
        _drive(provider_named(operation.provider), operation, fresh)
        operation.refresh_from_db()
    return operation


def start_transfer(reference: str, provider: str, destination: str, amount: Money, key: str) -> Operation:
    """Send a payout on to an account at the provider; return the operation as far as it came.

    `reference` is "payout:" and the payout's id; the provider's word settles it.  Raises KeyTaken.
    """
    _check_key(key)
    if amount.minor <= 0:
        raise PaymentError("a transfer is of more than nothing")
    with transaction.atomic(durable=True):
        operation, fresh = Operation.objects.get_or_create(
            key=f"transfer:{key}",
            defaults={
                "provider": provider, "kind": OperationKind.TRANSFER, "reference": reference,
                "destination": destination, "amount": amount.minor, "currency": amount.currency,
            },
        )  # fmt: skip
    held = (operation.provider, operation.destination, operation.amount, operation.currency, operation.reference)
    if held != (provider, destination, amount.minor, amount.currency, reference):
        raise KeyTaken("the key was used for another transfer")
    if operation.is_open:
        _drive(provider_named(provider), operation, fresh)
        operation.refresh_from_db()
    return operation


def _drive(provider: Provider, operation: Operation, fresh: bool) -> bool:
    """Bring an open operation forward: ask what became of it, and call where the provider knows nothing of it.

    Calling again is safe because the provider does the same key once; asking first means that this is not relied on.
    Returns whether the answer was the usual success.
    """
    if not fresh and _ask(provider, operation):
        return False
    return _take_answer(provider, operation, lambda: _call(provider, operation))


def _call(provider: Provider, operation: Operation) -> Fact:
    amount = Money(operation.amount, operation.currency)
    match operation.kind:
        case OperationKind.PAY:
            assert operation.payment is not None
            return provider.create_payment(operation.key, amount, operation.payment.method, operation.reference)
        case OperationKind.REFUND:
            assert operation.payment is not None
            return provider.refund(operation.key, operation.payment.provider_ref, amount)
        case _:
            return provider.transfer(operation.key, operation.destination, amount)


def _ask(provider: Provider, operation: Operation) -> bool:
    """Take in what the provider knows of an operation; return whether it knows it, or cannot be asked now."""
    payment = operation.payment
    payment_ref = payment.provider_ref if payment is not None and operation.kind == OperationKind.REFUND else ""
    try:
        fact = provider.look_up(OperationKind(operation.kind), operation.key, operation.provider_ref, payment_ref)
    except NoAnswer:
        return True
    if fact is None:
        return False
    take_in(provider.name, fact)
    return True


def _take_answer(provider: Provider, operation: Operation, call: Callable[[], Fact]) -> bool:
    """Call, and take in the answer; where none came, remember that.  Returns whether it was the usual success."""
    try:
        fact = call()
    except Refused as refusal:
        fact = _failure(operation, str(refusal))
    except NoAnswer as silence:
        _logger.warning("a provider did not answer", provider=provider.name, operation=operation.pk)
        # Only while nobody learned more: a hook may have been faster than the time-out.
        Operation.objects.filter(pk=operation.pk, state=OperationState.PENDING).update(
            state=OperationState.UNKNOWN, reason=str(silence)[:200]
        )
        return False
    if succeed_at_once(provider.name, fact):
        return True
    take_in(provider.name, fact)
    return False


def _failure(operation: Operation, reason: str) -> Fact:
    amount, state = Money(operation.amount, operation.currency), OperationState.FAILED
    ref = operation.provider_ref
    match operation.kind:
        case OperationKind.PAY:
            return PaymentFact(operation.key, ref, state, amount, reason=reason)
        case OperationKind.REFUND:
            assert operation.payment is not None
            return RefundFact(operation.key, ref, operation.payment.provider_ref, state, amount, reason)
        case _:
            return TransferFact(operation.key, ref, state, amount, reason)


def resolve(operation: Operation) -> None:
    """Find out what became of an open operation, by asking.

    A payment that the provider never heard of is declined once nothing can be under way any more, and never made: its
    buyer may be gone.  A refund or a transfer that it never heard of is asked for again with the same key, because it is
    owed.  A payment that its buyer left on the provider's page is given up.
    """
    provider = provider_named(operation.provider)
    age = timezone.now() - operation.at
    if operation.kind != OperationKind.PAY:
        _drive(provider, operation, fresh=False)
        return
    if _ask(provider, operation):
        payment = Payment.objects.get(operations=operation)
        if payment.state == PaymentState.NEEDS_ACTION and age > _ABANDONED_AFTER:
            cancel_payment(payment.pk)
    elif age > _LOST_AFTER:
        take_in(provider.name, _failure(operation, "the payment never reached the provider"))


def resolve_open(limit: int = 200) -> int:
    """Resolve what is open for a while; return how many were looked at.  One that breaks does not keep the others."""
    due = Operation.objects.filter(
        state__in=(OperationState.PENDING, OperationState.UNKNOWN), at__lt=timezone.now() - _ASK_AFTER
    ).order_by("at")[:limit]
    looked_at = 0
    for operation in due:
        looked_at += 1
        try:
            resolve(operation)
        except Exception:
            _logger.exception("an operation cannot be resolved", operation=operation.pk)
    return looked_at
