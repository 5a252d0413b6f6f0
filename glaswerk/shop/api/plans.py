"""Plans: what merchants pay creators for sales, who takes part, and what creators show and earn by it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Field, Router, Schema

from glaswerk.cell.ids import decode_id, encode_id
from glaswerk.people.models import Person
from glaswerk.shop.actions import plans as actions
from glaswerk.shop.actions.touches import touch_from_video
from glaswerk.shop.api.catalogue import ProductOut, language_of, shown_products
from glaswerk.shop.api.identity import BuyerAuth, buyer_of, count_buyers_write, count_write, person_of
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_RATE_BP, MAX_SHOWCASE, MIN_RATE_BP, Enrolment, EnrolmentState, Plan, PlanRate
from glaswerk.shop.queries import plans as queries

router = Router(tags=["creators"])
MOST_PLANS = 50
Rate = Annotated[int, Field(ge=MIN_RATE_BP, le=MAX_RATE_BP, strict=True, description="Hundredths of a percent.")]


class PlanIn(Schema):
    """A plan to make."""

    kind: Literal["open", "target"]
    title: str = Field(max_length=320)
    rate_bp: Rate
    products: list[str] | None = Field(
        None, max_length=actions.MAX_PLAN_PRODUCTS, description="Left out: all of your products."
    )


class RateIn(Schema):
    """The next version of a rate."""

    rate_bp: Rate


class InvitationIn(Schema):
    """Whom to invite, by name."""

    person: str = Field(max_length=60)


class RateOut(Schema):
    """A version of a rate.  Without a period it never held: another one was written before it began."""

    version: int
    rate_bp: int
    written_at: datetime
    holds_from: datetime | None
    holds_until: datetime | None


class PlanOut(Schema):
    """A plan, with what it pays now and what follows."""

    id: str
    merchant: str
    merchant_title: str
    kind: str
    title: str
    rate_bp: int
    next_rate_bp: int | None
    next_from: datetime | None
    ends_at: datetime | None
    products: list[str] | None = Field(description="Null: all of the merchant's products.")


class CreatorOut(Schema):
    """A creator in a plan; `until` is when they are let go."""

    person: str
    state: str
    until: datetime | None


class MerchantPlanOut(PlanOut):
    """A plan as its merchant sees it."""

    versions: list[RateOut]
    creators: list[CreatorOut]


class MerchantPlansOut(Schema):
    """All plans of a merchant."""

    plans: list[MerchantPlanOut]


class PlansOut(Schema):
    """Plans that one can take part in."""

    plans: list[PlanOut]


class EnrolmentOut(Schema):
    """That you take part in a plan, or are invited to."""

    plan: PlanOut
    state: str
    until: datetime | None


class EnrolmentsOut(Schema):
    """Your plans and invitations."""

    enrolments: list[EnrolmentOut]


class StateOut(Schema):
    """How you stand with a plan."""

    plan: str
    state: str


class EndOut(Schema):
    """When something ends: what is worse for creators is told in advance."""

    ends_at: datetime


class ShowcaseIn(Schema):
    """All products to show, in this order."""

    products: list[str] = Field(max_length=MAX_SHOWCASE)


class ShowcaseOut(Schema):
    """What you show on your profile."""

    products: list[ProductOut]


class TouchIn(Schema):
    """That a product was opened from a video: which slate brought the video."""

    product: str = Field(max_length=13)
    video: str = Field(max_length=13)
    slate: str = Field(max_length=13)


class TouchOut(Schema):
    """Whether it counts for the video's creator."""

    counts: bool


def shown_plan(plan: Plan) -> PlanOut:
    """Return a plan as the API has it."""
    rates = queries.rates_of(plan)
    return PlanOut(
        id=plan.public_id,
        merchant=plan.merchant.name,
        merchant_title=plan.merchant.title,
        kind=plan.kind,
        title=plan.title,
        rate_bp=rates.now_bp,
        next_rate_bp=rates.next_bp,
        next_from=rates.next_from,
        ends_at=plan.ends_at,
        products=None if plan.covers_all else [encode_id(one.product_id) for one in plan.products.all()],
    )


def _merchant_plan(plan: Plan) -> MerchantPlanOut:
    def version(rate: PlanRate) -> RateOut:
        period = rate.period
        return RateOut(
            version=rate.version,
            rate_bp=rate.rate_bp,
            written_at=rate.written_at,
            holds_from=None if period.isempty else period.lower,
            holds_until=None if period.isempty else period.upper,
        )

    return MerchantPlanOut(
        **shown_plan(plan).dict(),
        versions=[version(one) for one in plan.rates.all()],
        creators=[
            CreatorOut(person=one.creator.name, state=one.state, until=one.ends_at) for one in plan.enrolments.all()
        ],
    )


def _one(request: HttpRequest, plan: Plan) -> MerchantPlanOut:
    _merchant, plans = queries.plans_of_merchant(person_of(request), plan.merchant.name)
    return next(_merchant_plan(one) for one in plans if one.pk == plan.pk)


@router.get("/shop/merchants/{name}/plans", response=MerchantPlansOut)
def list_merchant_plans(request: HttpRequest, name: str) -> MerchantPlansOut:
    """List a merchant's plans, with versions of their rates and who takes part, as a manager."""
    _merchant, plans = queries.plans_of_merchant(person_of(request), name)
    return MerchantPlansOut(plans=[_merchant_plan(one) for one in plans])


