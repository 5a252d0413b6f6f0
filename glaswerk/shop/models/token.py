"""API tokens: what a merchant's own programs may do in its name, and until when."""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal, secret
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.cell.references import keeps_nothing
from glaswerk.people.models import Person
from glaswerk.shop.models.merchant import Merchant

MAX_TOKENS: Final = 20


class Scope(models.TextChoices):
    """What a token may do; none of them may do what only people may: staff, details, money, tokens, webhooks."""

    ORDERS_READ = "orders:read", _("Read orders, with where they go")
    ORDERS_SHIP = "orders:ship", _("Send parcels and say that they arrived")
    PRODUCTS_READ = "products:read", _("Read products")
    PRODUCTS_WRITE = "products:write", _("Change products, pictures and sales")
    STOCK_READ = "stock:read", _("Read stock")
    STOCK_WRITE = "stock:write", _("Count stock")


class Token(models.Model):
    """A token; of what is shown once only the hash is kept.

    It acts for the owner who made it, and for its merchant alone: when that person is no owner any more, it is nobody's.
    """

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    merchant = personal(models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="tokens"))
    person = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+"))
    name = personal(models.CharField(max_length=60))
    scopes = personal(ArrayField(models.CharField(max_length=20, choices=Scope.choices)))
    hash = secret(keeps_nothing(models.CharField(max_length=64, unique=True)))
    # The beginning of it, by which people tell their tokens apart.
    hint = personal(models.CharField(max_length=12))
    added_at = personal(models.DateTimeField(default=timezone.now, editable=False))
    expires_at = personal(models.DateTimeField())
    used_at = personal(models.DateTimeField(null=True))
    revoked_at = personal(models.DateTimeField(null=True))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(scopes__contained_by=Scope.values), name="token_scopes_are_known"),
            models.CheckConstraint(condition=~Q(scopes=[]), name="token_may_something"),
            models.CheckConstraint(condition=Q(hash__regex=r"^[0-9a-f]{64}$"), name="token_is_hashed"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("added_at")), name="token_expires_later"),
        )

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)
