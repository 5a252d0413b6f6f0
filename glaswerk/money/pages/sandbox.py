"""The sandbox's own payment page, which says on it that it is a trial, and the way back from a provider's page."""

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from glaswerk.money.amounts import Money
from glaswerk.money.payments.registry import PaymentError, page_of, provider_named
from glaswerk.money.payments.sandbox import store
from glaswerk.money.payments.sandbox.provider import Sandbox

# What the page offers; the other cards are for tests.
OFFERED: Final = (
    ("tok_success", _("Pay")),
    ("tok_decline", _("Card is declined")),
    ("tok_dispute", _("Pay, and take it back through the bank")),
    ("tok_refund_fails", _("Pay, and let every refund fail")),
    ("tok_late", _("Pay, and let the message about it come an hour late")),
)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sandbox(request: HttpRequest, ref: str) -> HttpResponse:
    """Let a buyer choose what the pretended card does.  Whoever has the address may, as on a real provider's page."""
    try:
        provider = provider_named(Sandbox.name)
    except PaymentError:
        raise Http404 from None
    assert isinstance(provider, Sandbox)
    deed = store.by_ref(ref)
    if deed is None or deed.kind != "pay":
        raise Http404
    after = request.GET.get("next", "")
    # Only a place of this cell: the page must not become a way to send people elsewhere.
    after = after if url_has_allowed_host_and_scheme(after, allowed_hosts=None) else ""
    if request.method == "POST":
        if provider.choose_card(ref, request.POST.get("card", "")) is None and deed.state == "open":
            raise Http404
        return redirect(after or request.get_full_path())
    amount = Money(deed.amount, deed.currency).shown(get_language() or "en")
    facts = {"amount": amount, "state": deed.state, "cards": OFFERED, "after": after}
    return render(request, "money/sandbox.html", facts)


@never_cache
@require_safe
def come_back(request: HttpRequest) -> HttpResponse:
    """Send a buyer who comes from a provider's page on to the page of what was paid."""
    return redirect(page_of(request.GET.get("reference", "")))


urlpatterns: list[URLPattern] = [
    path("pay/sandbox/<str:ref>", sandbox, name="pay_sandbox"),
    path("pay/return", come_back, name="pay_return"),
]
