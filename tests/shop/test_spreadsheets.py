"""Catalogues as CSV: Shopify's own columns go in, every row is accounted for, and nothing runs in a spreadsheet."""

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.shop.models import Movement, Picture, Price, Product, Stock, Variant
from glaswerk.shop.spreadsheets import CsvError, export_products, import_products
from glaswerk.shop.spreadsheets.export import COLUMNS, safe_cell
from glaswerk.shop.spreadsheets.reading import decode, plain_text, read_rows

from .conftest import MakeMerchant, MakePerson, SignIn, staff

# The columns and the first products of the file that Shopify offers as a template.
SHOPIFY = """Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option1 Linked To,Option2 Name,Option2 Value,Option2 Linked To,Option3 Name,Option3 Value,Option3 Linked To,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Fulfillment Service,Variant Price,Variant Compare At Price,Variant Requires Shipping,Variant Taxable,Variant Barcode,Image Src,Image Position,Image Alt Text,Gift Card,SEO Title,SEO Description,Variant Image,Variant Weight Unit,Variant Tax Code,Cost per item,Status
example-t-shirt,Example T-Shirt,"<p>Soft &amp; <b>warm</b>.</p><script>alert(1)</script><p>Two lines</p>",Acme,Apparel & Accessories > Clothing,Shirts,"summer, cotton",TRUE,Size,Small,,,,,,,,TS-S,200,shopify,5,deny,manual,19.99,24.99,TRUE,TRUE,,https://cdn.example/shirt.jpg,1,A shirt,FALSE,,,,g,,,active
example-t-shirt,,,,,,,,,Medium,,,,,,,,TS-M,210.0,shopify,-2,deny,manual,19.99,0.00,TRUE,TRUE,,https://cdn.example/back.jpg,2,,,,,,g,,,
example-t-shirt,,,,,,,,,,,,,,,,,,,,,,,,,,,,https://cdn.example/third.jpg,3,,,,,,,,,
example-pants,Example Pants,,Acme,,Pants,,FALSE,Title,Default Title,,,,,,,,P-1,400,shopify,1,deny,manual,49.9,,TRUE,TRUE,,,,,FALSE,,,,g,,,
"""


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def simple(*rows: str) -> bytes:
    return ("Handle,Title,Option1 Name,Option1 Value,Variant Price,Variant Inventory Qty\n" + "\n".join(rows)).encode()


@pytest.mark.django_db
def test_a_product_csv_of_another_shop_opens_without_editing(make_merchant: MakeMerchant) -> None:
    merchant = make_merchant()
    report = import_products(merchant, SHOPIFY.encode())
    assert [(row.line, row.handle, row.outcome) for row in report.rows] == [
        (2, "example-t-shirt", "created"), (3, "example-t-shirt", "created"), (4, "example-t-shirt", "created"),
        (5, "example-pants", "created"),
    ]  # fmt: skip
    shirt, pants = Product.objects.order_by("-handle")
    assert (shirt.description, shirt.state, shirt.tags, shirt.options) == (
        "Soft & warm.\n\nTwo lines",
        "active",
        ["summer", "cotton"],
        ["Size"],
    )
    assert (pants.state, pants.options) == ("draft", [])
    facts = Variant.objects.filter(product=shirt).values_list(
        "choices", "sku", "weight_g", "prices__minor", "prices__compare_minor", "stocks__on_hand"
    )
    assert list(facts) == [(["Small"], "TS-S", 200, 1999, 2499, 5), (["Medium"], "TS-M", 210, 1999, None, 0)]
    assert next(iter(shirt.pictures.values_list("source", "alt"))) == ("https://cdn.example/shirt.jpg", "A shirt")
    assert shirt.pictures.count() == 3
    assert sorted(Movement.objects.values_list("change", "kind", "reference")) == [
        (1, "counted", "import"),
        (5, "counted", "import"),
    ]

    # The same file again changes everything to what it is.
    before = set(Variant.objects.values_list("pk", flat=True))
    assert {row.outcome for row in import_products(merchant, SHOPIFY.encode()).rows} == {"changed"}
    assert set(Variant.objects.values_list("pk", flat=True)) == before
    assert (Price.objects.count(), Picture.objects.count(), Movement.objects.count()) == (3, 3, 2)


@pytest.mark.django_db
def test_what_is_exported_comes_back_as_it_was(make_merchant: MakeMerchant) -> None:
    merchant, other = make_merchant(), make_merchant("other")
    import_products(merchant, SHOPIFY.encode())
    text = "".join(export_products(merchant))
    assert tuple(rows_of(text)[0]) == COLUMNS
    assert {row.outcome for row in import_products(other, text.encode()).rows} == {"created"}
    assert "".join(export_products(other)) == text


