"""The tables of money, one noun a file."""

from glaswerk.money.models.commission import (
    Commission,
    CommissionState,
    Destination,
    Payout,
    PayoutMethod,
    PayoutRun,
    PayoutState,
)
from glaswerk.money.models.ledger import Account, AccountKind, Entry, Journal
from glaswerk.money.models.payment import (
    Dispute,
    DisputeState,
    Operation,
    OperationKind,
    OperationState,
    Payment,
    PaymentState,
    ProviderEvent,
    Reconciliation,
)
from glaswerk.money.models.sandbox import SandboxDeed, SandboxHook

__all__ = [
    "Account",
    "AccountKind",
    "Commission",
    "CommissionState",
    "Destination",
    "Dispute",
    "DisputeState",
    "Entry",
    "Journal",
    "Operation",
    "OperationKind",
    "OperationState",
    "Payment",
    "PaymentState",
    "Payout",
    "PayoutMethod",
    "PayoutRun",
    "PayoutState",
    "ProviderEvent",
    "Reconciliation",
    "SandboxDeed",
    "SandboxHook",
]
