"""The catalogue: products, their variants, pictures and prices."""

from typing import Final

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal, public
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.cell.references import keeps_blob
from glaswerk.shop.models.merchant import Merchant
from glaswerk.shop.models.shelf import note_changes

MAX_OPTIONS: Final = 3
# One hundred million euro, or the like: beyond that a figure is a slip of the hand, and sums stay far from 2^63.
MAX_MINOR: Final = 10_000_000_000
MAX_GRAMS: Final = 1_000_000
PICTURE_EXTENSION: Final = "webp"


class ProductState(models.TextChoices):
    """Whether a product is sold."""

    DRAFT = "draft", _("Draft")
    ACTIVE = "active", _("Active")
    ARCHIVED = "archived", _("Archived")


class VatCategory(models.TextChoices):
    """Which of a country's VAT rates a product falls under; the rates themselves stand in `VatRate`."""

    STANDARD = "standard", _("Standard")
    REDUCED = "reduced", _("Reduced")
    LOWER = "lower", _("Lower")
    ZERO = "zero", _("Zero")


class Product(models.Model):
    """Something that a merchant sells, in one or more variants."""

    id = public(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    merchant = public(models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="products"))
    handle = public(models.CharField(max_length=200))
    title = public(models.CharField(_("title"), max_length=200))
    description = public(models.TextField(_("description"), max_length=20_000, blank=True))
    vendor = public(models.CharField(_("brand"), max_length=100, blank=True))
    kind = public(models.CharField(_("type"), max_length=100, blank=True))
    tags = public(ArrayField(models.CharField(max_length=60), default=list, blank=True))
    options = public(ArrayField(models.CharField(max_length=40), default=list, blank=True, size=MAX_OPTIONS))
    vat_category = public(models.CharField(max_length=10, choices=VatCategory.choices, default=VatCategory.STANDARD))
    state = public(models.CharField(max_length=10, choices=ProductState.choices, default=ProductState.DRAFT))
    created_at = public(models.DateTimeField(default=timezone.now, editable=False))
    updated_at = public(models.DateTimeField(default=timezone.now, editable=False))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["merchant", "handle"], name="product_handle_once"),
            models.CheckConstraint(
                condition=Q(handle__regex=r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$"), name="product_handle_is_plain"
            ),
            models.CheckConstraint(condition=~Q(title=""), name="product_has_a_title"),
            models.CheckConstraint(condition=Q(state__in=ProductState.values), name="product_state_is_known"),
            models.CheckConstraint(condition=Q(vat_category__in=VatCategory.values), name="product_vat_is_known"),
        )
        indexes = (
            models.Index(fields=["merchant", "state", "-id"], name="product_newest_first"),
            GinIndex(fields=["tags"], name="product_by_tag"),
        )
        triggers = (note_changes("product_is_noted", "product", "ROW.id"),)

    def __str__(self) -> str:
        return self.handle

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class Picture(models.Model):
    """A picture of a product: a file of this cell, or until it is fetched the address that an import named."""

    id = public(models.BigAutoField(primary_key=True))
    product = public(models.ForeignKey(Product, on_delete=models.CASCADE, related_name="pictures"))
    position = public(models.PositiveSmallIntegerField(default=1))
    blob = public(keeps_blob(models.CharField(max_length=64, blank=True), PICTURE_EXTENSION))
    source = public(models.URLField(max_length=500, blank=True))
    alt = public(models.CharField(max_length=250, blank=True))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["product", "position"], name="picture_position_once"),
            models.CheckConstraint(condition=~Q(blob="") | ~Q(source=""), name="picture_shows_something"),
        )
        indexes = (models.Index(fields=["blob"], name="picture_by_blob", condition=~Q(blob="")),)
        triggers = (note_changes("picture_is_noted", "product", "ROW.product_id"),)
        ordering = ("position",)


class Variant(models.Model):
    """What is in fact put into a cart: one combination of a product's options."""

    id = public(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    product = public(models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants"))
    position = public(models.PositiveSmallIntegerField(default=1))
    sku = public(models.CharField(max_length=80, blank=True))
    barcode = public(models.CharField(max_length=40, blank=True))
    choices = public(ArrayField(models.CharField(max_length=80), default=list, blank=True, size=MAX_OPTIONS))
    weight_g = public(models.PositiveIntegerField(default=0))
    is_active = public(models.BooleanField(default=True))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["product", "choices"], name="variant_choices_once"),
            models.CheckConstraint(condition=Q(weight_g__lte=MAX_GRAMS), name="variant_weight_is_sane"),
        )
        indexes = (models.Index(fields=["sku"], name="variant_by_sku", condition=~Q(sku="")),)
        triggers = (note_changes("variant_is_noted", "product", "ROW.product_id"),)
        ordering = ("position", "id")

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class Price(models.Model):
    """What a variant costs in one currency, VAT included, in minor units (cents)."""

    id = public(models.BigAutoField(primary_key=True))
    variant = public(models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="prices"))
    currency = public(models.CharField(max_length=3))
    minor = public(models.BigIntegerField())
    # What it cost before, as the merchant says; shown struck through, and never computed with.
    compare_minor = public(models.BigIntegerField(null=True, blank=True))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["variant", "currency"], name="price_once_a_currency"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="price_currency_is_a_code"),
            models.CheckConstraint(condition=Q(minor__gt=0, minor__lte=MAX_MINOR), name="price_is_sane"),
            models.CheckConstraint(
                condition=Q(compare_minor__isnull=True) | Q(compare_minor__gt=F("minor"), compare_minor__lte=MAX_MINOR),
                name="price_before_was_higher",
            ),
        )
        triggers = (
            note_changes("price_is_noted", "product", "product_id", "FROM shop_variant WHERE id = ROW.variant_id"),
        )
        # Which currencies there are is found by one step in it for each of them.
        indexes = (models.Index(fields=["currency"], name="price_by_currency"),)


class Sale(models.Model):
    """A lower price for a period.  Two periods of one price never overlap, so there is one answer to what it costs."""

    id = public(models.BigAutoField(primary_key=True))
    price = public(models.ForeignKey(Price, on_delete=models.CASCADE, related_name="sales"))
    minor = public(models.BigIntegerField())
    period = public(DateTimeRangeField())
    added_at = personal(models.DateTimeField(default=timezone.now, editable=False))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(minor__gt=0, minor__lte=MAX_MINOR), name="sale_is_sane"),
            models.CheckConstraint(
                condition=Q(period__isempty=False, period__startswith__isnull=False), name="sale_has_a_start"
            ),
            # A range of one number stands for the number itself: so no extension is needed for its equality.
            ExclusionConstraint(
                name="sale_periods_do_not_overlap",
                expressions=(
                    (Func(F("price_id"), F("price_id"), Value("[]"), function="int8range"), RangeOperators.OVERLAPS),
                    ("period", RangeOperators.OVERLAPS),
                ),
            ),
        )
        triggers = (
            note_changes(
                "sale_is_noted",
                "product",
                "product_id",
                "FROM shop_variant WHERE id = (SELECT variant_id FROM shop_price WHERE id = ROW.price_id)",
            ),
        )
