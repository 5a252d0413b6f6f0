"""Payouts: what creators may have goes to their banks (SEPA) or to their accounts at the payment provider.

The money leaves a creator's account when the run is made, in the same transaction as its rows; it waits on the account
of what is in transit until the bank or the provider confirms it, or sends it back.
"""

import hashlib
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from sepaxml import SepaTransfer
from stdnum import bic, iban
from stdnum.exceptions import ValidationError as NumberError

from glaswerk.money.actions import Line, account_id, lock_accounts, post_journal
from glaswerk.money.amounts import Money, check_currency
from glaswerk.money.commissions import payable_account
from glaswerk.money.models import (
    Account,
    AccountKind,
    Commission,
    CommissionState,
    Destination,
    Payout,
    PayoutMethod,
    PayoutRun,
    PayoutState,
)
from glaswerk.money.payments.actions import start_transfer
from glaswerk.money.payments.effects import in_transit, owe_again, settle_payout


class PayoutError(Exception):
    """A payout cannot be made as asked; the message says why."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run, and how many creators got nothing because it is not known where to send it."""

    run: PayoutRun
    payouts: list[Payout]
    without_destination: int


def set_destination(creator_id: int, holder: str, iban_text: str = "", provider_account: str = "") -> Destination:
    """Remember where a creator's payouts go.  Raises PayoutError for an IBAN whose check digits do not fit."""
    if not holder.strip() or not (iban_text or provider_account):
        raise PayoutError(_("name the holder, and an IBAN or an account at the payment provider"))
    try:
        number = iban.validate(iban_text) if iban_text else ""
    except NumberError:
        raise PayoutError(_("this is no IBAN; check its digits")) from None
    destination, _is_new = Destination.objects.update_or_create(
        creator_id=creator_id,
        defaults={"holder": holder.strip()[:70], "iban": number, "provider_account": provider_account},
    )
    return destination


def forget_destination(creator_id: int) -> bool:
    """Forget where a creator's payouts go, and return whether it was known; the payouts that were made keep it."""
    return bool(Destination.objects.filter(creator_id=creator_id).delete()[0])


def make_run(name: str, method: PayoutMethod, currency: str, minimum: int = 100) -> RunResult:
    """Pay out what every creator is owed, from `minimum` minor units on; the same name again returns the same run.

    An account below zero, after a refund of what had been paid, is not paid out until new commissions have filled it:
    so a shortfall is netted from the next payouts.  Raises PayoutError where the name was used for another run, and
    AmountError for a currency that does not exist.
    """
    if minimum < 1:
        raise PayoutError(_("a payout is of more than nothing"))
    check_currency(currency)
    if method == PayoutMethod.SEPA and currency != "EUR":
        raise PayoutError(_("SEPA moves euros alone"))
    provider = settings.CELL.config.payments.provider if method == PayoutMethod.PROVIDER else ""
    with transaction.atomic():
        run, fresh = PayoutRun.objects.get_or_create(
            name=name, defaults={"method": method, "currency": currency, "provider": provider}
        )
        if (run.method, run.currency) != (method, currency):
            message = _("the run %(name)r was made by %(method)s in %(currency)s")
            raise PayoutError(message % {"name": name, "method": str(run.method), "currency": run.currency})
        missing = _fill(run, minimum) if fresh else 0
    return RunResult(run, list(run.payouts.order_by("pk")), missing)


def _fill(run: PayoutRun, minimum: int) -> int:
    """Write a run's payouts; return how many creators have no destination."""
    # Commissions before accounts, as whoever takes one back: so a run and a refund never wait for each other in a ring.
    payable = Commission.objects.select_for_update(no_key=True).filter(
        currency=run.currency, state=CommissionState.PAYABLE
    )
    owed: dict[int, list[int]] = {}
    for commission, creator in payable.order_by("pk").values_list("pk", "creator_id"):
        owed.setdefault(creator, []).append(commission)
    # The platform's account before those of creators, and these by creator, as everywhere: what is read here is what leaves.
    transit = in_transit(run.currency)
    lock_accounts([transit])
    accounts = list(
        Account.objects.select_for_update(no_key=True)
        .filter(kind=AccountKind.CREATOR_PAYABLE, owner_kind="creator", currency=run.currency, balance__gte=minimum)
        .order_by("owner_id")
    )
    known = {
        one.creator_id: one
        for one in Destination.objects.filter(creator_id__in=[account.owner_id for account in accounts])
        if (one.iban if run.method == PayoutMethod.SEPA else one.provider_account)
    }
    for account in accounts:
        destination = known.get(account.owner_id)
        if destination is None:
            continue
        payout = Payout.objects.create(
            run=run, creator_id=account.owner_id, amount=account.balance, holder=destination.holder,
            iban=destination.iban, provider_account=destination.provider_account,
        )  # fmt: skip
        lines = [Line(account.pk, payout.amount), Line(transit, -payout.amount)]
        post_journal(f"payout:{payout.pk}:sent", "payout.sent", f"payout:{payout.pk}", lines)
        Commission.objects.filter(pk__in=owed.get(account.owner_id, ())).update(
            state=CommissionState.PAID, payout=payout
        )
    return len(accounts) - len([one for one in accounts if one.owner_id in known])


