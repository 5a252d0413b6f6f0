"""Catalogues as CSV, in the columns of Shopify's product export (https://help.shopify.com/en/manual/products/import-export/using-csv)."""

from glaswerk.shop.spreadsheets.export import export_products
from glaswerk.shop.spreadsheets.importing import import_products
from glaswerk.shop.spreadsheets.reading import CsvError
from glaswerk.shop.spreadsheets.report import Report, RowReport

__all__ = ["CsvError", "Report", "RowReport", "export_products", "import_products"]
