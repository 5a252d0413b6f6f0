"""Merchants: apply, be decided about, and let others work there."""

from datetime import date
from typing import Annotated

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from glaswerk.people.models import Role
from glaswerk.shop.actions import merchants as actions
from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.models import Merchant, MerchantState, Staff, StaffRole
from glaswerk.shop.queries import merchants as queries

router = Router(tags=["merchants"])


class TraderOut(Schema):
    """What Article 30 of the Digital Services Act wants buyers to know of a trader."""

    legal_name: str
    street: str
    postal_code: str
    city: str
    country: str
    email: str
    phone: str
    registration: str
    vat_id: str
    self_certified: bool


class MerchantOut(Schema):
    """A merchant as everybody may see it."""

    name: str
    title: str
    about: str
    currency: str
    on_holiday_from: date | None
    on_holiday_until: date | None
    trader: TraderOut


class OwnMerchantOut(MerchantOut):
    """A merchant as those see it who work there, and operators."""

    state: str = Field(description="applied, approved, refused or suspended")
    reason: str = Field(description="What the operator said.")
    role: str | None = Field(description="Your own: packer, manager or owner; null for an operator.")


class MerchantsOut(Schema):
    """Some merchants."""

    merchants: list[OwnMerchantOut]


class DetailsIn(Schema):
    """What a trader says of themselves."""

    title: str = Field(description="Shown name, at most 80 characters.")
    about: str = ""
    legal_name: str
    street: str
    postal_code: str = ""
    city: str
    country: str = Field(min_length=2, max_length=2, description="ISO 3166-1 code, such as DE.")
    email: str = Field(max_length=254)
    phone: str
    registration: str = Field("", description="Trade register and number; or give a VAT id.")
    vat_id: str = Field("", max_length=40, description="EU VAT id; its format and check digits are checked.")
    self_certified: bool = Field(description="You only offer what keeps to the law of the European Union.")


class ApplicationIn(DetailsIn):
    """An application to sell."""

    name: str = Field(max_length=40, description="3 to 40 letters a to z, digits and hyphens; it stands in addresses.")
    currency: str = Field("EUR", min_length=3, max_length=3)


class HolidayIn(Schema):
    """From when until when nothing is sold; both null ends it."""

    first: date | None = None
    last: date | None = None


class DecisionIn(Schema):
    """What an operator decides."""

    state: str = Field(description="approved, refused or suspended")
    reason: str = ""


class StaffIn(Schema):
    """A role for somebody."""

    role: str = Field(description="packer (ships), manager (all but the following) or owner (trader details, staff)")


class StaffOut(Schema):
    """Somebody who works for a merchant."""

    person: str
    role: str


class StaffListOut(Schema):
    """Everybody who works for a merchant."""

    staff: list[StaffOut]


def shown(merchant: Merchant) -> MerchantOut:
    """Return a merchant as everybody may see it."""
    return MerchantOut(
        name=merchant.name,
        title=merchant.title,
        about=merchant.about,
        currency=merchant.currency,
        on_holiday_from=merchant.holiday_from,
        on_holiday_until=merchant.holiday_until,
        trader=TraderOut.from_orm(merchant),
    )


def _own(merchant: Merchant, role: str | None) -> OwnMerchantOut:
    return OwnMerchantOut(**shown(merchant).dict(), state=merchant.state, reason=merchant.reason, role=role)


def _staff(staff: Staff) -> StaffOut:
    return StaffOut(person=staff.person.name, role=staff.role)


@router.post("/shop/merchants", response={201: OwnMerchantOut})
def apply_as_merchant(request: HttpRequest, application: ApplicationIn) -> tuple[int, OwnMerchantOut]:
    """Apply to sell on this cell."""
    person = person_of(request)
    count_write(person.pk)
    details = application.dict()
    merchant = actions.apply_as_merchant(person, details.pop("name"), details.pop("currency").upper(), details)
    return 201, _own(merchant, StaffRole.OWNER)


@router.get("/shop/merchants", response=MerchantsOut)
def list_merchants(request: HttpRequest) -> MerchantsOut:
    """List the merchants you work for."""
    person = person_of(request)
    roles = dict(Staff.objects.filter(person=person).values_list("merchant_id", "role"))
    return MerchantsOut(merchants=[_own(one, roles.get(one.pk)) for one in queries.merchants_of(person)])


@router.get("/shop/applications", response=MerchantsOut)
def list_applications(
    request: HttpRequest, state: Annotated[str, Field(pattern=f"^({'|'.join(MerchantState.values)})$")] = "applied"
) -> MerchantsOut:
    """List merchants by state, as an operator."""
    person = person_of(request)
    if person.role != Role.OPERATOR:
        raise Http404
    found = queries.merchants_to_decide(person, state)[:100]
    return MerchantsOut(merchants=[_own(one, None) for one in found])


@router.get("/shop/merchants/{name}", response=MerchantOut, auth=None)
def read_merchant(request: HttpRequest, name: str) -> MerchantOut:
    """Read who a merchant is."""
    return shown(queries.shown_merchant(name))


@router.put("/shop/merchants/{name}", response=OwnMerchantOut)
def edit_merchant(request: HttpRequest, name: str, details: DetailsIn) -> OwnMerchantOut:
    """Change a trader's details, as an owner."""
    person = person_of(request)
    count_write(person.pk)
    return _own(actions.edit_merchant(person, name, details.dict()), StaffRole.OWNER)


@router.put("/shop/merchants/{name}/holiday", response=OwnMerchantOut)
def set_holiday(request: HttpRequest, name: str, holiday: HolidayIn) -> OwnMerchantOut:
    """Sell nothing for a while, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    return _own(actions.set_holiday(person, name, holiday.first, holiday.last), None)


@router.post("/shop/merchants/{name}/decision", response=OwnMerchantOut)
def decide_merchant(request: HttpRequest, name: str, decision: DecisionIn) -> OwnMerchantOut:
    """Approve, refuse or suspend a merchant, as an operator."""
    person = person_of(request)
    count_write(person.pk)
    return _own(actions.decide_merchant(person, name, decision.state, decision.reason), None)


@router.get("/shop/merchants/{name}/staff", response=StaffListOut)
def list_staff(request: HttpRequest, name: str) -> StaffListOut:
    """List who works for a merchant, as an owner."""
    merchant = queries.access_merchant(person_of(request), name, StaffRole.OWNER)
    return StaffListOut(staff=[_staff(one) for one in queries.staff_of(merchant)])


@router.put("/shop/merchants/{name}/staff/{person_name}", response=StaffOut)
def set_staff(request: HttpRequest, name: str, person_name: str, staff: StaffIn) -> StaffOut:
    """Give somebody a role, as an owner."""
    person = person_of(request)
    count_write(person.pk)
    return _staff(actions.set_staff(person, name, person_name, staff.role))


@router.delete("/shop/merchants/{name}/staff/{person_name}", response={204: None})
def remove_staff(request: HttpRequest, name: str, person_name: str) -> tuple[int, None]:
    """Let somebody work there no more, as an owner."""
    person = person_of(request)
    count_write(person.pk)
    actions.remove_staff(person, name, person_name)
    return 204, None
