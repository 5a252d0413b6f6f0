"""What is drawn: texts in fonts that are there, stickers, looks; and captions in and out."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from glaswerk.reel.timeline import (
    Caption,
    Text,
    TimelineError,
    fonts,
    looks,
    read_captions,
    stickers,
    words,
    write_captions,
)
from glaswerk.reel.timeline.model import Align, TextStyle

from .made import HOSTILE


def drawn(text: str, folder: str = str(fonts.FOLDER), **more: object) -> np.ndarray:
    return np.asarray(words.picture(Text(text=text, duration_ms=1, **more), 360, 640, folder))  # type: ignore[arg-type]


def test_our_own_typeface_is_there() -> None:
    assert fonts.available(), "run `npm ci` in the folder of the program"
    assert fonts.face_for("g").path.endswith("inter-latin-wght-normal.woff2")  # type: ignore[union-attr]
    assert fonts.face_for("ж").path.endswith("inter-cyrillic-wght-normal.woff2")  # type: ignore[union-attr]


@pytest.mark.parametrize("style", TextStyle)
def test_every_style_draws_letters(style: TextStyle) -> None:
    image = drawn("Größe", color="#f0c040", background="#203040", style=style)
    opaque = image[image[..., 3] > 250]
    assert len(opaque) > 100
    if style != TextStyle.NEON:
        assert (abs(opaque[:, :3].astype(int) - (240, 192, 64)).max(axis=1) < 8).sum() > 50
    if style in (TextStyle.BOX, TextStyle.OUTLINE):
        assert (abs(opaque[:, :3].astype(int) - (32, 48, 64)).max(axis=1) < 8).sum() > 50


def test_lines_break_between_words_and_within_long_ones() -> None:
    high = [drawn(text).shape[0] for text in ("word", "word " * 12, "w" * 60, "a\nb\nc")]
    line = round(words.LINE * 32)
    assert high[1] >= high[0] + line and high[2] >= high[0] + line and high[3] == high[0] + 2 * line
    assert max(drawn("w" * 200).shape[1], drawn("word " * 60).shape[1]) <= 360 * words.WIDEST + 2 * 32
    # Nobody sees more than two frames high.
    assert drawn("w\n" * 19, size=0.5).shape[0] <= 2 * 640 + 640


def test_alignment_and_turning() -> None:
    left, right = (drawn("a\nlonger line", align=each)[..., 3] for each in (Align.LEFT, Align.RIGHT))
    half = left.shape[0] // 2
    assert np.argmax(left[:half].max(axis=0) > 128) < np.argmax(right[:half].max(axis=0) > 128)
    level, upright = drawn("a longer line"), drawn("a longer line", rotation=90.0)
    assert level.shape[:2] == upright.shape[1::-1]


def test_what_no_font_has_is_an_empty_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_SYSTEM", ())
    folder = str(tmp_path)
    assert fonts.is_drawn_at_all("a", folder) and not fonts.is_drawn_at_all("漢", folder)
    box = drawn("漢", folder, size=0.1)[..., 3]
    rows, columns = np.nonzero(box > 200)
    # A frame with nothing in it.
    assert box[(rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2] < 200 and len(rows) > 50


def test_a_missing_typeface_is_replaced(tmp_path: Path) -> None:
    assert not fonts.available(tmp_path)
    assert (drawn("Größe", str(tmp_path))[..., 3] > 200).sum() > 100
    (tmp_path / "inter-latin-wght-normal.woff2").write_bytes(b"no font at all")
    fonts.own_faces.cache_clear()
    assert not fonts.available(tmp_path)
    assert (drawn("Grösse", str(tmp_path))[..., 3] > 200).sum() > 100


@settings(max_examples=12, deadline=None)
@example("a\u2029b\x1c\x85", TextStyle.PLAIN)
@given(st.text(min_size=1, max_size=30), st.sampled_from(TextStyle))
def test_any_text_can_be_drawn(text: str, style: TextStyle) -> None:
    text = text.encode("utf-8", "ignore").decode() or "x"
    image = drawn(text, style=style)
    assert image.shape[2] == 4 and image.shape[1] <= 360 + 100


def test_stickers_are_the_same_as_pixels_and_as_svg() -> None:
    for name in stickers.STICKERS:
        image = np.asarray(stickers.picture(name, 60))
        share = (image[..., 3] > 128).mean()
        assert 0.1 < share < 0.9 and not image[0, 0, 3], name
        root = ET.fromstring(stickers.svg(name))
        assert root.attrib["viewBox"] == "0 0 1 1" and len(root) == 2 * len(stickers.STICKERS[name]())


@pytest.mark.parametrize("name", looks.LOOKS)
def test_looks_change_colours_and_keep_greys_in_order(name: str) -> None:
    look = looks.LOOKS[name]
    assert look.en and look.de
    table = looks.colours(name, 1.0, 9)
    plain = looks.colours(name, 0.0, 9)
    assert table.min() >= 0 and table.max() <= 1 and abs(table - plain).max() > 0.03
    # Red fastest: the second point is the first step of red.
    assert plain[1].tolist() == [0.125, 0, 0] and plain[9].tolist() == [0, 0.125, 0]
    greys = [table[each * (1 + 9 + 81)] @ (0.2126, 0.7152, 0.0722) for each in range(9)]
    assert greys == sorted(greys)
    assert len(looks.table(name, 1.0, 9)) == 3 * 9**3
    lines = looks.cube(name, 0.5).splitlines()
    assert lines[0] == "LUT_3D_SIZE 33" and len(lines) == 1 + 33**3
    assert all(re.fullmatch(r"[01]\.\d{6} [01]\.\d{6} [01]\.\d{6}", each) for each in lines[1::997])


def test_captions_come_in() -> None:
    text = "\ufeffWEBVTT\n\nNOTE a note\n\nSTYLE\n::cue { color: red }\n\n1\n00:01.000 --> 00:02.500 align:left\nHello &amp; <b>bold</b>\nthere\n\n00:00:02.000 --> 00:00:03.000\nnext\n"
    found = read_captions(text)
    assert found == (Caption(1000, 2500, "Hello & bold\nthere"), Caption(2500, 3000, "next"))


@pytest.mark.parametrize(
    ("text", "words_"),
    [
        ("1\n00:00:01,000 --> 00:00:02,000\nsrt\n", "has to begin with WEBVTT"),
        ("WEBVTT\n\n00:02.000 --> 00:01.000\nbackwards\n", "after it begins"),
        ("WEBVTT\n\n00:01.000 --> 99:00:00.000\nlong\n", "ten minutes"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nbell\x07\n", "U+0007"),
        ("WEBVTT\n" + "x" * 300_000, "larger"),
        ("WEBVTT\n\n" + "".join(f"00:{each // 60:02d}:{each % 60:02d}.000 --> 00:{each // 60:02d}:{each % 60:02d}.900\nx\n\n" for each in range(599)), "at most 500"),
    ],
)  # fmt: skip
def test_captions_that_cannot_be_taken(text: str, words_: str) -> None:
    with pytest.raises(TimelineError) as caught:
        read_captions(text)
    assert words_ in caught.value.message


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co", "Zs", "Zl", "Zp", "Cf")) | st.sampled_from("<>&-"), min_size=1, max_size=20),
        max_size=5,
    )
)  # fmt: skip
def test_captions_go_out_and_come_back(texts: list[str]) -> None:
    captions = tuple(Caption(1000 * number, 1000 * number + 900, text) for number, text in enumerate(texts))
    assert read_captions(write_captions(captions)) == captions


def test_captions_cannot_break_out_of_their_file() -> None:
    written = write_captions((Caption(0, 900, HOSTILE + "\n\n00:05.000 --> 00:06.000\ninjected <script>"),))
    assert "<script>" not in written and written.count(" --> ") == 1
    assert len(read_captions(written)) == 1
