"""Merchants: who sells, what the law wants known of them, and who works for them."""

from typing import Final

import pgtrigger
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.classes import personal, public
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.people.models import Person
from glaswerk.shop.models.shelf import note_changes


class MerchantState(models.TextChoices):
    """Where a merchant stands with the cell's operators."""

    APPLIED = "applied", _("Applied")
    APPROVED = "approved", _("Approved")
    REFUSED = "refused", _("Refused")
    SUSPENDED = "suspended", _("Suspended")


MERCHANT_MOVES: Final = (
    (MerchantState.APPLIED, MerchantState.APPROVED),
    (MerchantState.APPLIED, MerchantState.REFUSED),
    (MerchantState.REFUSED, MerchantState.APPLIED),
    (MerchantState.APPROVED, MerchantState.SUSPENDED),
    (MerchantState.SUSPENDED, MerchantState.APPROVED),
)

_SHOWN: Final = ("name", "title", "currency", "state", "holiday_from", "holiday_until", "is_open_to_creators")


class Merchant(models.Model):
    """A trader who sells on this cell.

    What Article 30 of the Digital Services Act (Regulation (EU) 2022/2065) wants shown to buyers is public; how to
    reach the trader by telephone and e-mail is part of that.
    """

    id = public(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    name = public(models.CharField(_("name"), max_length=40, unique=True))
    title = public(models.CharField(_("shown name"), max_length=80))
    about = public(models.TextField(_("about"), max_length=2000, blank=True))
    currency = public(models.CharField(max_length=3, default="EUR"))
    state = public(models.CharField(max_length=10, choices=MerchantState.choices, default=MerchantState.APPLIED))
    legal_name = public(models.CharField(_("legal name"), max_length=200))
    street = public(models.CharField(_("street"), max_length=200))
    postal_code = public(models.CharField(_("postal code"), max_length=20, blank=True))
    city = public(models.CharField(_("city"), max_length=100))
    country = public(models.CharField(_("country"), max_length=2))
    email = public(models.EmailField(_("e-mail address")))
    phone = public(models.CharField(_("telephone"), max_length=20))
    registration = public(models.CharField(_("trade register and number"), max_length=120, blank=True))
    vat_id = public(models.CharField(_("VAT id"), max_length=20, blank=True))
    self_certified = public(models.BooleanField(default=False))
    applied_at = personal(models.DateTimeField(default=timezone.now, editable=False))
    decided_at = personal(models.DateTimeField(null=True, blank=True, editable=False))
    decided_by = personal(models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, related_name="+"))
    reason = personal(models.CharField(max_length=500, blank=True))
    holiday_from = public(models.DateField(null=True, blank=True))
    holiday_until = public(models.DateField(null=True, blank=True))
    # Whether creators who do not work here may tag these products in their videos.
    is_open_to_creators = public(models.BooleanField(default=False))
    invoices = personal(models.PositiveIntegerField(default=0, editable=False))

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(name__regex=r"^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$"), name="merchant_name_is_plain"
            ),
            models.CheckConstraint(condition=models.Q(state__in=MerchantState.values), name="merchant_state_is_known"),
            models.CheckConstraint(
                condition=models.Q(currency__regex=r"^[A-Z]{3}$"), name="merchant_currency_is_a_code"
            ),
            # Nobody sells without the details that Article 30 wants, whatever the code above forgets.
            models.CheckConstraint(
                condition=~models.Q(state=MerchantState.APPROVED)
                | (
                    ~models.Q(legal_name="")
                    & ~models.Q(street="")
                    & ~models.Q(city="")
                    & models.Q(country__regex=r"^[A-Z]{2}$")
                    & ~models.Q(email="")
                    & ~models.Q(phone="")
                    & (~models.Q(registration="") | ~models.Q(vat_id=""))
                    & models.Q(self_certified=True)
                    & models.Q(decided_at__isnull=False)
                ),
                name="merchant_approved_is_traceable",
            ),
            models.CheckConstraint(
                condition=models.Q(holiday_from__isnull=True, holiday_until__isnull=True)
                | models.Q(holiday_from__lte=models.F("holiday_until")),
                name="merchant_holiday_is_a_period",
            ),
        )
        triggers = (
            pgtrigger.FSM(
                name="merchant_moves", field="state", transitions=[(str(a), str(b)) for a, b in MERCHANT_MOVES]
            ),
            # The number of invoices grows with every order, and nobody sees it.
            note_changes("merchant_is_noted", "merchant", "ROW.id", columns=_SHOWN),
        )
        indexes = (models.Index(fields=["state", "applied_at"], name="merchant_by_state"),)

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)


class StaffRole(models.TextChoices):
    """What somebody may do for a merchant; each role may do what the ones before it may."""

    PACKER = "packer", _("Packer")
    MANAGER = "manager", _("Manager")
    OWNER = "owner", _("Owner")


# A merchant without an owner could never be changed again, so the last one stays; deferred, so that two can swap.
_AN_OWNER_STAYS: Final = """
IF EXISTS (SELECT 1 FROM shop_merchant WHERE id = OLD.merchant_id)
   AND NOT EXISTS (SELECT 1 FROM shop_staff WHERE merchant_id = OLD.merchant_id AND role = 'owner') THEN
    RAISE EXCEPTION 'a merchant keeps at least one owner' USING ERRCODE = 'check_violation', CONSTRAINT = 'staff_an_owner_stays';
END IF;
RETURN NULL;
"""


class Staff(models.Model):
    """Somebody who works for a merchant."""

    id = personal(models.BigAutoField(primary_key=True))
    merchant = personal(models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="staff"))
    person = personal(models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+"))
    role = personal(models.CharField(max_length=10, choices=StaffRole.choices))
    since = personal(models.DateTimeField(default=timezone.now, editable=False))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["merchant", "person"], name="staff_once"),
            models.CheckConstraint(condition=models.Q(role__in=StaffRole.values), name="staff_role_is_known"),
        )
        triggers = (
            pgtrigger.Trigger(
                name="staff_an_owner_stays",
                when=pgtrigger.After,
                operation=pgtrigger.Update | pgtrigger.Delete,
                timing=pgtrigger.Deferred,
                func=_AN_OWNER_STAYS,
            ),
            # Who works there may show what is sold there in videos.
            note_changes("staff_is_noted", "merchant", "ROW.merchant_id"),
        )
