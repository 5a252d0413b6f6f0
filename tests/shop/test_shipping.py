"""Sending in bulk: packing slips, and CSV files as carriers, spreadsheets and attackers write them."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from glaswerk.shop.invoices import render_invoice
from glaswerk.shop.models import Invoice, Merchant, Order, Parcel
from glaswerk.shop.printing import drawable, letters_of
from glaswerk.shop.slips import render_slips
from glaswerk.shop.spreadsheets import CsvError, ship_from_file

from .conftest import ADDRESS, MakeMerchant, MakePerson, MakeVariant, SignIn, buy, staff
from .pdfs import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def orders(shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn) -> list[str]:
    """Three paid orders of one shop."""
    ada, variant = signed_in(make_person("ada")), make_variant(shop)
    return [buy(ada, {variant.public_id: 2}).json()["orders"][0] for _ in range(3)]


def outcomes(shop: Merchant, *rows: str) -> list[tuple[str, str]]:
    """Send a file of order, tracking and carrier; return what became of each row and the field that was wrong."""
    data = "\r\n".join(("order,tracking,carrier", *rows)).encode()
    return [(row.outcome, row.field) for row in ship_from_file(staff(shop, "packer"), shop.name, data).rows]


def test_each_row_is_for_itself_and_the_same_file_again_sends_nothing_twice(shop: Merchant, orders: list[str]) -> None:
    first, second, third = orders
    rows = (f"{first},0034 1,DHL", f"{second},,Post", f"{first},0034 2,DHL", "nonsense,1,DHL", ",1,DHL", f"{third},1,")
    expected = [("shipped", ""), ("shipped", ""), ("refused", "order"), ("refused", "order"), ("refused", "order"),
                ("refused", "carrier")]  # fmt: skip
    assert outcomes(shop, *rows) == expected
    assert Parcel.objects.count() == 2
    again = [("known", ""), ("known", ""), *expected[2:]]
    assert outcomes(shop, *rows) == again
    assert Parcel.objects.count() == 2
    # Another number for what is on its way is a mistake, and not another parcel.
    assert outcomes(shop, f"{first},0034 9,DHL") == [("refused", "state")]
    assert {one.public_id: one.state for one in Order.objects.all()} == {
        first: "shipped", second: "shipped", third: "paid"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tracking", "carrier", "field"),
    [
        ('"=HYPERLINK(""https://evil.example"")"', "DHL", "tracking"),
        ("+49 1", "DHL", "tracking"),
        ("'=1+1", "DHL", "tracking"),
        ("@SUM(A1)", "DHL", "tracking"),
        ("<script>alert(1)</script>", "DHL", "tracking"),
        ("1", "=cmd|' /C calc'!A0", "carrier"),
        ("1", "\u202eLHD", "carrier"),
        ("x" * 81, "DHL", "tracking"),
    ],
)
def test_what_no_carrier_prints_is_refused(
    shop: Merchant, orders: list[str], nothing_changes: Any, tracking: str, carrier: str, field: str
) -> None:
    with nothing_changes():
        assert outcomes(shop, f'{orders[0]},{tracking},"{carrier}"') == [("refused", field)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"order,tracking\n1,2",
        "order,tracking,carrier\nx,ü,DHL".encode("latin-1"),
        "order,tracking,carrier\nx,1,DHL".encode("utf-16"),
        b"order,tracking,carrier\n\x00",
        b'order,tracking,carrier\n"x,1,DHL',
        b"order,tracking,carrier,order\n1,2,3,4",
        b"order,tracking,carrier\n" + b"x,1,DHL\n" * 2_001,
    ],
)
def test_a_file_that_cannot_be_read_sends_nothing(
    shop: Merchant, orders: list[str], nothing_changes: Any, data: bytes, signed_in: SignIn
) -> None:
    with nothing_changes():
        with pytest.raises(CsvError):
            ship_from_file(staff(shop), shop.name, data)
        answer = signed_in(staff(shop)).post("/merchant/glas/send", {"file": SimpleUploadedFile("a.csv", data)})
        assert answer.status_code == 422


def test_another_shops_order_is_refused_and_the_rest_is_done(
    shop: Merchant, orders: list[str], make_merchant: MakeMerchant, make_variant: MakeVariant
) -> None:
    wool = make_merchant("wool", registration="HRB 2")
    # Who works for both shops still sends each shop's orders from that shop.
    both = staff(shop, "packer")
    wool.staff.filter(role="packer").update(person=both)
    assert [
        row.outcome for row in ship_from_file(both, "wool", f"order,tracking,carrier\n{orders[0]},1,DHL".encode()).rows
    ] == ["refused"]
    assert outcomes(wool, f"{orders[0]},1,DHL", f"{orders[1]},1,DHL") == [("refused", "order")] * 2
    assert outcomes(shop, f"{orders[0]},1,DHL") == [("shipped", "")]
    assert Parcel.objects.get().order.public_id == orders[0]


def test_the_list_goes_out_and_comes_back(shop: Merchant, orders: list[str], signed_in: SignIn) -> None:
    packer = signed_in(staff(shop, "packer"))
    for order in Order.objects.select_related("purchase"):
        order.purchase.address = {**ADDRESS, "name": "=1+1"}
        order.purchase.save(update_fields=["address"])
    answer = packer.get("/merchant/glas/to-send.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["order"] for row in rows] == orders and {row["name"] for row in rows} == {"'=1+1"}
    assert rows[0]["items"].startswith("2 x ")
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=";")
    writer.writeheader()
    writer.writerows({**row, "carrier": "DHL", "tracking": f"0034{number}"} for number, row in enumerate(rows))
    file = SimpleUploadedFile("back.csv", b"\xef\xbb\xbf" + out.getvalue().encode())
    page = packer.post("/merchant/glas/send", {"file": file})
    assert page.status_code == 200 and b"What became of your file" in page.content
    assert set(Order.objects.values_list("state", flat=True)) == {"shipped"}


def test_a_slip_holds_what_is_packed_and_no_price(shop: Merchant, orders: list[str]) -> None:
    found = Order.objects.filter().select_related("merchant", "purchase").prefetch_related("lines").order_by("pk")
    order = found[0]
    pdf = render_slips([order, found[1]])
    assert pdf == render_slips([order, found[1]]), "the same orders give the same bytes"
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 2
    text = text_of(pdf)
    assert order.public_id in text and "Thing 1" in text and ADDRESS["name"] in text
    assert "EUR" not in text and "10.00" not in text and "20.00" not in text


NAMES = (
    "Łucja Żółć-Ćwikła",
    "Řehoř Dvořák, Čáslav",
    "Ωμέγα Παπαδοπούλου",
    "Ђорђе Јовановић",
    "Ştefan Țăran Åse Ñuñez €",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stands_on_slips_and_invoices_in_its_own_letters(name: str, shop: Merchant, orders: list[str]) -> None:
    order = Order.objects.select_related("merchant", "purchase").prefetch_related("lines")[0]
    order.purchase.address = {**ADDRESS, "name": name, "street": f"{name} 7"}
    order.merchant.legal_name = f"{name} s.r.o."
    for pdf in (
        render_slips([order]),
        render_invoice(order, Invoice(order=order, number=1, issued_at=order.placed_at)),
    ):
        lines = text_of(pdf).split("\n")
        assert {name, f"{name} 7"} < set(lines) and any(f"{name} s.r.o." in line for line in lines)


def test_letters_that_no_font_of_ours_has_lose_their_accents_before_they_are_lost(tmp_path: Path) -> None:
    """Without the embedded font, as where npm's packages are not installed, and in scripts that it lacks too."""
    assert letters_of(tmp_path) == ("Helvetica", "Helvetica-Bold")
    assert drawable("Łucja Żółć Ωmega €", "Helvetica") == "Lucja Zólc ?mega €"
    assert drawable("Zo\u0308e 漢字") == "Zöe ??"


def test_slips_of_what_is_not_all_ones_own_are_not_printed(
    shop: Merchant, orders: list[str], make_merchant: MakeMerchant, signed_in: SignIn
) -> None:
    make_merchant("wool", registration="HRB 2")
    packer = signed_in(staff(shop, "packer"))
    assert packer.get("/merchant/glas/slips", {"order": orders}).headers["Content-Type"] == "application/pdf"
    for wrong in ([], ["x"], [orders[0], "0000000000000"]):
        assert packer.get("/merchant/glas/slips", {"order": wrong}).status_code == 404
