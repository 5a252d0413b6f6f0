"""Ways of delivery and vouchers, kept by merchants."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Field, Router, Schema

from glaswerk.shop.actions import terms as actions
from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.models import MAX_MINOR, DeliveryMethod, StaffRole, Voucher
from glaswerk.shop.queries.merchants import access_merchant

router = Router(tags=["delivery and vouchers"])


class MethodIn(Schema):
    """A way of delivery."""

    country: str = Field(max_length=2)
    name: str
    currency: str = Field("EUR", max_length=3)
    minor: int = Field(ge=0, le=MAX_MINOR, description="What it costs, VAT included.")
    free_from_minor: int | None = Field(None, ge=0, le=MAX_MINOR)
    max_weight_g: int = Field(30_000, ge=0, le=100_000_000)
    days_min: int = Field(1, ge=0, le=365)
    days_max: int = Field(5, ge=0, le=365)


class MethodOut(MethodIn):
    """A way of delivery that is offered."""

    id: str


class MethodsOut(Schema):
    """All ways of delivery of a merchant."""

    methods: list[MethodOut]


class VoucherIn(Schema):
    """A voucher."""

    code: str = Field(max_length=40)
    kind: str = Field(pattern="^(percentage|fixed)$")
    percent_bp: int = Field(0, ge=0, le=10_000, description="Hundredths of a percent.")
    currency: str = Field("EUR", max_length=3)
    minor: int = Field(0, ge=0, le=MAX_MINOR)
    minimum_minor: int = Field(0, ge=0, le=MAX_MINOR, description="What your things must cost together at least.")
    cap: int = Field(ge=1, le=1_000_000, description="How often it can be used.")
    start: datetime | None = None
    end: datetime | None = None


class VoucherOut(Schema):
    """A voucher that was given out."""

    id: str
    code: str
    kind: str
    percent_bp: int
    currency: str
    minor: int
    minimum_minor: int
    cap: int
    used: int
    start: datetime | None
    end: datetime | None


class VouchersOut(Schema):
    """All vouchers of a merchant."""

    vouchers: list[VoucherOut]


def _method(method: DeliveryMethod) -> MethodOut:
    return MethodOut(
        id=method.public_id,
        country=method.country,
        name=method.name,
        currency=method.currency,
        minor=method.minor,
        free_from_minor=method.free_from_minor,
        max_weight_g=method.max_weight_g,
        days_min=method.days_min,
        days_max=method.days_max,
    )


def _voucher(voucher: Voucher) -> VoucherOut:
    return VoucherOut(
        id=voucher.public_id,
        code=voucher.code,
        kind=voucher.kind,
        percent_bp=voucher.percent_bp,
        currency=voucher.currency,
        minor=voucher.minor,
        minimum_minor=voucher.minimum_minor,
        cap=voucher.cap,
        used=voucher.used,
        start=voucher.period.lower,
        end=voucher.period.upper,
    )


@router.get("/shop/merchants/{name}/delivery", response=MethodsOut)
def list_methods(request: HttpRequest, name: str) -> MethodsOut:
    """List a merchant's ways of delivery, as one who works there."""
    merchant = access_merchant(person_of(request), name, StaffRole.PACKER)
    found = merchant.delivery_methods.filter(is_active=True).order_by("country", "minor", "pk")
    return MethodsOut(methods=[_method(one) for one in found])


@router.post("/shop/merchants/{name}/delivery", response={201: MethodOut})
def add_method(request: HttpRequest, name: str, method: MethodIn) -> tuple[int, MethodOut]:
    """Offer a way of delivery, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    return 201, _method(actions.add_method(person, name, method.dict()))


@router.delete("/shop/delivery/{method_id}", response={204: None})
def remove_method(request: HttpRequest, method_id: str) -> tuple[int, None]:
    """Offer a way of delivery no more, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    actions.remove_method(person, method_id)
    return 204, None


@router.get("/shop/merchants/{name}/vouchers", response=VouchersOut)
def list_vouchers(request: HttpRequest, name: str) -> VouchersOut:
    """List a merchant's newest vouchers, as a manager."""
    merchant = access_merchant(person_of(request), name, StaffRole.MANAGER)
    return VouchersOut(vouchers=[_voucher(one) for one in merchant.vouchers.order_by("-pk")[:500]])


@router.post("/shop/merchants/{name}/vouchers", response={201: VoucherOut})
def add_voucher(request: HttpRequest, name: str, voucher: VoucherIn) -> tuple[int, VoucherOut]:
    """Give out a voucher, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    values = voucher.dict()
    start, end = values.pop("start"), values.pop("end")
    return 201, _voucher(actions.add_voucher(person, name, values, start, end))


@router.delete("/shop/vouchers/{voucher_id}", response={204: None})
def end_voucher(request: HttpRequest, voucher_id: str) -> tuple[int, None]:
    """Let a voucher hold no more, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    actions.end_voucher(person, voucher_id)
    return 204, None
