"""Prices as people write them."""

import re
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _

from glaswerk.money.amounts import exponent
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_MINOR

_NUMBER: Final = re.compile(r"[0-9]{1,12}([.][0-9]{1,6})?")


def minor_of(text: str, field: str, currency: str, least: int = 1) -> int:
    """Return a price as somebody wrote it, such as 12.50, in minor units.  Raises ShopError for the field."""
    if not _NUMBER.fullmatch(text):
        raise ShopError(
            field, _("This is no price. Please write it with a point and without a currency, such as 12.50.")
        )
    minor = Decimal(text).scaleb(exponent(currency))
    if minor != minor.to_integral_value():
        raise ShopError(field, _("This price is finer than its currency's smallest coin."))
    if not least <= minor <= MAX_MINOR:
        raise ShopError(field, _("A price is more than nothing and at most %(most)d.") % {"most": MAX_MINOR // 100})
    return int(minor)


def typed_minor(text: str, field: str, currency: str, least: int = 1) -> int:
    """Return a price that somebody typed; unlike in a file, a comma may stand for the point.  Raises ShopError."""
    return minor_of(text.strip().replace(",", ".", 1), field, currency, least)


def major_of(minor: int, currency: str) -> str:
    """Return a price as it is typed, such as 12.50."""
    return str(Decimal(minor).scaleb(-exponent(currency)))
