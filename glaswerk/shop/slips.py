"""Packing slips as PDF: what goes into a parcel and where it goes, without a price, for a window envelope or a pouch."""

from collections.abc import Iterable
from io import BytesIO

from babel.dates import format_date
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from glaswerk.shop.models import Order, OrderLine
from glaswerk.shop.printing import BOLD, BOTTOM, FONT, LEFT, RIGHT, drawable, fitted


def render_slips(orders: Iterable[Order]) -> bytes:
    """Return one PDF with a slip for each order, each on a sheet of its own, in the language of this moment.

    Their lines, purchases and merchants are at hand.  The same orders give the same bytes.
    """
    out = BytesIO()
    page = Canvas(out, pagesize=A4, invariant=1)
    page.setTitle(drawable(_("Packing slips")))
    for order in orders:
        _slip(page, order)
    page.save()
    return out.getvalue()


def _slip(page: Canvas, order: Order) -> None:
    locale = (get_language() or "en").replace("-", "_")
    trader, address = order.merchant, order.purchase.address
    top = A4[1] - 25 * mm
    page.setFont(BOLD, 16)
    page.drawString(LEFT, top, drawable(_("Packing slip")))
    barcode = Code128(order.public_id, barHeight=12 * mm, barWidth=0.33 * mm)
    barcode.drawOn(page, RIGHT - barcode.width, top - 6 * mm)
    page.setFont(FONT, 9)
    page.drawRightString(RIGHT, top - 11 * mm, order.public_id)
    sender = " · ".join(filter(None, (trader.title, trader.street, f"{trader.postal_code} {trader.city}".strip())))
    page.setFont(FONT, 7)
    page.drawString(LEFT, top - 24 * mm, fitted(drawable(sender), 85 * mm, size=7))
    lines = [
        address.get("name", ""), address.get("company", ""), *address.get("street", "").split("\n"),
        f"{address.get('postal_code', '')} {address.get('city', '')}".strip(), address.get("area", ""),
        address.get("country", ""),
    ]  # fmt: skip
    page.setFont(FONT, 11)
    for number, line in enumerate(filter(None, lines)):
        page.drawString(LEFT, top - 31 * mm - number * 5 * mm, fitted(drawable(line), 85 * mm, size=11))
    date = format_date(timezone.localdate(order.placed_at), locale=locale)
    page.setFont(FONT, 9)
    for number, text in enumerate((_("Bought: %(date)s") % {"date": date}, order.delivery_name)):
        page.drawRightString(RIGHT, top - 31 * mm - number * 5 * mm, fitted(drawable(text), 70 * mm))
    height = top - 78 * mm
    _row(page, height, _("Item"), _("Item number"), _("Quantity"), BOLD)
    height -= 8 * mm
    for thing in order.lines.all():
        left = thing.quantity - thing.shipped
        # What is on its way already is not packed again; of a parcel that is sent whole, all stands here.
        count = left or thing.quantity
        if height < BOTTOM:
            page.showPage()
            height = A4[1] - 30 * mm
        page.rect(LEFT, height - 0.8 * mm, 3.4 * mm, 3.4 * mm)
        _row(page, height, _name(thing), thing.sku, str(count), FONT)
        height -= 8 * mm
    page.setFont(FONT, 8)
    page.drawString(
        LEFT, 14 * mm, fitted(drawable(f"{trader.legal_name} · {trader.email} · {trader.phone}"), 170 * mm, size=8)
    )
    page.showPage()


def _name(line: OrderLine) -> str:
    return " · ".join((line.title, *line.choices))


def _row(page: Canvas, height: float, name: str, sku: str, count: str, font: str) -> None:
    page.setFont(font, 10)
    page.drawString(LEFT + 7 * mm, height, fitted(drawable(name), 95 * mm, font, 10))
    page.drawString(LEFT + 106 * mm, height, fitted(drawable(sku), 45 * mm, font, 10))
    page.drawRightString(RIGHT, height, drawable(count))
    page.line(LEFT, height - 2.4 * mm, RIGHT, height - 2.4 * mm)
