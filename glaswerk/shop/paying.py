"""Where the shop meets the payment port.  A purchase has one payment, whose reference and key are the purchase's id.

Because the key is the purchase's, paying twice is impossible however often it is tried; and because the port writes an
operation down before it calls its provider, an unknown outcome is found out by asking.
"""

from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from glaswerk.money.amounts import Money
from glaswerk.money.models import Payment, PaymentState
from glaswerk.money.payments import (
    PaymentError,
    cancel_payment,
    confirm_payment,
    drive_payment,
    refund_payment,
    start_payment,
)
from glaswerk.money.payments.registry import parse_method
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import Purchase, Refund

KIND: Final = "purchase"
_OPEN: Final = (PaymentState.PENDING, PaymentState.NEEDS_ACTION)


def reference_of(purchase_id: int) -> str:
    """Return what a purchase's payment is called, and its key."""
    return f"{KIND}:{purchase_id}"


def card_of(method: str) -> tuple[str, str]:
    """Return provider and card of a way to pay.  Raises ShopError where this cell does not use the provider."""
    name, token = parse_method(method)
    if name != settings.CELL.config.payments.provider:
        raise ShopError("method", _("One cannot pay like that here."))
    return name, token


def start_first(purchase: Purchase, payment: int, operation: int) -> bool:
    """Start the payment that was written down with its reservation.  What comes of it is heard.

    Returns whether the purchase is paid by now; otherwise only its row says how it stands.
    """
    name = reference_of(purchase.pk)
    provider, card = parse_method(purchase.method)
    begun = Payment(
        id=payment, key=name, reference=name, provider=provider, method=card, currency=purchase.currency,
        total=purchase.total_minor,
    )  # fmt: skip
    try:
        return drive_payment(begun, operation)
    except PaymentError:
        raise ShopError("method", _("One cannot pay like that here.")) from None


def start(purchase: Purchase) -> None:
    """Go on with the payment of a reservation, or start it where that was not done.  What comes of it is heard.

    Raises ShopError where it cannot even be started.
    """
    name = reference_of(purchase.pk)
    try:
        payment = start_payment(name, Money(purchase.total_minor, purchase.currency), purchase.method, name)
    except PaymentError:
        raise ShopError("method", _("One cannot pay like that here.")) from None
    if payment.state in _OPEN and purchase.payment is None:
        remember(purchase, payment.pk)


def remember(purchase: Purchase, payment: int) -> None:
    """Note by which payment a reservation is being paid."""
    Purchase.objects.filter(pk=purchase.pk, payment__isnull=True).update(payment=payment)
    purchase.payment = payment


def ask(purchase: Purchase) -> None:
    """Ask how the payment of a purchase stands, if one was started.  Never starts one."""
    payment = _payment(purchase)
    if payment is not None and payment.state in _OPEN:
        confirm_payment(payment.pk)


def give_up(purchase: Purchase) -> bool:
    """Before a reservation ends, give up the payment that waits for its buyer; return whether none can come any more.

    A payment whose outcome nobody knows yet may still come: then the reservation ends all the same, and what comes is
    reserved anew or paid back.
    """
    payment = _payment(purchase)
    if payment is None:
        return True
    if payment.state == PaymentState.NEEDS_ACTION:
        payment = cancel_payment(payment.pk)
    elif payment.state == PaymentState.PENDING:
        payment = confirm_payment(payment.pk)
    return payment.state == PaymentState.DECLINED


def give_back(refund: Refund) -> None:
    """Ask the provider to pay a refund back; the same refund is paid back once.  That it was is heard."""
    purchase = refund.purchase
    assert purchase.payment is not None
    refund_payment(purchase.payment, Money(refund.minor, purchase.currency), refund_key(refund.pk))


def refund_key(refund_id: int) -> str:
    """Return the key by which a refund is asked for."""
    return f"shop:{refund_id}"


def page_of(purchase: Purchase) -> str | None:
    """Return where the buyer pays, if the provider wants them there.  At most one query."""
    if purchase.payment is None:
        return None
    found = Payment.objects.filter(pk=purchase.payment, state=PaymentState.NEEDS_ACTION)
    return found.values_list("next_url", flat=True).first()


def _payment(purchase: Purchase) -> Payment | None:
    return Payment.objects.filter(key=reference_of(purchase.pk)).first()
