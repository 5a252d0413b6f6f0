"""Where moderators take a review out of sight."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from glaswerk.cell.rates import RateLimited
from glaswerk.shop.actions.reviews import hide_review, show_review
from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.failures import ShopError
from glaswerk.shop.queries.reviews import product_of


@never_cache
@require_POST
@login_required
def moderation(request: HttpRequest, public_id: str) -> HttpResponse:
    """Hide a review with a reason, or let it be seen again."""
    person = person_of(request)
    try:
        count_write(person.pk)
        if "hide" in request.POST:
            hide_review(person, public_id, request.POST.get("reason", "")[:2_000])
        else:
            show_review(person, public_id)
    except (ShopError, RateLimited) as refusal:
        messages.error(request, str(refusal))
    product = product_of(public_id)
    return redirect("product", product.merchant.name, product.handle)


urlpatterns: list[URLPattern] = [path("reviews/<str:public_id>", moderation, name="review_moderation")]
