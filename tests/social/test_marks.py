"""How pages write texts and counts: links for hashtags and mentions, and nothing that becomes markup."""

import re
from html import unescape

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.social.templatetags.people_marks import compact, linked


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "plain"),
        ("#Füchse!", '<a href="/t/f%C3%BCchse">#Füchse</a>!'),
        ("(#a, @Ada.)", '(<a href="/t/a">#a</a>, <a href="/@ada">@Ada</a>.)'),
        ("mail@ada.org", "mail@ada.org"),
        ("https://x.org/#top a#b #1 # @ @a", "https://x.org/#top a#b #1 # @ @a"),
        ("#a#b", '<a href="/t/a">#a</a>#b'),
        ("<b>#x</b> & @ada", '&lt;b&gt;<a href="/t/x">#x</a>&lt;/b&gt; &amp; <a href="/@ada">@ada</a>'),
        ("@adaß @admin_", "@adaß @admin_"),
    ],
)
def test_hashtags_and_mentions_become_links(text: str, html: str) -> None:
    assert linked(text) == html


@given(st.text(alphabet=st.sampled_from("ab#@ ßİ<>&\"'_.\n狐हिं1"), max_size=40))
def test_the_words_stay_and_no_other_markup_comes(text: str) -> None:
    html = str(linked(text))
    bare = re.sub(r'<a href="/(?:t/|@)[^"<>\s]+">([^<>]+)</a>', r"\1", html)
    assert "<" not in bare
    assert unescape(bare) == text


@pytest.mark.parametrize(
    ("number", "english", "german"),
    [
        (0, "0", "0"),
        (999, "999", "999"),
        (9_999, "9,999", "9.999"),
        (10_000, "10.0K", "10,0 Tsd."),
        (12_399, "12.3K", "12,3 Tsd."),
        (999_999, "999K", "999 Tsd."),
        (1_000_000, "1.0M", "1,0 Mio."),
        (1_590_000_000, "1590.0M", "1590,0 Mio."),
    ],
)
def test_counts_are_short_and_never_rounded_up(number: int, english: str, german: str) -> None:
    with translation.override("en"):
        assert compact(number) == english
    with translation.override("de"):
        assert compact(number) == german
