"""The detector: every spelling is found at any place and behind any wrapping, and noise finds nothing."""

import base64
import bz2
import gzip
import hashlib
import io
import json
import lzma
import quopri
import zipfile
import zlib
from collections.abc import Callable
from urllib.parse import quote

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glaswerk.canary import Detector, Needle, digested, new_token, opened, opening, spelled, spellings

# Always the same one, because tests are named after what is written with it.
TOKEN = "bxmhpe8mwzx8ym35abcc"
NEEDLES = spelled("one", TOKEN)
DETECTOR = Detector(NEEDLES)
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("before.txt", b"nothing in here " * 9)
        archive.writestr("inner/words.txt", data)
    return file.getvalue()


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


# With what a packed piece may stand in the middle of something else; the others are told by where they begin.
ANYWHERE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
    "zip": zipped,
    "base64": base64.b64encode,
    "base64url": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "MIME": base64.encodebytes,
    "hex": lambda data: data.hex().encode(),
}
WRAPPINGS = {**ANYWHERE, "deflate": deflated, "quoted-printable": quopri.encodestring}


def names(found: object) -> set[str]:
    return {one.spelling for one in found}  # type: ignore[attr-defined]


def test_there_are_well_over_twenty_spellings_and_none_is_there_twice() -> None:
    every = dict(spellings(TOKEN))
    assert len(every) > 100
    assert len(set(every.values())) == len(every)
    plain = {name.removesuffix(", upper case").removesuffix(", lower case") for name in every}
    assert {
        "utf-8",
        "utf-16-le",
        "utf-32-be",
        "hex",
        "base64, offset 2",
        "base32, offset 4",
        "percent",
        "rot13",
    } < plain


@few
@given(st.sampled_from(NEEDLES), st.binary(max_size=300), st.binary(max_size=300))
def test_every_needle_is_found_wherever_it_stands(needle: Needle, before: bytes, after: bytes) -> None:
    found = DETECTOR.search(before + needle.data + after).found
    assert needle.spelling in names(one for one in found if one.within == ())


def test_every_needle_of_all_is_found_by_itself() -> None:
    for needle in NEEDLES:
        found = DETECTOR.search(b"\xfe" + needle.data).found
        assert (needle.label, needle.spelling, ()) in {(one.label, one.spelling, one.within) for one in found}


# What others spell, not the code that spelled the needles.
@pytest.mark.parametrize(
    "written",
    [
        f"Name: {TOKEN}\r\n".encode(),
        f"müßig {TOKEN} Ende".encode("utf-16"),
        f"müßig {TOKEN} Ende".encode("utf-32"),
        base64.b64encode(f"1{TOKEN}1".encode()),
        base64.b64encode(f"12{TOKEN}".encode()),
        base64.b32encode(f"123{TOKEN}1".encode()),
        base64.b85encode(f"12{TOKEN}1".encode()),
        base64.a85encode(f"123{TOKEN}1".encode()),
        json.dumps({"a": f"ü{TOKEN}"}).encode(),
        quote(f"ä ö {TOKEN}/?").encode(),
        f"ä{TOKEN}ö".encode("punycode"),
        TOKEN[::-1].encode(),
        TOKEN.upper().encode(),
        f"{list(TOKEN.encode())}".encode(),
        hashlib.md5(TOKEN.encode()).digest(),
        hashlib.sha1(TOKEN.encode()).hexdigest().encode(),
        hashlib.sha256(TOKEN.encode()).hexdigest().upper().encode(),
        base64.b64encode(hashlib.sha512(TOKEN.encode()).digest()),
        b"etag: " + hashlib.sha256(TOKEN.upper().encode()).hexdigest()[:16].encode(),
        b"%PDF " + zlib.compress(TOKEN.encode(), 9) + b" endstream",
        base64.b64encode(gzip.compress(json.dumps({"deep": base64.b64encode(b"x" + TOKEN.encode()).decode()}).encode())),
        quote(json.dumps({"a": quote(TOKEN + "ü")})).encode("utf-16-le"),
    ],
)  # fmt: skip
def test_what_others_wrote_is_found(written: bytes) -> None:
    assert DETECTOR.search(b"\x01\x02" + written).found or DETECTOR.search(written).found


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_wrapping_is_opened(wrapping: str) -> None:
    packed = WRAPPINGS[wrapping](b"some words \xc3\xbc before " + TOKEN.encode() + b" and after" * 20)
    assert any(one.within for one in DETECTOR.search(packed).found)
    if wrapping in ANYWHERE:
        assert any(one.within for one in DETECTOR.search(b"\x00\x01 head:" + packed + b"\x00 tail").found)


@few
@given(st.lists(st.sampled_from(sorted(WRAPPINGS)), max_size=4), st.binary(max_size=60))
def test_wrappings_within_wrappings_are_opened(wrappings: list[str], before: bytes) -> None:
    data = before + b" " + TOKEN.encode() + b" and more"
    for wrapping in wrappings:
        data = WRAPPINGS[wrapping](data)
    assert "utf-8" in names(DETECTOR.search(data).found)


@few
@given(st.binary(max_size=4000))
def test_noise_finds_nothing(noise: bytes) -> None:
    assert DETECTOR.search(noise).found == ()
    assert DETECTOR.search(gzip.compress(noise)).found == ()


@few
@given(st.text(max_size=500))
def test_words_find_nothing(words: str) -> None:
    for charset in ("utf-8", "utf-16-le"):
        assert DETECTOR.search(words.encode(charset)).found == ()


@few
@given(st.integers(0, len(TOKEN) - 1))
def test_another_value_is_not_found(place: int) -> None:
    # One letter is a digit or the other way round, so no spelling and no digest of it is ours; two letters may begin
    # with the same bits, and what follows a spelling that is cut there may complete it.
    other = TOKEN[:place] + ("7" if TOKEN[place].isalpha() else "x") + TOKEN[place + 1 :]
    data = b"\n".join(needle.data for needle in spelled("other", other))
    assert not {one for one in DETECTOR.search(data).found if one.spelling in ("utf-8", "sha256", "md5")}


def test_what_is_cut_short_is_opened_as_far_as_it_goes() -> None:
    packed = zlib.compress(TOKEN.encode() + bytes(range(256)) * 40)
    assert DETECTOR.search(packed[:-200]).found


def test_of_many_needles_each_is_told_from_the_others() -> None:
    tokens = [new_token() for _ in range(500)]
    detector = Detector(needle for number, token in enumerate(tokens) for needle in spelled(str(number), token))
    for number in (0, 77, 499):
        found = detector.search(b"...." + tokens[number].encode() + b"....").found
        assert {one.label for one in found} == {str(number)}


def test_what_cannot_be_opened_to_its_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST_BYTES", 1 << 20)
    packed = gzip.compress(bytes(4 << 20))
    assert DETECTOR.search(packed).unopened == ("itself",)
    assert DETECTOR.search(gzip.compress(bytes(1 << 10))).unopened == ()


def test_nothing_is_packed_in_nothing() -> None:
    assert list(opened(b"")) == []
    assert DETECTOR.search(b"").found == ()


def test_what_may_stand_anywhere_by_chance_is_no_canary() -> None:
    with pytest.raises(ValueError, match="less than 8 bytes"):
        spelled("short", "1990")
    with pytest.raises(ValueError, match="less than 8 bytes"):
        Detector([Needle("short", "raw", b"1990")])
    assert {needle.spelling for needle in digested("one", "1990")} > {"md5", "sha1", "sha256", "sha512"}
