"""What a creator earned: where it stands, by day, video and product; statements and a spreadsheet of it."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from glaswerk.money.amounts import Money
from glaswerk.money.commissions import payable_account
from glaswerk.money.models import Destination, PayoutState
from glaswerk.money.queries import statement
from glaswerk.shop.api.identity import person_of
from glaswerk.shop.pages.visitor import language
from glaswerk.shop.queries import earnings as queries
from glaswerk.shop.spreadsheets.export import safe_cell

DAYS: Final = 30
_WIDTH: Final = 480
_HEIGHT: Final = 96
_STATES: Final = {
    PayoutState.SENT: gettext_lazy("On its way"),
    PayoutState.PAID: gettext_lazy("Paid"),
    PayoutState.FAILED: gettext_lazy("Came back"),
}
_MOVES: Final = {
    "commission.payable": gettext_lazy("Commission"),
    "commission.reversed": gettext_lazy("Taken back, because it went back to a buyer"),
    "payout.sent": gettext_lazy("Payout"),
    "payout.failed": gettext_lazy("Payout that came back"),
}
_COLUMNS: Final = (
    "at", "order", "product", "video", "rate_percent", "base_minor", "commission_minor", "reversed_minor", "currency",
    "state", "payable_at",
)  # fmt: skip


@never_cache
@require_safe
@login_required
def earnings(request: HttpRequest) -> HttpResponse:
    """Show what a creator earned in a currency; who has not begun is shown how."""
    person = person_of(request)
    totals = queries.totals_of(person)
    asked = request.GET.get("currency", "")
    chosen = next((one for one in totals if one.currency == asked), totals[0] if totals else None)
    facts: dict[str, Any] = {"place": "earnings", "totals": totals, "chosen": chosen}
    if chosen is not None:
        facts |= {
            "chart": _chart(queries.by_day(person, chosen.currency, DAYS), chosen.currency),
            "videos": queries.by_video(person, chosen.currency),
            "products": queries.by_product(person, chosen.currency),
            "payouts": [(one, _STATES[PayoutState(one.state)]) for one in queries.payouts_of(person, 12)],
            "month": timezone.localdate().replace(day=1),
            "has_destination": Destination.objects.filter(creator_id=person.pk).exists(),
        }
    return render(request, "shop/earnings.html", facts)


def _chart(days: list[tuple[date, int]], currency: str) -> dict[str, Any]:
    """Return the bars of what was earned by the day."""
    most = max(1, *(minor for _day, minor in days))
    step = _WIDTH / len(days)
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "total": Money(sum(minor for _day, minor in days), currency).shown(language()),
        "most": Money(max(minor for _day, minor in days), currency).shown(language()),
        "days": len(days),
        "first": days[0][0],
        "last": days[-1][0],
        "bars": [
            {
                "x": f"{number * step + 1:.1f}",
                "y": f"{_HEIGHT - height:.1f}",
                "width": f"{step - 2:.1f}",
                "height": f"{height:.1f}",
                "day": day,
                "shown": Money(minor, currency).shown(language()),
            }
            for number, (day, minor) in enumerate(days)
            for height in (minor / most * (_HEIGHT - 4),)
        ],
    }


@never_cache
@require_safe
@login_required
def month(request: HttpRequest, year: int, number: int) -> HttpResponse:
    """Show what moved a creator's account in a month: what became payable, was taken back and paid out."""
    person = person_of(request)
    if not (2020 <= year <= 2999 and 1 <= number <= 12):
        raise Http404
    first = datetime(year, number, 1, tzinfo=UTC)
    following = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    before = datetime(year - (number == 1), (number - 2) % 12 + 1, 1, tzinfo=UTC)
    known = {one.currency for one in queries.totals_of(person)}
    usual = settings.CELL.config.shop.currency
    currency = request.GET.get("currency", usual)
    lines: list[dict[str, Any]] = []
    opening = closing = 0
    if currency in known:
        found = statement(payable_account(person.pk, currency), first, following)
        opening, closing = found.opening, found.closing
        lines = [{"line": one, "words": _MOVES.get(one.kind, one.kind)} for one in found.lines]
    facts = {
        "place": "earnings",
        "first": first,
        "before": before,
        "following": following if following <= timezone.now() else None,
        "currency": currency if currency in known else usual,
        "opening": opening,
        "closing": closing,
        "lines": lines,
    }
    return render(request, "shop/earnings_month.html", facts)


@never_cache
@require_safe
@login_required
def spreadsheet(request: HttpRequest) -> HttpResponseBase:
    """Hand out everything that a creator earned as CSV, in minor units."""
    answer = StreamingHttpResponse(_lines(request), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="earnings.csv"'
    return answer


def _lines(request: HttpRequest) -> Iterator[str]:
    yield _line(_COLUMNS)
    for one in queries.earning_rows(person_of(request)):
        yield _line(
            (
                one.at.astimezone(UTC).isoformat(timespec="seconds"), one.order, safe_cell(one.product),
                one.source, f"{one.rate_bp / 100:g}", str(one.base_minor), str(one.minor), str(one.reversed),
                one.currency, one.state, one.payable_at.astimezone(UTC).isoformat(timespec="seconds"),
            )
        )  # fmt: skip


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


urlpatterns: list[URLPattern] = [
    path("earnings", earnings, name="earnings"),
    path("earnings/<int:year>-<int:number>", month, name="earnings_month"),
    path("earnings.csv", spreadsheet, name="earnings_csv"),
]
