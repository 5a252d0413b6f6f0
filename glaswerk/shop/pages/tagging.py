"""Where a creator says which products a video shows, and when."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from glaswerk.cell.rates import RateLimited
from glaswerk.shop.actions.tags import TagDraft, set_tags
from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.api.tags import shown_tags
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_TAGS
from glaswerk.shop.pages.catalogue import tiles_of
from glaswerk.shop.pages.visitor import currencies_of, language
from glaswerk.shop.queries.catalogue import with_parts
from glaswerk.shop.queries.tags import access_taggable_video, taggable, tags_of

_FOUND: Final = 12
_FIRST_MS: Final = 5_000


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def tagging(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show and change the products of one's own video; `add` puts one in, `remove` takes one out."""
    person = person_of(request)
    video = access_taggable_video(person, public_id)
    if request.method == "POST":
        try:
            count_write(person.pk)
            set_tags(person, public_id, _drafts(request, video.duration_ms))
            messages.success(request, _("Your changes are saved."))
        except (ShopError, RateLimited) as refusal:
            messages.error(request, str(refusal))
        return redirect("tagging", public_id)
    tags = shown_tags(tags_of(person, {video.pk}), language()).get(video.public_id, [])
    words = " ".join(request.GET.get("q", "").replace("\x00", " ").split())[:100]
    can_have = taggable(person)
    for word in words.split()[:8]:
        can_have = can_have.filter(title__icontains=word)
    there = {one.product for one in tags}
    found = list(with_parts(can_have).order_by("-pk")[: _FOUND + MAX_TAGS])
    offered = [one for one in found if one.public_id not in there][:_FOUND]
    tiles = tiles_of(offered, currencies_of(request).chosen)
    facts: dict[str, Any] = {
        "video": video,
        "rows": [{"tag": one, "from": one.from_ms / 1000, "to": one.to_ms / 1000} for one in tags],
        "offered": [(one.public_id, tile) for one, tile in zip(offered, tiles, strict=True)],
        "words": words,
        "seconds": video.duration_ms / 1000,
        "is_full": len(tags) >= MAX_TAGS,
    }
    return render(request, "shop/tagging.html", facts)


def _drafts(request: HttpRequest, duration_ms: int) -> list[TagDraft]:
    """Return what the form says, in its order.  Raises ShopError for a time that is none."""
    gone, added = request.POST.get("remove", ""), request.POST.get("add", "")[:13]
    drafts = [
        TagDraft(product, _ms(request, f"from-{product}"), _ms(request, f"to-{product}"))
        for product in request.POST.getlist("product")[: 2 * MAX_TAGS]
        if product != gone
    ]
    if added:
        drafts.append(TagDraft(added, 0, min(duration_ms, _FIRST_MS)))
    return drafts


def _ms(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "").replace(",", ".")
    try:
        seconds = Decimal(text) if len(text) < 12 else Decimal("NaN")
    except InvalidOperation:
        seconds = Decimal("NaN")
    if not seconds.is_finite() or not 0 <= seconds <= 86_400:
        raise ShopError(name[:40], _("Please write times as seconds, such as 2.5."))
    return int(seconds * 1000)


urlpatterns: list[URLPattern] = [path("v/<str:public_id>/products", tagging, name="tagging")]
