import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from glaswerk.glass.scale import HALVING, LOGISTIC, UNIT, decay, dice, log2_256, logistic


@given(st.integers(-(10**13), 10**13), st.integers(0, 10**12), st.integers(1, 10**11))
def test_decay_is_monotone(age: int, more: int, half_life: int) -> None:
    assert 0 <= decay(age + more, half_life) <= decay(age, half_life) <= UNIT


@given(st.integers(1, 10**11), st.integers(0, 16))
def test_decay_halves(half_life: int, times: int) -> None:
    assert decay(half_life * times, half_life) == UNIT >> times


@given(st.integers(-(20 * UNIT), 20 * UNIT), st.integers(0, UNIT))
def test_logistic_is_monotone_and_near(log_odds: int, more: int) -> None:
    assert logistic(log_odds) <= logistic(log_odds + more)
    assert abs(logistic(log_odds) / UNIT - 1 / (1 + math.exp(-log_odds / UNIT))) < 1 / 200


def test_tables_round_alike_everywhere() -> None:
    """No entry lies so close to a half that the last bits of a float could round it another way."""
    exact = [UNIT / (1 + math.exp(-step / 64)) for step in range(-768, 769)]
    assert LOGISTIC.tolist() == [round(value) for value in exact]
    halves = [UNIT * 2 ** (-step / 256) for step in range(256)]
    assert HALVING.tolist() == [round(value) for value in halves]
    for value in [*exact, *halves]:
        assert abs(value % 1 - 0.5) > 1e-6


@given(st.integers(1, 1 << 60))
def test_log2_is_the_floor(number: int) -> None:
    found = log2_256(number)
    assert (
        found == math.floor(256 * math.log2(number))
        or abs(256 * math.log2(number) - round(256 * math.log2(number))) < 1e-6
    )
    assert found <= log2_256(number + 1)


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, 51), st.integers(0, 100), st.integers(1, 1 << 31))
def test_dice_is_splitmix(seed: int, position: int, throw: int, faces: int) -> None:
    mask = (1 << 64) - 1
    word = (seed + 0x9E3779B97F4A7C15 * (position * 1024 + throw + 1)) & mask
    word = ((word ^ word >> 30) * 0xBF58476D1CE4E5B9) & mask
    word = ((word ^ word >> 27) * 0x94D049BB133111EB) & mask
    word ^= word >> 31
    assert dice(seed, position, throw, faces) == (word >> 32) * faces >> 32


def test_dice_is_fair() -> None:
    counts = [0] * 6
    for seed in range(6000):
        counts[dice(seed, 1, 0, 6)] += 1
    assert max(abs(Fraction(count, 6000) - Fraction(1, 6)) for count in counts) < Fraction(1, 50)
