"""Sentences for what keeps something from being bought, and for what happened to an order."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from glaswerk.shop.quoting import Quote

# What is told of an order, as its buyer reads it.
EVENTS: Final[dict[str, Promise]] = {
    "paid": gettext_lazy("Ordered and paid"),
    "partly_shipped": gettext_lazy("Partly on its way"),
    "shipped": gettext_lazy("On its way"),
    "parcel": gettext_lazy("Another parcel is on its way"),
    "arrived": gettext_lazy("A parcel has arrived"),
    "delivered": gettext_lazy("Everything has arrived"),
    "cancelled": gettext_lazy("Cancelled"),
    "refunded": gettext_lazy("Money was paid back"),
    "return_asked": gettext_lazy("You send something back"),
    "return_received": gettext_lazy("What you sent back has arrived"),
    "return_refused": gettext_lazy("The return was refused"),
    "disputed": gettext_lazy("Your bank has asked about the payment"),
    "dispute_won": gettext_lazy("The payment stands"),
    "dispute_lost": gettext_lazy("Your bank has taken the payment back"),
}

# The same, as the merchant reads it.
SOLD_EVENTS: Final[dict[str, Promise]] = {
    **EVENTS,
    "parcel": gettext_lazy("Another parcel was sent"),
    "return_asked": gettext_lazy("The buyer sends something back"),
    "return_received": gettext_lazy("What was sent back has arrived"),
    "disputed": gettext_lazy("The buyer's bank has asked about the payment"),
    "dispute_lost": gettext_lazy("The buyer's bank has taken the payment back"),
}


def problem_words(quote: Quote) -> list[str]:
    """Return a sentence for each thing that keeps a quote from being bought, each with what to do."""
    titles = {line.variant: line.title for order in quote.orders for line in order.lines}
    shops = {order.merchant_name: order.merchant_title for order in quote.orders}
    found: dict[str, None] = {}
    for problem in quote.problems:
        words = {"thing": titles.get(problem.variant or 0, ""), "shop": shops.get(problem.merchant or "", "")}
        match problem.code:
            case "sold_out":
                text = _("There are not as many of “%(thing)s” left. Please take fewer, or take it out.") % words
            case "no_price":
                text = _(
                    "Something here has no price in %(currency)s. Please take it out, or choose another currency in the cart."
                ) % {"currency": quote.currency}
            case "gone":
                text = _("Something in your cart is not sold any more. Please take it out.")
            case "no_vat" | "no_delivery":
                text = (
                    _("%(shop)s does not deliver this to the country that you chose.") % words
                    if words["shop"]
                    else _("This is not delivered to the country that you chose.")
                )
            case "voucher_minimum":
                text = _("The voucher holds for a larger order at %(shop)s.") % words
            case _:
                text = _("This voucher does not hold here.")
        found[text] = None
    return list(found)
