"""What a purchase would cost: a pure function over what the database says, without a clock and without a query.

All amounts are minor units of one currency with VAT included, as consumers in the European Union are shown them
(Directive 98/6/EC).  Nothing here comes from the buyer but which variants, how many, and where to.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from glaswerk.money.amounts import allocate
from glaswerk.shop.models import WHOLE_BP, VoucherKind


@dataclass(frozen=True, slots=True)
class Wanted:
    """A variant as the database knows it, and how many of it are wanted.

    `minor` is None where it has no price in the currency, `vat_bp` where no rate is known for the country.
    """

    variant: int
    quantity: int
    title: str
    choices: tuple[str, ...]
    sku: str
    weight_g: int
    merchant: int
    merchant_name: str
    merchant_title: str
    minor: int | None
    vat_bp: int | None
    is_sold: bool
    left: int


@dataclass(frozen=True, slots=True)
class Method:
    """A way of delivery to the country."""

    id: int
    merchant: int
    name: str
    minor: int
    free_from_minor: int | None
    max_weight_g: int
    days_min: int
    days_max: int


@dataclass(frozen=True, slots=True)
class Reduction:
    """A voucher that holds at this moment."""

    id: int
    merchant: int
    code: str
    kind: str
    percent_bp: int
    minor: int
    minimum_minor: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Why this cannot be bought: `code` is one of gone, sold_out, no_price, no_vat, no_delivery, voucher, voucher_minimum.

    `variant` or `merchant` says of what.
    """

    code: str
    variant: int | None = None
    merchant: str | None = None


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """So many of a variant: total = unit x quantity - discount, of which `vat_minor` is VAT."""

    variant: int
    quantity: int
    title: str
    choices: tuple[str, ...]
    sku: str
    unit_minor: int
    discount_minor: int
    total_minor: int
    vat_bp: int
    vat_minor: int


@dataclass(frozen=True, slots=True)
class QuotedOrder:
    """What one merchant would get: total = items - discount + delivery."""

    merchant: int
    merchant_name: str
    merchant_title: str
    lines: tuple[QuotedLine, ...]
    methods: tuple[Method, ...]
    method: Method | None
    items_minor: int
    discount_minor: int
    delivery_minor: int
    delivery_vat_minor: int
    vat_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class Quote:
    """All of it.  `hash` names exactly this offer; it is empty where something keeps it from being bought."""

    currency: str
    country: str
    orders: tuple[QuotedOrder, ...] = ()
    voucher: Reduction | None = None
    problems: tuple[Problem, ...] = ()
    discount_minor: int = 0
    vat_minor: int = 0
    total_minor: int = 0
    hash: str = field(default="")


def vat_within(total_minor: int, vat_bp: int) -> int:
    """Return the VAT that a total with VAT includes, rounded half up to a minor unit."""
    whole = WHOLE_BP + vat_bp
    return (2 * total_minor * vat_bp + whole) // (2 * whole)


def discount_of(reduction: Reduction, items_minor: int) -> int:
    """Return by how much a voucher lowers what a merchant's things cost; never by more than all of it."""
    if reduction.kind == VoucherKind.PERCENTAGE:
        return (2 * items_minor * reduction.percent_bp + WHOLE_BP) // (2 * WHOLE_BP)
    return min(reduction.minor, items_minor)


def make_quote(
    wanted: Sequence[Wanted],
    methods: Sequence[Method],
    currency: str,
    country: str,
    chosen: Mapping[int, int],
    voucher: Reduction | None,
    *,
    voucher_asked: bool = False,
) -> Quote:
    """Return what these things cost, one order a merchant.

    `chosen` names a delivery method by merchant; where none is chosen it is the cheapest.  A voucher that was asked for
    and is None does not hold.
    """
    problems = [problem for one in wanted for problem in _problems_of(one)]
    if voucher_asked and voucher is None:
        problems.append(Problem("voucher"))
    bad = {problem.variant for problem in problems}
    merchants: dict[int, list[Wanted]] = {}
    for one in sorted(wanted, key=lambda one: (one.merchant, one.variant)):
        if one.variant not in bad or (one.minor is not None and one.vat_bp is not None and one.is_sold):
            merchants.setdefault(one.merchant, []).append(one)
    orders = []
    for merchant, things in merchants.items():
        reduction = voucher if voucher is not None and voucher.merchant == merchant else None
        order, more = _order(
            things, [one for one in methods if one.merchant == merchant], chosen.get(merchant), reduction
        )
        orders.append(order)
        problems += more
    if voucher is not None and voucher.merchant not in merchants:
        problems.append(Problem("voucher"))
    if not orders and not problems:
        problems.append(Problem("gone"))
    quote = Quote(
        currency=currency,
        country=country,
        orders=tuple(orders),
        voucher=voucher,
        problems=tuple(problems),
        discount_minor=sum(one.discount_minor for one in orders),
        vat_minor=sum(one.vat_minor for one in orders),
        total_minor=sum(one.total_minor for one in orders),
    )
    if problems:
        return quote
    return Quote(**{**{name: getattr(quote, name) for name in Quote.__slots__}, "hash": _hash(quote)})


