"""Names of tiles, their widths, and bundles: what is written is read, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.tlog import LogError, Reason, Tile
from glaswerk.tlog.merkle import MAX_SIZE, leaf_hashes
from glaswerk.tlog.tiles import (
    ENTRIES,
    LONGEST_ENTRY,
    bundle_hashes,
    levels_of,
    read_bundle,
    tiles_of,
    width_in,
    write_bundle,
)

tiles = st.builds(
    lambda level, index, width: Tile(level, index >> 8 * max(level, 0) + 8, width),
    st.integers(ENTRIES, 7),
    st.integers(0, MAX_SIZE),
    st.integers(1, 256),
)


@given(tiles)
def test_a_name_is_read_as_it_was_written(tile: Tile) -> None:
    assert Tile.parse(tile.path) == tile


@given(st.text(alphabet="tile/ntrsx0123456789.p", max_size=30) | st.text(max_size=20))
def test_a_name_has_one_spelling(path: str) -> None:
    try:
        tile = Tile.parse(path)
    except LogError:
        return
    assert tile.path == path


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(2, 999, 1), "tile/2/999.p/1"),
        (Tile(ENTRIES, 1000, 255), "tile/entries/x001/000.p/255"),
    ],
)
def test_names_by_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert Tile.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "/tile/0/000",
        "tile/0/000/",
        "tile//000",
        "tile/00/000",
        "tile/01/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/8/000",
        "tile/63/000",
        "tile/100/000",
        "tile/0/x000/000",
        "tile/0/x000/x001/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/1000",
        "tile/0/000.p/-1",
        "tile/0/000.p/1/",
        "tile/entries/000.p/0",
        "tile/entries/0",
        "tile/Entries/000",
        "tile/0/٠٠٠",
        "tile/0/../000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/7/000/000",
        "tile/7/x001/000",
        "checkpoint",
        "",
        "tile/0/000\n",
        "tile/0/000 ",
    ],
)
def test_other_names_are_refused(path: str) -> None:
    with pytest.raises(LogError) as caught:
        Tile.parse(path)
    assert caught.value.reason in (Reason.MALFORMED, Reason.OUT_OF_RANGE)


@given(st.integers(0, MAX_SIZE), st.integers(ENTRIES, 7))
def test_the_rightmost_tile_is_as_wide_as_the_specification_says(size: int, level: int) -> None:
    count = size >> 8 * max(level, 0)
    assert width_in(size, level, count // 256) == count % 256
    assert width_in(size, level, count // 256 + 1) == 0
    if count >= 256:
        assert width_in(size, level, count // 256 - 1) == 256


def test_the_tiles_of_a_log_by_the_specification() -> None:
    # The example of tlog-tiles: 273 full tiles and one of 112; one full and one of 17; one of 1.
    assert levels_of(70_000) == 3
    assert [tile.width for tile in tiles_of(70_000, 0)] == [256] * 273 + [112]
    assert list(tiles_of(70_000, 1)) == [Tile(1, 0), Tile(1, 1, 17)]
    assert list(tiles_of(70_000, 2)) == [Tile(2, 0, 1)]
    assert [list(tiles_of(256, level)) for level in range(levels_of(256))] == [[Tile(0, 0)], [Tile(1, 0, 1)]]
    assert (levels_of(0), list(tiles_of(0, 0))) == (0, [])
    assert levels_of(MAX_SIZE) == 8


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_is_read_as_it_was_written(entries: list[bytes]) -> None:
    data = write_bundle(entries)
    assert read_bundle(data, len(entries)) == entries
    assert bundle_hashes(data, len(entries)) == leaf_hashes(entries)
    for wrong, width in ((data + b"\0", len(entries)), (data[:-1], len(entries)), (data, len(entries) + 1)):
        for read in (read_bundle, bundle_hashes):
            if wrong or width:
                with pytest.raises(LogError) as caught:
                    read(wrong, width)
                assert caught.value.reason == Reason.MALFORMED


@given(st.binary(max_size=40), st.integers(0, 256))
def test_bytes_are_a_bundle_in_one_way_or_none(data: bytes, width: int) -> None:
    try:
        entries = read_bundle(data, width)
    except LogError:
        with pytest.raises(LogError):
            bundle_hashes(data, width)
    else:
        assert write_bundle(entries) == data


def test_an_entry_has_a_greatest_length() -> None:
    longest = bytes(LONGEST_ENTRY)
    assert read_bundle(write_bundle([longest]), 1) == [longest]
    with pytest.raises(LogError) as caught:
        write_bundle([longest + b"\0"])
    assert caught.value.reason == Reason.TOO_LARGE
