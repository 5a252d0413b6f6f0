"""What the shop holds about a person: as a buyer, and as somebody who sells or shows things."""

import secrets
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final

import pgtrigger
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from glaswerk.money.models import Dispute, Operation, Payment
from glaswerk.people.models import Person
from glaswerk.people.rights import Carried, Exporter, Record, category, facts
from glaswerk.shop.invoices import render_invoice
from glaswerk.shop.models import (
    Address,
    Cart,
    Earning,
    Enrolment,
    Invoice,
    Notice,
    Order,
    OrderEvent,
    OrderState,
    Purchase,
    PurchaseState,
    Refund,
    RefundState,
    Return,
    ReturnState,
    Review,
    ShowcaseItem,
    ShowcaseView,
    Staff,
    StaffRole,
    Tag,
    Touch,
)
from glaswerk.shop.paying import reference_of

_GOODS: Final = "It belongs to a shop, and says nothing about a person."
_PROGRAMS: Final = "It belongs to a shop's own programs, and names orders by their number."
_ORDERS: Final = gettext_lazy(
    "The law wants invoices and orders kept for up to ten years (in Germany § 147 AO and § 14b UStG). What stays is a number, things, amounts and the country, without name, address and e-mail address."
)
_EARNINGS: Final = gettext_lazy(
    "The books of the shop are kept for up to ten years, as the law wants. What stays is a number and amounts."
)
_OPEN: Final = (OrderState.PAID, OrderState.PARTLY_SHIPPED, OrderState.SHIPPED)


