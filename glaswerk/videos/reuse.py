"""What may be made of somebody's video, and by whom: duets, stitches, and videos with its sound.

Its creator allows each by a flag of the video.  A flag counts while everybody may see the video: what is for followers
or for oneself is not carried on to others.  Oneself may always use what one has made.
"""

from dataclasses import dataclass
from datetime import date

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.people.age import starts_protected
from glaswerk.people.models import Person, Visibility
from glaswerk.videos.models import Reuse, State, Video
from glaswerk.videos.queries import visible_to

ALLOWANCES = ("allow_duet", "allow_stitch", "allow_sound", "allow_elsewhere")


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the creator of a video lets others make of it; None is what goes without saying for this video."""

    duet: bool | None = None
    stitch: bool | None = None
    sound: bool | None = None
    # Whether other cells may show it at all.
    elsewhere: bool | None = None

    def fields(self) -> dict[str, bool]:
        """Return what was said, by the names of the video's columns."""
        said = {
            "allow_duet": self.duet,
            "allow_stitch": self.stitch,
            "allow_sound": self.sound,
            "allow_elsewhere": self.elsewhere,
        }
        return {name: value for name, value in said.items() if value is not None}


def is_protected(person: Person, today: date | None = None) -> bool:
    """Whether this person may still be under sixteen, so that nobody may make anything of their videos."""
    today = today or timezone.localdate()
    return person.birth_year is not None and starts_protected(person.birth_year, today)


def allowance_fields(creator: Person, visibility: str, said: Allowance) -> dict[str, bool]:
    """Return the flags of a new video: all of them for a public one, none for any other, and then what was said.

    Nothing is allowed for somebody under sixteen; `check_allowance` refuses to say otherwise.
    """
    by_default = visibility == Visibility.PUBLIC and not is_protected(creator)
    return {**dict.fromkeys(ALLOWANCES, by_default), **said.fields()}


def refusal_of(creator: Person, said: Allowance) -> str | None:
    """Return why this creator cannot say so, or None where they can."""
    if any(said.fields().values()) and is_protected(creator):
        return _("Until you are sixteen, nobody can make anything of your videos. Please leave this off.")
    return None


def reusable_by(person: Person, kind: Reuse | str) -> Q:
    """Return the condition that a video meets of which this person may make a duet, a stitch or a video with its sound."""
    whole = Q(state=State.READY, taken_down_at__isnull=True)
    allowed = Q(visibility=Visibility.PUBLIC, **{f"allow_{Reuse(kind).value}": True})
    return visible_to(person) & whole & (Q(creator=person.pk) | allowed)


def may_reuse(person: Person, video_id: int | None, kind: Reuse | str) -> bool:
    """Whether this person may make it at this moment.  One query."""
    return video_id is not None and Video.objects.filter(reusable_by(person, kind), pk=video_id).exists()
