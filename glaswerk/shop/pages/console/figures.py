"""Figures: plots that are drawn here, each with its table behind it and as CSV."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from glaswerk.money.amounts import Money
from glaswerk.shop.models import Merchant, StaffRole
from glaswerk.shop.pages.console.frame import console_page, frame
from glaswerk.shop.pages.visitor import language
from glaswerk.shop.prices import major_of
from glaswerk.shop.queries import figures as queries
from glaswerk.shop.spreadsheets import csv_line, safe_cell

WIDTH: Final = 720
HEIGHT: Final = 180
_GAP: Final = 0.25
_LABELS: Final = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a plot; its words say what it stands for."""

    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: what it is of, how long its bar is, and its cells as people read and as programs do."""

    label: str
    value: int
    cells: tuple[str, ...]
    raw: tuple[str, ...]


@dataclass(slots=True)
class Plot:
    """A plot with its table; `columns` name the label and the cells."""

    name: str
    title: str
    words: str
    columns: tuple[str, ...]
    lines: Sequence[Line]
    is_upright: bool = False
    total: str = ""
    bars: list[Bar] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(line.value for line in self.lines)

    @property
    def marks(self) -> list[str]:
        """What stands below the bars: so many labels as there is room for."""
        count = len(self.lines)
        if count <= _LABELS:
            return [line.label for line in self.lines]
        return [self.lines[round(at * (count - 1) / (_LABELS - 1))].label for at in range(_LABELS)]

    @property
    def shares(self) -> list[tuple[Line, float]]:
        """Each line with how long its bar is of a hundred."""
        most = max((line.value for line in self.lines), default=0) or 1
        return [(line, round(100 * line.value / most, 2)) for line in self.lines]


def _upright(lines: Sequence[Line]) -> list[Bar]:
    most = max((line.value for line in lines), default=0) or 1
    wide = WIDTH / max(1, len(lines))
    bars = []
    for number, line in enumerate(lines):
        height = HEIGHT * max(0, line.value) / most
        bars.append(
            Bar(
                round(number * wide + wide * _GAP / 2, 2), round(HEIGHT - height, 2), round(wide * (1 - _GAP), 2),
                round(height, 2), f"{line.label}: {', '.join(line.cells)}",
            )
        )  # fmt: skip
    return bars


def _days(merchant: Merchant, days: int) -> Plot:
    found = queries.sales_by_day(merchant, days)
    lines = [
        Line(
            date_format(one.day, "SHORT_DATE_FORMAT"), one.minor, (str(one.orders), _shown(one.minor, merchant)),
            (one.day.isoformat(), str(one.orders), major_of(one.minor, merchant.currency)),
        )
        for one in found
    ]  # fmt: skip
    count = sum(one.orders for one in found)
    total = ngettext("%(orders)d order, %(amount)s", "%(orders)d orders, %(amount)s", count) % {
        "orders": count,
        "amount": _shown(sum(one.minor for one in found), merchant),
    }
    plot = Plot("days", _("Sales by day"), _("What orders of each day are worth, without what was paid back."),
                (_("Day"), _("Orders"), _("Worth")), lines, is_upright=True, total=total)  # fmt: skip
    plot.bars = _upright(lines)
    return plot


def _videos(merchant: Merchant, days: int) -> Plot:
    lines = [
        Line(_named(one)[:80], one.minor, (one.by or _("Somebody who left"), str(one.units), _shown(one.minor, merchant)),
             (one.name or one.id, one.by, str(one.units), major_of(one.minor, merchant.currency)))
        for one in queries.sales_by_video(merchant, days)
    ]  # fmt: skip
    words = _("Sales whose buyer opened the thing from this video last. Each counts for one video.")
    return Plot("videos", _("By video"), words, (_("Video"), _("Creator"), _("Sold"), _("Worth")), lines)


def _named(one: queries.Source) -> str:
    return one.name or one.id or _("A showcase, or a video that is not public any more")


def _creators(merchant: Merchant, days: int) -> Plot:
    lines = [
        Line(one.name or _("Somebody who left"), one.minor,
             (f"@{one.by}" if one.by else "–", str(one.units), _shown(one.minor, merchant)),
             (one.name, one.by, str(one.units), major_of(one.minor, merchant.currency)))
        for one in queries.sales_by_creator(merchant, days)
    ]  # fmt: skip
    words = _("Sales to which a creator led, by videos and by their showcase. Each counts for one creator.")
    return Plot("creators", _("By creator"), words, (_("Creator"), _("Account"), _("Sold"), _("Worth")), lines)


def _conversion(merchant: Merchant, days: int) -> Plot:
    lines = [
        Line(one.title, one.bought,
             (str(one.shown), str(one.bought), f"{one.bought / one.shown:.1%}" if one.shown else "–"),
             (one.title, str(one.shown), str(one.bought)))
        for one in queries.conversion(merchant, days)
    ]  # fmt: skip
    words = _("How many were shown a video with a product, each one of them once, and how many purchases came of it.")
    columns = (_("Product"), _("Shown"), _("Bought"), _("Share"))
    return Plot("conversion", _("From a video to buying"), words, columns, lines)


def _looking(merchant: Merchant, days: int) -> Plot:
    found = queries.looking(merchant, days)
    opened, wanted, bought = (sum(getattr(one, name) for one in found) for name in ("opened", "wanted", "bought"))
    steps = ((_("Opened"), opened), (_("Into the cart"), wanted), (_("Bought"), bought))
    lines = [
        Line(label, value, (str(value), f"{value / opened:.1%}" if opened else "–"), (label, str(value)))
        for label, value in steps
    ]
    words = _("How many of those who open a product put it into the cart, or buy it at once, and how many have bought.")
    return Plot("looking", _("From looking to buying"), words, (_("Step"), _("How often"), _("Of those opened")), lines)


def _returns(merchant: Merchant, days: int) -> Plot:
    lines = [
        Line(one.title, one.returned, (str(one.sold), str(one.returned), f"{one.returned / one.sold:.1%}"),
             (one.title, str(one.sold), str(one.returned)))
        for one in queries.returns_by_product(merchant, days)
    ]  # fmt: skip
    words = _("What came back most, of what was sent.")
    return Plot("returns", _("Returns"), words, (_("Product"), _("Sent"), _("Came back"), _("Share")), lines)


PLOTS: Final[dict[str, Callable[[Merchant, int], Plot]]] = {
    "days": _days,
    "looking": _looking,
    "conversion": _conversion,
    "videos": _videos,
    "creators": _creators,
    "returns": _returns,
}


def _shown(minor: int, merchant: Merchant) -> str:
    return Money(minor, merchant.currency).shown(language())


def _period(request: HttpRequest) -> int:
    text = request.GET.get("days", "30")
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if days not in queries.PERIODS:
        raise Http404
    return days


@console_page
def figures(request: HttpRequest, name: str) -> HttpResponse:
    """Draw how the last days went."""
    _person, merchant, facts = frame(request, name, "merchant_figures", StaffRole.MANAGER)
    days = _period(request)
    shown: dict[str, Any] = {
        "plots": [make(merchant, days) for make in PLOTS.values()],
        "days": days,
        "periods": queries.PERIODS,
        "width": WIDTH,
        "height": HEIGHT,
    }
    return render(request, "shop/console/figures.html", {**facts, **shown})


@console_page
def as_csv(request: HttpRequest, name: str, plot: str) -> HttpResponse:
    """Give the table behind a plot, and of what was looked at each product's."""
    _person, merchant, _facts = frame(request, name, "merchant_figures", StaffRole.MANAGER)
    days = _period(request)
    make = PLOTS.get(plot)
    if make is None:
        raise Http404
    if plot == "looking":
        head: tuple[str, ...] = ("product", "opened", "wanted", "bought")
        rows = [
            (one.title, str(one.opened), str(one.wanted), str(one.bought)) for one in queries.looking(merchant, days)
        ]
    else:
        head = {
            "days": ("day", "orders", merchant.currency),
            "conversion": ("product", "shown", "bought"),
            "returns": ("product", "sent", "returned"),
        }.get(plot, ("name", "by", "units", merchant.currency))
        rows = [line.raw for line in make(merchant, days).lines]  # type: ignore[misc]
    lines = [csv_line(head), *(csv_line(safe_cell(cell) for cell in row) for row in rows)]
    return HttpResponse(
        "".join(lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{merchant.name}-{plot}-{days}.csv"'},
    )


urlpatterns: list[URLPattern] = [
    path("merchant/<str:name>/figures", figures, name="merchant_figures"),
    path("merchant/<str:name>/figures/<str:plot>.csv", as_csv, name="merchant_figures_csv"),
]
