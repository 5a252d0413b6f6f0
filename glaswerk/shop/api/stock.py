"""What a merchant has where."""

from datetime import UTC, datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema

from glaswerk.shop.actions import stock as actions
from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.api.tokens import token_or_session
from glaswerk.shop.models import MAX_UNITS, Location, Scope, Stock
from glaswerk.shop.queries import stock as queries

router = Router(tags=["stock"])


class LocationIn(Schema):
    """A place where things are kept."""

    name: str


class LocationOut(Schema):
    """A place where things are kept."""

    id: str
    name: str


class LocationsOut(Schema):
    """All places of a merchant."""

    locations: list[LocationOut]


class StockOut(Schema):
    """So many of a variant at a place."""

    variant: str
    handle: str
    sku: str
    location: str
    bucket: int
    on_hand: int
    reserved: int = Field(description="Promised to buyers who are paying.")
    low_at: int | None


class StocksOut(Schema):
    """What a merchant has."""

    stocks: list[StockOut]


class CountIn(Schema):
    """How many there are."""

    on_hand: int = Field(ge=0, le=MAX_UNITS)
    low_at: int | None = Field(None, ge=0, le=MAX_UNITS, description="At so many or fewer you are told.")


class ReceiptIn(Schema):
    """What came in, or went out as a negative number."""

    units: int = Field(ge=-MAX_UNITS, le=MAX_UNITS)
    reference: str = ""


class MovementOut(Schema):
    """One change of a stock."""

    variant: str
    sku: str
    change: int
    on_hand: int
    kind: str
    reference: str
    at: datetime


class MovementsOut(Schema):
    """The newest changes."""

    movements: list[MovementOut]


def _location(location: Location) -> LocationOut:
    return LocationOut(id=location.public_id, name=location.name)


def _stock(stock: Stock) -> StockOut:
    return StockOut(
        variant=stock.variant.public_id,
        handle=stock.variant.product.handle,
        sku=stock.variant.sku,
        location=stock.location.public_id,
        bucket=stock.bucket,
        on_hand=stock.on_hand,
        reserved=stock.reserved,
        low_at=stock.low_at,
    )


@router.get("/shop/merchants/{name}/locations", response=LocationsOut, auth=token_or_session(Scope.STOCK_READ))
def list_locations(request: HttpRequest, name: str) -> LocationsOut:
    """List where a merchant keeps things, as one who works there."""
    return LocationsOut(locations=[_location(one) for one in queries.locations_of(person_of(request), name)])


@router.post("/shop/merchants/{name}/locations", response={201: LocationOut})
def add_location(request: HttpRequest, name: str, location: LocationIn) -> tuple[int, LocationOut]:
    """Add a place where things are kept, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    return 201, _location(actions.add_location(person, name, location.name))


@router.get("/shop/merchants/{name}/stock", response=StocksOut, auth=token_or_session(Scope.STOCK_READ))
def list_stock(
    request: HttpRequest,
    name: str,
    offset: Annotated[int, Field(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Field(ge=1, le=500)] = 100,
) -> StocksOut:
    """List what a merchant has, as one who works there."""
    found = queries.stocks_of(person_of(request), name)[offset : offset + limit]
    return StocksOut(stocks=[_stock(one) for one in found])


@router.put(
    "/shop/variants/{variant_id}/stock/{location_id}", response=StocksOut, auth=token_or_session(Scope.STOCK_WRITE)
)
def set_stock(request: HttpRequest, variant_id: str, location_id: str, count: CountIn) -> StocksOut:
    """Say how many lie there, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    return StocksOut(stocks=[_stock(one) for one in actions.set_stock(person, variant_id, location_id, **count.dict())])


@router.post(
    "/shop/variants/{variant_id}/stock/{location_id}/received",
    response=StocksOut,
    auth=token_or_session(Scope.STOCK_WRITE),
)
def receive_stock(request: HttpRequest, variant_id: str, location_id: str, receipt: ReceiptIn) -> StocksOut:
    """Add what came in, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    held = actions.receive_stock(person, variant_id, location_id, receipt.units, receipt.reference)
    return StocksOut(stocks=[_stock(one) for one in held])


@router.get("/shop/merchants/{name}/movements", response=MovementsOut, auth=token_or_session(Scope.STOCK_READ))
def list_movements(request: HttpRequest, name: str, limit: Annotated[int, Field(ge=1, le=500)] = 100) -> MovementsOut:
    """List the newest changes of a merchant's stock, as a manager."""
    found = queries.movements_of(person_of(request), name)[:limit]
    return MovementsOut(
        movements=[
            MovementOut(
                variant=one.stock.variant.public_id,
                sku=one.stock.variant.sku,
                change=one.change,
                on_hand=one.on_hand,
                kind=one.kind,
                reference=one.reference,
                at=one.at.astimezone(UTC),
            )
            for one in found
        ]
    )
