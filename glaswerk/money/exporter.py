"""What the ledger holds about a person who earns.  What buyers paid belongs to their orders, and the shop tells of it."""

from collections.abc import Iterable
from typing import ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from glaswerk.money.models import Account, Commission, CommissionState, Destination, Entry, Payout, PayoutState
from glaswerk.people.models import Person
from glaswerk.people.rights import Exporter, Record, category, facts

OWNER_KIND = "creator"
_BOOKS = gettext_lazy(
    "The law wants the books kept for ten years (in Germany § 147 AO and § 257 HGB). What stays is a number, amounts and dates, without name, address or account."
)
_PROVIDERS = "It is the payment provider's side of a payment, under the provider's own numbers."


class MoneyExporter(Exporter):
    """What somebody earned, and how it was paid out."""

    app = "money"
    excluded: ClassVar = {
        "money.PayoutRun": "It is the operator's: one run for many people; each one's part is their payout.",
        "money.ProviderEvent": _PROVIDERS,
        "money.Reconciliation": "It compares the totals of a day with a provider's.",
        "money.SandboxDeed": _PROVIDERS,
        "money.SandboxHook": _PROVIDERS,
    }

    @category(gettext_lazy("Earnings"), "money.Commission", kept=_BOOKS)
    def earnings(self, person: Person) -> Iterable[Record]:
        """What the person earned by sales."""
        return (facts(each) for each in Commission.objects.filter(creator_id=person.pk).order_by("pk").iterator())

    @category(gettext_lazy("Where your money goes"), "money.Destination")
    def destination(self, person: Person) -> Iterable[Record]:
        """The bank account of payouts."""
        return (facts(each) for each in Destination.objects.filter(creator_id=person.pk))

    @category(gettext_lazy("Payouts"), "money.Payout", kept=_BOOKS)
    def payouts(self, person: Person) -> Iterable[Record]:
        """What was paid out, when and where to."""
        for payout in Payout.objects.filter(creator_id=person.pk).select_related("run").order_by("pk"):
            yield {
                **facts(payout),
                "run": payout.run.name,
                "at": payout.run.at.isoformat(),
                "currency": payout.run.currency,
            }

    @category(gettext_lazy("Your accounts in the ledger"), "money.Account", "money.Entry", "money.Journal", kept=_BOOKS)
    def ledger(self, person: Person) -> Iterable[Record]:
        """The person's accounts with everything that moved them."""
        for account in Account.objects.filter(owner_kind=OWNER_KIND, owner_id=person.pk).order_by("pk"):
            entries = Entry.objects.filter(account=account).select_related("journal").order_by("pk")
            lines = [
                {
                    "at": entry.journal.at.isoformat(),
                    "kind": entry.journal.kind,
                    "reference": entry.journal.reference,
                    "amount": account.side * entry.amount,
                }
                for entry in entries.iterator(chunk_size=2000)
            ]
            yield {**facts(account, "side", "overdraft"), "entries": lines}

    def obstacles(self, person: Person) -> list[str]:
        """Nobody loses money by leaving, and nobody leaves with the platform's."""
        found = []
        earned = Commission.objects.filter(creator_id=person.pk)
        if earned.filter(state=CommissionState.ACCRUED).exists():
            found.append(_("You have earnings that become payable later. Please wait for them."))
        accounts = Account.objects.filter(owner_kind=OWNER_KIND, owner_id=person.pk)
        if accounts.exclude(balance=0).exists() and not found:
            found.append(_("Your balance is not zero. Please wait for the next payout, or ask the operator."))
        if Payout.objects.filter(creator_id=person.pk, state=PayoutState.SENT).exists():
            found.append(_("A payout is on its way to you. Please wait until it has arrived."))
        return found

    def erase(self, person: Person) -> list[str]:
        """Keep the books, and cut off who they are about."""
        Destination.objects.filter(creator_id=person.pk).delete()
        for payout in Payout.objects.filter(creator_id=person.pk).select_related("operation"):
            if payout.operation is not None:
                payout.operation.destination = ""
                payout.operation.save(update_fields=["destination"])
        Payout.objects.filter(creator_id=person.pk).update(holder="", iban="", provider_account="")
        return []
