"""Outward: what is public beyond the cell is said once, with its act, and what is not any more is withdrawn with its act."""

from typing import Any

import orjson
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from glaswerk.border.messages import Profile, Tombstone, Video, parse_message
from glaswerk.border.models import Change, Spoken
from glaswerk.border.outward.reading import as_border
from glaswerk.border.outward.speaking import speak_waiting
from glaswerk.cell.config import Cell
from glaswerk.cell.entries import Entry, EntryKind
from glaswerk.cell.models import Record
from glaswerk.people.actions import edit_profile
from glaswerk.people.models import Person
from glaswerk.social.models import Follow
from glaswerk.videos.actions import delete_video, edit_video, take_down
from glaswerk.videos.models import Credit, Reuse
from glaswerk.videos.models import Video as LocalVideo
from glaswerk.videos.reuse import Allowance
from tests.videos.conftest import MakePerson

pytestmark = pytest.mark.django_db


def ready(creator: Person, caption: str = "Hello #glass", **fields: Any) -> LocalVideo:
    """A video that plays."""
    facts = {"visibility": "public", "state": "ready", "allow_elsewhere": True, **fields}
    video = LocalVideo.objects.create(
        creator=creator,
        caption=caption,
        region="eu",
        source="ab" * 32,
        poster="cd" * 32,
        duration_ms=900,
        published_at=timezone.now(),
        **facts,
    )
    video.renditions.create(blob="ef" * 32, width=90, height=160, bitrate=9, size=77, codecs="avc1")
    video.renditions.create(blob="aa" * 32, width=90, height=160, bitrate=9, size=55, codecs="av01", family="av1")
    return video


def said() -> list[Any]:
    """Everything that was said since the last call of this, in order, as messages."""
    while speak_waiting():
        pass
    records = Record.objects.filter(kind=EntryKind.CROSS_OUT).order_by("pk")
    found = []
    for record in records[said.seen :]:  # type: ignore[attr-defined]
        entry = Entry.parse(record.entry.encode())
        spoken = Spoken.objects.get(record=record)
        assert entry.facts["sha256"] == spoken.sha256
        # Somebody's pseudonym beside what everybody knows to be theirs would tell whose it is.
        assert "person" not in entry.facts
        found.append(parse_message(spoken.body.encode()) if spoken.body else None)
    said.seen += len(found)  # type: ignore[attr-defined]
    return found


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    said.seen = 0  # type: ignore[attr-defined]


def test_a_public_video_is_said_with_who_made_it(ada: Person, cell: Cell) -> None:
    edit_profile(ada, display_name="Ada", bio="Glass\nand light")
    assert said() == []
    video = ready(ada)
    told, profile = said()
    assert isinstance(told, Video) and isinstance(profile, Profile)
    assert (told.id, told.by, told.by_name, told.caption) == (video.public_id, ada.public_id, "ada", "Hello #glass")
    assert (told.media.sha256, told.media.bytes) == ("ef" * 32, 77)
    assert (profile.name, profile.bio) == ("ada", "Glass\nand light")
    entry = orjson.loads(Record.objects.order_by("pk")[0].entry)
    assert entry["facts"]["blobs"] == ["ef" * 32] and entry["facts"]["item"] == video.public_id
    assert said() == []
    video.progress = 50
    video.save()
    assert not Change.objects.exists()
    edit_video(ada, video, caption="Hello again")
    (again,) = said()
    assert again.caption == "Hello again"
    assert Spoken.objects.filter(about="video", withdrawn_at=None).count() == 1


def not_public(video: LocalVideo, ada: Person) -> None:
    edit_video(ada, video, visibility="followers")


def not_elsewhere(video: LocalVideo, ada: Person) -> None:
    edit_video(ada, video, allow=Allowance(elsewhere=False))


def taken_down(video: LocalVideo, ada: Person) -> None:
    take_down(Person.objects.create(name="mod", role="moderator"), video)


def deleted(video: LocalVideo, ada: Person) -> None:
    delete_video(ada, video)


def not_a_person_elsewhere(video: LocalVideo, ada: Person) -> None:
    Person.objects.filter(pk=ada.pk).update(stays_in_region=True)


def closed(video: LocalVideo, ada: Person) -> None:
    Person.objects.filter(pk=ada.pk).update(is_active=False)


def gone(video: LocalVideo, ada: Person) -> None:
    LocalVideo.objects.filter(creator=ada).delete()
    ada.delete()


