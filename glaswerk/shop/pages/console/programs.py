"""What a merchant's own programs may do, and what they are told: API tokens and webhooks, for owners."""

from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.people.models import Person
from glaswerk.shop.actions import tokens
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import DeliveryState, HookEvent, Merchant, Scope, StaffRole
from glaswerk.shop.pages.console.frame import console_page, frame, number_of, told
from glaswerk.shop.webhooks import actions as hooks
from glaswerk.shop.webhooks.queries import deliveries_of

_MESSAGES: Final = 50


@console_page
def programs(request: HttpRequest, name: str) -> HttpResponse:
    """Show and change tokens and endpoints.  What is secret is shown in the answer in which it was made, and nowhere else."""
    person, merchant, facts = frame(request, name, "merchant_programs", StaffRole.OWNER)
    shown = None
    if request.method == "POST":
        with told(request):
            shown = _change(request, person, merchant)
        if shown is None:
            return redirect("merchant_programs", name)
    now = timezone.now()
    facts |= {
        "shown": shown,
        "tokens": [(one, one.expires_at > now) for one in tokens.tokens_of(person, name)],
        "endpoints": hooks.endpoints_of(person, name),
        "scopes": Scope.choices,
        "events": [(event.value, event.label) for event in HookEvent if event != HookEvent.TEST],
    }
    return render(request, "shop/console/programs.html", facts)


def _change(request: HttpRequest, person: Person, merchant: Merchant) -> tuple[str, str] | None:
    """Do what the form says; return what is to be shown once, with its name.  Raises Http404 and ShopError."""
    match request.POST.get("action"):
        case "make_token":
            title, scopes = request.POST.get("name", "")[:300], request.POST.getlist("scope")[:20]
            token, secret = tokens.make_token(person, merchant.name, title, scopes, number_of(request, "days"))
            return token.name, secret
        case "revoke_token":
            tokens.revoke_token(person, request.POST.get("token", ""))
            messages.success(request, _("It opens nothing any more."))
        case "add_endpoint":
            url, events = request.POST.get("url", "")[:2000], request.POST.getlist("event")[:20]
            endpoint = hooks.add_endpoint(person, merchant.name, url, events)
            return endpoint.url, endpoint.key
        case _:
            raise ShopError("action", _("There is no such form here."))
    return None


@console_page
def endpoint(request: HttpRequest, name: str, public_id: str) -> HttpResponse:
    """Show an endpoint with its newest messages and every try; test it, rotate its secret, switch it off and on."""
    person, merchant, facts = frame(request, name, "merchant_programs", StaffRole.OWNER)
    found = hooks.access_endpoint(person, public_id)
    if found.merchant_id != merchant.pk:
        raise Http404
    shown = None
    if request.method == "POST":
        action = request.POST.get("action", "")
        with told(request):
            if action == "rotate":
                found = hooks.rotate_secret(person, public_id)
                shown = found.url, found.key
            else:
                _act(request, person, public_id, action)
        if action == "remove":
            return redirect("merchant_programs", name)
        if shown is None:
            return redirect("merchant_endpoint", name, public_id)
    facts |= {
        "endpoint": found,
        "shown": shown,
        "events": [(event.value, event.label, event in found.events) for event in HookEvent if event != HookEvent.TEST],
        "rows": [(one, DeliveryState(one.state).label) for one in deliveries_of(found)[:_MESSAGES]],
    }
    return render(request, "shop/console/endpoint.html", facts)


def _act(request: HttpRequest, person: Person, public_id: str, action: str) -> None:
    """Do what the form says.  Raises Http404 and ShopError."""
    match action:
        case "test":
            hooks.send_test(person, public_id)
            messages.success(request, _("A test message is on its way; look again in a few seconds."))
        case "again":
            hooks.redeliver(person, request.POST.get("message", ""))
            messages.success(request, _("It is sent once more."))
        case "change":
            is_active = "is_active" in request.POST
            hooks.change_endpoint(person, public_id, is_active=is_active, events=request.POST.getlist("event")[:20])
            messages.success(request, _("Your changes are saved."))
        case "remove":
            hooks.remove_endpoint(person, public_id)
        case _:
            raise ShopError("action", _("There is no such form here."))


urlpatterns: list[URLPattern] = [
    path("merchant/<str:name>/programs", programs, name="merchant_programs"),
    path("merchant/<str:name>/programs/<str:public_id>", endpoint, name="merchant_endpoint"),
]
