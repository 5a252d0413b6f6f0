"""Hostile words in every place where the shop takes some: none is an error of ours, and none changes anything."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from glaswerk.shop.models import Merchant

from .conftest import MakeVariant, SignIn, new_guest, quoted, send, staff, wish

WORDS = (
    "%00",
    "%ff",
    "..",
    "%2e%2e%2f",
    "a" * 5000,
    "%F0%9F%92%A9",
    "null",
    "0" * 13,
    "'; DROP TABLE shop_order; --",
    "zzzzzzzzzzzzz",
)


@pytest.mark.django_db
@pytest.mark.parametrize("word", WORDS)
def test_no_word_in_an_address_breaks_anything(
    word: str, shop: Merchant, signed_in: SignIn, nothing_changes: Callable[[], Any]
) -> None:
    client = signed_in(staff(shop, "owner"))
    paths = (
        f"merchants/{word}", f"merchants/{word}/orders", f"merchants/{word}/staff", f"merchants/glas/staff/{word}",
        f"merchants/glas/products/{word}", f"products/{word}", f"orders/{word}", f"sold/{word}", f"returns/{word}/decision",
        f"variants/{word}/sales", f"variants/{word}/stock/{word}", f"products?q={word}", f"products?merchant={word}",
        f"products?before={word}", f"applications?state={word}", f"merchants/glas/orders?state={word}", f"sales/{word}",
        f"vouchers/{word}", f"delivery/{word}", f"addresses/{word}", f"products/{word}/pictures/99999999999999999999",
    )  # fmt: skip
    with nothing_changes():
        for path in paths:
            for method in ("get", "put", "post", "delete"):
                answer = send(client, method, f"/api/shop/{path}", {} if method in ("put", "post") else None)
                assert answer.status_code < 500, (method, path, answer.content)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"voucher": "\u0000"},
        {"voucher": "' OR 1=1"},
        {"method": "\u0000"},
        {"method": "sandbox:tok_success\n"},
        {"delivery": {"\u0000": "\u0000"}},
        {"email": "a\u0000@example.org"},
        {"address": {"country": "D\u0000"}},
        {"address": "\u0000"},
        {"currency": "\u0000\u0000\u0000"},
        {"lines": [{"variant": "\u0000", "quantity": 1}]},
        {"quote": "\u0000"},
    ],
)
def test_no_word_in_a_purchase_breaks_anything(
    change: dict[str, Any], shop: Merchant, make_variant: MakeVariant, nothing_changes: Callable[[], Any]
) -> None:
    variant = make_variant(shop)
    body = {**wish(quoted(Client(), {variant.public_id: 1})), **change}
    with nothing_changes():
        answer = send(new_guest(), "post", "/api/purchases", body, **{"Idempotency-Key": "k"})
    assert 400 <= answer.status_code < 500, answer.content


@pytest.mark.django_db
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "2026-01-01T00:00:00", "x"])
def test_times_at_the_edges_of_the_calendar_are_refused(
    moment: str, shop: Merchant, make_variant: MakeVariant, signed_in: SignIn, nothing_changes: Callable[[], Any]
) -> None:
    client, variant = signed_in(staff(shop)), make_variant(shop)
    voucher = {"code": "EDGE", "kind": "fixed", "minor": 1, "cap": 1}
    with nothing_changes():
        for path, body in (
            (f"variants/{variant.public_id}/sales", {"minor": 5}),
            ("merchants/glas/vouchers", voucher),
        ):
            assert send(client, "post", f"/api/shop/{path}", {**body, "start": moment}).status_code == 422
