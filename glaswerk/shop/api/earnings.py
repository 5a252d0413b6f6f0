"""What a creator earned: each earning with where it stands, the sums by currency, and by the day."""

from datetime import date, datetime
from typing import Annotated, Final

from django.http import HttpRequest
from ninja import Field, Router, Schema

from glaswerk.cell.ids import encode_id
from glaswerk.money.models import CommissionState
from glaswerk.shop.actions.terms import check_money
from glaswerk.shop.api.catalogue import AmountOut, amount, language_of
from glaswerk.shop.api.identity import id_or_404, person_of
from glaswerk.shop.models import Earning
from glaswerk.shop.queries import earnings as queries

router = Router(tags=["creators"])
MOST_DAYS: Final = 366


class EarningOut(Schema):
    """What you earn by a line of an order."""

    id: str
    order: str
    product: str | None = Field(description="Null where it is gone.")
    title: str
    video: str | None = Field(description="Null: by your showcase, or by a video that is gone.")
    rate_bp: int = Field(description="Hundredths of a percent.")
    base: AmountOut = Field(description="What the rate is of: the price without discounts, VAT and delivery.")
    amount: AmountOut
    reversed: AmountOut = Field(description="What went back to the buyer took so much of it back.")
    state: str = Field(description="accrued, payable, paid, or reversed (all of it was taken back)")
    at: datetime
    payable_at: datetime = Field(description="When it is payable at the soonest.")


class EarningsOut(Schema):
    """Some earnings, newest first."""

    earnings: list[EarningOut]
    next: str | None = Field(description="Ask with `before` set to this for older ones; null at the end.")


class TotalOut(Schema):
    """Where all that you earned in a currency stands, without what was taken back."""

    currency: str
    accrued: AmountOut
    payable: AmountOut = Field(description="Below zero where what you had been paid went back; payouts are less by it.")
    under_way: AmountOut = Field(description="Sent, and not known to have arrived.")
    paid: AmountOut
    reversed: AmountOut


class TotalsOut(Schema):
    """Your sums, one a currency."""

    totals: list[TotalOut]


class DayOut(Schema):
    """What you earned on a day, without what was taken back of it since."""

    day: date
    amount: AmountOut


class DaysOut(Schema):
    """Every one of the last days, the oldest first, also those without any."""

    days: list[DayOut]


def _shown(one: Earning, language: str) -> EarningOut:
    commission = one.commission
    return EarningOut(
        id=encode_id(one.pk),
        order=encode_id(one.line.order_id),
        product=encode_id(one.product_id) if one.product_id is not None else None,
        title=one.line.title,
        video=encode_id(one.video_id) if one.video_id is not None else None,
        rate_bp=one.rate_bp,
        base=amount(one.base_minor, commission.currency, language),
        amount=amount(one.minor, commission.currency, language),
        reversed=amount(commission.reversed, commission.currency, language),
        state=commission.state,
        at=one.at,
        payable_at=commission.payable_at,
    )


@router.get("/shop/earnings", response=EarningsOut)
def list_earnings(
    request: HttpRequest,
    state: Annotated[str, Field(pattern=f"^({'|'.join(CommissionState.values)})?$")] = "",
    currency: Annotated[str, Field(pattern="^([A-Z]{3})?$")] = "",
    before: str | None = None,
    limit: Annotated[int, Field(ge=1, le=100)] = 50,
) -> EarningsOut:
    """List what you earned by sales, newest first; all of it, or what is in a state or a currency."""
    before_id = id_or_404(before) if before is not None else None
    found = list(queries.earnings_before(person_of(request), before_id, state, currency)[: limit + 1])
    shown = [_shown(one, language_of(request)) for one in found[:limit]]
    return EarningsOut(earnings=shown, next=shown[-1].id if len(found) > limit else None)


@router.get("/shop/earnings/totals", response=TotalsOut)
def read_totals(request: HttpRequest) -> TotalsOut:
    """Read where everything that you earned stands, by currency."""
    language = language_of(request)
    return TotalsOut(
        totals=[
            TotalOut(
                currency=one.currency,
                accrued=amount(one.accrued, one.currency, language),
                payable=amount(one.payable, one.currency, language),
                under_way=amount(one.under_way, one.currency, language),
                paid=amount(one.paid, one.currency, language),
                reversed=amount(one.reversed, one.currency, language),
            )
            for one in queries.totals_of(person_of(request))
        ]
    )


@router.get("/shop/earnings/days", response=DaysOut)
def list_days(
    request: HttpRequest,
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")],
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 30,
) -> DaysOut:
    """Read what you earned on each of the last days in a currency."""
    language, currency = language_of(request), check_money(currency)
    found = queries.by_day(person_of(request), currency, days)
    return DaysOut(days=[DayOut(day=day, amount=amount(minor, currency, language)) for day, minor in found])
