"""Buying: reserve, pay, place.

The order of it is what keeps everybody safe.  What is wanted is reserved first, so that nobody pays for what is sold
out; then the payment is started, whose operation is written down before its provider is asked; then one function of the
database turns the reservation into orders.  When the machine stops anywhere in between, the payment is asked how it
stands, and never made again: its key is the purchase's id.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from glaswerk.cell.ids import decode_id, encode_id, new_id
from glaswerk.cell.statements import fetch
from glaswerk.money.payments import check_that_it_commits
from glaswerk.people.encrypted import seal_for
from glaswerk.people.models import Person
from glaswerk.shop import paying
from glaswerk.shop.actions.carts import check_quantity
from glaswerk.shop.addresses import FIELDS, check_address, place_mark
from glaswerk.shop.commission import attribution_periods
from glaswerk.shop.failures import ShopError
from glaswerk.shop.ledger import purchase_lines
from glaswerk.shop.models import MAX_LINES, WHOLE_BP, Address, Purchase, PurchaseState
from glaswerk.shop.queries.quotes import quote_for
from glaswerk.shop.quoting import Quote

MAX_KEY: Final = 80
_logger = structlog.get_logger("glaswerk.shop")
_RESERVE: Final = (
    "SELECT id, is_new, asked, state, operation FROM shop_reserve(%s::bigint, %s::bigint, %s::bigint, %s, %s, %s, %s,"
    " %s::bigint, %s::jsonb, %s::jsonb, %s, %s, %s, %s::bigint, %s::integer, %s::bigint, %s, %s)"
)
_STATE: Final = "SELECT state, payment FROM shop_purchase WHERE id = %s::bigint"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a buyer asks for: variants with quantities, where to, how, and the quote that they saw.  It holds no price."""

    things: Mapping[str, int]
    quote: str
    currency: str
    method: str
    address: Mapping[str, str] | str
    delivery: Mapping[str, str]
    voucher: str = ""
    email: str = ""


class QuoteChanged(ShopError):  # noqa: N818 - it says what happened, not that something broke.
    """The offer is not the one that was seen; `quote` is the one that holds now."""

    def __init__(self, quote: Quote) -> None:
        message = _("Prices or stock have changed since you looked. Please look again.")
        super().__init__("quote", message, 409)
        self.quote = quote


def buy(buyer: int, person: Person | None, key: str, asked: Asked) -> Purchase:
    """Buy, once for a buyer and a key; the same again returns the purchase that is there and looks how it stands.

    Raises QuoteChanged, and ShopError for what does not fit: nothing was reserved or paid then.
    """
    key = key.strip()
    if not key or len(key) > MAX_KEY or not key.isascii() or not key.isprintable():
        message = _(
            "Please send a header Idempotency-Key of 1 to %(most)d characters, such as a UUID, new for each purchase."
        )
        raise ShopError("Idempotency-Key", message % {"most": MAX_KEY})
    fingerprint = _fingerprint(asked)
    things = check_things(asked.things)
    method = asked.method[:40]
    provider, card = paying.card_of(method)
    address = _address(person, asked.address)
    email = _email(person, asked.email)
    quote = quote_for(things, asked.currency, address["country"], chosen_of(asked.delivery), asked.voucher)
    if not quote.hash or quote.hash != asked.quote:
        # A retry is answered as the first time, whatever has changed since.
        there = Purchase.objects.filter(buyer=buyer, key=key).first()
        if there is None:
            raise QuoteChanged(quote)
        return _again(there, fingerprint)
    purchase = Purchase(
        id=new_id(),
        buyer=buyer,
        state=PurchaseState.RESERVED,
        currency=quote.currency,
        total_minor=quote.total_minor,
        plan={**make_plan(quote, provider), "place": place_mark(address)},
        method=method,
    )
    # The functions in the database pass on what they need not be able to read.
    sealed_address = _json(str(seal_for(purchase, "address", address)))
    # A purchase that a voucher pays for in whole has no payment.
    payment = new_id() if quote.total_minor else None
    reserved = _reserve(
        [
            purchase.pk, buyer, person.pk if person is not None else None, key, fingerprint, quote.hash, quote.currency,
            quote.total_minor, _json(purchase.plan), sealed_address, email, (get_language() or "")[:5], method,
            quote.voucher.id if quote.voucher is not None else None, settings.CELL.config.shop.hold_minutes,
            payment, provider, card,
        ]
    )  # fmt: skip
    if not reserved[1]:
        return _again(Purchase.objects.get(pk=reserved[0]), fingerprint)
    # It is known in whole, and need not be read again.
    if payment is None:
        settle(purchase.pk, None)
    elif paying.start_first(purchase, payment, reserved[4]):
        purchase.state, purchase.payment = PurchaseState.PAID, payment
        return purchase
    purchase.state, purchase.payment = fetch(_STATE, [purchase.pk])[0]
    if purchase.state == PurchaseState.RESERVED and payment is not None:
        paying.remember(purchase, payment)
    return purchase


