"""Amounts: whole minor units in one currency, shared out without losing any."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.money.amounts import MAX_MINOR, AmountError, Money, allocate, exponent

totals = st.integers(-(10**15), 10**15)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any)


@given(totals, weights)
def test_shares_sum_to_the_total_and_none_is_a_unit_away_from_its_exact_share(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


@given(totals, weights)
def test_taking_back_is_the_mirror_of_giving(total: int, weights: list[int]) -> None:
    assert allocate(-total, weights) == [-part for part in allocate(total, weights)]


@given(totals, weights)
def test_a_larger_weight_never_gets_a_smaller_share(total: int, weights: list[int]) -> None:
    pairs = sorted(zip(weights, map(abs, allocate(total, weights)), strict=True))
    for (light, less), (heavy, more) in pairwise(pairs):
        assert light == heavy or less <= more


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (5, [0, 7, 0], [0, 5, 0]),
        (1, [1, 1], [1, 0]),
        (0, [3, 4], [0, 0]),
        (10, [1, 2, 3], [2, 3, 5]),
        (101, [333, 333, 334], [34, 33, 34]),
    ],
)
def test_known_shares(total: int, weights: list[int], parts: list[int]) -> None:
    assert allocate(total, weights) == parts


@pytest.mark.parametrize("weights", [[], [0], [0, 0, 0], [3, -1]])
def test_nobody_to_share_with_is_an_error(weights: list[int]) -> None:
    with pytest.raises(AmountError):
        allocate(100, weights)


def test_arithmetic_stays_within_one_currency() -> None:
    euro, yen = Money(250, "EUR"), Money(250, "JPY")
    assert euro + Money(50, "EUR") == Money(300, "EUR")
    assert euro - Money(300, "EUR") == Money(-50, "EUR")
    assert -euro * 2 == Money(-500, "EUR")
    assert Money(1, "EUR") < euro <= Money(250, "EUR")
    assert euro != yen
    for mixed in (lambda: euro + yen, lambda: euro - yen, lambda: euro < yen, lambda: euro <= yen):
        with pytest.raises(AmountError, match="EUR and JPY"):
            mixed()


@pytest.mark.parametrize("minor", [1.0, "1", True, None, Decimal(1)])
def test_an_amount_is_a_whole_number(minor: object) -> None:
    with pytest.raises(AmountError):
        Money(minor, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "XQQ", "€"])
def test_a_currency_is_one_that_exists(currency: str) -> None:
    with pytest.raises(AmountError):
        Money(1, currency)


def test_an_amount_fits_the_ledger() -> None:
    assert Money(MAX_MINOR, "EUR").minor == MAX_MINOR
    with pytest.raises(AmountError):
        Money(MAX_MINOR, "EUR") + Money(1, "EUR")
    with pytest.raises(AmountError):
        Money(3, "EUR") * 1.5  # type: ignore[operator]


def test_display_knows_the_decimals_of_each_currency() -> None:
    assert [exponent(code) for code in ("JPY", "EUR", "KWD")] == [0, 2, 3]
    assert Money(1234, "EUR").shown("de") == "12,34\xa0€"
    assert Money(1234, "JPY").shown("en") == "¥1,234"
    assert Money(1234, "KWD").decimal() == Decimal("1.234")
    assert Money(-1234567, "EUR").shown("en") == "-€12,345.67"


@given(st.integers(0, 10**9), st.lists(st.integers(0, 100), min_size=1, max_size=5).filter(any))
def test_money_shares_like_numbers(minor: int, weights: list[int]) -> None:
    assert Money(minor, "EUR").share(weights) == [Money(part, "EUR") for part in allocate(minor, weights)]