def _problems_of(one: Wanted) -> list[Problem]:
    if not one.is_sold:
        return [Problem("gone", one.variant)]
    if one.minor is None:
        return [Problem("no_price", one.variant)]
    if one.vat_bp is None:
        return [Problem("no_vat", one.variant)]
    if one.left < one.quantity:
        return [Problem("sold_out", one.variant)]
    return []


def _order(
    things: list[Wanted], methods: list[Method], chosen: int | None, reduction: Reduction | None
) -> tuple[QuotedOrder, list[Problem]]:
    problems = []
    gross = [(one.minor or 0) * one.quantity for one in things]
    items = sum(gross)
    discount = 0
    if reduction is not None:
        if items < reduction.minimum_minor:
            problems.append(Problem("voucher_minimum", merchant=things[0].merchant_name))
        else:
            discount = discount_of(reduction, items)
    discounts = allocate(discount, gross) if discount else [0] * len(things)
    lines = tuple(
        QuotedLine(
            variant=one.variant,
            quantity=one.quantity,
            title=one.title,
            choices=one.choices,
            sku=one.sku,
            unit_minor=one.minor or 0,
            discount_minor=less,
            total_minor=whole - less,
            vat_bp=one.vat_bp or 0,
            vat_minor=vat_within(whole - less, one.vat_bp or 0),
        )
        for one, whole, less in zip(things, gross, discounts, strict=True)
    )
    weight = sum(one.weight_g * one.quantity for one in things)
    fitting = sorted(
        (one for one in methods if one.max_weight_g >= weight),
        key=lambda one: (_fee(one, items - discount), one.days_max, one.id),
    )
    method = next((one for one in fitting if chosen is None or one.id == chosen), None)
    if method is None:
        problems.append(Problem("no_delivery", merchant=things[0].merchant_name))
    delivery = _fee(method, items - discount) if method is not None else 0
    # What is sent together shares its delivery: each part of it bears the rate of the things that it is for.
    totals = [line.total_minor for line in lines]
    shares = allocate(delivery, totals if any(totals) else [line.quantity for line in lines]) if delivery else []
    delivery_vat = sum(vat_within(share, line.vat_bp) for share, line in zip(shares, lines, strict=False))
    return (
        QuotedOrder(
            merchant=things[0].merchant,
            merchant_name=things[0].merchant_name,
            merchant_title=things[0].merchant_title,
            lines=lines,
            methods=tuple(fitting),
            method=method,
            items_minor=items,
            discount_minor=discount,
            delivery_minor=delivery,
            delivery_vat_minor=delivery_vat,
            vat_minor=sum(line.vat_minor for line in lines) + delivery_vat,
            total_minor=items - discount + delivery,
        ),
        problems,
    )


def _fee(method: Method, items_minor: int) -> int:
    is_free = method.free_from_minor is not None and items_minor >= method.free_from_minor
    return 0 if is_free else method.minor


def _hash(quote: Quote) -> str:
    """Return the digest of everything that the buyer agrees to; what may change meanwhile, such as stock, is not in it."""
    facts: list[Any] = [quote.currency, quote.country, quote.voucher.code if quote.voucher else None, quote.total_minor]
    for order in quote.orders:
        method = order.method.id if order.method else None
        facts.append(
            [order.merchant, method, order.delivery_minor, order.discount_minor, order.vat_minor, order.total_minor]
        )
        facts += [
            [
                line.variant,
                line.quantity,
                line.unit_minor,
                line.discount_minor,
                line.total_minor,
                line.vat_bp,
                line.vat_minor,
            ]
            for line in order.lines
        ]
    return hashlib.sha256(orjson.dumps(facts)).hexdigest()
