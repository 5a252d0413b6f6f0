"""Orders to ship as CSV: out with what to pack and where it goes, and back in with carriers and tracking numbers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _

from glaswerk.people.models import Person
from glaswerk.shop.actions.orders import ship
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import Merchant, Order, OrderState, StaffRole
from glaswerk.shop.queries.merchants import access_merchant
from glaswerk.shop.queries.orders import access_order, open_orders
from glaswerk.shop.spreadsheets.export import csv_line, safe_cell
from glaswerk.shop.spreadsheets.reading import Row, decode, read_rows

NEEDED: Final = ("order", "tracking", "carrier")
COLUMNS: Final = (
    *NEEDED, "placed", "items", "name", "company", "street", "postal_code", "city", "area", "country", "delivery",
)  # fmt: skip
MAX_ROWS: Final = 2_000
# What carriers print: no number of theirs begins like a formula or holds markup.
_TRACKING: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_-]{0,79}")

ShipOutcome = Literal["shipped", "known", "refused"]


@dataclass(frozen=True, slots=True)
class ShipRow:
    """What became of a row; `known` is one that had been sent just so before."""

    line: int
    order: str
    outcome: ShipOutcome
    field: str = ""
    reason: str = ""


@dataclass(slots=True)
class ShipReport:
    """All rows of a file in its order."""

    rows: list[ShipRow] = field(default_factory=list)

    def count(self, outcome: ShipOutcome) -> int:
        """Return how many rows had this outcome."""
        return sum(row.outcome == outcome for row in self.rows)


def export_open_orders(merchant: Merchant) -> Iterator[str]:
    """Yield the lines of all orders that wait to be sent, the oldest first; carrier and tracking are to be filled in."""
    yield csv_line(COLUMNS)
    found = open_orders(merchant).select_related("purchase").prefetch_related("lines")
    for order in found.iterator(chunk_size=500):
        items = "; ".join(
            f"{line.quantity - line.shipped} x {' / '.join((line.sku or line.title, *line.choices))}"
            for line in order.lines.all()
            if line.quantity > line.shipped
        )
        address = order.purchase.address
        cells = {"order": order.public_id, "placed": order.placed_at.date().isoformat(), "items": items}
        cells |= {name: str(address.get(name, "")).replace("\n", ", ") for name in COLUMNS[5:12]}
        cells["delivery"] = order.delivery_name
        yield csv_line(safe_cell(cells.get(name, "")) for name in COLUMNS)


def ship_from_file(person: Person, name: str, data: bytes) -> ShipReport:
    """Send what a file names, each row for itself: what cannot be sent is refused, and keeps no other from it.

    The same file again sends nothing twice.  Raises Http404 for who does not work there, and CsvError, before anything
    is sent, where the file cannot be read.
    """
    merchant = access_merchant(person, name, StaffRole.PACKER)
    # The whole file is read before the first order is sent: one that breaks off in the middle changes nothing.
    rows = list(read_rows(decode(data), NEEDED, MAX_ROWS))
    report, seen = ShipReport(), dict[str, int]()
    for row in rows:
        report.rows.append(_ship(person, merchant, row, seen))
    return report


def _ship(person: Person, merchant: Merchant, row: Row, seen: dict[str, int]) -> ShipRow:
    wanted = row.cell("order")
    shown = wanted[:13]
    try:
        if not wanted:
            raise ShopError("order", _("Please fill this in."))
        if wanted in seen:
            raise ShopError("order", _("This order stands in line %(line)d already.") % {"line": seen[wanted]})
        seen[wanted] = row.line
        carrier, tracking = row.cell("carrier"), row.cell("tracking")
        for column, text in (("carrier", carrier), ("tracking", tracking)):
            if text and not _TRACKING.fullmatch(text):
                raise ShopError(column, _("This holds signs that no carrier uses. Letters, digits and . / _ - work."))
        with transaction.atomic():
            order = access_order(person, wanted, StaffRole.PACKER, lock=True)
            if order.merchant_id != merchant.pk:
                raise Http404
            if _is_known(order, carrier, tracking):
                return ShipRow(row.line, shown, "known")
            ship(person, order.public_id, carrier, tracking, {})
    except ShopError as refusal:
        return ShipRow(row.line, shown, "refused", refusal.field, refusal.message)
    except Http404:
        return ShipRow(row.line, shown, "refused", "order", _("There is no such order here."))
    return ShipRow(row.line, shown, "shipped")


def _is_known(order: Order, carrier: str, tracking: str) -> bool:
    """Whether this very parcel was sent already."""
    if order.state in (OrderState.PAID, OrderState.CANCELLED):
        return False
    return order.parcels.filter(carrier=carrier, tracking=tracking).exists()
