"""What every page of the console shares: who works there and as what, where one is, and how a refusal is told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from glaswerk.cell.ids import decode_id
from glaswerk.cell.rates import RateLimited
from glaswerk.people.models import Person
from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import Merchant, MerchantState, Return, ReturnState, StaffRole
from glaswerk.shop.queries.merchants import access_merchant, at_least
from glaswerk.shop.queries.orders import open_orders

PAGE: Final = 50
_P = ParamSpec("_P")


def console_page(view: Callable[Concatenate[HttpRequest, _P], HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a view be a page that is kept nowhere, for who is signed in, to look at and to send forms to."""

    @never_cache
    @require_http_methods(["GET", "HEAD", "POST"])
    @login_required
    @wraps(view)
    def page(request: HttpRequest, *words: _P.args, **named: _P.kwargs) -> HttpResponse:
        return view(request, *words, **named)

    return page


def frame(
    request: HttpRequest, name: str, place: str, role: StaffRole = StaffRole.PACKER
) -> tuple[Person, Merchant, dict[str, Any]]:
    """Return who works there, the merchant, and what every page of the console shows.

    Raises Http404 for everybody who does not work there in this role or a higher one.
    """
    person = person_of(request)
    merchant = access_merchant(person, name, role)
    own = StaffRole(merchant.staff.get(person=person).role)
    is_manager, is_owner = own in at_least(StaffRole.MANAGER), own == StaffRole.OWNER
    asked = Return.objects.filter(order__merchant=merchant, state=ReturnState.REQUESTED).count()
    places = [
        ("merchant_overview", _("Overview"), 0),
        ("merchant_orders", _("Orders"), open_orders(merchant).count()),
        ("merchant_returns", _("Returns"), asked),
        ("merchant_products", _("Products"), 0),
        ("merchant_stock", _("Stock"), 0),
    ]
    if is_manager:
        places += [("merchant_reviews", _("Reviews"), 0), ("merchant_figures", _("Figures"), 0)]
        places += [("merchant_plans", _("Creators"), 0)]
        places += [("merchant_terms", _("Delivery and vouchers"), 0), ("merchant_shop", _("Settings"), 0)]
    if is_owner:
        places += [("merchant_programs", _("Programs"), 0)]
    return (
        person,
        merchant,
        {
            "merchant": merchant,
            "state_label": MerchantState(merchant.state).label,
            "is_manager": is_manager,
            "is_owner": is_owner,
            "places": places,
            "place": place,
        },
    )


@contextmanager
def told(request: HttpRequest, what: str = "") -> Iterator[None]:
    """Count what is done in this block as a write; tell why it is refused where it is."""
    try:
        count_write(person_of(request).pk)
        yield
    except (ShopError, RateLimited) as refusal:
        messages.error(request, f"{what}: {refusal}" if what else str(refusal))


def number_of(request: HttpRequest, field: str, most: int = 9_999_999) -> int:
    """Return a whole number of a form.  Raises ShopError, which names the field."""
    text = request.POST.get(field, "").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) > most:
        raise ShopError(field, _("Please write a whole number of at most %(most)d.") % {"most": most})
    return int(text)


def number_or_none(request: HttpRequest, field: str) -> int | None:
    """Return a whole number of a form, or None where it is left empty.  Raises ShopError, which names the field."""
    return number_of(request, field) if request.POST.get(field, "").strip() else None


def day_of(request: HttpRequest, field: str) -> date | None:
    """Return a day of a form, or None where it is left empty.  Raises ShopError, which names the field."""
    text = request.POST.get(field, "").strip()
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year < 3000:
        raise ShopError(field, _("Please write a day such as 2026-12-24."))
    return day


def start_of(day: date) -> datetime:
    """Return the moment at which a day begins here."""
    return timezone.make_aware(datetime.combine(day, time()))


def before_of(request: HttpRequest) -> int | None:
    """Return from where a list goes on.  Raises Http404."""
    try:
        return decode_id(request.GET["before"]) if "before" in request.GET else None
    except ValueError:
        raise Http404 from None


def words_of(request: HttpRequest, most: int = 100) -> str:
    """Return what is searched for, without what the database would not take."""
    return " ".join(request.GET.get("q", "").replace("\x00", " ").split())[:most]