@pytest.mark.parametrize(
    "act",
    [not_public, not_elsewhere, taken_down, deleted, not_a_person_elsewhere, closed, gone],
    ids=lambda a: a.__name__,
)
def test_what_is_not_public_any_more_is_withdrawn_with_the_act(act: Any, ada: Person, cell: Cell) -> None:
    video = ready(ada)
    public_id, person_id = video.public_id, ada.public_id
    assert len(said()) == 2
    act(video, ada)
    # Nobody has spoken yet, and it is not served any more.
    assert not Spoken.objects.filter(about="video", withdrawn_at=None).exists()
    assert not Spoken.objects.filter(files__isnull=False, about="video").exists()
    gone = sorted(said(), key=lambda message: str(message.of))
    assert gone == [Tombstone(id=person_id, of="profile"), Tombstone(id=public_id, of="video")]
    assert said() == []
    assert set(Spoken.objects.exclude(body="").values_list("type", flat=True)) == {"tombstone"}


def test_what_never_was_public_is_never_said(ada: Person, ben: Person, cell: Cell) -> None:
    Person.objects.filter(pk=ben.pk).update(stays_in_region=True)
    ready(ada, visibility="followers")
    ready(ada, visibility="private")
    ready(ada, allow_elsewhere=False)
    ready(ada, taken_down_at=timezone.now())
    ready(ben)
    waiting = ready(ada, state="processing")
    Follow.objects.create(follower=ben, followed=ada, at=timezone.now())
    assert said() == []
    LocalVideo.objects.filter(pk=waiting.pk).update(state="ready")
    assert [message.type for message in said()] == ["video", "profile"]


def test_what_is_made_with_a_video_that_stays_stays_too(ada: Person, ben: Person, cell: Cell) -> None:
    original = ready(ada)
    duet = ready(ben, state="processing")
    Credit.objects.create(video=duet, kind=Reuse.DUET, of_video=original, of_person=ada, name="ada")
    LocalVideo.objects.filter(pk=duet.pk).update(state="ready")
    assert {message.id for message in said() if message.type == "video"} == {original.public_id, duet.public_id}
    edit_video(ada, original, allow=Allowance(elsewhere=False))
    gone = {message.id for message in said() if message.type == "tombstone" and message.of == "video"}
    assert gone == {original.public_id, duet.public_id}
    edit_video(ada, original, allow=Allowance(elsewhere=True))
    assert {message.id for message in said() if message.type == "video"} == {original.public_id, duet.public_id}


def test_what_comes_from_elsewhere_is_not_said_again(make_person: MakePerson, cell: Cell) -> None:
    guest = make_person("ida@us", home="us", password="!")
    ready(guest)
    assert said() == []


def test_a_failed_act_leaves_no_change(ada: Person, cell: Cell) -> None:
    with transaction.atomic():
        ready(ada)
        transaction.set_rollback(True)
    assert not Change.objects.exists()
    assert said() == []


def test_a_change_that_comes_while_somebody_speaks_is_not_lost(
    ada: Person, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from glaswerk.border.outward import speaking

    video = ready(ada)
    read = speaking.read_message

    def and_edit(about: str, item: int, address: str) -> Any:
        found = read(about, item, address)
        monkeypatch.setattr(speaking, "read_message", read)
        LocalVideo.objects.filter(pk=video.pk).update(caption="While it was read")
        return found

    monkeypatch.setattr(speaking, "read_message", and_edit)
    messages = [message for message in said() if message is not None]
    assert messages[-1].type == "profile" or messages[-1].caption == "While it was read"
    assert Spoken.objects.get(about="video", withdrawn_at=None).body.count("While it was read") == 1


def test_what_was_said_stays_what_it_is(ada: Person, cell: Cell) -> None:
    ready(ada)
    said()
    spoken = Spoken.objects.filter(about="video")
    for change in ({"body": "{}"}, {"sha256": "0" * 64}, {"item": 7}, {"withdrawn_at": timezone.now()}):
        with pytest.raises(DatabaseError), transaction.atomic():
            spoken.update(**change)
    assert spoken.get().body.startswith("{")


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "eve@us"},
        {"name": "eve@us", "home": "eu"},
        {"name": "eve", "home": "us"},
        {"name": "eve@us", "home": "us", "password": "argon2$x"},
        {"name": "eve@us", "home": "us", "password": "!", "email": "eve@example.org"},
        {"name": "eve@us", "home": "us", "password": "!", "role": "operator"},
    ],
)
def test_nobody_becomes_somebody_from_elsewhere(fields: dict[str, str], cell: Cell) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Person.objects.create(**{"email": "", "role": "viewer", **fields})
    assert not Person.objects.exists()
    Person.objects.create(name="eve@us", home="us", password="!")


def test_reading_for_others_ends_as_it_began(ada: Person, cell: Cell) -> None:
    with as_border() as cursor:
        cursor.execute("SELECT name FROM people_person")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user = session_user")
        assert cursor.fetchone() == (True,)
