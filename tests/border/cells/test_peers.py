"""Following a peer: what it publishes is shown here as its own, and nothing that it does wrong harms anybody."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from PIL import Image

from glaswerk.border.messages import Counts, Notice, Offer, Tombstone, Track, hash_of
from glaswerk.border.models import Arrival, Elsewhere, ForeignOffer, Peer, Spoken
from glaswerk.border.outward.speaking import speak_waiting
from glaswerk.border.peers import effects, taking
from glaswerk.border.peers.actions import PeerRefused, add_peer, remove_peer
from glaswerk.border.peers.fetching import Source
from glaswerk.border.peers.following import take_turn
from glaswerk.border.peers.queries import peers_status
from glaswerk.cell import blobs
from glaswerk.cell.config import Cell, parse_config
from glaswerk.cell.models import Record
from glaswerk.people.models import Person
from glaswerk.tlog import LogError, LogWriter, Signer
from glaswerk.videos import processing
from glaswerk.videos.media import _known_public
from glaswerk.videos.models import Video
from tests.border.cells.another_cell import (
    CLIP,
    IDA,
    AnotherCell,
    another_cell,
    clip,
    file_of,
    ida,
    never,
    saying,
    slowly,
    without_end,
)
from tests.border.cells.test_outward import ready
from tests.videos.conftest import ffmpeg, media_files, signed_in, stored_blobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def us(tmp_path: Path) -> Iterator[AnotherCell]:
    with another_cell(tmp_path / "us") as other:
        yield other


@pytest.fixture
def peer(us: AnotherCell, cell: Cell) -> Peer:
    return add_peer(us.url.removesuffix("/log"), us.key, "us", is_private=True)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    ffmpeg(
        path,
        *("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=12:duration=0.5"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=0.5"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
    )
    return path.read_bytes()


def follow(peer: Peer, small_s: float = 10, large_s: float = 10) -> Peer:
    """Take everything that the peer has to say now."""
    with Source(peer, small_s, large_s) as source:
        while take_turn(peer, source):
            pass
    peer.refresh_from_db()
    return peer


def crossed() -> list[dict[str, Any]]:
    """Our own entries about what came, in order."""
    return [record.facts for record in Record.objects.filter(kind="cross.in").order_by("pk")]


def test_a_video_of_another_cell_is_shown_here_under_its_name(us: AnotherCell, peer: Peer, film: bytes) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (600, 600), "teal").save(picture, "WEBP")
    us.say(ida(avatar=file_of(picture.getvalue())), picture.getvalue())
    words = b"WEBVTT\n\n00:00.000 --> 00:00.400\nHello <b>you</b>\n"
    track = Track(sha256=hash_of(words), bytes=len(words), language="en")
    said = us.say(clip(film, captions=(track,)), film, words)
    follow(peer)
    assert (peer.failure, peer.next_index) == ("", 2)
    person = Person.objects.get(name="ida@us")
    assert (person.home, person.display_name, person.bio) == ("us", "Ida", "North")
    assert person.avatar and not person.has_usable_password()
    video = Video.objects.get()
    assert (video.creator, video.state, video.region, video.hashtags) == (person, "uploaded", "us", ["lights"])
    assert (video.allow_duet, video.allow_sound, video.allow_elsewhere) == (True, False, False)
    assert b"Hello you" in blobs.blob_path(video.tracks.get().blob, "vtt").read_bytes()
    processing.process(video.pk)
    video.refresh_from_db()
    assert video.state == "ready", video.failure
    assert video.published_at.isoformat() == "2026-01-01T20:40:00+00:00"
    # What plays was made here, of what came; the peer never hears of anybody who watches.
    assert video.renditions.get().blob not in us.blobs
    card = signed_in(None).get(f"/api/videos/{video.public_id}").json()
    assert card["creator"]["name"] == "ida@us"
    assert b"ida@us" in signed_in(None).get("/@ida@us").content
    assert crossed()[1] == {
        "message": "video",
        "sha256": said,
        "from": "us.example/log",
        "index": 1,
        "bytes": len(us.blobs[said]) + len(film) + len(words),
        "blobs": sorted([hash_of(film), hash_of(words)]),
        "item": CLIP,
    }
    # What came from elsewhere is nobody's to pass on.
    speak_waiting()
    assert not Spoken.objects.exists()
    assert {name for _, headers in us.asked for name in headers} <= {"Host", "Accept", "Accept-Encoding"}
    follow(peer)
    assert len(crossed()) == 2


def test_changes_follow_and_a_tombstone_leaves_nothing(us: AnotherCell, peer: Peer, film: bytes, cell: Cell) -> None:
    us.say(ida())
    first = us.say(clip(film), film)
    follow(peer)
    video = Video.objects.get()
    processing.process(video.pk)
    del us.blobs[first]
    us.say(clip(film, caption="Other words", allow=()), film)
    us.say(ida(display_name="Ida S."))
    follow(peer)
    video.refresh_from_db()
    assert (video.caption, video.state, video.allow_duet) == ("Other words", "ready", False)
    assert Person.objects.get(home="us").display_name == "Ida S."
    us.say(Tombstone(id=CLIP, of="video"))
    follow(peer)
    assert not Video.objects.exists()
    assert not Arrival.objects.filter(about="video").exists()
    assert Person.objects.filter(name="ida@us").exists()
    us.say(Tombstone(id=IDA, of="profile"))
    us.say(Tombstone(id=IDA, of="profile"))
    follow(peer)
    assert not Person.objects.exists()
    assert not Arrival.objects.exists()
    assert [facts["message"] for facts in crossed()] == [
        *("profile", "video", "video", "profile", "tombstone", "tombstone", "tombstone")
    ]


def test_what_was_withdrawn_before_it_was_read_is_passed_over(us: AnotherCell, peer: Peer, film: bytes) -> None:
    us.say(ida())
    us.withdraw("video", CLIP, us.say(clip(film), film))
    follow(peer)
    assert (peer.failure, peer.next_index) == ("", 3)
    assert not Video.objects.exists()


def test_a_video_comes_before_its_author_is_told_of(us: AnotherCell, peer: Peer, film: bytes) -> None:
    us.say(clip(film), film)
    us.say(ida())
    follow(peer)
    assert Video.objects.get().creator.name == "ida@us"
    assert Person.objects.get().display_name == "Ida"


@pytest.mark.parametrize(
    "kind",
    [
        "wrong hash",
        "wrong size",
        "huge",
        "without end",
        "not logged",
        "not JSON",
        "a key twice",
        "another kind",
        "slow",
    ],
)
def test_what_is_not_what_the_log_says_is_refused_and_noted(
    kind: str, us: AnotherCell, peer: Peer, film: bytes, cell: Cell
) -> None:
    us.say(ida())
    before = media_files(cell) | stored_blobs()
    message = clip(film)
    data, sha = message.encode(), hash_of(message.encode())
    us.blobs |= {sha: data, hash_of(film): film}
    facts = {"blobs": [hash_of(film)]}
    word, is_final = "hash", True
    match kind:
        case "wrong hash":
            us.lies[f"blob/{hash_of(film)}"] = saying(b"x" * len(film))
        case "wrong size":
            us.lies[f"blob/{hash_of(film)}"] = saying(film[:-1])
        case "huge":
            media = message.media.model_copy(update={"bytes": 600 << 20})
            data = message.model_copy(update={"media": media}).encode()
            sha, word = hash_of(data), "too_large"
            us.blobs[sha] = data
        case "without end":
            us.lies[f"blob/{hash_of(film)}"], word = without_end, "too_large"
        case "not logged":
            facts, word = {}, "unlogged"
        case "not JSON":
            data = b"<html>"
            sha, word = hash_of(data), "malformed"
            us.blobs[sha] = data
        case "a key twice":
            data = data.replace(b'"v":1', b'"v":1,"v":1')
            sha, word = hash_of(data), "malformed"
            us.blobs[sha] = data
        case "another kind":
            data = ida().encode()
            sha, word = hash_of(data), "mismatch"
        case "slow":
            us.lies[f"blob/{hash_of(film)}"], is_final = slowly, False
    us.enter("video", sha, **facts)
    us.say(ida(display_name="Afterwards"))
    follow(peer, large_s=0.5)
    assert not Video.objects.exists()
    assert media_files(cell) | stored_blobs() == before
    assert not list((cell.uploads / "work").glob("*"))
    if is_final:
        # It is noted, and what comes behind it is taken.
        assert crossed()[1] == {
            "message": "video",
            "sha256": sha,
            "from": "us.example/log",
            "index": 1,
            "refused": word,
        }
        assert Person.objects.get().display_name == "Afterwards"
        assert (peer.failure, peer.next_index) == ("", 3)
    else:
        # It may come another time, and everything stays in its order.
        assert (peer.failure, peer.next_index, len(crossed())) == ("unreachable", 1, 1)
        del us.lies[f"blob/{hash_of(film)}"]
        follow(peer)
        assert (peer.failure, peer.next_index, Video.objects.count()) == ("", 3, 1)


def test_a_log_that_takes_back_or_forks_is_refused_and_seen(
    us: AnotherCell, peer: Peer, tmp_path: Path, cell: Cell
) -> None:
    us.say(ida())
    old = (us.folder / "checkpoint").read_bytes()
    us.say(ida(display_name="Ida S."))
    follow(peer)
    accepted = bytes(peer.checkpoint)
    us.lies["checkpoint"] = saying(old)
    follow(peer)
    assert (peer.failure, bytes(peer.checkpoint), peer.next_index) == ("rollback", accepted, 2)
    assert peers_status()[0]["failure"] == "rollback"
    fork = tmp_path / "fork"
    with LogWriter.open(fork, us.signer) as writer:
        writer.append(b"one", b"two", b"three")
    honest = us.folder
    us.folder, us.lies = fork, {}
    follow(peer)
    assert (peer.failure, bytes(peer.checkpoint), peer.next_index) == ("fork", accepted, 2)
    us.folder = honest
    follow(peer)
    assert peer.failure == ""
    assert Person.objects.get().display_name == "Ida S."


@pytest.mark.parametrize(
    ("path", "lie", "failure"),
    [
        ("checkpoint", without_end, "too_large"),
        ("checkpoint", slowly, "unreachable"),
        ("checkpoint", never, "unreachable"),
        ("checkpoint", saying(b"", 500), "unreachable"),
        ("checkpoint", saying(b"us.example/log\n1\n"), "malformed"),
        ("tile/entries/000.p/1", without_end, "too_large"),
        ("tile/entries/000.p/1", saying(b"\x00\x03two"), "proof"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_log_that_lies_is_believed_in_nothing(
    path: str, lie: Any, failure: str, us: AnotherCell, peer: Peer, cell: Cell
) -> None:
    us.say(ida())
    us.lies[path] = lie
    follow(peer, small_s=0.5)
    assert peer.failure == failure
    assert peer.next_index == 0
    assert not Person.objects.exists() and not crossed()
    us.lies.clear()
    follow(peer)
    assert (peer.failure, Person.objects.count()) == ("", 1)


def test_another_peer_goes_on_while_one_is_slow(us: AnotherCell, peer: Peer, tmp_path: Path) -> None:
    us.say(ida())
    us.lies["checkpoint"] = slowly
    with another_cell(tmp_path / "third") as third:
        third.signer = Signer("third.example/log", bytes(32))
        third.writer.close()
        third.folder = tmp_path / "third-log"
        third.writer = LogWriter.open(third.folder, third.signer)
        third.say(ida())
        other = add_peer(third.url, third.key, "third", is_private=True)
        follow(peer, small_s=0.3)
        follow(other)
        assert (peer.failure, other.failure) == ("unreachable", "")
        assert Person.objects.get().name == "ida@third"


def test_a_region_refuses_what_it_does_not_take(
    us: AnotherCell, peer: Peer, film: bytes, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    us.say(clip(film), film)
    follow(peer)
    assert Video.objects.count() == 1
    config = parse_config('[peers]\nrefuse = ["#lights", "offer", "language:tlh"]')
    monkeypatch.setattr(django_settings.CELL, "config", config)
    us.say(clip(film, caption="Still #Lights"), film)
    us.say(clip(film, id=IDA, caption="Qapla", language="tlh"), film)
    us.say(an_offer())
    follow(peer)
    # An edit that brings a refused category takes away what was here.
    assert not Video.objects.exists()
    assert [facts.get("refused") for facts in crossed()] == [None, "category", "category", "category"]
    assert peers_status()[0]["refused"] == 3


def an_offer(**other: Any) -> Offer:
    facts: dict[str, Any] = {
        "id": IDA,
        "title": "Lamp",
        "vendor": "",
        "seller": "Ida's",
        "url": "https://us.example/shop/1",
        "currency": "USD",
        "minor": 1999,
        "picture": None,
        "videos": (CLIP,),
    }
    return Offer(**facts | other)


def test_offers_notices_and_counts(us: AnotherCell, peer: Peer, ada: Person, cell: Cell) -> None:
    own, at_home = ready(ada), ready(ada)
    us.say(an_offer())
    us.say(an_offer(minor=999))
    us.say(Notice(state="notice", at=1, until=2, successor=""))
    facts: dict[str, Any] = {
        "day": "2026-03-04",
        "home": effects.own_origin(),
        "part": 1,
        "parts": 1,
        "epsilon_milli": 1000,
        "floor": 90,
    }
    both = tuple(sorted([own.public_id, at_home.public_id]))
    us.say(Counts(**facts, videos=both, plays=(120, 0)))
    # A second figure for a day that was told of changes nothing.
    us.say(Counts(**facts | {"floor": 1}, videos=both, plays=(9000, 9000)))
    us.say(Counts(**facts | {"home": "third.example/log"}, videos=both, plays=(7, 7)))
    us.say(Counts(**facts | {"day": "2999-01-01"}, videos=both, plays=(7, 7)))
    follow(peer)
    assert ForeignOffer.objects.get().minor == 999
    assert (peer.state, peer.failure) == ("notice", "")
    assert sorted(Elsewhere.objects.values_list("plays", flat=True)) == [0, 120]
    assert [facts.get("refused") for facts in crossed()][-1] == "day"
    us.say(Tombstone(id=IDA, of="offer"))
    follow(peer)
    assert not ForeignOffer.objects.exists()


def test_a_flood_waits_and_a_full_house_refuses(
    us: AnotherCell, peer: Peer, film: bytes, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "MOST_UNDERWAY", 2)
    for number in range(4):
        us.say(clip(film, id=f"{number:013d}"), film)
    follow(peer)
    assert (Video.objects.count(), peer.next_index, peer.failure) == (2, 2, "")
    Video.objects.update(state="failed")
    monkeypatch.setattr(django_settings.CELL, "config", parse_config("[peers]\nmost_videos = 3"))
    follow(peer)
    assert (Video.objects.count(), peer.next_index) == (3, 4)
    assert crossed()[-1]["refused"] == "full"


def test_two_of_its_people_cannot_have_one_name(us: AnotherCell, peer: Peer) -> None:
    us.say(ida())
    us.say(ida(id=CLIP, display_name="Eve"))
    follow(peer)
    assert Person.objects.get().display_name == "Ida"
    assert crossed()[1]["refused"] == "name_taken"


def test_adding_looks_first_and_removing_leaves_nothing(us: AnotherCell, film: bytes, cell: Cell) -> None:
    other = Signer("us.example/log", bytes(32)).key.text
    for url, key, name, field in (
        ("ftp://us.example", us.key, "us", "url"),
        (us.url, "nonsense", "us", "key"),
        (us.url, us.key, "US!", "name"),
    ):
        with pytest.raises(PeerRefused) as refusal:
            add_peer(url, key, name, is_private=True)
        assert refusal.value.field == field
    for key, is_private in ((other, True), (us.key, False)):
        with pytest.raises(LogError):
            add_peer(us.url, key, "us", is_private=is_private)
    assert not Peer.objects.exists()
    peer = add_peer(us.url, us.key, "us", is_private=True)
    for key, name, field in ((us.key, "usa", "key"), (other, "us", "name")):
        with pytest.raises(PeerRefused) as refusal:
            add_peer(us.url, key, name, is_private=True)
        assert refusal.value.field == field
    # The same again is a change of address, and takes nothing twice.
    assert add_peer(us.url, us.key, "us", is_private=True).pk == peer.pk
    us.say(ida())
    us.say(clip(film), film)
    us.say(an_offer())
    follow(peer)
    with pytest.raises(PeerRefused):
        remove_peer("eu")
    assert remove_peer("us") == 3
    assert not (Person.objects.exists() or Video.objects.exists() or Arrival.objects.exists())
    accepted = bytes(peer.checkpoint)
    again = add_peer(us.url, us.key, "us", is_private=True)
    # It is held to what it has shown before it was removed.
    assert (again.pk, bytes(again.checkpoint)) == (peer.pk, accepted)
    follow(again)
    assert Video.objects.count() == 1


def test_a_kill_between_two_steps_does_nothing_twice(
    us: AnotherCell, peer: Peer, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    us.say(clip(film), film)

    def die(*words: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(taking, "_note", die)
    with pytest.raises(KeyboardInterrupt):
        follow(peer)
    assert not Video.objects.exists() and not Record.objects.filter(kind="cross.in").exists()
    assert not connection.needs_rollback
    monkeypatch.undo()
    peer.refresh_from_db()
    follow(peer)
    # Another process that read the same entry comes too late.
    stale = Peer.objects.get(pk=peer.pk)
    stale.next_index = 0
    follow(stale)
    assert (Video.objects.count(), len(crossed())) == (1, 1)
    _known_public.clear()
