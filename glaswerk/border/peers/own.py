"""What one's own videos are elsewhere: which cross at all, and how often they were watched in other cells."""

from dataclasses import dataclass, field
from typing import Final

from django.db.models import Sum

from glaswerk.border.models import Elsewhere, Spoken
from glaswerk.people.models import Person
from glaswerk.videos.models import Video

# What another cell sells is everybody's to look at.
OFFER_PICTURE_SQL: Final = "SELECT true FROM border_foreignoffer WHERE picture = %(sha)s AND picture <> ''"


@dataclass(slots=True)
class OwnElsewhere:
    """A video of one's own that other cells may show, and its plays there, by the cell that counted."""

    video: Video
    plays: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All of them together."""
        return sum(self.plays.values())


def own_elsewhere(person: Person, limit: int = 200) -> list[OwnElsewhere]:
    """Return this person's videos that were told to other cells and still stand, the newest first.  Two queries."""
    told = Spoken.objects.filter(about="video", type="video", withdrawn_at=None).values("item")
    found = {
        video.pk: OwnElsewhere(video)
        for video in Video.objects.filter(creator=person, pk__in=told).order_by("-pk")[:limit]
    }
    counted = Elsewhere.objects.filter(video__in=found).values_list("video_id", "peer__label")
    for video, label, plays in counted.annotate(sum=Sum("plays")).order_by("peer__label"):
        found[video].plays[label] = plays
    return list(found.values())
