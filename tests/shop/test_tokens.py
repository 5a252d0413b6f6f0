"""API tokens: shown once, kept as a hash, bound to one shop, and gone when time or people say so."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from glaswerk.cell import settings as cell_settings
from glaswerk.shop.actions.tokens import hash_of, make_token
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import Merchant, Scope, Staff, Token

from .conftest import MakeMerchant, MakePerson, MakeVariant, SignIn, buy, send, staff

pytestmark = pytest.mark.django_db
STOCK = "/api/shop/merchants/glas/stock"


def bearer(shown: str) -> Client:
    """Return a program that holds a token, as strict against forged requests as a real server."""
    return Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {shown}"})


def test_a_token_is_shown_once_and_kept_as_a_hash(shop: Merchant, signed_in: SignIn) -> None:
    owner = signed_in(staff(shop, "owner"))
    form = {"action": "make_token", "name": "Packing station", "days": "30", "scope": ["stock:read", "orders:ship"]}
    page = owner.post("/merchant/glas/programs", form).content.decode()
    token = Token.objects.get()
    shown = next(
        word for word in page.replace("<", " ").replace(">", " ").split() if word.startswith("gw_") and len(word) > 40
    )
    assert token.hash == hash_of(shown) and shown not in str(Token.objects.values().get())
    for path in ("/merchant/glas/programs", "/api/shop/merchants/glas/tokens"):
        listed = owner.get(path).content.decode()
        assert shown not in listed and token.hash not in listed and token.hint in listed
    assert bearer(shown).get(STOCK).status_code == 200
    token.refresh_from_db()
    assert token.used_at is not None
    owner.post("/merchant/glas/programs", {"action": "revoke_token", "token": token.public_id})
    assert bearer(shown).get(STOCK).status_code == 401


def test_a_token_holds_no_longer_than_it_should(shop: Merchant, make_person: MakePerson) -> None:
    owner = staff(shop, "owner")
    token, shown = make_token(owner, "glas", "x", ["stock:read"], 1)
    assert bearer(shown).get(STOCK).status_code == 200
    # Whoever made it is no owner any more.
    Staff.objects.create(merchant=shop, person=make_person("heir"), role="owner")
    shop.staff.filter(person=owner).update(role="manager")
    assert bearer(shown).get(STOCK).status_code == 401
    shop.staff.filter(person=owner).update(role="owner")
    owner.is_active = False
    owner.save()
    assert bearer(shown).get(STOCK).status_code == 401
    owner.is_active = True
    owner.save()
    Token.objects.filter(pk=token.pk).update(added_at=timezone.now() - timedelta(days=2), expires_at=timezone.now())
    assert bearer(shown).get(STOCK).status_code == 401
    for wrong in ("", "gw_", shown[:-1], f"{shown}x", shown.upper(), "x" * 5000, "gw_\u00fc"):
        assert bearer(wrong).get(STOCK).status_code == 401, wrong


def test_a_token_stays_in_its_own_shop_though_its_owner_has_two(
    shop: Merchant, make_merchant: MakeMerchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn,
    nothing_changes: Any,
) -> None:  # fmt: skip
    wool = make_merchant("wool", registration="HRB 2")
    owner = staff(shop, "owner")
    wool.staff.filter(role="manager").update(person=owner)
    theirs, ours = make_variant(wool), make_variant(shop)
    _token, shown = make_token(owner, "glas", "x", Scope.values, 1)
    Token.objects.update(used_at=timezone.now())
    program, there = bearer(shown), wool.locations.get().public_id
    order = buy(signed_in(make_person("ada")), {ours.public_id: 1}).json()["orders"][0]
    assert signed_in(owner).get("/api/shop/merchants/wool/stock").status_code == 200
    with nothing_changes():
        for method, path, body in (
            ("get", "/api/shop/merchants/wool/stock", None),
            ("put", "/api/shop/merchants/wool/products/new", {"title": "x"}),
            ("put", f"/api/shop/products/{theirs.product.public_id}/state", {"state": "archived"}),
            ("put", f"/api/shop/variants/{theirs.public_id}/stock/{there}", {"on_hand": 1}),
            ("put", f"/api/shop/variants/{ours.public_id}/stock/{there}", {"on_hand": 1}),
        ):
            assert send(program, method, path, body).status_code == 404, path
        # What only people may do, no token may.
        for method, path, body in (
            ("post", f"/api/shop/sold/{order}/cancel", {"reason": "x"}),
            ("post", f"/api/shop/sold/{order}/refunds", {"minor": 1}),
            ("put", "/api/shop/merchants/glas/staff/ada", {"role": "owner"}),
            ("get", "/api/shop/merchants/glas/tokens", None),
            ("post", "/api/shop/merchants/glas/tokens", {"name": "x", "scopes": ["stock:read"]}),
            ("post", "/api/shop/addresses", {"country": "DE"}),
        ):
            assert send(program, method, path, body).status_code in (401, 403), path
    assert send(program, "post", f"/api/shop/sold/{order}/parcels", {"carrier": "Post"}).status_code == 201


def test_what_a_token_lacks_is_named(shop: Merchant) -> None:
    _token, shown = make_token(staff(shop, "owner"), "glas", "x", ["stock:read"], 1)
    answer = bearer(shown).get("/api/shop/merchants/glas/orders")
    assert answer.status_code == 403 and "orders:read" in answer.json()["detail"]


def test_a_token_is_bounded_in_a_minute(shop: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    config = cell_settings.CELL.config
    ours = config.limits.model_copy(update={"token_requests_per_minute": 3})
    monkeypatch.setattr(cell_settings.CELL, "config", config.model_copy(update={"limits": ours}))
    _token, shown = make_token(staff(shop, "owner"), "glas", "x", ["stock:read"], 1)
    answers = [bearer(shown).get(STOCK) for _ in range(8)]
    # A minute may end in between, and then three more are let through.
    assert {one.status_code for one in answers} == {200, 429}
    assert all(int(one.headers["Retry-After"]) > 0 for one in answers if one.status_code == 429)


def test_making_one_says_what_is_wrong(shop: Merchant, nothing_changes: Any) -> None:
    owner = staff(shop, "owner")
    with nothing_changes():
        for field, words in (
            ("name", ("", ["stock:read"], 1)),
            ("scopes", ("x", [], 1)),
            ("scopes", ("x", ["money:take"], 1)),
            ("days", ("x", ["stock:read"], 0)),
            ("days", ("x", ["stock:read"], 731)),
        ):
            with pytest.raises(ShopError) as refusal:
                make_token(owner, "glas", *words)
            assert refusal.value.field == field
