"""The merchant's console and the shop's tab: each page against each role, and forms that were tampered with."""

from typing import Any, Final

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from glaswerk.people.models import Person
from glaswerk.shop.models import Merchant, Order, Product, Stock

from .conftest import DETAILS, MakeMerchant, MakePerson, MakeVariant, SignIn, buy, send, staff

pytestmark = pytest.mark.django_db

CSV: Final = b"Handle,Title,Variant Price\nfresh,Fresh,1.00\nbroken,,x\n"
PAGES: Final = ("/merchant/glas", "/merchant/glas/products", "/merchant/glas/stock", "/merchant/glas/returns")


def test_only_those_who_work_there_see_a_console(
    shop: Merchant,
    make_merchant: MakeMerchant,
    make_person: MakePerson,
    make_variant: MakeVariant,
    signed_in: SignIn,
    operator: Person,
    nothing_changes: Any,
) -> None:
    buy(signed_in(make_person("ada")), {make_variant(shop).public_id: 1})
    foreign = make_merchant("wool", registration="HRB 2")
    strangers = [signed_in(one) for one in (Person.objects.get(name="ada"), staff(foreign, "owner"), operator)]
    workers = [signed_in(staff(shop, role)) for role in ("packer", "manager", "owner")]
    with nothing_changes():
        for path in PAGES:
            assert Client().get(path).headers["Location"].startswith("/accounts/login/"), path
            for client in workers:
                assert client.get(path).status_code == 200, path
            for client in strangers:
                assert client.get(path).status_code == 404, path
                assert (
                    client.post(path, {"order": Order.objects.get().public_id, "state": "archived"}).status_code == 404
                )


def test_what_is_ticked_is_sent(
    shop: Merchant, make_person: MakePerson, make_variant: MakeVariant, make_merchant: MakeMerchant, signed_in: SignIn
) -> None:
    ada, variant = signed_in(make_person("ada")), make_variant(shop)
    first, second, third = (buy(ada, {variant.public_id: 1}).json()["orders"][0] for _ in range(3))
    packer = signed_in(staff(shop, "packer"))
    sent = {"order": [first, second, "nonsense"], "carrier": "DHL", f"tracking-{first}": "0034"}
    assert packer.post("/merchant/glas", sent).status_code == 302
    states = {one.public_id: one.state for one in Order.objects.all()}
    assert states == {first: "shipped", second: "shipped", third: "paid"}
    page = packer.get("/merchant/glas").content.decode()
    assert third in page and first not in page and "2 orders are on their way" in page
    # An order of another shop is not sent by who does not work there.
    foreign = signed_in(staff(make_merchant("wool", registration="HRB 2"), "packer"))
    foreign.post("/merchant/wool", {"order": third, "carrier": "DHL"})
    assert Order.objects.get(pk=Order.objects.latest("pk").pk).state == "paid"


def test_a_csv_is_read_by_managers_and_every_refused_row_is_told(
    shop: Merchant, signed_in: SignIn, nothing_changes: Any
) -> None:
    packer, manager = signed_in(staff(shop, "packer")), signed_in(staff(shop))
    with nothing_changes():
        answer = packer.post("/merchant/glas/products", {"file": SimpleUploadedFile("a.csv", CSV)})
        assert answer.status_code == 404
    answer = manager.post("/merchant/glas/products", {"file": SimpleUploadedFile("a.csv", CSV)})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "What became of your file" in page and "broken" in page
    assert Product.objects.get().handle == "fresh"
    answer = manager.post("/merchant/glas/products", {"file": SimpleUploadedFile("a.csv", b"\xff\xfe\x00")})
    assert answer.status_code == 200 and Product.objects.count() == 1


