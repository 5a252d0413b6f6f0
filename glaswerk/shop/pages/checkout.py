"""The checkout: one form, a quote with every line, and one press that buys.

Prices stand in the quote, never in the form: it holds the quote's hash, and a key that the page makes, so that sending it
twice buys once.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from glaswerk.cell.ids import decode_id, encode_id
from glaswerk.cell.rates import RateLimited
from glaswerk.shop import paying
from glaswerk.shop.actions import carts, purchases
from glaswerk.shop.actions.interest import count_interest
from glaswerk.shop.address_form import fields_of
from glaswerk.shop.addresses import FIELDS
from glaswerk.shop.api.cart import QuoteOut, shown_quote
from glaswerk.shop.api.identity import Buyer, count_buyers_write, id_or_404
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import Address, CartLine, DeliveryMethod, Merchant, PurchaseState, Variant, VatRate
from glaswerk.shop.pages.pictures import pictures_of
from glaswerk.shop.pages.visitor import addresses_of, country_of, currencies_of, kept, language, visitor
from glaswerk.shop.pages.words import problem_words
from glaswerk.shop.queries.orders import own_orders
from glaswerk.shop.queries.purchases import access_own_purchase
from glaswerk.shop.queries.quotes import quote_for, quote_of_cart
from glaswerk.shop.quoting import Quote
from glaswerk.shop.templatetags.shop import country_names

_DELIVERY: Final = "delivery-"
NEW: Final = "new"


@dataclass
class Form:
    """What the form holds at the moment."""

    country: str
    values: Mapping[str, str]
    chosen: str
    delivery: dict[str, str]
    voucher: str
    email: str
    key: str
    variant: str
    keep: bool = False
    error: ShopError | None = field(default=None)

    @property
    def is_new(self) -> bool:
        """Whether an address is typed, and not one that is kept."""
        return self.chosen == NEW


def _read(request: HttpRequest, buyer: Buyer, addresses: list[Address]) -> Form:
    sent = request.POST if request.method == "POST" else request.GET
    known = {one.public_id: one for one in addresses}
    chosen = sent.get("address") or (addresses[0].public_id if addresses else NEW)
    if chosen not in known:
        chosen = NEW
    country = country_of(request, []) if chosen == NEW else known[chosen].country
    return Form(
        country=country,
        values={name: sent.get(name, "")[:400] for name in FIELDS},
        chosen=chosen,
        delivery={name.removeprefix(_DELIVERY): sent.get(name, "")[:13] for name in sent if name.startswith(_DELIVERY)},
        voucher=sent.get("voucher", "")[:40].strip(),
        email=sent.get("email", "")[:254] or (buyer.person.email if buyer.person else ""),
        key=sent.get("key", "")[:80] or str(uuid.uuid4()),
        variant=sent.get("variant", "")[:13],
        keep="keep" in sent,
    )


def _quote(buyer: Buyer, form: Form, currency: str) -> Quote:
    """Return what the form's things cost.  A way of delivery of another country is as if none was chosen."""
    try:
        chosen = purchases.chosen_of(form.delivery)
    except ShopError:
        chosen = {}
    fitting = DeliveryMethod.objects.filter(pk__in=chosen.values(), country=form.country).values_list("pk", flat=True)
    chosen = {merchant: method for merchant, method in chosen.items() if method in set(fitting)}
    if not form.variant:
        return quote_of_cart(buyer.number, currency, form.country, chosen, form.voucher)
    try:
        things = {decode_id(form.variant): 1}
    except ValueError:
        raise Http404 from None
    return quote_for(things, currency, form.country, chosen, form.voucher)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    """Show what it costs, and buy it.  `variant` buys one thing past the cart."""
    buyer = visitor(request)
    addresses = addresses_of(buyer)
    form = _read(request, buyer, addresses)
    quote = _quote(buyer, form, currencies_of(request).chosen)
    if not quote.orders and not quote.problems:
        return redirect("cart")
    notice = ""
    if form.variant and "key" not in request.POST and quote.orders:
        # It comes from the product's own page, past the cart.
        count_interest("wanted", variant=decode_id(form.variant))
    if request.method == "POST" and request.POST.get("action") == "pay":
        try:
            return _buy(request, buyer, form, quote)
        except purchases.QuoteChanged as changed:
            # What was pressed agreed to another offer: this one has to be agreed to anew, and is another purchase.
            quote, notice, form.key = changed.quote, changed.message, str(uuid.uuid4())
        except ShopError as refusal:
            form.error = refusal
        except RateLimited as refusal:
            notice = str(refusal)
    shown = shown_quote(quote, language())
    status = 422 if form.error else 409 if notice else 200
    facts = _facts(buyer, addresses, form, quote, shown, notice)
    # A guest is given their number with the form, so that the key in it is theirs whenever they send it.
    return kept(render(request, "shop/checkout.html", facts, status=status), buyer)