def _again(purchase: Purchase, fingerprint: str) -> Purchase:
    if purchase.asked_hash != fingerprint:
        raise ShopError(
            "Idempotency-Key", _("This key belongs to another purchase. Please take a new one for each."), 409
        )
    return _pay(purchase)


def _pay(purchase: Purchase) -> Purchase:
    """Start the payment of a reservation, or go on with the one that was started.  Safe to run again."""
    if purchase.state == PurchaseState.RESERVED:
        if purchase.total_minor == 0:
            settle(purchase.pk, None)
        else:
            paying.start(purchase)
        purchase.state, purchase.payment = Purchase.objects.values_list("state", "payment").get(pk=purchase.pk)
    return purchase


def look(purchase: Purchase) -> Purchase:
    """Ask how a purchase stands that waits for its payment; nothing is started by it."""
    if purchase.state in (PurchaseState.RESERVED, PurchaseState.EXPIRED):
        paying.ask(purchase)
        purchase.refresh_from_db()
    return purchase


def settle(purchase_id: int, payment: int | None) -> str:
    """Turn a paid purchase into orders, and write what creators earn; return its state.  One round trip, safe to run again.

    What was paid too late, and is sold out by now, is `reversed`: then the money goes back.
    """
    state: str = fetch("SELECT shop_place(%s::bigint, %s::bigint)", [purchase_id, payment])[0][0]
    return state


def release(purchase_id: int, state: PurchaseState) -> bool:
    """End a reservation as declined or expired, and give back what it held; return whether there was one."""
    return bool(fetch("SELECT shop_release(%s::bigint, %s)", [purchase_id, str(state)])[0][0])


def check_things(things: Mapping[str, int]) -> dict[int, int]:
    """Return how many of each variant by its id.  Raises ShopError."""
    if not things:
        raise ShopError("lines", _("There is nothing to buy."))
    if len(things) > MAX_LINES:
        raise ShopError("lines", _("A cart has room for %(count)d different things.") % {"count": MAX_LINES})
    try:
        return {decode_id(variant): check_quantity(quantity) for variant, quantity in things.items()}
    except ValueError:
        raise ShopError("variant", _("There is no such variant.")) from None


def chosen_of(delivery: Mapping[str, str]) -> dict[int, int]:
    """Return the chosen delivery methods by merchant.  Raises ShopError."""
    try:
        # The method alone says whose it is; the merchant's name is for the reader.
        chosen = [decode_id(method) for method in delivery.values()]
    except ValueError:
        raise ShopError("delivery", _("There is no such way of delivery.")) from None
    if not chosen:
        return {}
    from glaswerk.shop.models import DeliveryMethod

    found = dict(DeliveryMethod.objects.filter(pk__in=chosen[:MAX_LINES]).values_list("merchant_id", "id"))
    if len(found) != len(chosen):
        raise ShopError("delivery", _("There is no such way of delivery."))
    return found


