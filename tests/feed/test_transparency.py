"""The policy in words: no key without a sentence, no number that is not the policy's own."""

import math
import re
from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pytest
from django.utils import translation

from glaswerk.feed.transparency.chapters import FILTERS, chapters
from glaswerk.feed.transparency.meanings import odds
from glaswerk.feed.transparency.page import changes, describe, flat
from glaswerk.feed.transparency.plots import WIDTH
from glaswerk.feed.transparency.sentences import LINES, SECTIONS, SIGNALS
from glaswerk.glass import default_policy
from glaswerk.glass.heads import BINS
from glaswerk.glass.learned import KNOTS, LearnedHeads
from glaswerk.glass.names import FILTERS as ENGINE_FILTERS
from glaswerk.glass.names import HEADS as ENGINE_HEADS
from glaswerk.glass.names import ITEM_SIGNALS, VIEWER_SIGNALS
from glaswerk.glass.scale import UNIT

TEXT = default_policy().text


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """What is not said otherwise is asked for in English, whatever language a test before left behind."""
    with translation.override("en"):
        yield


@pytest.mark.parametrize("key", list(flat(TEXT)))
def test_every_key_has_a_sentence_in_both_languages(key: str) -> None:
    with translation.override("en"):
        english = str(LINES[key].sentence)
    with translation.override("de"):
        german = str(LINES[key].sentence)
    assert english
    assert german
    assert german != english


def test_no_sentence_is_left_of_a_key_that_is_gone() -> None:
    assert set(LINES) == set(flat(TEXT))
    assert tuple(SIGNALS) == ("bias", *ITEM_SIGNALS, *VIEWER_SIGNALS)


def test_every_filter_of_the_engine_is_told_in_its_order() -> None:
    assert tuple(FILTERS) == ENGINE_FILTERS
    for sentence in FILTERS.values():
        with translation.override("de"):
            german = str(sentence)
        with translation.override("en"):
            assert str(sentence) != german


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_key_stands_on_the_page_once(language: str) -> None:
    with translation.override(language):
        described = describe(TEXT)
        rows = [row for chapter in chapters(described) for row in chapter.rows]
        rows += [row for head in described.heads for row in head.rows]
    shown = [row.key for row in rows]
    biases = {f"heads.{head}.bias" for head in ENGINE_HEADS}
    assert sorted(shown) == sorted(set(flat(TEXT)) - biases)
    assert [head.name for head in described.heads] == list(ENGINE_HEADS)


def test_numbers_are_the_policys_own() -> None:
    values = flat(TEXT)
    described = describe(TEXT)
    for row in [row for section in described.rows.values() for row in section]:
        value = values[row.key]
        if isinstance(value, str) or row.key.endswith((".share", ".cap")):
            continue
        shown = Decimal(row.number.replace("−", "-").replace("+", "").replace(",", ""))
        assert abs(shown) == abs(Decimal(value)), row.key


def test_a_changed_number_changes_its_row_and_the_history() -> None:
    other = re.sub(r"(?m)^like = 0\.5\b", "like = 0.25", TEXT, count=1)
    assert other != TEXT
    rows = {row.key: row for row in describe(other).rows["weights"]}
    assert (rows["weights.like"].number, rows["weights.like"].words) == ("0.25", "counts 25 %")
    (change,) = changes(TEXT, other)
    assert (change.sentence, change.before, change.after) == (
        "That you like it.",
        "0.5 counts half",
        "0.25 counts 25 %",
    )
    assert changes(TEXT, TEXT) == []


def test_the_history_tells_keys_that_came_and_went() -> None:
    other = TEXT.replace("[commercial]", "[commercial]\nformer = 3")
    (change,) = changes(other, TEXT)
    assert (change.sentence, change.before, change.after) == ("commercial.former", "3", "")


@pytest.mark.parametrize(
    ("log_odds", "words"),
    [
        (0.0, "changes nothing"),
        (0.7, "doubles the odds"),
        (-0.7, "halves the odds"),
        (1.0, "makes the odds 2.7 times as high"),
        (-1.0, "divides the odds by 2.7"),
        (0.1, "raises the odds by 11 %"),
        (-0.3, "lowers the odds by 26 %"),
    ],
)
def test_log_odds_in_words(log_odds: float, words: str) -> None:
    assert odds(log_odds) == words


def test_what_a_dial_does_is_said_for_every_dial() -> None:
    assert {key.split(".")[1] for key in SECTIONS["dials"]} == {
        key.split(".")[1] for key in flat(TEXT) if key[:6] == "dials."
    }


def test_curves_go_through_their_marks() -> None:
    for curve in describe(TEXT).curves:
        heights = [float(mark.y) for mark in curve.marks]
        assert heights == sorted(heights) or heights == sorted(heights, reverse=True)
        assert all(math.isfinite(height) and 0 <= height <= curve.height for height in heights)
        assert curve.words


def test_what_was_learned_is_drawn_as_it_counts_and_only_where_it_was_learned() -> None:
    knots = np.array([np.arange(KNOTS) * UNIT] * len(VIEWER_SIGNALS), dtype=np.int64)
    heights = np.zeros((1, len(VIEWER_SIGNALS), KNOTS), dtype=np.int64)
    rising, falling = VIEWER_SIGNALS.index("cowatch"), VIEWER_SIGNALS.index("fresh")
    heights[0, rising] = np.linspace(-UNIT // 2, UNIT, KNOTS).astype(np.int64)
    heights[0, falling] = np.linspace(UNIT // 4, 0, KNOTS).astype(np.int64)
    table = np.zeros((1, len(ITEM_SIGNALS), BINS), dtype=np.int32)
    heads = LearnedHeads(("finish",), np.zeros(1, dtype=np.int64), table, knots, heights)
    with translation.override("en"):
        drawn = {head.name: head.learned for head in describe(TEXT, heads).heads}
        cowatch, fresh = drawn.pop("finish")
        assert (cowatch.title, fresh.title) == (str(SIGNALS["cowatch"].sentence), str(SIGNALS["fresh"].sentence))
        assert cowatch.words == f"At its weakest: {odds(-0.5)}. At its strongest: {odds(1.0)}."
    assert set(map(len, drawn.values())) == {0}
    # The largest height of the head reaches the top of the picture, zero lies on the axis.
    assert cowatch.line.split(" L")[-1] == f"{WIDTH}.0 4.0"
    assert fresh.line.split(" L")[-1] == f"{WIDTH}.0 {fresh.axis}"
    assert all(not head.learned for head in describe(TEXT).heads)
