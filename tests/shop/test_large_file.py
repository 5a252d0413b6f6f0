"""A catalogue of 100,000 rows: taken whole, with every row accounted for."""

import pytest

from glaswerk.shop.models import Product, Stock, Variant
from glaswerk.shop.spreadsheets import import_products

from .conftest import MakeMerchant


@pytest.mark.django_db
def test_a_hundred_thousand_rows_are_read_and_the_wrong_ones_named(make_merchant: MakeMerchant) -> None:
    """Most of the rows are refused for the price, so that reading, which is done before any writing, is what is tested."""
    lines = ["Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty"]
    for number in range(10_000):
        price = "1.00" if number % 20 == 0 else "1.005"
        lines += [f"p{number},P{number},Size,{size},S{number}-{size},{price},3" for size in range(10)]
    report = import_products(make_merchant(), "\n".join(lines).encode())
    assert (len(report.rows), report.products("created"), report.products("refused")) == (100_000, 500, 9_500)
    assert [row.line for row in report.rows] == list(range(2, 100_002))
    assert (Product.objects.count(), Variant.objects.count(), Stock.objects.count()) == (500, 5_000, 5_000)
