"""The JSON endpoints of sounds."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from glaswerk.people.models import Person
from glaswerk.reel.material import PEAKS_PER_SECOND
from glaswerk.videos.sounds import queries

router = Router(tags=["sounds"])


class CreatorOut(Schema):
    """Whose voice, music or noise it is."""

    name: str
    display_name: str
    avatar: str


class SoundOut(Schema):
    """A sound, as everybody may see it who may see the video it comes from."""

    id: str
    title: str
    url: str = Field(description="The M4A file.")
    page: str = Field(description="The address of its page.")
    duration_ms: int
    video: str = Field(description="The video that it comes from.")
    poster: str
    creator: CreatorOut


class SoundFactsOut(SoundOut):
    """A sound with what is made of it."""

    videos: int = Field(description="How many videos with it you may watch.")
    may_use: bool = Field(description="Whether you may use it at this moment.")


class SoundsOut(Schema):
    """Sounds that you may use, the most used first."""

    sounds: list[SoundOut]


class PeaksOut(Schema):
    """How loud a sound is, for drawing."""

    per_second: int
    peaks: list[int] = Field(description="0 to 255 each")


@router.get("/sounds", response=SoundsOut)
def search(
    request: HttpRequest, q: Annotated[str, Query(description="Words of the title or of its creator's name.")] = ""
) -> dict[str, Any]:
    """Find sounds that you may use at this moment; without words, the most used ones."""
    assert isinstance(request.user, Person)
    return {"sounds": [queries.sound_card(sound) for sound in queries.search_sounds(request.user, q)]}


@router.get("/sounds/{sound_id}", response=SoundFactsOut, auth=None)
def read(request: HttpRequest, sound_id: str) -> dict[str, Any]:
    """Return a sound that you may hear."""
    person = request.user if isinstance(request.user, Person) else None
    return queries.sound_facts(person, queries.access_sound(person, sound_id))


@router.get("/sounds/{sound_id}/peaks", response=PeaksOut, auth=None)
def peaks(request: HttpRequest, sound_id: str) -> dict[str, Any]:
    """Return how loud a sound is, for drawing."""
    person = request.user if isinstance(request.user, Person) else None
    sound = queries.access_sound(person, sound_id)
    return {"per_second": PEAKS_PER_SECOND, "peaks": list(bytes(sound.peaks))}
