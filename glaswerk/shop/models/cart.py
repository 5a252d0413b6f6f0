"""What somebody wants to buy, and where it shall go.

A buyer is one number everywhere in the shop: a person's id, or for a guest the negative of a random number that only
their signed cookie knows.  So every query about what is somebody's own starts from one column that is never null.
"""

from typing import Final

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.cell.references import keeps_nothing
from glaswerk.people.encrypted import EncryptedTextField
from glaswerk.people.models import Person
from glaswerk.shop.models.product import Variant

MAX_QUANTITY: Final = 99
MAX_LINES: Final = 50


class Cart(models.Model):
    """One buyer's cart, across merchants."""

    id = personal(models.BigAutoField(primary_key=True))
    buyer = personal(models.BigIntegerField(unique=True))
    person = personal(models.ForeignKey(Person, on_delete=models.CASCADE, null=True, related_name="+"))
    updated_at = personal(models.DateTimeField(default=timezone.now, db_index=True))

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(person__isnull=True, buyer__lt=0) | Q(buyer=models.F("person_id")),
                name="cart_has_one_buyer",
            ),
        )


class CartLine(models.Model):
    """So many of a variant in a cart."""

    id = personal(models.BigAutoField(primary_key=True))
    cart = personal(models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="lines"))
    variant = personal(models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="+"))
    quantity = personal(models.PositiveSmallIntegerField())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["cart", "variant"], name="cart_line_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, quantity__lte=MAX_QUANTITY), name="cart_quantity_is_sane"
            ),
        )


class Address(models.Model):
    """Where a person's things go; kept for the next time."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    person = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="addresses"))
    name = personal(EncryptedTextField(_("name"), person="person", max_length=100))
    company = personal(EncryptedTextField(_("company"), person="person", max_length=100, blank=True))
    street = personal(EncryptedTextField(_("street"), person="person", max_length=200))
    postal_code = personal(EncryptedTextField(_("postal code"), person="person", max_length=20, blank=True))
    city = personal(EncryptedTextField(_("city"), person="person", max_length=100, blank=True))
    area = personal(EncryptedTextField(_("state or province"), person="person", max_length=100, blank=True))
    # In the clear: deliveries and VAT are asked by it.
    country = personal(models.CharField(_("country"), max_length=2))
    phone = personal(EncryptedTextField(_("telephone"), person="person", max_length=20, blank=True))
    # `place_mark` of it, by which the same place is known again though it is encrypted.
    place = personal(keeps_nothing(models.CharField(max_length=64, blank=True, editable=False)))
    is_default = personal(models.BooleanField(default=False))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["person"], condition=Q(is_default=True), name="address_one_default"),
            models.CheckConstraint(condition=Q(country__regex=r"^[A-Z]{2}$"), name="address_country_is_a_code"),
        )

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)
