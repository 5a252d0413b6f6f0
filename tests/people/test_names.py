"""Names and shown texts: what is accepted, and in which form it is stored."""

import re

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.people.names import NAME_PATTERN, RESERVED, clean_name, clean_shown_text

ACCEPTED = st.from_regex(rf"\A{NAME_PATTERN}\Z").filter(lambda name: name not in RESERVED)


@given(ACCEPTED)
def test_every_name_of_the_pattern_is_kept_as_it_is(name: str) -> None:
    assert clean_name(name) == name
    assert 3 <= len(name) <= 30


@given(ACCEPTED)
def test_case_and_surrounding_space_do_not_make_another_name(name: str) -> None:
    assert clean_name(f"  {name.upper()}\t") == name


@given(st.text(max_size=40))
def test_a_text_is_refused_or_stored_as_a_plain_name(text: str) -> None:
    try:
        name = clean_name(text)
    except ValidationError:
        return
    assert re.fullmatch(r"[a-z0-9][a-z0-9._]{2,29}", name)
    assert name[-1] not in "._"
    assert name not in RESERVED
    assert clean_name(name) == name


@pytest.mark.parametrize("name", ["admin", "Operator", " SUPPORT ", "glaswerk", "me"])
def test_names_of_the_cell_itself_are_reserved(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        clean_name(name)
    assert refused.value.code in ("reserved", "invalid")


@pytest.mark.parametrize(
    "name", ["", "ab", "a" * 31, "_anna", "anna.", "an..na", "änna", "an na", "anna\n", "аnna", "a/b"]
)
def test_names_that_could_be_misread_are_refused(name: str) -> None:
    if name == "anna\n":
        assert clean_name(name) == "anna"
        return
    with pytest.raises(ValidationError):
        clean_name(name)


@given(st.text(max_size=80))
def test_a_shown_text_is_stable_and_has_nothing_hidden(text: str) -> None:
    shown = clean_shown_text(text)
    assert clean_shown_text(shown) == shown
    assert not set(shown) & set("\u202e\u2066\u200f\x00\x07\u2028")


def test_a_shown_text_keeps_what_people_write() -> None:
    assert clean_shown_text(" Töpfern & Glück 👩\u200d🎨\r\nBerlin ") == "Töpfern & Glück 👩\u200d🎨\nBerlin"
