"""Sending in bulk: packing slips for many orders, and a CSV out and back in."""

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.shop import spreadsheets
from glaswerk.shop.api.catalogue import MAX_CSV_BYTES
from glaswerk.shop.api.identity import id_or_404
from glaswerk.shop.models import Order
from glaswerk.shop.pages.console.frame import PAGE, console_page, frame, told
from glaswerk.shop.slips import render_slips

_MOST_SLIPS = 4 * PAGE


@console_page
def slips(request: HttpRequest, name: str) -> HttpResponse:
    """Give the packing slips of the orders that are named, in the order in which they were placed."""
    _person, merchant, _facts = frame(request, name, "merchant_orders")
    wanted = {id_or_404(one) for one in request.GET.getlist("order")[:_MOST_SLIPS]}
    found = Order.objects.filter(merchant=merchant, pk__in=wanted).select_related("merchant", "purchase")
    orders = list(found.prefetch_related("lines").order_by("pk"))
    # A slip that is missing from the pile would be noticed too late.
    if not orders or len(orders) != len(wanted):
        raise Http404
    return HttpResponse(
        render_slips(orders),
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{merchant.name}-slips.pdf"'},
    )


@console_page
def to_fill_in(request: HttpRequest, name: str) -> HttpResponse:
    """Give all orders that wait to be sent as CSV, for carriers and numbers to be filled in."""
    _person, merchant, _facts = frame(request, name, "merchant_orders")
    day = timezone.localdate().isoformat()
    return HttpResponse(
        "".join(spreadsheets.export_open_orders(merchant)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{merchant.name}-to-send-{day}.csv"'},
    )


@console_page
def bulk(request: HttpRequest, name: str) -> HttpResponse:
    """Send what a CSV names, and say what became of each row."""
    person, _merchant, facts = frame(request, name, "merchant_orders")
    report, status = None, 200
    if request.method == "POST":
        file = request.FILES.get("file")
        with told(request):
            try:
                if not isinstance(file, UploadedFile):
                    raise spreadsheets.CsvError(_("Please choose a file."))
                report = spreadsheets.ship_from_file(person, name, file.read(MAX_CSV_BYTES + 1))
            except spreadsheets.CsvError as refusal:
                messages.error(request, str(refusal))
        status = 200 if report is not None else 422
    if report is not None:
        facts["counts"] = [
            (report.count("shipped"), _("sent")),
            (report.count("known"), _("known already")),
            (report.count("refused"), _("refused")),
        ]
        facts["rows"] = [row for row in report.rows if row.outcome == "refused"]
    return render(request, "shop/console/bulk.html", facts, status=status)


urlpatterns: list[URLPattern] = [
    path("merchant/<str:name>/slips", slips, name="merchant_slips"),
    path("merchant/<str:name>/to-send.csv", to_fill_in, name="merchant_to_send"),
    path("merchant/<str:name>/send", bulk, name="merchant_bulk"),
]