def _buy(request: HttpRequest, buyer: Buyer, form: Form, quote: Quote) -> HttpResponse:
    if buyer.person is None and buyer.guest is None:
        # Without it each try would be another buyer, for whom the same key buys again.
        raise ShopError("cookie", _("Buying needs a cookie, which says that it is you. Please allow it and try again."))
    count_buyers_write(request, buyer)
    asked = purchases.Asked(
        things={encode_id(line.variant): line.quantity for order in quote.orders for line in order.lines},
        quote=request.POST.get("quote", "")[:64],
        currency=quote.currency,
        method="",
        address={**form.values, "country": form.country} if form.is_new else form.chosen,
        delivery={order.merchant_name: encode_id(order.method.id) for order in quote.orders if order.method},
        voucher=form.voucher,
        email=form.email,
    )
    purchase = purchases.buy(buyer.number, buyer.person, form.key, asked)
    if form.keep and form.is_new and buyer.person is not None:
        try:
            carts.save_address(buyer.person, {**form.values, "country": form.country}, is_default=True)
        except ShopError:
            # It is bought; that there is no room for one more address must not look as if it were not.
            messages.info(request, _("The address was not kept: you have as many as there is room for."))
    there = redirect("purchase", purchase.public_id)
    page = paying.page_of(purchase)
    # Only a page of this cell is gone to by itself: browsers let no form lead elsewhere, and neither does the policy.
    if page and page.startswith("/"):
        there = redirect(f"{page}?next={there.url}")
    return kept(there, buyer)


def _facts(
    buyer: Buyer, addresses: list[Address], form: Form, quote: Quote, shown: QuoteOut, notice: str
) -> dict[str, Any]:
    error = form.error
    fields = fields_of(form.country)
    known = {one.name for one in fields} | {"email"}
    names = country_names(language())
    return {
        "quote": shown,
        "form": form,
        "fields": [
            (one, form.values.get(one.name, ""), error if error and error.field == one.name else None) for one in fields
        ],
        "email_error": error if error and error.field == "email" else None,
        "notice": notice or (error.message if error and (error.field not in known or not form.is_new) else ""),
        "addresses": addresses,
        "countries": sorted(
            ((code, names.get(code, code)) for code in _countries(buyer, form, quote.currency)), key=lambda one: one[1]
        ),
        "pictures": pictures_of([line.variant for order in quote.orders for line in order.lines]),
        "problems": problem_words(quote),
        "is_guest": buyer.person is None,
        "sign_in": f"{reverse('account_login')}?{urlencode({'next': _here(form)})}",
        "sellers": Merchant.objects.filter(name__in=[order.merchant_name for order in quote.orders]),
    }


def _here(form: Form) -> str:
    return f"{reverse('checkout')}?variant={form.variant}" if form.variant else reverse("checkout")


def _countries(buyer: Buyer, form: Form, currency: str) -> set[str]:
    """Return where at least one of the merchants delivers to, and a VAT rate is known; also when it is sold out there."""
    in_cart = Q(pk__in=CartLine.objects.filter(cart__buyer=buyer.number).values("variant"))
    wanted = Q(pk=id_or_404(form.variant)) if form.variant else in_cart
    sellers = Variant.objects.filter(wanted).values("product__merchant")
    found = DeliveryMethod.objects.filter(merchant__in=sellers, is_active=True, currency=currency)
    rated = {place[:2] for place in VatRate.objects.values_list("place", flat=True).distinct()}
    return {*(set(found.values_list("country", flat=True)) & rated), form.country}


@never_cache
@require_safe
def purchase(request: HttpRequest, public_id: str) -> HttpResponse:
    """Say how a purchase stands: paid, with its orders, or what is left to do.  A payment under way is asked about."""
    buyer = visitor(request)
    found = purchases.look(access_own_purchase(buyer.numbers, id_or_404(public_id)))
    is_waiting = found.state == PurchaseState.RESERVED
    page = paying.page_of(found) if is_waiting else None
    if page and page.startswith("/"):
        page = f"{page}?next={request.path}"
    orders = own_orders(buyer.numbers).filter(purchase=found).prefetch_related("lines")
    facts = {
        "purchase": found,
        "state": found.state,
        "pay_at": page,
        "orders": orders,
        "is_guest": buyer.person is None,
    }
    return render(request, "shop/purchase.html", facts)


urlpatterns: list[URLPattern] = [
    path("checkout", checkout, name="checkout"),
    path("purchases/<str:public_id>", purchase, name="purchase"),
]
