"""Stock: its rules in the database, its history, and who may change it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Sum

from glaswerk.shop.actions.stock import split_stock
from glaswerk.shop.models import Location, Movement, Stock

from .conftest import MakeMerchant, MakeVariant, SignIn, send, staff


@pytest.mark.django_db
@pytest.mark.parametrize("values", [{"reserved": 11}, {"reserved": -1}, {"on_hand": -1}, {"on_hand": 10**7 + 1}])
def test_no_promise_is_larger_than_what_is_there(
    values: dict[str, int], make_merchant: MakeMerchant, make_variant: MakeVariant
) -> None:
    make_variant(make_merchant(), units=10)
    with pytest.raises(IntegrityError), transaction.atomic():
        Stock.objects.update(**values)


@pytest.mark.django_db
def test_every_change_is_written_down_and_stays(
    make_merchant: MakeMerchant, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    merchant = make_merchant()
    variant, place = make_variant(merchant, units=10), merchant.locations.get()
    client = signed_in(staff(merchant))
    path = f"/api/shop/variants/{variant.public_id}/stock/{place.public_id}"
    assert send(client, "put", path, {"on_hand": 7, "low_at": 3}).status_code == 200
    assert send(client, "post", f"{path}/received", {"units": 5, "reference": "Delivery 9"}).status_code == 200
    assert send(client, "post", f"{path}/received", {"units": -20}).status_code == 409
    assert send(client, "post", f"{path}/received", {"units": 0}).status_code == 422
    # Past the code as well.
    Stock.objects.update(on_hand=1)
    moves = send(client, "get", "/api/shop/merchants/glas/movements").json()["movements"]
    assert [(one["change"], one["on_hand"], one["kind"], one["reference"]) for one in moves] == [
        (-11, 1, "counted", ""), (5, 12, "received", "Delivery 9"), (-3, 7, "counted", ""), (10, 10, "counted", ""),
    ]  # fmt: skip
    assert Movement.objects.aggregate(sum=Sum("change"))["sum"] == Stock.objects.get().on_hand == 1
    for change in (lambda: Movement.objects.all().delete(), lambda: Movement.objects.update(change=99)):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


@pytest.mark.django_db
def test_a_place_of_another_merchant_is_not_there(
    make_merchant: MakeMerchant, make_variant: MakeVariant, signed_in: SignIn, nothing_changes: Callable[[], Any]
) -> None:
    one, two = make_merchant("one"), make_merchant("two")
    variant, foreign = make_variant(one), Location.objects.get(merchant=two)
    with nothing_changes():
        for person in (staff(one), staff(two)):
            path = f"/api/shop/variants/{variant.public_id}/stock/{foreign.public_id}"
            assert send(signed_in(person), "put", path, {"on_hand": 1}).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(("units", "reserved", "buckets"), [(10, 0, 4), (10, 7, 4), (3, 3, 16), (0, 0, 2), (100, 1, 1)])
def test_splitting_loses_nothing(
    units: int, reserved: int, buckets: int, make_merchant: MakeMerchant, make_variant: MakeVariant
) -> None:
    variant = make_variant(make_merchant(), units=units)
    Stock.objects.update(reserved=reserved)
    split_stock(variant.pk, variant.stocks.get().location_id, buckets)
    rows = list(Stock.objects.order_by("bucket"))
    assert len(rows) == buckets
    assert (sum(one.on_hand for one in rows), sum(one.reserved for one in rows)) == (units, reserved)
    free = [one.on_hand - one.reserved for one in rows]
    assert max(free) - min(free) <= 1
