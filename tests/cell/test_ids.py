"""Identifiers: what is written can be read back, and only that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.cell.ids import MAX_ID, created_ms, decode_id, encode_id, new_id, now_ms

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
    ids = [new_id() for _ in range(1000)]
    after = now_ms()
    assert len(set(ids)) == 1000
    assert all(0 < value <= MAX_ID for value in ids)
    assert all(before <= created_ms(value) <= after for value in ids)
    assert [created_ms(value) for value in ids] == sorted(created_ms(value) for value in ids)
