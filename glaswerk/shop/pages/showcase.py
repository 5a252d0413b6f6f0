"""A creator's showcase: the page that everybody sees, and where its creator fills it.

That it was served is written down, so that what somebody buys from it counts for its creator; `actions/touches.py` tells
what counts.  Browsers say what they fetch a page for: what is fetched to be hidden in another page is nobody's visit.
"""

from dataclasses import replace
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, re_path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from glaswerk.cell.rates import RateLimited
from glaswerk.feed.visitors import VisitorReader
from glaswerk.people.models import Person
from glaswerk.people.names import NAME_PATTERN
from glaswerk.shop.actions.plans import set_showcase
from glaswerk.shop.actions.touches import serve_showcase
from glaswerk.shop.api.identity import count_buyers_write, count_write, person_of
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_SHOWCASE
from glaswerk.shop.pages.catalogue import tiles_of
from glaswerk.shop.pages.visitor import currencies_of, visitor
from glaswerk.shop.queries import plans as queries
from glaswerk.shop.queries.catalogue import with_parts
from glaswerk.social.queries import relation

_FOUND: Final = 24


@never_cache
@require_safe
def showcase(request: HttpRequest, name: str) -> HttpResponse:
    """Show what a creator recommends, and say that they earn by it."""
    creator = get_object_or_404(Person, name=name.lower(), is_active=True)
    person = request.user if isinstance(request.user, Person) else None
    between = relation(person, creator)
    products = [] if between.blocks or between.blocked else queries.showcase_of(creator)
    currency = currencies_of(request).chosen
    own = person is not None and person.pk == creator.pk
    answer = render(
        request,
        "shop/showcase.html",
        {
            "creator": creator,
            "own": own,
            "tiles": [
                replace(tile, address=f"{tile.address}?by={creator.name}") for tile in tiles_of(products, currency)
            ],
        },
    )
    is_visit = request.method == "GET" and request.headers.get("Sec-Fetch-Dest", "document") == "document"
    if not products or own or not is_visit:
        return answer
    buyer = visitor(request)
    try:
        count_buyers_write(request, buyer)
    except RateLimited:
        # Who looks at that many pages a minute sees them all the same.
        return answer
    served_to = buyer.led
    if served_to is None:
        # Whom a showcase is served to is known as who is served a slate is; a cart's cookie comes with a cart alone.
        served_to, cookie = VisitorReader().new_anonymous()
        answer.cookies.load(cookie.decode())
    serve_showcase(served_to, creator, [one.pk for one in products])
    return answer


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def own_showcase(request: HttpRequest) -> HttpResponse:
    """Show and change one's own showcase; `add` puts a product in front, `remove` takes one out, `first` pins one."""
    person = person_of(request)
    shown = queries.showcase_of(person)
    ids = [one.public_id for one in shown]
    if request.method == "POST":
        try:
            count_write(person.pk)
            set_showcase(person, _wanted(request, ids))
            messages.success(request, _("Your changes are saved."))
        except (ShopError, RateLimited) as refusal:
            messages.error(request, str(refusal))
        return redirect("earnings_showcase")
    words = " ".join(request.GET.get("q", "").replace("\x00", " ").split())[:100]
    can_have = queries.promotable(person)
    for word in words.split()[:8]:
        can_have = can_have.filter(title__icontains=word)
    offered = list(with_parts(can_have.exclude(pk__in=[one.pk for one in shown])).order_by("-pk")[:_FOUND])
    rates = queries.best_rates(person, [one.pk for one in (*shown, *offered)])
    currency = currencies_of(request).chosen
    facts: dict[str, Any] = {
        "place": "earnings_showcase",
        "person": person,
        "rows": [
            (one.public_id, tile, rates.get(one.pk)) for one, tile in zip(shown, tiles_of(shown, currency), strict=True)
        ],
        "offered": [
            (one.public_id, tile, rates.get(one.pk))
            for one, tile in zip(offered, tiles_of(offered, currency), strict=True)
        ],
        "words": words,
        "is_full": len(shown) >= MAX_SHOWCASE,
    }
    return render(request, "shop/earnings_showcase.html", facts)


def _wanted(request: HttpRequest, ids: list[str]) -> list[str]:
    """Return what the form wants to be shown, in order."""
    added, gone, first = (request.POST.get(name, "")[:13] for name in ("add", "remove", "first"))
    rest = [one for one in ids if one not in (gone, first, added)]
    front = [added] if added else [first] if first in ids else []
    return [*front, *rest]


urlpatterns: list[URLPattern] = [
    re_path(rf"^@(?P<name>(?i:{NAME_PATTERN}))/showcase\Z", showcase, name="showcase"),
    path("earnings/showcase", own_showcase, name="earnings_showcase"),
]
