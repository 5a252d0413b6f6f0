"""Captions: what is kept, what is refused, and which words count."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.videos import captions
from glaswerk.videos.captions import CaptionError, Refusal, parse_caption

WORDS = st.text(st.characters(categories=["Ll", "Lu", "Lo", "Mn", "Mc", "Nd"], include_characters="_"), min_size=1)
# Signs, names and tricky characters come often, so that the rules meet.
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(["#", "@", " ", "\n", "\r\n", "ß", "İ", "ﬁ", "é", "e\u0301", "\u202e", "\u2066", "_", "."]),
        st.text(),
    )
).map("".join)


@pytest.mark.parametrize(
    ("text", "hashtags"),
    [
        ("", ()),
        ("#Töpfern und #töpfern", ("töpfern",)),
        ("(#ton) #Glasur, #b_2.", ("ton", "glasur", "b_2")),
        ("#STRASSE #straße", ("strasse",)),
        ("#हिन्दी #日本 #Ελλάς", ("हिन्दी", "日本", "ελλάσ")),
        ("#1 #2024 ##x a#b https://x.test/#frag &#39; #", ()),
        ("#e\u0301te\u0301 #été", ("été",)),
        ("#a#b", ("a",)),
    ],
)
def test_hashtags(text: str, hashtags: tuple[str, ...]) -> None:
    assert parse_caption(text).hashtags == hashtags


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("@ada and @Ben.", ("ada", "ben")),
        ("@ada @ADA", ("ada",)),
        ("mail ada@ben.test, @@ada, https://x.test/@ada", ()),
        ("(@ada.l)", ("ada.l",)),
        ("@ad @" + "x" * 31 + " @adaß @ada_", ()),
    ],
)
def test_mentions(text: str, mentions: tuple[str, ...]) -> None:
    found = parse_caption(text).mentions
    assert found == mentions


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * 2201, Refusal.TOO_LONG),
        ("x" * 100_000, Refusal.TOO_LONG),
        ("a\x00b", Refusal.CONTROL_CHARACTER),
        ("a\x1b[31m", Refusal.CONTROL_CHARACTER),
        ("a\x85b", Refusal.CONTROL_CHARACTER),
        ("a\ud800", Refusal.CONTROL_CHARACTER),
        (" ".join(f"#t{number}" for number in range(31)), Refusal.TOO_MANY_HASHTAGS),
        ("#" + "x" * 51, Refusal.HASHTAG_TOO_LONG),
        ("#" + "ß" * 26, Refusal.HASHTAG_TOO_LONG),
        (" ".join(f"@person{number}" for number in range(31)), Refusal.TOO_MANY_MENTIONS),
    ],
)
def test_refused(text: str, reason: Refusal) -> None:
    with pytest.raises(CaptionError) as error:
        parse_caption(text)
    assert error.value.reason == reason


def test_at_the_limits() -> None:
    assert len(parse_caption("x" * 2200).text) == 2200
    assert len(parse_caption(" ".join(f"#t{number}" for number in range(30))).hashtags) == 30
    assert parse_caption("#" + "x" * 50).hashtags == ("x" * 50,)


def test_cleaning() -> None:
    assert parse_caption(" a\r\nb\rc\td\u202eevil\u2066 \n").text == "a\nb\nc devil"


@given(TEXTS)
def test_parsing_again_changes_nothing(text: str) -> None:
    try:
        once = parse_caption(text)
    except CaptionError:
        return
    assert parse_caption(once.text) == once


@given(TEXTS)
def test_what_is_kept_is_clean(text: str) -> None:
    try:
        caption = parse_caption(text)
    except CaptionError:
        return
    assert len(caption.text) <= captions.MAX_CAPTION
    assert unicodedata.is_normalized("NFC", caption.text)
    assert not {unicodedata.category(character) for character in caption.text.replace("\n", "")} & {"Cc", "Cs"}
    assert not set(caption.text) & {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
    for hashtag in caption.hashtags:
        assert 1 <= len(hashtag) <= captions.MAX_HASHTAG
        assert captions.fold_hashtag(hashtag) == hashtag
    assert len(set(caption.hashtags)) == len(caption.hashtags) <= captions.MAX_HASHTAGS


@given(WORDS.filter(lambda word: any(map(str.isalpha, word))))
def test_a_hashtag_is_found_in_any_writing(word: str) -> None:
    assert captions.find_hashtags(f"see #{word}!") == (captions.fold_hashtag(word),)
    assert captions.find_hashtags(f"#{unicodedata.normalize('NFD', word)}") == (captions.fold_hashtag(word),)
