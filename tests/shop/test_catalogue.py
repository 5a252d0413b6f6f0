"""Products, prices and sales over HTTP."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.shop.models import Price, Product, Sale
from glaswerk.shop.queries.catalogue import Cost, costs_of

from .conftest import MakeMerchant, MakeVariant, SignIn, send, staff

VASE = {
    "title": "Vase",
    "description": "Blown by mouth.\n<b>Heavy.</b>",
    "tags": ["Glass", "glass", "blue"],
    "options": ["Color"],
    "state": "active",
    "variants": [
        {"choices": ["Blue"], "sku": "V-B", "weight_g": 700, "prices": {"EUR": 2490}, "compare": {"EUR": 2990}},
        {"choices": ["Green"], "sku": "V-G", "weight_g": 700, "prices": {"EUR": 2490}},
    ],
}


@pytest.mark.django_db
def test_a_product_is_written_read_replaced_and_archived(make_merchant: MakeMerchant, signed_in: SignIn) -> None:
    merchant = make_merchant()
    client = signed_in(staff(merchant))
    path = "/api/shop/merchants/glas/products/vase"
    made = send(client, "put", path, VASE)
    assert made.status_code == 201, made.content
    body = Client().get(f"/api/shop/products/{made.json()['id']}").json()
    assert body == made.json()
    assert (body["tags"], body["description"]) == (["glass", "blue"], "Blown by mouth.\n<b>Heavy.</b>")
    blue, green = body["variants"]
    assert blue["price"] == {"minor": 2490, "currency": "EUR", "shown": "€24.90"}
    assert (blue["before"]["minor"], green["before"], blue["available"]) == (2990, None, 0)

    # The same choice keeps its id, because carts and orders name it; what is gone is not sold any more.
    changed = {
        **VASE,
        "variants": [{"choices": ["Green"], "prices": {"EUR": 1990}}, {"choices": ["Red"], "prices": {"EUR": 1}}],
    }
    again = send(client, "put", path, changed)
    assert again.status_code == 200
    assert [one["choices"] for one in Client().get(f"/api/shop/products/{body['id']}").json()["variants"]] == [
        ["Green"],
        ["Red"],
    ]
    assert Product.objects.get().variants.get(choices=["Green"]).public_id == green["id"]
    assert Product.objects.get().variants.get(choices=["Blue"]).is_active is False

    assert send(client, "put", f"/api/shop/products/{body['id']}/state", {"state": "archived"}).status_code == 200
    assert Client().get(f"/api/shop/products/{body['id']}").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "a\u0000b"}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"state": "sold"}, "state"),
        ({"vat_category": "none"}, "vat_category"),
        ({"options": ["Color", "Color"]}, "options"),
        ({"options": []}, "choices"),
        ({"options": ["a", "b", "c", "d"]}, "options"),
        ({"variants": []}, "variants"),
        ({"variants": [{"choices": ["Blue"], "prices": {"EUR": 1}}] * 2}, "variants"),
        ({"variants": [{"choices": ["Blue"]}]}, "price"),
        ({"variants": [{"choices": ["Blue"], "prices": {"EUR": 0}}]}, "EUR"),
        ({"variants": [{"choices": ["Blue"], "prices": {"EUR": -1}}]}, "EUR"),
        ({"variants": [{"choices": ["Blue"], "prices": {"EUR": 10**11}}]}, "EUR"),
        ({"variants": [{"choices": ["Blue"], "prices": {"EUR": 1.5}}]}, "EUR"),
        ({"variants": [{"choices": ["Blue"], "prices": {"XXQ": 1}}]}, "currency"),
        ({"variants": [{"choices": ["Blue"], "weight_g": -1, "prices": {"EUR": 1}}]}, "weight_g"),
        ({"tags": ["x"] * 51}, "tags"),
    ],
)
def test_a_wrong_product_is_refused_by_field(
    change: dict[str, Any],
    field: str,
    make_merchant: MakeMerchant,
    signed_in: SignIn,
    nothing_changes: Callable[[], Any],
) -> None:
    client = signed_in(staff(make_merchant()))
    with nothing_changes():
        answer = send(client, "put", "/api/shop/merchants/glas/products/vase", {**VASE, **change})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].split(".")[-1] == field


@pytest.mark.django_db
def test_two_sales_of_a_price_never_overlap(
    make_merchant: MakeMerchant, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    merchant = make_merchant()
    variant, other = make_variant(merchant), make_variant(merchant)
    client = signed_in(staff(merchant))

    def add(start: str, end: str | None, minor: int = 800, of: Any = variant) -> int:
        body = {"minor": minor, "start": start, "end": end}
        return send(client, "post", f"/api/shop/variants/{of.public_id}/sales", body).status_code

    assert add("2026-12-01T00:00:00Z", "2026-12-10T00:00:00Z") == 201
    assert add("2026-12-09T23:59:59Z", None) == 409
    assert add("2026-12-10T00:00:00Z", "2026-12-11T00:00:00Z") == 201
    assert add("2026-12-05T00:00:00Z", "2026-12-06T00:00:00Z", of=other) == 201
    assert add("2027-01-02T00:00:00Z", "2027-01-01T00:00:00Z") == 422
    assert add("2027-01-02T00:00:00", None) == 422
    assert add("2027-01-02T00:00:00Z", None, minor=1000) == 422
    # The database holds it also for who writes past the code.
    price = Price.objects.get(variant=variant)
    with pytest.raises(IntegrityError), transaction.atomic():
        Sale.objects.create(price=price, minor=1, period=DateTimeTZRange(timezone.now() - timedelta(days=900), None))


@pytest.mark.django_db
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_a_variant_costs_is_its_sale_exactly_while_it_lasts(data: st.DataObject) -> None:
    with transaction.atomic():
        from glaswerk.shop.models import Merchant, Variant

        merchant, _ = Merchant.objects.get_or_create(name="prices", title="p")
        product, _ = Product.objects.get_or_create(merchant=merchant, handle="p", title="p")
        variant, _ = Variant.objects.get_or_create(product=product)
        price, _ = Price.objects.update_or_create(
            variant=variant, currency="EUR", defaults={"minor": 1000, "compare_minor": 1200}
        )
        price.sales.all().delete()
        zero = timezone.now()
        start = data.draw(st.integers(0, 50))
        end = data.draw(st.integers(start + 1, 60))
        minor = data.draw(st.integers(1, 1500))
        at = data.draw(st.integers(-5, 65))
        Sale.objects.create(
            price=price, minor=minor, period=DateTimeTZRange(zero + timedelta(hours=start), zero + timedelta(hours=end))
        )
        found = costs_of([variant.pk], "EUR", zero + timedelta(hours=at))[variant.pk]
        is_lower = start <= at < end and minor < 1000
        assert found == (Cost(minor, 1000, "EUR") if is_lower else Cost(1000, 1200, "EUR"))


@pytest.mark.django_db
def test_pages_of_a_search_lose_nothing_and_cost_few_queries(
    make_merchant: MakeMerchant, make_variant: MakeVariant, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    merchant = make_merchant()
    for _ in range(7):
        make_variant(merchant)
    make_variant(merchant, state="draft")
    make_variant(make_merchant("wool", state="applied"))
    seen, before = [], None
    while True:
        with django_assert_max_num_queries(5):
            page = Client().get("/api/shop/products", {"limit": 3, **({"before": before} if before else {})}).json()
        seen += [one["title"] for one in page["products"]]
        before = page["next"]
        if before is None:
            break
    assert seen == [f"Thing {number}" for number in range(7, 0, -1)]
    assert [one["title"] for one in Client().get("/api/shop/products", {"q": "thing 3"}).json()["products"]] == [
        "Thing 3"
    ]