@router.post("/shop/merchants/{name}/plans", response={201: MerchantPlanOut})
def create_plan(request: HttpRequest, name: str, asked: PlanIn) -> tuple[int, MerchantPlanOut]:
    """Make a plan, open to every creator or for those whom you invite, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    plan = actions.create_plan(person, name, asked.kind, asked.title, asked.rate_bp, asked.products)
    return 201, _one(request, plan)


@router.post("/shop/plans/{plan_id}/rates", response={201: RateOut})
def set_rate(request: HttpRequest, plan_id: str, asked: RateIn) -> tuple[int, RateOut]:
    """Write the next version of a rate, as a manager: a raise holds at once, a cut 30 days from now."""
    person = person_of(request)
    count_write(person.pk)
    rate = actions.set_rate(person, plan_id, asked.rate_bp)
    return 201, RateOut(
        version=rate.version,
        rate_bp=rate.rate_bp,
        written_at=rate.written_at,
        holds_from=rate.period.lower,
        holds_until=rate.period.upper,
    )


@router.post("/shop/plans/{plan_id}/end", response=EndOut)
def end_plan(request: HttpRequest, plan_id: str) -> EndOut:
    """End a plan 30 days from now, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    plan = actions.end_plan(person, plan_id)
    assert plan.ends_at is not None
    return EndOut(ends_at=plan.ends_at)


@router.put("/shop/plans/{plan_id}/products/{product_id}", response={204: None})
def add_product(request: HttpRequest, plan_id: str, product_id: str) -> tuple[int, None]:
    """Let a plan be for one product more, at once, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    actions.add_product(person, plan_id, product_id)
    return 204, None


@router.delete("/shop/plans/{plan_id}/products/{product_id}", response=EndOut)
def remove_product(request: HttpRequest, plan_id: str, product_id: str) -> EndOut:
    """Let a plan be for a product no more, 30 days from now, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    held = actions.remove_product(person, plan_id, product_id)
    assert held.ends_at is not None
    return EndOut(ends_at=held.ends_at)


@router.post("/shop/plans/{plan_id}/invitations", response={201: StateOut})
def invite(request: HttpRequest, plan_id: str, asked: InvitationIn) -> tuple[int, StateOut]:
    """Invite a creator to a plan, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    held = actions.invite(person, plan_id, asked.person)
    return 201, StateOut(plan=plan_id, state=held.state)


@router.delete("/shop/plans/{plan_id}/creators/{person_name}", response={204: None})
def withdraw(request: HttpRequest, plan_id: str, person_name: str) -> tuple[int, None]:
    """Take an invitation back at once, or let a creator go 30 days from now, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    actions.withdraw(person, plan_id, person_name)
    return 204, None


@router.get("/shop/plans", response=PlansOut)
def list_open_plans(request: HttpRequest, q: Annotated[str, Field(max_length=100)] = "") -> PlansOut:
    """List open plans in which you do not take part yet, the newest first."""
    words = q.replace("\x00", " ")
    return PlansOut(plans=[shown_plan(one) for one in queries.open_plans(person_of(request), words, MOST_PLANS)])


@router.get("/shop/enrolments", response=EnrolmentsOut)
def list_enrolments(request: HttpRequest) -> EnrolmentsOut:
    """List the plans in which you take part, and your invitations."""
    found = queries.enrolments_of(person_of(request))
    return EnrolmentsOut(
        enrolments=[EnrolmentOut(plan=shown_plan(one.plan), state=one.state, until=one.ends_at) for one in found]
    )


@router.put("/shop/enrolments/{plan_id}", response=StateOut)
def enrol(request: HttpRequest, plan_id: str) -> StateOut:
    """Take part in an open plan, or accept an invitation."""
    return _stand(request, plan_id, actions.enrol)


@router.delete("/shop/enrolments/{plan_id}", response=StateOut)
def leave(request: HttpRequest, plan_id: str) -> StateOut:
    """Leave a plan at once, or decline an invitation."""
    return _stand(request, plan_id, actions.leave)


def _stand(request: HttpRequest, plan_id: str, action: Callable[[Person, str], Enrolment]) -> StateOut:
    person = person_of(request)
    count_write(person.pk)
    held = action(person, plan_id)
    return StateOut(plan=plan_id, state=EnrolmentState(held.state))


@router.get("/shop/showcase", response=ShowcaseOut)
def read_showcase(request: HttpRequest) -> ShowcaseOut:
    """Read what you show on your profile."""
    return _showcase(request)


@router.put("/shop/showcase", response=ShowcaseOut)
def set_showcase(request: HttpRequest, asked: ShowcaseIn) -> ShowcaseOut:
    """Say which products you show on your profile, in which order; each is in a plan in which you take part."""
    person = person_of(request)
    count_write(person.pk)
    actions.set_showcase(person, asked.products)
    return _showcase(request)


def _showcase(request: HttpRequest) -> ShowcaseOut:
    return ShowcaseOut(products=shown_products(queries.showcase_of(person_of(request)), language_of(request)))


@router.post("/shop/touches", response=TouchOut, auth=BuyerAuth())
def touch(request: HttpRequest, asked: TouchIn) -> TouchOut:
    """Say that you opened a product from a video that was served to you; signed in or not.

    It counts for the video's creator if the slate was recorded as served to you, within the window, and nothing else does.
    """
    buyer = buyer_of(request)
    count_buyers_write(request, buyer)
    viewers = [one for one in (buyer.person.pk if buyer.person else None, buyer.viewer) if one is not None]
    counts = (
        buyer.led is not None
        and bool(viewers)
        and touch_from_video(
            buyer.led,
            viewers,
            *(
                _id(name, text)
                for name, text in (("product", asked.product), ("video", asked.video), ("slate", asked.slate))
            ),
        )
    )
    return TouchOut(counts=counts)


def _id(field: str, text: str) -> int:
    try:
        return decode_id(text)
    except ValueError:
        raise ShopError(field, "Please give an id of thirteen characters, as the API has it.") from None