@pytest.mark.django_db
def test_a_wrong_row_refuses_its_product_whole_and_no_other(make_merchant: MakeMerchant) -> None:
    report = import_products(
        make_merchant(),
        simple(
            "good,Good,Size,S,1.00,3",
            "good,,,M,2.00,4",
            "bad,Bad,Size,S,1.00,1",
            "bad,,,M,1.005,1",
            "late,Late,,,3.00,",
            "good,Good,Size,L,1.00,1",
            "Ümlaut,U,,,1.00,",
            "none,None,,,,",
            "minus,Minus,,,-1.00,",
            "huge,Huge,,,999999999999,",
            "many,Many,,,1.00,99999999",
            "twice,Twice,Size,S,1.00,",
            "twice,,,S,1.00,",
        ),
    )
    assert [(row.line, row.handle, row.outcome, row.field) for row in report.rows] == [
        (2, "good", "created", ""),
        (3, "good", "created", ""),
        (4, "bad", "refused", ""),
        (5, "bad", "refused", "Variant Price"),
        (6, "late", "created", ""),
        (7, "good", "refused", "Handle"),
        (8, "ümlaut", "refused", "Handle"),
        (9, "none", "refused", "Variant Price"),
        (10, "minus", "refused", "Variant Price"),
        (11, "huge", "refused", "Variant Price"),
        (12, "many", "refused", "Variant Inventory Qty"),
        (13, "twice", "refused", "Option1 Value"),
        (14, "twice", "refused", ""),
    ]
    assert "Line 5" in report.rows[2].reason
    assert set(Product.objects.values_list("handle", flat=True)) == {"good", "late"}
    assert list(Stock.objects.values_list("on_hand", flat=True).order_by("on_hand")) == [3, 4]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        ("Händle,Title\nä,b".encode("latin-1"), "Windows-1252"),
        ("Handle,Title\na,b".encode("utf-16"), "UTF-16"),
        (b"Handle,Title\na,\x00", "zero bytes"),
        (b"Name,Price\na,1", "Handle, Title"),
        (b'Handle,Title\na,"b', "quotation mark"),
        (b"Handle,Title,Title\na,b,c", "twice"),
        (b"PK\x03\x04\xff\xff", "UTF-8"),
        (b"Handle,Title\na,b\nc,\xe4", "line 3"),
    ],
)
def test_a_file_that_is_no_catalogue_says_what_it_is(data: bytes, words: str, make_merchant: MakeMerchant) -> None:
    with pytest.raises(CsvError, match=words):
        import_products(make_merchant(), data)
    assert not Product.objects.exists()


@pytest.mark.django_db
def test_a_count_takes_nothing_from_whom_it_is_promised_to(make_merchant: MakeMerchant) -> None:
    merchant = make_merchant()
    import_products(merchant, simple("a,A,,,1.00,5"))
    Stock.objects.update(reserved=4)
    report = import_products(merchant, simple("a,A,,,1.00,1"))
    assert Stock.objects.get().on_hand == 4
    assert "4 are promised" in report.notes[0]


@pytest.mark.django_db
def test_formulas_are_neutralised_on_export_and_come_back(make_merchant: MakeMerchant, signed_in: SignIn) -> None:
    merchant = make_merchant()
    evil = '=HYPERLINK("https://evil.example";"x")'
    file = io.StringIO()
    csv.writer(file).writerows(
        [["Handle", "Title", "Vendor", "Tags", "Variant SKU", "Variant Price"], ["a", evil, "+1", "@x", "-2", "1.00"]]
    )
    report = import_products(merchant, file.getvalue().encode())
    assert report.products("created") == 1
    client = signed_in(staff(merchant))
    answer = client.get("/api/shop/merchants/glas/export")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    row = rows_of(answer.content.decode())[0]
    assert (row["Title"], row["Vendor"], row["Tags"], row["Variant SKU"]) == (f"'{evil}", "'+1", "'@x", "'-2")
    assert import_products(merchant, answer.content).products("changed") == 1
    assert Product.objects.get().title == evil


@given(text=st.text(max_size=30))
def test_no_cell_begins_like_a_formula(text: str) -> None:
    cell = safe_cell(text)
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.removeprefix("'") == text.removeprefix("'") if cell != text else True


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_plain_text_holds_no_tag_that_runs(text: str) -> None:
    assert "<script" not in plain_text(f"<p>{text.replace('<', '')}</p><script>x</script>")


def test_lines_are_those_of_the_file_also_behind_cells_with_breaks() -> None:
    rows = list(read_rows('Handle,Title,Body (HTML)\na,A,"one\ntwo\nthree"\n\nb,B,\n'))
    assert [(row.line, row.cell("Handle")) for row in rows] == [(2, "a"), (6, "b")]
    assert decode(b"\xef\xbb\xbfHandle") == "Handle"
    assert [row.cell("Title") for row in read_rows("Handle;Title\na;A, B\n")] == ["A, B"]


@pytest.mark.django_db
def test_only_managers_import(make_merchant: MakeMerchant, make_person: MakePerson, signed_in: SignIn) -> None:
    merchant = make_merchant()
    make_merchant("other")
    for person, status in ((staff(merchant), 200), (staff(merchant, "packer"), 404), (make_person(), 404)):
        file = SimpleUploadedFile("a.csv", simple("a,A,,,1.00,1"))
        answer = signed_in(person).post("/api/shop/merchants/glas/import", {"file": file})
        assert answer.status_code == status, answer.content
    body: dict[str, Any] = signed_in(staff(merchant)).post(
        "/api/shop/merchants/glas/import", {"file": SimpleUploadedFile("a.csv", b"\xff\xfeH")}
    ).json()  # fmt: skip
    assert body["errors"][0]["field"] == "file"
