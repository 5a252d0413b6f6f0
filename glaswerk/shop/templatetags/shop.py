"""What the shop's templates say: whether money moves, countries by their names, amounts as people write them."""

from dataclasses import dataclass
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from django import template
from django.conf import settings
from django.utils.translation import get_language

from glaswerk.money.amounts import Money

register = template.Library()


@dataclass(frozen=True, slots=True)
class ShopFacts:
    """What every page of the shop has to say."""

    provider: str
    is_trial: bool
    return_days: int
    attribution_days: int


@register.simple_tag
def shop_settings() -> ShopFacts:
    """Return how this cell sells; in a trial no money moves, and every page says so."""
    config = settings.CELL.config
    provider = config.payments.provider
    return ShopFacts(provider, provider == "sandbox", config.shop.return_days, config.shop.attribution_days)


@register.filter
def country(code: str) -> str:
    """Return what people call a country in their language."""
    return country_names(get_language() or "en").get(code, code)


@lru_cache(8)
def country_names(language: str) -> dict[str, str]:
    """Return the names of all countries in a language."""
    try:
        return dict(Locale.parse(language, sep="-").territories)
    except (ValueError, UnknownLocaleError):
        return dict(Locale("en").territories)


@register.filter
def percent(basis_points: int) -> str:
    """Return hundredths of a percent as people write them: 1900 is 19 %."""
    whole, part = divmod(basis_points, 100)
    comma = "," if (get_language() or "en").startswith("de") else "."
    return f"{whole}{comma}{part:02}".rstrip("0") if part else str(whole)


@register.simple_tag
def money(minor: int, currency: str) -> str:
    """Return an amount as people write it."""
    return Money(minor, currency).shown(get_language() or "en")
