"""Sounds: taken out of videos, found, heard and used by whom their creators let."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from glaswerk.cell import blobs, keeping
from glaswerk.cell.config import Cell
from glaswerk.people.models import Person
from glaswerk.reel import material
from glaswerk.social.models import Block, Follow
from glaswerk.videos import actions, processing
from glaswerk.videos.models import Draft, Reuse, Sound, State, Video
from glaswerk.videos.reuse import Allowance, may_reuse
from glaswerk.videos.sounds import extracting
from tests.videos.conftest import MakePerson, ffmpeg, media_files, published, signed_in, upload, uploaded, waiting_jobs
from tests.videos.drafts.conftest import call

pytestmark = pytest.mark.django_db


@pytest.fixture
def song(ada: Person, clip: Path) -> Video:
    """Ada's public video, with its sound."""
    return published(ada, clip, caption="la la")


def _rows() -> list[dict[str, Any]]:
    return [*Sound.objects.values(), *Video.objects.order_by("pk").values(), *Draft.objects.values()]


def test_a_video_that_is_heard_has_a_sound_of_its_own(ada: Person, ben: Person, song: Video, cell: Cell) -> None:
    sound = Sound.objects.get()
    assert (sound.video, sound.owner, song.sound, sound.title) == (song, ada, sound, "Original sound – ada")
    assert abs(sound.duration_ms - song.duration_ms) <= 100
    assert max(bytes(sound.peaks)) > 10
    heard = material.prepare(blobs.blob_path(sound.blob, "m4a"), cell.uploads / "work" / "check")
    assert (heard.kind, abs(heard.duration_ms - sound.duration_ms) <= 60) == ("audio", True)
    facts = call(ben, "get", f"/sounds/{sound.public_id}").json()
    assert facts["url"] == f"/media/{sound.blob}.m4a"
    assert (facts["page"], facts["video"], facts["videos"], facts["may_use"]) == (
        f"/sound/{sound.public_id}",
        song.public_id,
        1,
        True,
    )
    assert facts["creator"]["name"] == "ada"
    assert call(None, "get", f"/sounds/{sound.public_id}").json()["may_use"] is False
    assert call(None, "get", f"/sounds/{sound.public_id}/peaks").json()["per_second"] == 50
    card = call(None, "get", f"/videos/{song.public_id}").json()
    assert card["sound"] == {"id": sound.public_id, "title": sound.title, "url": facts["page"]}
    assert card["allow"] == {"duet": True, "stitch": True, "sound": True}
    before = _rows()
    extracting.take_sound(song.pk)
    processing.process(song.pk)
    assert _rows() == before


def test_a_silent_video_has_none_and_an_older_one_gets_its_own_later(ada: Person, clips: Path, song: Video) -> None:
    silent = ffmpeg(
        clips / "silent.mp4",
        *("-f", "lavfi", "-i", "testsrc2=size=96x160:rate=12:duration=0.5"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    )
    quiet = published(ada, silent)
    assert quiet.sound is None
    Sound.objects.all().delete()
    assert extracting.without_sound(10) == [song.pk]
    extracting.take_sound(song.pk)
    song.refresh_from_db()
    assert song.sound is not None
    assert extracting.without_sound(10) == []


def test_search_finds_what_one_may_use(ada: Person, ben: Person, song: Video, clip: Path) -> None:
    Sound.objects.update(title="Glass bells 100%")
    published(ben, clip, visibility="private")

    def found(person: Person, text: str) -> list[str]:
        answer = call(person, "get", f"/sounds?q={text}")
        assert answer.status_code == 200
        return [each["title"] for each in answer.json()["sounds"]]

    assert found(ben, "") == ["Original sound – ben", "Glass bells 100%"]
    assert found(ada, "") == ["Glass bells 100%"]
    for text in ("bells", "GLASS", "ada", "bells+ada", "100%25"):
        assert found(ada, text) == ["Glass bells 100%"], text
    for text in ("drums", "%25%25", "_lass", "%00", "bells+ben", "'", "%27%20or%201=1"):
        assert found(ada, text) == [] or text == "%00", text
    assert call(None, "get", "/sounds").status_code == 401


@pytest.mark.parametrize("place", ["public", "followers", "private", "taken down", "blocked", "not allowed"])
def test_who_may_hear_and_who_may_use(
    ada: Person, ben: Person, song: Video, make_person: MakePerson, place: str
) -> None:
    fan = make_person("fan")
    Follow.objects.create(follower=fan, followed=ada, at=timezone.now())
    sound = Sound.objects.get()
    heard = {"public": {None, ben, fan}, "followers": {fan}, "private": set(), "taken down": set()}.get(
        place, {None, fan}
    )
    used = {ben, fan} if place == "public" else {fan} if place == "blocked" else set()
    match place:
        case "taken down":
            actions.take_down(make_person("mod", role="moderator"), song)
        case "blocked":
            Block.objects.create(blocker=ada, blocked=ben, at=timezone.now())
        case "not allowed":
            actions.edit_video(ada, song, allow=Allowance(sound=False, duet=False, stitch=False))
            heard = {None, ben, fan}
        case _:
            actions.edit_video(ada, song, visibility=place)
    for person in (None, ben, fan):
        expected = 200 if person in heard else 404
        for path in (f"/sounds/{sound.public_id}", f"/sounds/{sound.public_id}/peaks"):
            assert call(person, "get", path).status_code == expected, (person, path)
        page = signed_in(person).get(f"/sound/{sound.public_id}")
        assert page.status_code == expected
        assert (b"data-use-sound" in page.content) == (person in used)
    before = _rows()
    for person in (ben, fan):
        for kind in Reuse.values:
            assert may_reuse(person, song.pk, kind) == (person in used), (person, kind)
            if person not in used:
                start = {kind: sound.public_id if kind == "sound" else song.public_id}
                refused = call(person, "post", "/drafts", start)
                assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, kind)
    assert _rows() == before
    # One's own one may use at any time, unless it was taken down.
    assert may_reuse(ada, song.pk, "sound") == (place != "taken down")


