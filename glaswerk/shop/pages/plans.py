"""The console's page of plans, for managers; and where creators find plans, take part, and leave.  All are plain forms."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from glaswerk.cell.rates import RateLimited
from glaswerk.people.models import Person
from glaswerk.shop.actions import plans as actions
from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import NOTICE_DAYS, Enrolment, EnrolmentState, Plan, PlanKind, ProductState, StaffRole
from glaswerk.shop.pages.console.frame import console_page, frame, told
from glaswerk.shop.queries import plans as queries

_FOUND: Final = 50
_PRODUCTS: Final = 200


@console_page
def merchant_plans(request: HttpRequest, name: str) -> HttpResponse:
    """Show a merchant's plans; make one, change its rate, its products and its creators, end it."""
    person, merchant, facts = frame(request, name, "merchant_plans", StaffRole.MANAGER)
    if request.method == "POST":
        with told(request):
            messages.success(request, _change(request, person, name))
        return redirect("merchant_plans", name)
    _owner, found = queries.plans_of_merchant(person, name)
    products = merchant.products.filter(state=ProductState.ACTIVE).order_by("title")[:_PRODUCTS]
    facts |= {
        "rows": [_row(one) for one in found],
        "products": products,
        "kinds": PlanKind.choices,
        "notice_days": NOTICE_DAYS,
    }
    return render(request, "shop/console/plans.html", facts)


def _change(request: HttpRequest, person: Person, name: str) -> str:
    """Do what the form asks for; return what to say of it.  Raises Http404 and ShopError."""
    plan, asked = request.POST.get("plan", "")[:13], request.POST.get("action", "")
    match asked:
        case "create":
            chosen = [one[:13] for one in request.POST.getlist("product")[: actions.MAX_PLAN_PRODUCTS]]
            products = None if request.POST.get("covers") == "all" else chosen
            kind, title = request.POST.get("kind", ""), request.POST.get("title", "")[:320]
            actions.create_plan(person, name, kind, title, _rate(request), products)
            return _("The plan is made.")
        case "rate":
            written = actions.set_rate(person, plan, _rate(request))
            if written.period.lower > written.written_at:
                return _("Written. The lower rate holds in %(days)d days.") % {"days": NOTICE_DAYS}
            return _("Written. The rate holds from now on.")
        case "add":
            actions.add_product(person, plan, request.POST.get("product", "")[:13])
            return _("Your changes are saved.")
        case "remove":
            actions.remove_product(person, plan, request.POST.get("product", "")[:13])
            return _("The product leaves the plan in %(days)d days.") % {"days": NOTICE_DAYS}
        case "invite":
            actions.invite(person, plan, request.POST.get("person", "")[:60])
            return _("The invitation is on its way.")
        case "withdraw":
            actions.withdraw(person, plan, request.POST.get("person", "")[:60])
            return _("Done. Who took part is let go in %(days)d days.") % {"days": NOTICE_DAYS}
        case "end":
            actions.end_plan(person, plan)
            return _("The plan ends in %(days)d days.") % {"days": NOTICE_DAYS}
        case _:
            raise Http404


def _rate(request: HttpRequest) -> int:
    """Return the rate of a form, which people write as a percentage.  Raises ShopError."""
    text = request.POST.get("rate", "").replace(",", ".").replace("%", "").strip()
    try:
        rate = Decimal(text) if len(text) < 8 else Decimal("NaN")
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite():
        raise ShopError("rate", _("Please write the rate as a percentage, such as 12.5."))
    return actions.check_rate_bp(int(rate * 100))


def _row(plan: Plan) -> dict[str, Any]:
    """Return a plan as its merchant sees it."""
    creators = [
        {"name": one.creator.name, "label": EnrolmentState(one.state).label, "part": one}
        for one in plan.enrolments.all()
        if one.state in (EnrolmentState.INVITED, EnrolmentState.ACTIVE)
    ]
    return {
        "plan": plan,
        "label": PlanKind(plan.kind).label,
        "rates": queries.rates_of(plan),
        "products": list(plan.products.all()),
        "creators": creators,
        "is_target": plan.kind == PlanKind.TARGET,
        "versions": [one for one in plan.rates.all() if not one.period.isempty][::-1],
    }


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def creator_plans(request: HttpRequest) -> HttpResponse:
    """Show a creator's invitations, their plans, and open ones; take part, decline and leave."""
    person = person_of(request)
    if request.method == "POST":
        try:
            count_write(person.pk)
            plan = request.POST.get("plan", "")[:13]
            if request.POST.get("action") == "enrol":
                actions.enrol(person, plan)
                messages.success(request, _("You take part. You can show these products in your videos now."))
            else:
                held = actions.leave(person, plan)
                is_left = held.state == EnrolmentState.LEFT
                messages.success(request, _("You left the plan.") if is_left else _("You declined the invitation."))
        except (ShopError, RateLimited) as refusal:
            messages.error(request, str(refusal))
        return redirect("earnings_plans")
    words = " ".join(request.GET.get("q", "").replace("\x00", " ").split())[:100]
    mine = queries.enrolments_of(person)
    facts = {
        "place": "earnings_plans",
        "invitations": [_shown(one.plan, one) for one in mine if one.state == EnrolmentState.INVITED],
        "mine": [_shown(one.plan, one) for one in mine if one.state == EnrolmentState.ACTIVE],
        "found": [_shown(one, None) for one in queries.open_plans(person, words, _FOUND)],
        "words": words,
    }
    return render(request, "shop/earnings_plans.html", facts)


def _shown(plan: Plan, part: Enrolment | None) -> dict[str, Any]:
    """Return a plan as creators see it."""
    products = list(plan.products.all())
    return {
        "plan": plan,
        "rates": queries.rates_of(plan),
        "until": min(filter(None, (plan.ends_at, part.ends_at if part else None)), default=None),
        "products": products[:5],
        "more": max(0, len(products) - 5),
    }


urlpatterns: list[URLPattern] = [
    path("merchant/<str:name>/plans", merchant_plans, name="merchant_plans"),
    path("earnings/plans", creator_plans, name="earnings_plans"),
]
