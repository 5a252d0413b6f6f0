"""Invoices as PDF (Council Directive 2006/112/EC, Article 226), made from what was written down when it was bought."""

from io import BytesIO
from typing import Any

from babel.dates import format_date
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from glaswerk.money.amounts import Money
from glaswerk.shop.models import Invoice, Order
from glaswerk.shop.printing import BOLD, BOTTOM, FONT, LEFT, RIGHT, drawable, fitted


def render_invoice(order: Order, invoice: Invoice) -> bytes:
    """Return the PDF of an invoice in the language of this moment.  The same order gives the same bytes."""
    locale = (get_language() or "en").replace("-", "_")
    out = BytesIO()
    # Invariant: no time of making and no random id, so that an invoice that is fetched twice is one document.
    page = Canvas(out, pagesize=A4, invariant=1)
    page.setTitle(_("Invoice %(number)s") % {"number": _number(order, invoice)})
    page.setAuthor(drawable(order.merchant.legal_name))
    _head(page, order, invoice, locale)
    height = A4[1] - 118 * mm
    height = _row(page, height, (_("Item"), _("Quantity"), _("Price"), _("VAT"), _("Total")), bold=True)
    rates: dict[int, list[int]] = {}
    for line in order.lines.all():
        if height < BOTTOM + 50 * mm:
            page.showPage()
            height = A4[1] - 30 * mm
        name = " · ".join((line.title, *line.choices))
        total = line.total_minor
        height = _row(
            page, height,
            (name, str(line.quantity), _money(line.unit_minor, order, locale), f"{line.vat_bp / 100:g} %", _money(total, order, locale)),
        )  # fmt: skip
        if line.discount_minor:
            height = _row(
                page,
                height,
                (
                    _("including a discount of %(amount)s") % {"amount": _money(line.discount_minor, order, locale)},
                    "",
                    "",
                    "",
                    "",
                ),
            )
        sums = rates.setdefault(line.vat_bp, [0, 0])
        sums[0] += total
        sums[1] += line.vat_minor
    if order.delivery_minor:
        height = _row(
            page,
            height,
            (
                _("Delivery: %(name)s") % {"name": order.delivery_name},
                "",
                "",
                "",
                _money(order.delivery_minor, order, locale),
            ),
        )
    page.line(LEFT, height + 3 * mm, RIGHT, height + 3 * mm)
    height = _row(
        page,
        height - 2 * mm,
        (_("Total, VAT included"), "", "", "", _money(order.total_minor, order, locale)),
        bold=True,
    )
    for rate, (gross, vat) in sorted(rates.items(), reverse=True):
        words = _("VAT %(rate)s %% of %(net)s") % {"rate": f"{rate / 100:g}", "net": _money(gross - vat, order, locale)}
        height = _row(page, height, (words, "", "", "", _money(vat, order, locale)))
    if order.delivery_vat_minor:
        height = _row(
            page, height, (_("VAT of the delivery"), "", "", "", _money(order.delivery_vat_minor, order, locale))
        )
    if order.refunded_minor:
        _row(page, height, (_("Paid back"), "", "", "", _money(order.refunded_minor, order, locale)))
    page.save()
    return out.getvalue()


def _head(page: Canvas, order: Order, invoice: Invoice, locale: str) -> None:
    trader, address = order.merchant, order.purchase.address
    top = A4[1] - 25 * mm
    page.setFont(BOLD, 16)
    page.drawString(LEFT, top, drawable(_("Invoice")))
    _block(
        page, RIGHT - 70 * mm, top,
        [trader.legal_name, trader.street, f"{trader.postal_code} {trader.city}".strip(), trader.country, trader.email,
         trader.phone, trader.registration, trader.vat_id],
    )  # fmt: skip
    _block(
        page, LEFT, top - 30 * mm,
        [address.get("name", ""), address.get("company", ""), *address.get("street", "").split("\n"),
         f"{address.get('postal_code', '')} {address.get('city', '')}".strip(), address.get("area", ""),
         address.get("country", "")],
    )  # fmt: skip
    date = format_date(timezone.localdate(invoice.issued_at), locale=locale)
    sold = format_date(timezone.localdate(order.placed_at), locale=locale)
    _block(
        page, LEFT, top - 68 * mm,
        [_("Invoice %(number)s") % {"number": _number(order, invoice)}, _("Date of invoice: %(date)s") % {"date": date},
         _("Bought: %(date)s") % {"date": sold}, _("Order: %(order)s") % {"order": order.public_id}],
    )  # fmt: skip


def _number(order: Order, invoice: Invoice) -> str:
    return f"{order.merchant.name}-{invoice.number:06d}"


def _block(page: Canvas, x: float, y: float, lines: list[Any]) -> None:
    page.setFont(FONT, 9)
    for number, line in enumerate(filter(None, lines)):
        page.drawString(x, y - number * 4.2 * mm, fitted(drawable(line), 70 * mm if x > LEFT else 90 * mm))


def _row(page: Canvas, height: float, cells: tuple[str, str, str, str, str], *, bold: bool = False) -> float:
    font = BOLD if bold else FONT
    page.setFont(font, 9)
    page.drawString(LEFT, height, fitted(drawable(cells[0]), 85 * mm, font))
    for cell, right in zip(cells[1:], (105, 130, 145, 170), strict=True):
        page.drawRightString(LEFT + right * mm, height, drawable(cell))
    return float(height - 5.5 * mm)


def _money(minor: int, order: Order, locale: str) -> str:
    return Money(minor, order.currency).shown(locale)
