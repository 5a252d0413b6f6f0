"""The operator's pages of payouts: what is due, a run by bank or provider, its file, and what became of it."""

import re
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from glaswerk.money.amounts import AmountError, Money
from glaswerk.money.models import Payout, PayoutMethod, PayoutRun, PayoutState
from glaswerk.money.payments import PaymentError
from glaswerk.money.payouts import (
    PayoutError,
    check_debtor,
    confirm_by_bank,
    make_run,
    return_by_bank,
    send_by_provider,
    sepa_file,
)
from glaswerk.money.queries import due_creators
from glaswerk.people.models import Person, Role

_RUNS: Final = 50
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,29}")
_METHODS: Final = {
    PayoutMethod.SEPA: gettext_lazy("By bank (SEPA file)"),
    PayoutMethod.PROVIDER: gettext_lazy("By the payment provider"),
}
_STATES: Final = {
    PayoutState.SENT: gettext_lazy("On its way"),
    PayoutState.PAID: gettext_lazy("Paid"),
    PayoutState.FAILED: gettext_lazy("Came back, and is owed again"),
}


def _check_is_operator(request: HttpRequest) -> None:
    """Raise PermissionDenied for who does not run this cell."""
    if not isinstance(request.user, Person) or request.user.role != Role.OPERATOR:
        raise PermissionDenied


def _shown(minor: int, currency: str) -> str:
    return Money(minor, currency).shown(get_language() or "en")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def runs(request: HttpRequest) -> HttpResponse:
    """Show what is due and the runs that were made; make one."""
    _check_is_operator(request)
    if request.method == "POST":
        try:
            return redirect("operate_payout_run", _run(request).name)
        except (PayoutError, PaymentError, AmountError) as refusal:
            messages.error(request, str(refusal))
            return redirect("operate_payouts")
    due = due_creators()
    names = dict(Person.objects.filter(pk__in=[one.creator_id for one in due]).values_list("pk", "name"))
    found = PayoutRun.objects.annotate(
        count=Count("payouts"),
        total=Sum("payouts__amount"),
        waiting=Count("payouts", filter=Q(payouts__state=PayoutState.SENT)),
        back=Count("payouts", filter=Q(payouts__state=PayoutState.FAILED)),
    ).order_by("-pk")[:_RUNS]
    facts: dict[str, Any] = {
        "due": [(names.get(one.creator_id, ""), _shown(one.minor, one.currency), one) for one in due],
        "runs": [(one, _METHODS[PayoutMethod(one.method)], _shown(one.total or 0, one.currency)) for one in found],
        "name": timezone.localdate().strftime("%Y-%m-%d"),
        "methods": [(value.value, label) for value, label in _METHODS.items()],
        "is_trial": settings.CELL.config.payments.provider == "sandbox",
    }
    return render(request, "money/payouts.html", facts)


def _run(request: HttpRequest) -> PayoutRun:
    """Make the run of a form, and send it where the provider does.  Raises PayoutError, PaymentError and AmountError."""
    name, method = request.POST.get("name", "").strip(), request.POST.get("method", "")
    if not _NAME.fullmatch(name):
        raise PayoutError(_("A name has up to 30 letters, digits, points and hyphens, such as 2026-05."))
    if method not in PayoutMethod.values:
        raise PayoutError(_("Please choose how it is paid."))
    if method == PayoutMethod.SEPA:
        check_debtor()
    made = make_run(name, PayoutMethod(method), request.POST.get("currency", "EUR")[:3])
    if method == PayoutMethod.PROVIDER:
        send_by_provider(made.run)
    if made.without_destination:
        words = _("%(count)d creators got nothing: it is not known where to send it.")
        messages.warning(request, words % {"count": made.without_destination})
    return made.run


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def run(request: HttpRequest, name: str) -> HttpResponse:
    """Show a run; confirm it, say what came back, or ask the provider once more."""
    _check_is_operator(request)
    found = get_object_or_404(PayoutRun, name=name)
    if request.method == "POST":
        try:
            messages.success(request, _change(request, found))
        except (PayoutError, PaymentError) as refusal:
            messages.error(request, str(refusal))
        except (Payout.DoesNotExist, ValueError):
            messages.error(request, _("There is no such payout in this run."))
        return redirect("operate_payout_run", name)
    payouts = list(found.payouts.order_by("pk"))
    names = dict(Person.objects.filter(pk__in=[one.creator_id for one in payouts]).values_list("pk", "name"))
    facts = {
        "run": found,
        "method": _METHODS[PayoutMethod(found.method)],
        "is_sepa": found.method == PayoutMethod.SEPA,
        "total": _shown(sum(one.amount for one in payouts), found.currency),
        "waiting": sum(one.state == PayoutState.SENT for one in payouts),
        "rows": [
            {
                "payout": one,
                "name": names.get(one.creator_id, ""),
                "amount": _shown(one.amount, found.currency),
                "label": _STATES[PayoutState(one.state)],
                # The last four are enough to tell two accounts apart.
                "to": f"…{one.iban[-4:]}" if one.iban else one.provider_account,
                "can_return": found.method == PayoutMethod.SEPA and one.state != PayoutState.FAILED,
            }
            for one in payouts
        ],
    }
    return render(request, "money/payout_run.html", facts)


def _change(request: HttpRequest, found: PayoutRun) -> str:
    """Do what the form asks for; return what to say of it."""
    match request.POST.get("action"):
        case "confirm":
            confirm_by_bank(found)
            return _("Confirmed. What came back can be marked one by one.")
        case "return":
            return_by_bank(found, int(request.POST.get("payout", "")[:19]))
            return _("It is owed again, and goes out with the next run.")
        case "send":
            send_by_provider(found)
            return _("The provider was asked.")
        case _:
            raise PayoutError(_("There is nothing to do."))


@never_cache
@require_safe
@login_required
def file(request: HttpRequest, name: str) -> HttpResponse:
    """Hand out a run's file for the bank (pain.001); again and again with the same ids."""
    _check_is_operator(request)
    found = get_object_or_404(PayoutRun, name=name)
    try:
        content = sepa_file(found, timezone.localdate())
    except PayoutError as refusal:
        messages.error(request, str(refusal))
        return redirect("operate_payout_run", name)
    answer = HttpResponse(content, content_type="application/xml")
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", found.name)
    answer.headers["Content-Disposition"] = f'attachment; filename="payout-{safe}.xml"'
    return answer


urlpatterns: list[URLPattern] = [
    path("operate/payouts", runs, name="operate_payouts"),
    path("operate/payouts/<str:name>", run, name="operate_payout_run"),
    path("operate/payouts/<str:name>/file", file, name="operate_payout_file"),
]
