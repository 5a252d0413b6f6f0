"""The tables of money, one noun a file."""

from glaswerk.money.models.ledger import Account, AccountKind, Entry, Journal

__all__ = ["Account", "AccountKind", "Entry", "Journal"]