def send_by_provider(run: PayoutRun) -> list[Payout]:
    """Send a run's open payouts by the payment provider; return them.  Run it again for those without an answer.

    What comes back is settled with the provider's word (`payments/effects.py`).
    """
    if run.method != PayoutMethod.PROVIDER:
        raise PayoutError(_("this run goes by bank"))
    for payout in run.payouts.filter(state=PayoutState.SENT).order_by("pk"):
        amount = Money(payout.amount, run.currency)
        start_transfer(f"payout:{payout.pk}", run.provider, payout.provider_account, amount, f"payout:{payout.pk}")
    return list(run.payouts.order_by("pk"))


class _Message(SepaTransfer):  # type: ignore[misc]
    """A transfer message whose id we choose; the library would draw one."""

    def __init__(self, debtor: dict[str, object], message_id: str) -> None:
        self._message_id = message_id
        super().__init__(debtor, schema="pain.001.001.09", clean=True)

    def _create_header(self) -> None:
        self.msg_id = self._message_id
        super()._create_header()


def check_debtor() -> None:
    """Raise PayoutError where cell.toml does not say which bank account payouts come from."""
    ours = settings.CELL.config.payments
    if not ours.debtor_name or not iban.is_valid(ours.debtor_iban):
        raise PayoutError(_("set payments.debtor_name and payments.debtor_iban in cell.toml first"))
    if ours.debtor_bic and not bic.is_valid(ours.debtor_bic):
        raise PayoutError(_("payments.debtor_bic in cell.toml is no BIC"))


def sepa_file(run: PayoutRun, execution: date) -> bytes:
    """Return a run as pain.001.001.09 (ISO 20022), checked against its schema; again and again with the same ids.

    A bank that gets the file twice knows by its message id that it has it.  Raises PayoutError where the debtor is not
    set in cell.toml, or there is nothing to send.
    """
    if run.method != PayoutMethod.SEPA:
        raise PayoutError(_("this run goes by the payment provider"))
    check_debtor()
    ours = settings.CELL.config.payments
    payouts = list(run.payouts.exclude(state=PayoutState.FAILED).order_by("pk"))
    if not payouts:
        raise PayoutError(_("there is nothing to pay out"))
    debtor = {"name": ours.debtor_name[:70], "IBAN": iban.compact(ours.debtor_iban), "currency": "EUR", "batch": True}
    if ours.debtor_bic:
        debtor["BIC"] = bic.validate(ours.debtor_bic)
    document = _Message(debtor, f"GW-{hashlib.sha256(run.name.encode()).hexdigest()[:24]}")
    for payout in payouts:
        document.add_payment(
            {
                "name": payout.holder,
                "IBAN": payout.iban,
                "amount": payout.amount,
                "execution_date": execution,
                "description": f"Glaswerk payout {run.name}",
                "endtoend_id": f"GW-{payout.pk}",
            }
        )
    return bytes(document.export(validate=True))


def confirm_by_bank(run: PayoutRun, failed: frozenset[int] = frozenset()) -> None:
    """Settle a run that the bank has carried out; `failed` are the payouts that it sent back.  Safe to run again."""
    if run.method != PayoutMethod.SEPA:
        raise PayoutError(_("this run goes by the payment provider"))
    with transaction.atomic():
        open_ones = run.payouts.select_for_update(no_key=True).filter(state=PayoutState.SENT).order_by("pk")
        cash = account_id(AccountKind.BANK, "platform", 0, run.currency)
        for payout in open_ones:
            if payout.pk in failed:
                settle_payout(payout, PayoutState.FAILED, payable_account(payout.creator_id, run.currency))
            else:
                settle_payout(payout, PayoutState.PAID, cash)


def return_by_bank(run: PayoutRun, payout_id: int) -> Payout:
    """Owe a payout again that the bank sent back, before or after it was confirmed.  Safe to run again.

    Raises Payout.DoesNotExist, and PayoutError for a run that goes by the provider, who says so itself.
    """
    if run.method != PayoutMethod.SEPA:
        raise PayoutError(_("this run goes by the payment provider"))
    with transaction.atomic():
        payout = run.payouts.select_for_update(no_key=True).get(pk=payout_id)
        owed = payable_account(payout.creator_id, run.currency)
        if payout.state == PayoutState.SENT:
            settle_payout(payout, PayoutState.FAILED, owed)
        elif payout.state == PayoutState.PAID:
            owe_again(payout)
            cash = account_id(AccountKind.BANK, "platform", 0, run.currency)
            lines = [Line(cash, payout.amount), Line(owed, -payout.amount)]
            post_journal(f"payout:{payout.pk}:returned", "payout.failed", f"payout:{payout.pk}", lines)
            payout.state = PayoutState.FAILED
            payout.save(update_fields=["state"])
    return payout
