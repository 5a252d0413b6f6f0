"""Spreadsheets as CSV: catalogues in the columns of Shopify's product export
(https://help.shopify.com/en/manual/products/import-export/using-csv), and orders to ship.
"""

from glaswerk.shop.spreadsheets.export import csv_line, export_products, safe_cell
from glaswerk.shop.spreadsheets.importing import import_products
from glaswerk.shop.spreadsheets.reading import CsvError
from glaswerk.shop.spreadsheets.report import Report, RowReport
from glaswerk.shop.spreadsheets.shipping import ShipReport, ShipRow, export_open_orders, ship_from_file

__all__ = [
    "CsvError",
    "Report",
    "RowReport",
    "ShipReport",
    "ShipRow",
    "csv_line",
    "export_open_orders",
    "export_products",
    "import_products",
    "safe_cell",
    "ship_from_file",
]
