"""What strangers put into archives: everything hostile is refused before it costs anything, with a sentence that says so."""

import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.border.bags.archive import Archive
from glaswerk.border.bags.json_stream import LONGEST_TEXT, MOST_DEEP, BadJson, elements
from glaswerk.border.failures import RightsError

MIB = 1 << 20


def made(path: Path, *files: tuple[str | zipfile.ZipInfo, bytes], pressed: bool = True) -> Path:
    """Write a ZIP file whose names nobody checks."""
    kind = zipfile.ZIP_DEFLATED if pressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as out:
        for name, data in files:
            out.writestr(name, data, compress_type=kind)
    return path


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    "name",
    [
        "../out",
        "a/../../out",
        "/etc/passwd",
        "C:/x",
        "c:x",
        "a\\b",
        "..",
        "a//b",
        "./a",
        "a\nb",
        "a\u202eb",
        "/",
        "x" * 501,
        "/".join("a" * 30),
        "a/" * 21,
    ],
)
def test_names_that_lead_elsewhere_are_refused(name: str, tmp_path: Path) -> None:
    path = made(tmp_path / "a.zip", (name, b"x"))
    with pytest.raises(RightsError, match="name") as refused:
        Archive(path, MIB)
    assert refused.value.field == "file"


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    device = zipfile.ZipInfo("null")
    device.external_attr = 0o020666 << 16
    for number, info in enumerate((link("a"), device)):
        with pytest.raises(RightsError, match="link or a device"):
            Archive(made(tmp_path / f"{number}.zip", (info, b"/etc/passwd")), MIB)


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    path = made(tmp_path / "bomb.zip", ("zeros", bytes(40 * MIB)))
    assert path.stat().st_size < MIB
    with pytest.raises(RightsError, match="trap"):
        Archive(path, 100 * MIB)
    with pytest.raises(RightsError, match="more than 10 MiB"):
        Archive(path, 10 * MIB)


def test_a_file_longer_than_the_directory_says_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "lie.zip", ("words", b"word " * 100_000))
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<L", 100)
    path.write_bytes(data)
    with Archive(path, MIB) as archive, pytest.raises(RightsError, match="damaged"):
        archive.unpack(tmp_path / "out")
    assert sum(each.stat().st_size for each in (tmp_path / "out").rglob("*") if each.is_file()) <= 101


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = made(tmp_path / "a.zip", ("words", b"a calm long text"), pressed=False)
    path.write_bytes(path.read_bytes().replace(b"calm", b"cold"))
    with Archive(path, MIB) as archive, pytest.raises(RightsError, match="damaged"):
        list(archive.pieces("words"))


def test_files_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "a.zip", ("one", b"x" * 1000), ("two", b"y" * 1000), pressed=False)
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 42 : at + 46] = struct.pack("<L", 0)
    path.write_bytes(data)
    with pytest.raises(RightsError, match="damaged"):
        Archive(path, MIB)


def test_twice_within_and_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(UserWarning, match="Duplicate"), pytest.raises(RightsError, match="twice"):
        Archive(made(tmp_path / "twice.zip", ("a", b"1"), ("a", b"2")), MIB)
    with pytest.raises(RightsError, match="twice"):
        Archive(made(tmp_path / "case.zip", ("A.json", b"1"), ("a.JSON", b"2")), MIB)
    with pytest.raises(RightsError, match="within a file"):
        Archive(made(tmp_path / "within.zip", ("a", b"1"), ("a/b", b"2")), MIB)
    monkeypatch.setattr("glaswerk.border.bags.archive.MOST_FILES", 20)
    many = made(tmp_path / "many.zip", *((f"{number}", b"") for number in range(21)))
    with pytest.raises(RightsError, match="more than 20 files"):
        Archive(many, MIB)


