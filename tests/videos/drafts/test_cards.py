"""The feed's card of a video says the same of its sound, its credits and its captions as the API's."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from glaswerk.cell import blobs, database
from glaswerk.feed.cards import CardStore
from glaswerk.people.models import Person
from glaswerk.videos import actions
from glaswerk.videos.models import CaptionTrack, Credit, Sound, Video
from glaswerk.videos.reuse import Allowance
from tests.videos.conftest import published
from tests.videos.drafts.conftest import call

pytestmark = pytest.mark.django_db(transaction=True)

SHARED = ("sound", "credits", "captions", "allow")


@pytest.fixture(autouse=True)
def _lean_database(monkeypatch: pytest.MonkeyPatch, clean_jobs: None) -> None:
    """Lead the asynchronous pool to the test's database."""
    parts = connection.get_connection_params()
    monkeypatch.setenv("DATABASE_URL", f"postgresql://{parts.get('user', '')}@/{parts['dbname']}?host={parts['host']}")


def _feed_card(video: Video) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        await database.open_pool()
        try:
            return (await CardStore().get([video.pk]))[video.pk].facts
        finally:
            await database.close_pool()

    return asyncio.run(read())


def test_both_cards_agree_whatever_becomes_of_what_is_credited(ada: Person, ben: Person, clip: Path) -> None:
    theirs, video = published(ada, clip), published(ben, clip)
    sound = Sound.objects.get(video=theirs)
    Sound.objects.filter(video=video).delete()
    Video.objects.filter(pk=video.pk).update(sound=sound, sound_title=sound.title)
    Credit.objects.create(video=video, kind="duet", of_video=theirs, of_person=ada, name="ada")
    Credit.objects.create(video=video, kind="sound", of_sound=sound, of_person=ada, name="ada", title=sound.title)
    CaptionTrack.objects.create(video=video, language="de", blob=blobs.store_bytes(b"WEBVTT\n", "vtt"))

    def both() -> dict[str, Any]:
        card = call(None, "get", f"/videos/{video.public_id}").json()
        feed = _feed_card(video)
        assert {name: feed[name] for name in SHARED} == {name: card[name] for name in SHARED}
        return card

    whole = both()
    assert [credit["url"] for credit in whole["credits"]] == [f"/v/{theirs.public_id}", f"/sound/{sound.public_id}"]
    assert whole["sound"]["url"] == f"/sound/{sound.public_id}"
    assert [track["lang"] for track in whole["captions"]] == ["de"]
    actions.edit_video(ben, video, allow=Allowance(duet=False))
    assert both()["allow"] == {"duet": False, "stitch": True, "sound": True}
    actions.edit_video(ada, theirs, visibility="followers")
    hidden = both()
    assert [credit["url"] for credit in hidden["credits"]] == [None, None]
    assert [credit["name"] for credit in hidden["credits"]] == ["ada", "ada"]
    assert hidden["sound"] == {"id": None, "title": sound.title, "url": None}
    actions.delete_video(ada, theirs)
    assert both()["credits"] == hidden["credits"]
