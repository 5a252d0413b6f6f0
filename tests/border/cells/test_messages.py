"""Messages between cells: one spelling, exact fields, and nothing of a hostile one gets in."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.border.messages import (
    KINDS,
    LARGEST_NUMBER,
    MOST_BYTES,
    MOST_COUNTED,
    Counts,
    File,
    Media,
    Message,
    MessageRefused,
    Move,
    Notice,
    Offer,
    Profile,
    Tombstone,
    Track,
    Video,
    parse_message,
    plain,
)

ID = "0" * 12 + "7"
HASH = "ab" * 32
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
ids = st.from_regex(r"\A[0-7][0-9a-hjkmnp-tv-z]{12}\Z")
names = st.from_regex(r"\A[a-z0-9]{3,30}\Z")
moments = st.integers(0, LARGEST_NUMBER)
sizes = st.integers(1, 1 << 30)
origins = st.sampled_from(["log.example/cell", "127.0.0.1:8000/log"])
files = st.builds(File, sha256=hashes, bytes=sizes)


def texts(most: int, *, lines: bool = False, least: int = 0) -> st.SearchStrategy[str]:
    return st.text(max_size=most).map(lambda text: plain(text, most, lines=lines)).filter(lambda t: len(t) >= least)


@st.composite
def tracks(draw: st.DrawFn) -> tuple[Track, ...]:
    languages = draw(st.sets(st.sampled_from(["de", "en", "en-gb", "fr"])))
    return tuple(Track(sha256=draw(hashes), bytes=draw(sizes), language=each) for each in sorted(languages))


@st.composite
def counts(draw: st.DrawFn) -> Counts:
    videos = sorted(draw(st.sets(ids, min_size=1, max_size=20)))
    return Counts(
        day=draw(st.dates()).isoformat(),
        home=draw(origins),
        part=1,
        parts=draw(st.integers(1, 9)),
        epsilon_milli=1000,
        floor=draw(moments),
        videos=tuple(videos),
        plays=tuple(draw(moments) for _ in videos),
    )


messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        Profile,
        id=ids,
        name=names,
        display_name=texts(50),
        bio=texts(160, lines=True),
        avatar=st.none() | files,
    ),
    st.builds(
        Video,
        id=ids,
        by=ids,
        by_name=names,
        caption=texts(400, lines=True),
        language=st.sampled_from(["", "de", "en-gb"]),
        region=st.sampled_from(["eu", "us-west-2"]),
        allow=st.sets(st.sampled_from(["duet", "sound", "stitch"])).map(lambda each: tuple(sorted(each))),
        sound_title=texts(80),
        published_at=moments,
        media=st.builds(
            Media,
            sha256=hashes,
            bytes=sizes,
            width=st.integers(1, 16384),
            height=st.integers(1, 16384),
            duration_ms=st.integers(1, 86_400_000),
        ),
        captions=tracks(),
    ),
    st.builds(
        Offer,
        id=ids,
        title=texts(200, least=1),
        vendor=texts(100),
        seller=texts(80, least=1),
        url=st.just("https://us.example/product/1"),
        currency=st.sampled_from(["EUR", "USD"]),
        minor=st.integers(1, 10**10),
        picture=st.none() | files,
        videos=st.sets(ids, min_size=1, max_size=64).map(lambda each: tuple(sorted(each))),
    ),
    st.builds(Tombstone, id=ids, of=st.sampled_from(["profile", "video", "offer"])),
    counts(),
    st.builds(Notice, state=st.sampled_from(["open", "dark"]), at=moments, until=moments, successor=st.just("")),
    st.builds(Move, id=ids, name=names, home=origins, to=origins, to_id=ids, to_name=names, at=moments),
)


@settings(deadline=None, max_examples=150)
@given(messages)
def test_what_is_said_is_what_is_read(message: Message) -> None:
    data = message.encode()
    assert parse_message(data) == message
    assert parse_message(data).encode() == data
    assert orjson.loads(data)["type"] in KINDS


@settings(deadline=None, max_examples=150)
@given(messages, st.data())
def test_a_flipped_bit_is_another_message_or_none(message: Message, data: st.DataObject) -> None:
    said = bytearray(message.encode())
    said[data.draw(st.integers(0, len(said) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert parse_message(bytes(said)).encode() == said
    except MessageRefused:
        return


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_noise_has_one_error(noise: bytes) -> None:
    with pytest.raises(MessageRefused):
        parse_message(noise)


def video(**other: Any) -> bytes:
    facts: dict[str, Any] = {
        "v": 1,
        "type": "video",
        "id": ID,
        "by": ID,
        "by_name": "ida",
        "caption": "Hello",
        "language": "en",
        "region": "us",
        "allow": ["duet"],
        "sound_title": "",
        "published_at": 1,
        "media": {"sha256": HASH, "bytes": 9, "width": 8, "height": 8, "duration_ms": 7},
        "captions": [],
    } | other
    return orjson.dumps({name: value for name, value in facts.items() if value is not ...}, option=orjson.OPT_SORT_KEYS)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "a key twice": (video().replace(b'"by_name":"ida"', b'"by_name":"eve","by_name":"ida"'), ""),
    "a field more": (video(birth_year=1990), "birth_year"),
    "a field less": (video(region=...), "region"),
    "a field more further in": (
        video(media={"sha256": HASH, "bytes": 9, "width": 8, "height": 8, "duration_ms": 7, "gps": 1}),
        "media.gps",
    ),
    "a number as text": (video(published_at="1"), "published_at"),
    "a truth as a number": (video(published_at=True), "published_at"),
    "a point": (video().replace(b'"published_at":1', b'"published_at":1.0'), "published_at"),
    "an exponent": (video().replace(b'"published_at":1', b'"published_at":1e3'), "published_at"),
    "a huge number": (video().replace(b'"published_at":1', b'"published_at":1' + b"0" * 4000), "published_at"),
    "a number beyond 2^53": (video(published_at=1 << 53), "published_at"),
    "less than nothing": (video(published_at=-1), "published_at"),
    "no number": (video().replace(b'"published_at":1', b'"published_at":NaN'), "published_at"),
    "without end": (video().replace(b'"published_at":1', b'"published_at":Infinity'), "published_at"),
    "a control code": (video(caption="a\x00b"), "caption"),
    "an escape sequence": (video(caption="\x1b[2J"), "caption"),
    "a text that runs backwards": (video(caption="abc\u202egnp"), "caption"),
    "a half of a pair": (video().replace(b'"Hello"', b'"\\ud800"'), ""),
    "an escape where none is needed": (video().replace(b'"Hello"', b'"\\u0048ello"'), ""),
    "another normal form": (video(caption="e\u0301"), "caption"),
    "a space": (video().replace(b'"by":', b'"by": '), ""),
    "another order": (orjson.dumps(dict(reversed(orjson.loads(video()).items()))), ""),
    "a mark before it": (b"\xef\xbb\xbf" + video(), ""),
    "something behind it": (video() + b"\n", ""),
    "a list": (b"[" + video() + b"]", ""),
    "nesting without end": (b"[" * 5000 + b"]" * 5000, ""),
    "another type": (video(type="person"), ""),
    "a later version": (video(v=2), "v"),
    "an id that is none": (video(id="../../etc/pwd"), "id"),
    "an id with a letter that no id has": (video(id="0" * 12 + "u"), "id"),
    "a name with a line behind it": (video(by_name="ida\n"), "by_name"),
    "a name of another cell": (video(by_name="ida@us"), "by_name"),
    "what cannot be allowed": (video(allow=["download"]), "allow.0"),
    "the same twice": (video(allow=["duet", "duet"]), "allow"),
    "a hash in capitals": (video(media=orjson.loads(video())["media"] | {"sha256": HASH.upper()}), "media.sha256"),
    "more than fits": (video(caption="x" * MOST_BYTES), ""),
    "a caption that is too long": (video(caption="x" * 2201), "caption"),
    "nothing": (b"", ""),
    "half of it": (video()[:100], ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused_and_named(name: str) -> None:
    data, field = HOSTILE[name]
    with pytest.raises(MessageRefused) as refusal:
        parse_message(data)
    assert refusal.value.field == field, str(refusal.value)
    assert len(str(refusal.value)) < 600


def test_the_plain_one_is_taken() -> None:
    assert isinstance(parse_message(video()), Video)


def test_as_many_counts_fit_as_are_allowed() -> None:
    videos = tuple(f"7{number:012d}" for number in range(MOST_COUNTED))
    counted = Counts(
        day="2026-11-27",
        home="x" * 255,
        part=1_000_000,
        parts=1_000_000,
        epsilon_milli=1_000_000,
        floor=LARGEST_NUMBER,
        videos=videos,
        plays=tuple(LARGEST_NUMBER for _ in videos),
    )
    assert parse_message(counted.encode()) == counted
