"""What buyers say, and what the merchant answers."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from glaswerk.shop.actions.reviews import answer_review
from glaswerk.shop.models import StaffRole
from glaswerk.shop.pages.console.frame import PAGE, before_of, console_page, frame, told
from glaswerk.shop.queries.reviews import reviews_at


@console_page
def reviews(request: HttpRequest, name: str) -> HttpResponse:
    """Show reviews of one's products, and answer them."""
    person, merchant, facts = frame(request, name, "merchant_reviews", StaffRole.MANAGER)
    if request.method == "POST":
        with told(request):
            answer_review(person, request.POST.get("review", ""), request.POST.get("answer", "")[:8_000])
            messages.success(request, _("Your answer stands beside it."))
        return redirect("merchant_reviews", name)
    found, before = reviews_at(merchant), before_of(request)
    if before is not None:
        found = found.filter(pk__lt=before)
    page = list(found[: PAGE + 1])
    facts |= {"rows": page[:PAGE], "next": page[PAGE - 1].public_id if len(page) > PAGE else None}
    return render(request, "shop/console/reviews.html", facts)


urlpatterns: list[URLPattern] = [path("merchant/<str:name>/reviews", reviews, name="merchant_reviews")]