def test_what_goes_without_saying(ada: Person, clip: Path, make_person: MakePerson) -> None:
    def flags(video: Video) -> tuple[bool, bool, bool]:
        return video.allow_duet, video.allow_stitch, video.allow_sound

    assert flags(uploaded(ada, clip)) == (True, True, True)
    assert flags(uploaded(ada, clip, visibility="followers")) == (False, False, False)
    assert flags(uploaded(ada, clip, visibility="private")) == (False, False, False)
    assert flags(uploaded(ada, clip, allow_duet="false")) == (False, True, True)
    child = make_person("child", birth_year=timezone.localdate().year - 15)
    theirs = uploaded(child, clip)
    assert flags(theirs) == (False, False, False)
    before = _rows()
    refused = upload(child, clip, allow_sound="true")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "allow")
    refused = call(child, "patch", f"/videos/{theirs.public_id}", {"allow": {"duet": True}})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "allow")
    assert _rows() == before
    page = signed_in(child).get(f"/v/{theirs.public_id}/edit")
    assert b"allow_duet" not in page.content


def test_the_edit_page_and_its_endpoint_change_what_is_allowed(ada: Person, song: Video) -> None:
    address = f"/v/{song.public_id}/edit"
    assert signed_in(ada).get(address).content.count(b"checked") == 4
    signed_in(ada).post(address, {"caption": "x", "visibility": "public", "allow": "1", "allow_stitch": "on"})
    song.refresh_from_db()
    assert (song.allow_duet, song.allow_stitch, song.allow_sound) == (False, True, False)
    announced = len(waiting_jobs("videos.announce_video"))
    answer = call(ada, "patch", f"/videos/{song.public_id}", {"allow": {"duet": True}})
    assert answer.json()["allow_said"] == {"duet": True, "stitch": True, "sound": False, "elsewhere": True}
    assert len(waiting_jobs("videos.announce_video")) == announced + 1


def test_deleting_a_video_takes_its_sound_along(ada: Person, ben: Person, song: Video, cell: Cell) -> None:
    sound = Sound.objects.get()
    draft = call(ben, "post", "/drafts", {"sound": sound.public_id}).json()
    assert [each["available"] for each in draft["sounds"]] == [True]
    assert draft["timeline"]["tracks"]["children"][1]["name"] == "music"
    actions.delete_video(ada, song)
    (job,) = waiting_jobs("videos.discard_blobs")
    assert keeping.discard(job["names"]) == len(job["names"]) >= 4
    assert media_files(cell) == set()
    later = call(ben, "get", f"/drafts/{draft['id']}").json()
    assert [(each["available"], each["url"]) for each in later["sounds"]] == [(False, None)]
    assert "cannot be used any more" in later["problems"][0]["message"]
    assert call(ben, "get", f"/sounds/{sound.public_id}").status_code == 404


def test_a_video_of_a_killed_worker_is_no_sound_yet(ada: Person, clip: Path) -> None:
    waiting = uploaded(ada, clip)
    extracting.take_sound(waiting.pk)
    assert (waiting.state, Sound.objects.count()) == (State.UPLOADED, 0)
