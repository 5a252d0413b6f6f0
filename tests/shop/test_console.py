"""The merchant's console and the shop's tab: each page against each role, and forms that were tampered with."""

import gettext
import re
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from glaswerk import shop as shop_app
from glaswerk.people.models import Person
from glaswerk.shop.models import Merchant, Order, Product, Sale, Stock

from .conftest import ADDRESS, DETAILS, MakeMerchant, MakePerson, MakeVariant, SignIn, buy, send, staff

pytestmark = pytest.mark.django_db

CSV: Final = b"Handle,Title,Variant Price\nfresh,Fresh,1.00\nbroken,,x\n"
# What every packer sees, what only managers do, and what all others find nowhere.
PACKERS: Final = ("", "/orders", "/products", "/stock", "/returns", "/send", "/to-send.csv")
MANAGERS: Final = ("/products/new", "/stock/movements", "/terms", "/settings", "/figures", "/figures/days.csv")


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
    order, product = Order.objects.get().public_id, Product.objects.get().public_id
    own = [*PACKERS, f"/orders/{order}", f"/slips?order={order}"]
    led = [*MANAGERS, f"/products/{product}"]
    with nothing_changes():
        for path in (f"/merchant/glas{one}" for one in (*own, *led)):
            is_led = any(path == f"/merchant/glas{one}" for one in led)
            assert Client().get(path).headers["Location"].startswith("/accounts/login/"), path
            for number, client in enumerate(workers):
                assert client.get(path).status_code == (404 if is_led and number == 0 else 200), path
            for client in strangers:
                assert client.get(path).status_code == 404, path
                assert client.post(path, {"order": order, "state": "archived", "action": "ship"}).status_code == 404
        # One's own shop is no way to another's order or product.
        theirs = signed_in(staff(foreign, "owner"))
        for path in (f"/orders/{order}", f"/slips?order={order}", f"/products/{product}"):
            assert theirs.get(f"/merchant/wool{path}").status_code == 404, path


def test_what_is_ticked_is_sent(
    shop: Merchant, make_person: MakePerson, make_variant: MakeVariant, make_merchant: MakeMerchant, signed_in: SignIn
) -> None:
    ada, variant = signed_in(make_person("ada")), make_variant(shop)
    first, second, third = (buy(ada, {variant.public_id: 1}).json()["orders"][0] for _ in range(3))
    packer = signed_in(staff(shop, "packer"))
    sent = {"order": [first, second, "nonsense"], "carrier": "DHL", f"tracking-{first}": "0034"}
    assert packer.post("/merchant/glas/orders", sent).status_code == 302
    states = {one.public_id: one.state for one in Order.objects.all()}
    assert states == {first: "shipped", second: "shipped", third: "paid"}
    page = packer.get("/merchant/glas/orders").content.decode()
    assert third in page and first not in page and "2 orders are on their way" in page
    # An order of another shop is not sent by who does not work there.
    foreign = signed_in(staff(make_merchant("wool", registration="HRB 2"), "packer"))
    foreign.post("/merchant/wool/orders", {"order": third, "carrier": "DHL"})
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
    manager.post("/merchant/glas/orders", {"order": order, "carrier": "DHL"})
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