def test_stock_is_counted_and_products_taken_off_by_managers(
    shop: Merchant, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    variant = make_variant(shop, units=3)
    packer, manager = signed_in(staff(shop, "packer")), signed_in(staff(shop))
    count = {"variant": variant.public_id, "location": shop.locations.get().public_id, "on_hand": "8"}
    assert packer.post("/merchant/glas/stock", count).status_code == 404
    for wrong in ("-1", "x", "99999999", ""):
        manager.post("/merchant/glas/stock", {**count, "on_hand": wrong})
        assert Stock.objects.get().on_hand == 3
    manager.post("/merchant/glas/stock", count)
    assert Stock.objects.get().on_hand == 8
    state = {"product": variant.product.public_id, "state": "archived"}
    assert packer.post("/merchant/glas/products", state).status_code == 404
    manager.post("/merchant/glas/products", state)
    assert Product.objects.get().state == "archived"


def test_a_return_is_paid_back_from_the_console(
    shop: Merchant, make_person: MakePerson, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    ada, manager = signed_in(make_person("ada")), signed_in(staff(shop))
    order = buy(ada, {make_variant(shop).public_id: 1}).json()["orders"][0]
    manager.post("/merchant/glas", {"order": order, "carrier": "DHL"})
    line = Order.objects.get().lines.get().public_id
    back = send(ada, "post", f"/api/shop/orders/{order}/returns", {"lines": {line: 1}}).json()["id"]
    packer = signed_in(staff(shop, "packer"))
    assert packer.post("/merchant/glas/returns", {"return": back, "state": "received"}).status_code == 404
    manager.post("/merchant/glas/returns", {"return": back, "state": "refused"})
    assert Order.objects.get().returns.get().state == "requested", "a refusal needs a reason"
    manager.post("/merchant/glas/returns", {"return": back, "state": "received", "restock": "on"})
    assert Order.objects.get().refunded_minor == Order.objects.get().total_minor


def test_applying_says_what_is_missing(make_person: MakePerson, signed_in: SignIn) -> None:
    ada = signed_in(make_person("ada"))
    assert "Sell here" in ada.get("/merchant").content.decode()
    form = {**DETAILS, "name": "brand-new", "self_certified": "on"}
    for field, wrong in (("phone", "12"), ("name", "A"), ("vat_id", "DE1"), ("country", "<b>")):
        answer = ada.post("/merchants/apply", {**form, field: wrong})
        assert answer.status_code == 422 and not Merchant.objects.exists(), field
    assert ada.post("/merchants/apply", form).status_code == 302
    assert Merchant.objects.get().state == "applied"
    assert ada.get("/merchant").status_code == 200


def test_the_shop_shows_what_is_on_sale(shop: Merchant, make_variant: MakeVariant, signed_in: SignIn) -> None:
    cheap, dear = make_variant(shop, minor=100, kind="Cup"), make_variant(shop, minor=900, kind="Vase")
    make_variant(shop, state="draft")
    guest = Client()
    page = guest.get("/shop").content.decode()
    assert page.index(dear.product.title) < page.index(cheap.product.title) and "Thing 3" not in page
    page = guest.get("/shop?sort=cheap").content.decode()
    assert page.index(cheap.product.title) < page.index(dear.product.title)
    page = guest.get("/shop?kind=Cup").content.decode()
    assert cheap.product.title in page and dear.product.title not in page
    assert "Nothing like that" in guest.get("/shop", {"q": "%_' OR 1=1 <script>\x00"}).content.decode()
    assert b"<script>\x00" not in guest.get("/shop", {"q": "<script>"}).content
    for wrong in ("x", "-1", "999", "1e3"):
        assert guest.get("/shop", {"page": wrong}).status_code == 404, wrong
    there = f"/shop/glas/{cheap.product.handle}"
    assert guest.get(f"/shop/{cheap.product.public_id}").headers["Location"] == there
    assert guest.get(there).status_code == 200
    assert guest.post("/cart", {"put": "1", "variant": cheap.public_id}).status_code == 302
    assert cheap.product.title in guest.get("/cart").content.decode()
    Merchant.objects.filter(pk=shop.pk).update(holiday_from=timezone.localdate(), holiday_until=timezone.localdate())
    assert guest.get(there).status_code == 404
