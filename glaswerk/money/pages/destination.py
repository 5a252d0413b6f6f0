"""Where a creator says where their payouts go, sees it, changes it and erases it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from stdnum import iban

from glaswerk.cell.rates import RateLimited, check_rate
from glaswerk.money.models import Destination
from glaswerk.money.payouts import PayoutError, forget_destination, set_destination
from glaswerk.people.models import Person

WRITES_PER_MINUTE = 10


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def destination(request: HttpRequest) -> HttpResponse:
    """Show and change where one's own payouts go."""
    assert isinstance(request.user, Person)
    creator = request.user.pk
    values = {name: request.POST.get(name, "").strip() for name in ("holder", "iban", "provider_account")}
    error = ""
    if request.method == "POST":
        try:
            check_rate(f"destination:{creator}", WRITES_PER_MINUTE)
            if request.POST.get("action") == "erase":
                forget_destination(creator)
                messages.success(request, _("Erased. Nothing is paid out until you say again where to."))
                return redirect("payout_destination")
            error = _wrong(values)
            if not error:
                set_destination(creator, values["holder"], values["iban"], values["provider_account"])
                messages.success(request, _("Kept. Your next payout goes there."))
                return redirect("payout_destination")
        except PayoutError as refusal:
            error = str(refusal)
        except RateLimited as refusal:
            messages.error(request, str(refusal))
            return redirect("payout_destination")
    held = Destination.objects.filter(creator_id=creator).first()
    if held is not None and not error:
        values = {"holder": held.holder, "iban": iban.format(held.iban), "provider_account": held.provider_account}
    facts: dict[str, Any] = {"values": values, "held": held, "error": error}
    return render(request, "money/destination.html", facts, status=422 if error else 200)


def _wrong(values: dict[str, str]) -> str:
    """Return what is wrong with a form before it is looked at closely, or nothing."""
    if len(values["holder"]) > 70 or not values["holder"].isprintable():
        return _("A holder has at most 70 characters, as banks take them.")
    if (
        len(values["iban"]) > 60
        or len(values["provider_account"]) > 200
        or not values["provider_account"].isprintable()
    ):
        return _("This is too long, or holds something invisible. Please type it anew.")
    return ""


urlpatterns: list[URLPattern] = [path("earnings/payout", destination, name="payout_destination")]