class ShopExporter(Exporter):
    """Orders, addresses, the cart, shops that somebody works for, and products in their videos."""

    app = "shop"
    excluded: ClassVar = {
        "shop.Product": _GOODS,
        "shop.Picture": _GOODS,
        "shop.Variant": _GOODS,
        "shop.Price": _GOODS,
        "shop.Sale": _GOODS,
        "shop.Location": _GOODS,
        "shop.Stock": _GOODS,
        "shop.Movement": _GOODS,
        "shop.DeliveryMethod": _GOODS,
        "shop.VatRate": _GOODS,
        "shop.Voucher": _GOODS,
        "shop.Interest": _GOODS,
        "shop.Plan": _GOODS,
        "shop.PlanProduct": _GOODS,
        "shop.PlanRate": _GOODS,
        "shop.ShelfChange": _GOODS,
        "shop.Endpoint": _PROGRAMS,
        "shop.Delivery": _PROGRAMS,
        "shop.Attempt": _PROGRAMS,
        "shop.Token": _PROGRAMS,
        "shop.Outgoing": "It says that a notice waits, by the order's number.",
    }

    @category(
        gettext_lazy("Your orders"),
        "shop.Purchase", "shop.Hold", "shop.Order", "shop.OrderLine", "shop.OrderEvent", "shop.Parcel", "shop.ParcelLine",
        "shop.Return", "shop.ReturnLine", "shop.Refund", "shop.Invoice", "money.Payment", "money.Operation", "money.Dispute",
        kept=_ORDERS,
    )  # fmt: skip
    def orders(self, person: Person) -> Iterable[Record]:
        """Every purchase with its payment, and its orders with all that became of them."""
        for purchase in Purchase.objects.filter(buyer=person.pk).order_by("pk").iterator(chunk_size=100):
            payments = Payment.objects.filter(reference=reference_of(purchase.pk)).order_by("pk")
            yield {
                **facts(purchase, "person", "quote_hash", "asked_hash"),
                "holds": [facts(each, "purchase") for each in purchase.holds.all()],
                "payments": [_payment(each) for each in payments],
                "orders": [_order(each) for each in _orders_of(purchase)],
                "refunds": [facts(each, "purchase", "by") for each in purchase.refunds.filter(order__isnull=True)],
            }

    @category(gettext_lazy("Your addresses"), "shop.Address")
    def addresses(self, person: Person) -> Iterable[Record]:
        """Where the person has things sent."""
        return (facts(each, "person") for each in Address.objects.filter(person=person).order_by("pk"))

    @category(gettext_lazy("Your cart"), "shop.Cart", "shop.CartLine")
    def cart(self, person: Person) -> Iterable[Record]:
        """What waits to be bought."""
        for cart in Cart.objects.filter(buyer=person.pk):
            lines = cart.lines.select_related("variant__product").order_by("pk")
            yield {
                "updated_at": cart.updated_at.isoformat(),
                "lines": [{**facts(line, "cart"), "title": line.variant.product.title} for line in lines],
            }

    @category(gettext_lazy("Shops you work for"), "shop.Staff", "shop.Merchant")
    def shops(self, person: Person) -> Iterable[Record]:
        """Where the person sells or helps, with what the shop says of itself to those who own it."""
        for staff in Staff.objects.filter(person=person).select_related("merchant").order_by("pk"):
            merchant = staff.merchant
            owns = staff.role == StaffRole.OWNER
            shop = facts(merchant, "decided_by") if owns else {"name": merchant.name, "title": merchant.title}
            yield {**facts(staff, "person", "merchant"), "shop": shop}

    @category(gettext_lazy("Products in your videos"), "shop.Tag")
    def tags(self, person: Person) -> Iterable[Record]:
        """Which products the person shows, and where."""
        tags = Tag.objects.filter(video__creator=person).select_related("product").order_by("pk")
        return ({**facts(each), "title": each.product.title} for each in tags.iterator())

    @category(gettext_lazy("What you say of what you bought"), "shop.Review")
    def reviews(self, person: Person) -> Iterable[Record]:
        """The person's reviews, with what merchants answered."""
        for review in Review.objects.filter(person=person).select_related("product").order_by("pk"):
            yield {**facts(review, "person", "hidden_by"), "title": review.product.title}

    @category(gettext_lazy("What shops told you"), "shop.Notice")
    def notices(self, person: Person) -> Iterable[Record]:
        """The notices of each step of an order."""
        return (facts(each, "person", "source") for each in Notice.objects.filter(person=person).order_by("pk"))

    @category(gettext_lazy("By whom you came to products"), "shop.Touch", "shop.ShowcaseView")
    def touches(self, person: Person) -> Iterable[Record]:
        """Which creators' videos and showcases led the person to products; kept for a few weeks."""
        for touch in Touch.objects.filter(buyer=person.pk).select_related("product", "creator").order_by("pk"):
            yield {**facts(touch, "buyer", "creator"), "title": touch.product.title, "by": touch.creator.name}
        for view in ShowcaseView.objects.filter(buyer=person.pk).select_related("creator").order_by("pk"):
            yield {**facts(view, "buyer", "creator"), "by": view.creator.name}

    @category(gettext_lazy("What you show for shops"), "shop.Enrolment", "shop.ShowcaseItem")
    def showing(self, person: Person) -> Iterable[Record]:
        """The plans that the person takes part in, and their showcase."""
        for part in Enrolment.objects.filter(creator=person).select_related("plan").order_by("pk"):
            yield {**facts(part, "creator"), "title": part.plan.title}
        for item in ShowcaseItem.objects.filter(creator=person).select_related("product").order_by("pk"):
            yield {**facts(item, "creator"), "title": item.product.title}

    @category(gettext_lazy("What you earned by sales"), "shop.Earning", kept=_EARNINGS)
    def earnings(self, person: Person) -> Iterable[Record]:
        """Every line of an order that the person earned by."""
        return (facts(each, "creator_id") for each in Earning.objects.filter(creator_id=person.pk).order_by("at", "pk"))

    def files(self, person: Person) -> Iterable[Carried]:
        """The invoices, as they can be downloaded."""
        invoices = Invoice.objects.filter(order__buyer=person.pk).select_related("order__purchase", "order__merchant")
        for invoice in invoices.order_by("order").iterator():
            order = invoice.order
            yield Carried(_invoice_path(order), data=render_invoice(order, invoice))

    def obstacles(self, person: Person) -> list[str]:
        """What was bought arrives or is paid back first, and no shop is left without an owner."""
        found = []
        orders = Order.objects.filter(buyer=person.pk)
        waiting = Purchase.objects.filter(buyer=person.pk, state=PurchaseState.RESERVED)
        if orders.filter(state__in=_OPEN).exists() or waiting.exists():
            found.append(_("An order of yours is under way. Please wait until it has arrived, or cancel it."))
        if (
            Return.objects.filter(order__buyer=person.pk, state=ReturnState.REQUESTED).exists()
            or Refund.objects.filter(purchase__buyer=person.pk).exclude(state=RefundState.DONE).exists()
        ):
            found.append(_("Something of yours is on its way back, or its money is. Please wait for it."))
        for staff in Staff.objects.filter(person=person, role=StaffRole.OWNER).select_related("merchant"):
            owners = Staff.objects.filter(merchant=staff.merchant, role=StaffRole.OWNER)
            if not owners.exclude(person=person).exists():
                words = _("You are the only owner of the shop %(shop)s. Make somebody else one first.")
                found.append(words % {"shop": staff.merchant.title})
        return found

    def erase(self, person: Person) -> list[str]:
        """Keep orders without whom they were for, each under a number of its own; the rest goes with the person."""
        Cart.objects.filter(buyer=person.pk).delete()
        Touch.objects.filter(buyer=person.pk).delete()
        ShowcaseView.objects.filter(buyer=person.pk).delete()
        for purchase in Purchase.objects.select_for_update().filter(buyer=person.pk).order_by("pk"):
            number = -(secrets.randbits(62) + 1)
            orders = Order.objects.filter(purchase=purchase)
            orders.update(buyer=number)
            Return.objects.filter(order__in=orders).update(reason="")
            Refund.objects.filter(purchase=purchase).update(reason="")
            with pgtrigger.ignore("shop.OrderEvent:order_event_stays"):
                OrderEvent.objects.filter(order__in=orders).exclude(note="").update(note="")
                OrderEvent.objects.filter(order__in=orders, by=person.pk).update(by=None)
            Payment.objects.filter(reference=reference_of(purchase.pk)).update(method="", next_url="", reason="")
            # Read while it is still the person's, whose key it is encrypted with.
            country = _country_of(purchase.address)
            purchase.buyer, purchase.person, purchase.voucher = number, None, None
            purchase.key, purchase.method, purchase.email, purchase.language = f"erased:{purchase.pk}", "", "", ""
            purchase.address = {"country": country}
            purchase.plan.pop("place", None)
            purchase.save()
        with pgtrigger.ignore("shop.OrderEvent:order_event_stays"):
            OrderEvent.objects.filter(by=person.pk).update(by=None)
        return []