def test_a_directory_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    path = made(tmp_path / "a.zip", ("a", b"1"))
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x05\x06")
    data[at + 12 : at + 16] = struct.pack("<L", 1 << 30)
    path.write_bytes(data)
    with pytest.raises(RightsError, match="more than"):
        Archive(path, MIB)


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06", b"PK\x03\x04" + bytes(100), b"no zip at all", bytes(70_000)])
def test_what_is_no_archive_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    with pytest.raises(RightsError, match="no ZIP file"):
        Archive(path, MIB)


def test_what_is_in_order_is_unpacked(tmp_path: Path) -> None:
    path = made(tmp_path / "a.zip", ("bag/data/a.json", b"[]"), ("bag/Ü.txt", "grün".encode()))
    with Archive(path, MIB) as archive:
        archive.unpack(tmp_path / "out")
    assert (tmp_path / "out/bag/data/a.json").read_bytes() == b"[]"
    assert (tmp_path / "out/bag/Ü.txt").read_text() == "grün"


def in_pieces(text: bytes, size: int) -> Iterator[bytes]:
    """Yield a text in pieces, so that every place of it is once a border between two."""
    return (text[place : place + size] for place in range(0, len(text), size))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcü", max_size=4), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.integers(1, 9))
def test_lists_are_read_as_json_reads_them(value: Any, size: int) -> None:
    text = json.dumps({"list": [value], "deep": {"er": [1, {"a": value}]}}, ensure_ascii=False).encode()
    assert list(elements(in_pieces(text, size))) == [
        (("list",), value), (("deep", "er"), 1), (("deep", "er"), {"a": value}),
    ]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.integers(1, 7))
def test_nothing_but_bad_json_is_raised(data: bytes, size: int) -> None:
    try:
        read = list(elements(in_pieces(data, size)))
    except BadJson:
        return
    json.loads(data)
    assert isinstance(read, list)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a": 1, "a": 2}', "twice"),
        (b'[{"a": 1, "a": 2}]', "twice"),
        (b'{"a":' * (MOST_DEEP + 2) + b"1" + b"}" * (MOST_DEEP + 2), "deep"),
        (b"[" * 100_000, "deep"),
        (b'{"a": [' + b"[" * 1000 + b"]" * 1000 + b"]}", "deep"),
        (b'{"a": "' + b"x" * (LONGEST_TEXT + 9) + b'"}', "large"),
        (b'{"a": "' + b"x" * (4 * LONGEST_TEXT), "large"),
        (b"[" + b"9" * 5000 + b"]", "large"),
        (b"[[" + b"1," * 30_000 + b"1]]", "large"),
        (b"[1, 2", "malformed"), (b"[1 2]", "malformed"), (b"{1: 2}", "malformed"), (b'{"a" 1}', "malformed"),
        (b"[1],", "trailing"), (b"[NaN]", "malformed"), (b"[01]", "malformed"), (b"[,]", "malformed"),
        (b"[1][2]", "trailing"), (b"", "empty"), (b"\xff\xfe[1]", "encoding"), (b'["\xc3"]', "encoding"),
    ],
)  # fmt: skip
def test_hostile_json_is_refused_with_a_reason(text: bytes, reason: str) -> None:
    for size in (7 if len(text) < 5000 else 1 << 14, 1 << 16, len(text) or 1):
        with pytest.raises(BadJson) as refused:
            list(elements(in_pieces(text, size)))
        assert refused.value.reason == reason


def test_a_large_file_takes_the_memory_of_its_largest_element() -> None:
    import tracemalloc

    def pieces() -> Iterator[bytes]:
        yield b'{"Activity": {"Like List": {"ItemFavoriteList": ['
        for _ in range(40):
            yield b",".join([b'{"Date": "2024-01-01", "Link": "https://www.tiktokv.com/share/video/7/"}'] * 250) + b","
        yield b'{"Date": "", "Link": ""}]}}}'

    tracemalloc.start()
    try:
        assert sum(1 for _ in elements(pieces())) == 10_001
        assert tracemalloc.get_traced_memory()[1] < 2 * MIB
    finally:
        tracemalloc.stop()
