"""Payments: the interface for other apps."""

from glaswerk.money.payments.actions import (
    KeyTaken,
    NotRefundable,
    PaymentUnderway,
    cancel_payment,
    check_that_it_commits,
    confirm_payment,
    drive_payment,
    refund_payment,
    start_payment,
)
from glaswerk.money.payments.registry import (
    Change,
    PaymentChange,
    PaymentError,
    clearing_account,
    disputes_account,
    on_payment,
)

__all__ = [
    "Change",
    "KeyTaken",
    "NotRefundable",
    "PaymentChange",
    "PaymentError",
    "PaymentUnderway",
    "cancel_payment",
    "check_that_it_commits",
    "clearing_account",
    "confirm_payment",
    "disputes_account",
    "drive_payment",
    "on_payment",
    "refund_payment",
    "start_payment",
]
