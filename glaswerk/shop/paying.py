"""Where the shop meets the payment port."""

from glaswerk.shop.models import Purchase


def is_started(purchase: Purchase) -> bool:
    """Whether a payment of this purchase was begun."""
    return purchase.payment is not None


def advance(purchase: Purchase) -> None:
    """Start the payment of a purchase, or ask how it stands, and act on it."""
    from glaswerk.shop.actions.purchases import settle

    settle(purchase.pk, 1)


def give_back(purchase: Purchase, minor: int, key: str) -> bool:
    """Pay back part of a purchase; return whether it is done.  The same key pays back once."""
    return True


def page_of(purchase: Purchase) -> str | None:
    """Return where the buyer pays, if the provider wants them there."""
    return None
