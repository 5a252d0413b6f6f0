"""What comes back to a merchant."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from glaswerk.shop.actions import orders
from glaswerk.shop.models import Return, ReturnState
from glaswerk.shop.pages.console.frame import PAGE, before_of, console_page, frame, told


@console_page
def returns(request: HttpRequest, name: str) -> HttpResponse:
    """Show what comes back; say that it arrived, which pays it back, or refuse it with a reason."""
    person, merchant, facts = frame(request, name, "merchant_returns")
    if request.method == "POST":
        with told(request):
            orders.decide_return(
                person,
                request.POST.get("return", ""),
                request.POST.get("state", ""),
                request.POST.get("answer", "")[:2000],
                restock="restock" in request.POST,
            )
            messages.success(request, _("Decided. Its buyer hears of it."))
        return redirect("merchant_returns", name)
    found = Return.objects.filter(order__merchant=merchant).select_related("order").prefetch_related("lines__line")
    before = before_of(request)
    if before is not None:
        found = found.filter(pk__lt=before)
    page = list(found.order_by("-pk")[: PAGE + 1])
    facts["rows"] = [
        {"back": one, "label": ReturnState(one.state).label, "is_open": one.state == ReturnState.REQUESTED}
        for one in page[:PAGE]
    ]
    facts["next"] = page[PAGE - 1].public_id if len(page) > PAGE else None
    return render(request, "shop/console/returns.html", facts)


urlpatterns: list[URLPattern] = [path("merchant/<str:name>/returns", returns, name="merchant_returns")]