def test_orders_are_found_by_state_and_words(
    shop: Merchant, make_person: MakePerson, make_variant: MakeVariant, signed_in: SignIn
) -> None:
    ada, one, other = signed_in(make_person("ada")), make_variant(shop), make_variant(shop)
    first = buy(ada, {one.public_id: 1}).json()["orders"][0]
    second = buy(ada, {other.public_id: 1}, address={**ADDRESS, "name": "Grace Hopper"}).json()["orders"][0]
    packer = signed_in(staff(shop, "packer"))
    packer.post("/merchant/glas/orders", {"order": second, "carrier": "DHL", f"tracking-{second}": "JJD-77"})

    def found(**asked: str) -> set[str]:
        page = packer.get("/merchant/glas/orders", asked).content.decode()
        return {order for order in (first, second) if order in page}

    assert found() == {first}
    assert found(state="all") == {first, second}
    assert found(state="shipped") == {second}
    assert found(q="jjd-77") == found(q=second) == found(q=other.sku) == {second}
    assert found(q="jjd-77", state="open") == set()
    # Names are encrypted, so nobody is found by theirs.
    assert found(q="hopper") == set()
    assert found(q="ada@example.org") == {first, second}
    for strange in ("%", "_", "'; DROP TABLE", "\x00", "(" * 50):
        assert packer.get("/merchant/glas/orders", {"q": strange}).status_code == 200


def test_an_order_is_sent_in_parts_paid_back_and_cancelled_from_its_page(
    shop: Merchant, make_person: MakePerson, make_variant: MakeVariant, signed_in: SignIn, nothing_changes: Any
) -> None:
    ada, variant = signed_in(make_person("ada")), make_variant(shop)
    sent, other = (buy(ada, {variant.public_id: 3}).json()["orders"][0] for _ in range(2))
    packer, manager = signed_in(staff(shop, "packer")), signed_in(staff(shop))
    page = f"/merchant/glas/orders/{sent}"
    line = Order.objects.order_by("pk")[0].lines.get().public_id
    with nothing_changes():
        for wrong in ({f"count-{line}": "0"}, {f"count-{line}": "x"}, {f"count-{line}": "4"}, {"count-x": "1"}, {}):
            packer.post(page, {"action": "ship", "carrier": "DHL", **wrong})
        assert packer.post(page, {"action": "refund", "amount": "1.00", "key": "k"}).status_code == 404
        assert packer.post(page, {"action": "cancel", "reason": "x"}).status_code == 404
        for wrong in ("0", "-1", "x", "99999", "1.005", ""):
            manager.post(page, {"action": "refund", "amount": wrong, "key": "k"})
    packer.post(page, {"action": "ship", "carrier": "DHL", f"count-{line}": "1"})
    assert Order.objects.order_by("pk")[0].state == "partly_shipped"
    # The form was sent twice, as a double press does: the money goes back once.
    for _ in range(2):
        manager.post(page, {"action": "refund", "amount": "2,50", "key": "one-key"})
    assert Order.objects.order_by("pk")[0].refunded_minor == 250
    manager.post(f"/merchant/glas/orders/{other}", {"action": "cancel", "reason": "Broken"})
    assert Order.objects.order_by("pk")[1].state == "cancelled"
    assert b"Broken" in manager.get(f"/merchant/glas/orders/{other}").content


PRODUCT: Final[dict[str, Any]] = {
    "action": "save", "handle": "cup", "title": "Cup", "description": "Holds tea.", "kind": "Cups", "vendor": "",
    "tags": "tea, blue", "options": "Size", "state": "active", "vat_category": "standard",
    "choices": ["small", "large", ""], "price": ["12,50", "15.00", ""], "before": ["", "18.00", ""],
    "sku": ["C-S", "C-L", ""], "weight": ["300", "400", ""], "barcode": ["", "", ""],
}  # fmt: skip


