"""What a sale depends on besides the price: VAT and delivery by country, and vouchers."""

from typing import Final

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal, public
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.shop.models.merchant import Merchant
from glaswerk.shop.models.product import MAX_GRAMS, MAX_MINOR, VatCategory

WHOLE_BP: Final = 10_000


class VatRate(models.Model):
    """A country's VAT rate of a category for a period, in basis points (1900 is 19 %)."""

    id = public(models.BigAutoField(primary_key=True))
    # Country and category in one word, such as "DE:standard": so that a period is excluded by one plain equality.
    place = public(models.CharField(max_length=20))
    rate_bp = public(models.PositiveSmallIntegerField())
    period = public(DateRangeField())

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(place__regex=r"^[A-Z]{2}:(standard|reduced|lower|zero)$"), name="vat_place_is_known"
            ),
            models.CheckConstraint(condition=Q(rate_bp__lt=WHOLE_BP), name="vat_rate_is_sane"),
            # A hash is enough for the equality: two places with one hash could at worst refuse a rate, never double one.
            ExclusionConstraint(
                name="vat_one_rate_a_day",
                expressions=(
                    (
                        models.Func(
                            models.Func(F("place"), function="hashtext"),
                            models.Func(F("place"), function="hashtext"),
                            models.Value("[]"),
                            function="int4range",
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                    ("period", RangeOperators.OVERLAPS),
                ),
            ),
        )

    @staticmethod
    def place_of(country: str, category: str) -> str:
        """Return the key of a country and a category."""
        return f"{country}:{VatCategory(category).value}"


class DeliveryMethod(models.Model):
    """A way by which a merchant sends to a country, and what it costs, VAT included."""

    id = public(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    merchant = public(models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="delivery_methods"))
    country = public(models.CharField(max_length=2))
    name = public(models.CharField(_("name"), max_length=80))
    currency = public(models.CharField(max_length=3))
    minor = public(models.BigIntegerField())
    free_from_minor = public(models.BigIntegerField(null=True, blank=True))
    max_weight_g = public(models.PositiveIntegerField(default=30_000))
    days_min = public(models.PositiveSmallIntegerField(default=1))
    days_max = public(models.PositiveSmallIntegerField(default=5))
    is_active = public(models.BooleanField(default=True))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["merchant", "country", "currency", "name"], name="delivery_method_once"),
            models.CheckConstraint(condition=Q(country__regex=r"^[A-Z]{2}$"), name="delivery_country_is_a_code"),
            models.CheckConstraint(condition=Q(minor__gte=0, minor__lte=MAX_MINOR), name="delivery_price_is_sane"),
            models.CheckConstraint(condition=Q(days_min__lte=F("days_max")), name="delivery_days_are_a_period"),
            models.CheckConstraint(condition=Q(max_weight_g__lte=100 * MAX_GRAMS), name="delivery_weight_is_sane"),
        )

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class VoucherKind(models.TextChoices):
    """How a voucher lowers a price."""

    PERCENTAGE = "percentage", _("Percentage")
    FIXED = "fixed", _("Fixed amount")


class Voucher(models.Model):
    """A code that lowers what one merchant's things cost."""

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    merchant = personal(models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="vouchers"))
    code = personal(models.CharField(max_length=40, unique=True))
    kind = personal(models.CharField(max_length=10, choices=VoucherKind.choices))
    percent_bp = personal(models.PositiveSmallIntegerField(default=0))
    currency = personal(models.CharField(max_length=3, default="EUR"))
    minor = personal(models.BigIntegerField(default=0))
    minimum_minor = personal(models.BigIntegerField(default=0))
    cap = personal(models.PositiveIntegerField())
    used = personal(models.PositiveIntegerField(default=0))
    period = personal(DateTimeRangeField())

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9][A-Z0-9_-]*$"), name="voucher_code_is_plain"),
            models.CheckConstraint(condition=Q(used__lte=F("cap")), name="voucher_used_within_cap"),
            models.CheckConstraint(
                condition=Q(kind="percentage", percent_bp__gt=0, percent_bp__lte=WHOLE_BP, minor=0)
                | Q(kind="fixed", percent_bp=0, minor__gt=0, minor__lte=MAX_MINOR),
                name="voucher_is_one_kind",
            ),
            models.CheckConstraint(condition=Q(minimum_minor__gte=0), name="voucher_minimum_is_sane"),
        )

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)
