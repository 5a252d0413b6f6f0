"""Identifiers: what is written can be read back, and only that."""

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.cell import ids
from glaswerk.cell.ids import EPOCH_MS, MAX_ID, RANDOM_BITS, created_ms, decode_id, encode_id, new_id, now_ms

IDS = st.integers(min_value=0, max_value=MAX_ID)


@given(IDS)
def test_an_id_survives_its_public_form(value: int) -> None:
    text = encode_id(value)
    assert len(text) == 13
    assert decode_id(text) == value


@given(IDS, IDS)
def test_public_forms_sort_as_their_ids(one: int, other: int) -> None:
    assert (encode_id(one) < encode_id(other)) == (one < other)


@given(st.text(max_size=20))
def test_a_text_is_an_id_only_if_it_is_written_exactly_so(text: str) -> None:
    try:
        value = decode_id(text)
    except ValueError:
        return
    assert encode_id(value) == text


@pytest.mark.parametrize("text", ["", "0" * 12, "0" * 14, "0" * 12 + "u", "0" * 12 + "I", "z" * 13, "0" * 12 + "\n"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an id"):
        decode_id(text)


@pytest.mark.parametrize("value", [-1, MAX_ID + 1])
def test_other_numbers_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="63-bit"):
        encode_id(value)


def test_fresh_ids_differ_and_say_when_they_were_made() -> None:
    before = now_ms()
    drawn = [new_id() for _ in range(1000)]
    after = now_ms()
    assert len(set(drawn)) == 1000
    assert all(0 < value <= MAX_ID for value in drawn)
    assert all(before <= created_ms(value) <= after for value in drawn)
    assert [created_ms(value) for value in drawn] == sorted(created_ms(value) for value in drawn)


def test_threads_that_draw_within_one_millisecond_never_get_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_issuer", ids._Issuer())
    monkeypatch.setattr(ids, "now_ms", lambda: EPOCH_MS + (1 << 39))
    with ThreadPoolExecutor(8) as pool:
        drawn = [value for part in pool.map(lambda _: [new_id() for _ in range(5_000)], range(8)) for value in part]
    assert {created_ms(value) for value in drawn} == {EPOCH_MS + (1 << 39)}
    assert len(set(drawn)) == 40_000
    # The negative control: bare draws of as many random bits do repeat.
    assert len({secrets.randbits(RANDOM_BITS) for _ in range(40_000)}) < 40_000


def test_a_clock_that_is_set_back_brings_no_id_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_issuer", ids._Issuer())
    monkeypatch.setattr(ids, "now_ms", lambda: EPOCH_MS + 1000)
    first = new_id()
    monkeypatch.setattr(ids, "now_ms", lambda: EPOCH_MS + 900)
    assert created_ms(new_id()) == created_ms(first) == EPOCH_MS + 1000