def test_a_product_is_made_changed_and_its_form_says_what_is_wrong(
    shop: Merchant, signed_in: SignIn, nothing_changes: Any
) -> None:
    manager = signed_in(staff(shop))
    with nothing_changes():
        for wrong, words in (
            ({"title": ""}, "fill this in"),
            ({"handle": "Ü"}, "handle"),
            ({"price": ["x", "15", ""]}, "Variant 1"),
            ({"price": ["12,50", "", ""]}, "needs a price"),
            ({"choices": ["small", "small", ""]}, "same choices"),
            ({"choices": ["small, blue", "large", ""]}, "chooses once"),
            ({"weight": ["heavy", "1", ""]}, "weight"),
            ({"options": "a,b,c,d"}, "three options"),
            ({"state": "sold"}, "draft, active or archived"),
        ):
            answer = manager.post("/merchant/glas/products/new", {**PRODUCT, **wrong})
            assert answer.status_code == 422 and words in answer.content.decode(), wrong
            assert "Holds tea." in answer.content.decode(), "what was typed is still there"
    assert manager.post("/merchant/glas/products/new", PRODUCT).status_code == 302
    cup = Product.objects.get()
    facts = cup.variants.values_list("choices", "sku", "weight_g", "prices__minor", "prices__compare_minor")
    assert list(facts) == [(["small"], "C-S", 300, 1250, None), (["large"], "C-L", 400, 1500, 1800)]
    assert manager.post("/merchant/glas/products/new", PRODUCT).status_code == 422, "a handle is used once"
    page = f"/merchant/glas/products/{cup.public_id}"
    manager.post(page, {**PRODUCT, "handle": "another", "choices": ["small", "", ""], "price": ["11.00", "", ""],
                        "sku": ["C-S", "", ""], "before": ["", "", ""]})  # fmt: skip
    cup.refresh_from_db()
    assert cup.handle == "cup", "links to it are out in the world"
    assert list(cup.variants.values_list("is_active", "prices__minor")) == [(True, 1100), (False, 1500)]


def test_pictures_and_sales_of_a_product(shop: Merchant, make_variant: MakeVariant, signed_in: SignIn) -> None:
    from io import BytesIO

    from PIL import Image

    variant, other = make_variant(shop, minor=1000), make_variant(shop, minor=1000)
    manager, page = signed_in(staff(shop)), f"/merchant/glas/products/{variant.product.public_id}"
    file = BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG")
    for content, count in ((b"<svg onload=alert(1)>", 0), (file.getvalue(), 1)):
        manager.post(page, {"action": "add_picture", "alt": "Red", "file": SimpleUploadedFile("a.png", content)})
        assert variant.product.pictures.count() == count
    assert b"Red" in manager.get(page).content
    for wrong in ({"price": "10.00"}, {"price": "x"}, {"start": "soon"}, {"start": "2030-02-01", "end": "2030-01-01"}):
        manager.post(page, {"action": "add_sale", "variant": variant.public_id, "price": "8.00", **wrong})
    assert not Sale.objects.exists()
    manager.post(page, {"action": "add_sale", "variant": variant.public_id, "price": "8,00", "end": "2099-12-31"})
    sale = Sale.objects.get()
    assert sale.minor == 800 and b"8.00" in manager.get(page).content
    # A sale is ended on its own product's page.
    manager.post(f"/merchant/glas/products/{other.product.public_id}", {"action": "end_sale", "sale": sale.pk})
    assert Sale.objects.exists()
    manager.post(page, {"action": "end_sale", "sale": sale.pk})
    manager.post(page, {"action": "remove_picture", "position": "1"})
    assert not Sale.objects.exists() and not variant.product.pictures.exists()


