"""Money: the double-entry ledger, payments, commissions and payouts."""

from django.apps import AppConfig


class MoneyConfig(AppConfig):
    """The money app."""

    name = "glaswerk.money"
    label = "money"
