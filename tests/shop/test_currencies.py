"""Prices in more than one currency: which one is shown, that a choice is kept, and what has no price in it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from glaswerk.shop.models import Merchant, Price
from glaswerk.shop.queries.browsing import currencies

from .conftest import MakeVariant, quoted, send, wish


def choose(client: Client, currency: str, there: str = "/cart") -> Any:
    return client.post("/shop/currency", {"currency": currency, "next": there})


def use(settings: Any, monkeypatch: pytest.MonkeyPatch, currency: str) -> None:
    shop = settings.CELL.config.shop.model_copy(update={"currency": currency})
    monkeypatch.setattr(settings.CELL, "config", settings.CELL.config.model_copy(update={"shop": shop}))


@pytest.fixture
def two(shop: Merchant, make_variant: MakeVariant) -> list[Any]:
    """One thing that is sold in euros and dollars, and one in euros alone."""
    both, one = make_variant(shop, minor=1000), make_variant(shop, minor=700)
    Price.objects.create(variant=both, currency="USD", minor=1200)
    shop.delivery_methods.create(country="DE", name="Post", currency="USD", minor=500)
    return [both, one]


@pytest.mark.django_db
def test_prices_are_those_of_the_cell_until_somebody_chooses(
    two: list[Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert currencies() == ["EUR", "USD"]
    client = Client(headers={"accept-language": "en"})
    page = client.get("/shop").content.decode()
    assert ("€10.00" in page, "€7.00" in page, "$12.00" in page) == (True, True, False)
    use(settings, monkeypatch, "USD")
    page = client.get("/shop").content.decode()
    assert ("€10.00" in page, "€7.00" in page, "$12.00" in page) == (False, False, True)
    # Where there is no price at all in the cell's currency, those that there are stand in.
    use(settings, monkeypatch, "JPY")
    assert "€10.00" in client.get("/shop").content.decode()


@pytest.mark.django_db
def test_a_choice_is_kept_and_the_cart_is_in_one_currency(two: list[Any]) -> None:
    client = Client(headers={"accept-language": "en"})
    assert choose(client, "USD")["Location"] == "/cart"
    assert "$12.00" in client.get("/shop").content.decode()
    for variant in two:
        client.post("/cart", {"add": variant.public_id})
    page = client.get("/cart").content.decode()
    assert ("$12.00" in page, "€" in page) == (True, False)
    assert "No price in USD" in page
    assert "choose another currency" in page
    # It cannot be bought as it is, and in the other currency it can.
    assert client.get("/checkout").content.decode().count("choose another currency") == 1
    choose(client, "EUR")
    page = client.get("/cart").content.decode()
    assert ("€17.00" in page, "$" in page, "No price" in page) == (True, False, False)


@pytest.mark.django_db
def test_what_has_no_price_in_it_says_so_and_offers_others(two: list[Any]) -> None:
    client = Client(headers={"accept-language": "en"})
    choose(client, "USD")
    page = client.get(f"/shop/glas/{two[1].product.handle}").content.decode()
    assert ("No price in USD" in page, "Sold out" in page) == (True, False)
    assert "<option>EUR</option>" in page
    quote = quoted(client, {two[1].public_id: 1}, currency="USD")
    assert (quote["hash"], quote["problems"][0]["code"]) == (None, "no_price")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "there", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/" + "x" * 600, ""]
)
def test_a_choice_leads_nowhere_else(there: str, two: list[Any]) -> None:
    assert choose(Client(), "EUR", there)["Location"] == "/shop"


@pytest.mark.django_db
@pytest.mark.parametrize("currency", ["JPY", "eur", "", "\x00", "€"])
def test_no_other_currency_is_kept(currency: str, two: list[Any], nothing_changes: Callable[[], Any]) -> None:
    client = Client()
    with nothing_changes():
        assert "currency" not in choose(client, currency).cookies
    client.cookies["currency"] = "JPY"
    assert client.get("/shop").status_code == 200


@pytest.mark.django_db
def test_a_purchase_in_dollars_is_one(two: list[Any]) -> None:
    client = Client()
    send(client, "post", "/api/shop/quotes", {})
    quote = quoted(client, {two[0].public_id: 1}, currency="USD")
    answer = send(client, "post", "/api/purchases", wish(quote, currency="USD"), **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["total"]) == (201, {"minor": 1700, "currency": "USD", "shown": "$17.00"})