def test_terms_and_settings(shop: Merchant, make_person: MakePerson, signed_in: SignIn) -> None:
    make_person("helper")
    manager, owner = signed_in(staff(shop)), signed_in(staff(shop, "owner"))
    terms, settings = "/merchant/glas/terms", "/merchant/glas/settings"
    method = {"action": "add_method", "country": "AT", "name": "Post", "price": "9,90", "days_min": "2", "days_max": "4",
              "max_weight": "30"}  # fmt: skip
    for wrong in ({"country": "XX"}, {"price": "-1"}, {"days_min": "9"}, {"name": ""}, {"max_weight": "x"}):
        manager.post(terms, {**method, **wrong})
    assert shop.delivery_methods.count() == 1
    manager.post(terms, method)
    assert shop.delivery_methods.get(country="AT").minor == 990
    voucher = {"action": "add_voucher", "code": "spring", "kind": "percentage", "amount": "12,5", "cap": "3"}
    for wrong in ({"code": "x"}, {"amount": "101"}, {"kind": "gift"}, {"cap": "0"}, {"until": "2001-01-01"}):
        manager.post(terms, {**voucher, **wrong})
    assert not shop.vouchers.exists()
    manager.post(terms, voucher)
    assert shop.vouchers.get().percent_bp == 1250 and b"12.5" in manager.get(terms).content
    manager.post(terms, {"action": "end_voucher", "voucher": shop.vouchers.get().public_id})
    assert b">over<" in manager.get(terms).content

    manager.post(settings, {"action": "holiday", "first": "2030-01-02", "last": "2030-01-01"})
    shop.refresh_from_db()
    assert shop.holiday_from is None
    manager.post(settings, {"action": "holiday", "first": "2030-01-01", "last": "2030-01-02"})
    shop.refresh_from_db()
    assert str(shop.holiday_until) == "2030-01-02"
    # Staff and details are an owner's.
    for form in ({"action": "set_staff", "person": "helper", "role": "packer"}, {**DETAILS, "action": "details"}):
        assert manager.post(settings, {**form, "self_certified": "on"}).status_code == 404
    owner.post(settings, {"action": "set_staff", "person": "@helper", "role": "packer"})
    assert shop.staff.filter(person__name="helper", role="packer").exists()
    owner.post(settings, {"action": "remove_staff", "person": "helper"})
    assert not shop.staff.filter(person__name="helper").exists()
    answer = owner.post(settings, {**DETAILS, "action": "details", "phone": "12", "self_certified": "on"})
    assert answer.status_code == 422 and b"telephone" in answer.content
    unsure = {field: value for field, value in DETAILS.items() if field != "self_certified"}
    assert owner.post(settings, {**unsure, "action": "details", "title": "Neu"}).status_code == 422
    owner.post(settings, {**DETAILS, "action": "details", "title": "Neu", "self_certified": "on"})
    shop.refresh_from_db()
    assert shop.title == "Neu"


def test_goods_come_in_and_every_change_is_seen(shop: Merchant, make_variant: MakeVariant, signed_in: SignIn) -> None:
    variant = make_variant(shop, units=3)
    manager, place = signed_in(staff(shop)), shop.locations.get().public_id
    thing = {"action": "receive", "variant": variant.public_id, "location": place}
    for wrong in ("0", "x", "-4", "1e3", ""):
        manager.post("/merchant/glas/stock", {**thing, "units": wrong})
        assert Stock.objects.get().on_hand == 3, wrong
    manager.post("/merchant/glas/stock", {**thing, "units": "-1", "reference": "broken"})
    assert Stock.objects.get().on_hand == 2
    manager.post("/merchant/glas/stock", {**thing, "action": "count", "on_hand": "2", "low_at": "5"})
    assert variant.product.title in manager.get("/merchant/glas/stock?low").content.decode()
    assert b"Low in stock" in manager.get("/merchant/glas").content
    assert b"-1" in manager.get("/merchant/glas/stock/movements").content


def test_german_has_every_sentence_of_the_shops_pages() -> None:
    room = Path(shop_app.__file__).parent
    for domain, pattern, files in (
        ("djangojs", r'(?<!n)gettext\("((?:[^"\\]|\\.)+)"', "static/shop/*.js"),
        ("django", r'{% translate "([^"]+)"(?! context)', "templates/shop/**/*.html"),
        ("django", r'\b_\(\s*"((?:[^"\\]|\\.)+)"\s*\)', "**/*.py"),
    ):
        words = gettext.translation(domain, room / "locale", ["de"])
        found = {text for path in room.glob(files) for text in re.findall(pattern, path.read_text())}
        assert len(found) > 20
        assert not [text for text in found if text.replace('\\"', '"') not in words._catalog]  # type: ignore[attr-defined]