def make_plan(quote: Quote, provider: str) -> dict[str, Any]:
    """Return what `shop_place` will write once it is paid by a provider: orders, lines and ledger entries, with ids.

    The terms on which creators earn by it are those of this moment too.
    """
    fee_bp = settings.CELL.config.shop.fee_bp
    orders: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "merchant": order.merchant,
            "items": order.items_minor,
            "discount": order.discount_minor,
            "delivery": order.delivery_minor,
            "delivery_vat": order.delivery_vat_minor,
            "vat": order.vat_minor,
            "total": order.total_minor,
            "fee": order.total_minor * fee_bp // WHOLE_BP,
            "delivery_name": order.method.name if order.method is not None else "",
            "lines": [
                {
                    "id": new_id(),
                    "variant": line.variant,
                    "position": position,
                    "title": line.title,
                    "choices": list(line.choices),
                    "sku": line.sku,
                    "quantity": line.quantity,
                    "unit": line.unit_minor,
                    "discount": line.discount_minor,
                    "total": line.total_minor,
                    "vat_bp": line.vat_bp,
                    "vat": line.vat_minor,
                }
                for position, line in enumerate(order.lines, 1)
            ],
        }
        for order in quote.orders
    ]
    accounts, amounts = purchase_lines(
        provider, quote.currency, [(one["merchant"], one["total"], one["fee"]) for one in orders]
    )
    touch, payable = attribution_periods()
    return {
        "orders": orders,
        "accounts": accounts,
        "amounts": amounts,
        "touch_s": touch.total_seconds(),
        "payable_s": payable.total_seconds(),
    }


def _json(thing: object) -> str:
    return orjson.dumps(thing).decode()


def _reserve(values: list[Any]) -> tuple[Any, ...]:
    """Call `shop_reserve`, which commits by itself; return its row.  Raises ShopError."""
    check_that_it_commits()
    try:
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            return fetch(_RESERVE, values)[0]
    except DatabaseError as error:
        cause: Any = error.__cause__
        state = getattr(cause, "sqlstate", None)
        if state == "GS001":
            variant = encode_id(int(cause.diag.message_detail))
            raise ShopError(f"lines.{variant}", _("This is sold out."), 409) from None
        if state == "GS002":
            raise ShopError("voucher", _("This voucher is used up."), 409) from None
        raise


def _fingerprint(asked: Asked) -> str:
    facts = [
        sorted(asked.things.items()), asked.quote, asked.currency, asked.method,
        asked.address if isinstance(asked.address, str) else sorted(asked.address.items()),
        sorted(asked.delivery.items()), asked.voucher, asked.email,
    ]  # fmt: skip
    return hashlib.sha256(orjson.dumps(facts)).hexdigest()


def _address(person: Person | None, given: Mapping[str, str] | str) -> dict[str, str]:
    if not isinstance(given, str):
        return check_address(dict(given))
    try:
        wanted = decode_id(given)
    except ValueError:
        wanted = -1
    kept = Address.objects.filter(person=person, pk=wanted).first() if person is not None else None
    if kept is None:
        raise ShopError("address", _("There is no such address of yours."))
    return {field: getattr(kept, field) for field in FIELDS}


def _email(person: Person | None, given: str) -> str:
    email = given.strip() or (person.email if person is not None else "")
    if not email and person is not None:
        return ""
    try:
        validate_email(email)
    except ValidationError:
        raise ShopError("email", _("This is no e-mail address; the confirmation goes there.")) from None
    return email


def expire_purchases(limit: int = 200) -> int:
    """Look at reservations whose time is over: place what turns out to be paid, and give back the rest.  Returns how many ended.

    The payment is asked first, because a paid purchase is not to be given away only because nobody heard of it.
    """
    over = Purchase.objects.filter(state=PurchaseState.RESERVED, expires_at__lt=timezone.now()).order_by("expires_at")
    return _end(over[:limit])


def end_purchases() -> int:
    """The same with all reservations, because nothing will be sold any more.  Returns how many ended."""
    return _end(Purchase.objects.filter(state=PurchaseState.RESERVED).order_by("id"))


def _end(purchases: Iterable[Purchase]) -> int:
    ended = 0
    for purchase in purchases:
        try:
            paying.give_up(purchase)
        except Exception:
            # A provider that is away keeps nobody's things reserved for ever: the reservation ends all the same.
            _logger.exception("a payment cannot be given up", purchase=purchase.pk)
        ended += release(purchase.pk, PurchaseState.EXPIRED)
    return ended