def _orders_of(purchase: Purchase) -> Iterable[Order]:
    return (
        Order.objects.filter(purchase=purchase)
        .select_related("merchant", "invoice")
        .prefetch_related("lines", "events", "parcels__lines", "returns__lines", "refunds")
        .order_by("pk")
    )


def _order(order: Order) -> Record:
    invoice = getattr(order, "invoice", None)
    return {
        **facts(order, "purchase", "buyer", "fee_minor"),
        "shop": order.merchant.title,
        "lines": [facts(each, "order") for each in order.lines.all()],
        "events": [facts(each, "order", "by") for each in order.events.all()],
        "parcels": [{**facts(each, "order"), "lines": _parts(each)} for each in order.parcels.all()],
        "returns": [{**facts(each, "order"), "lines": _parts(each)} for each in order.returns.all()],
        "refunds": [facts(each, "purchase", "order", "by") for each in order.refunds.all()],
        "invoice": None if invoice is None else _invoice_path(order),
    }


def _parts(whole: Any) -> list[Record]:
    return [facts(each, "parcel", "back") for each in whole.lines.all()]


def _payment(payment: Payment) -> Record:
    operations: Iterator[Operation] = payment.operations.order_by("pk").iterator()
    disputes: Iterator[Dispute] = payment.disputes.order_by("pk").iterator()
    return {
        **facts(payment, "key", "reference"),
        "operations": [facts(each, "payment") for each in operations],
        "disputes": [facts(each, "payment") for each in disputes],
    }


def _invoice_path(order: Order) -> str:
    return f"shop/invoices/{order.public_id}.pdf"


def _country_of(address: Any) -> str:
    country = address.get("country") if isinstance(address, dict) else ""
    return country if isinstance(country, str) and len(country) == 2 else ""
