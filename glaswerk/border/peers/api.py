"""The JSON endpoints about cells: one's own videos elsewhere, and what other cells sell in the videos that are shown."""

from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from glaswerk.border.models import Arrival, ForeignOffer
from glaswerk.border.peers.own import own_elsewhere
from glaswerk.cell.blobs import blob_url
from glaswerk.cell.ids import decode_id
from glaswerk.cell.rates import check_rate
from glaswerk.people.actions import stay_in_region
from glaswerk.people.models import Person
from glaswerk.social.queries import watchable

router = Router(tags=["cells"])
_MOST_VIDEOS = 50


class OwnVideoOut(Schema):
    """One's own video in other cells."""

    id: str
    plays: dict[str, int] = Field(description="By the cell that counted: noisy, and 0 for few.")


class ElsewhereOut(Schema):
    """What one shows beyond one's region."""

    stays_in_region: bool = Field(description="Yes: no other cell is told of you or your videos.")
    videos: list[OwnVideoOut]


class ElsewhereIn(Schema):
    """Whether one stays in one's region."""

    stays_in_region: bool


class OfferOut(Schema):
    """Something that another cell sells."""

    video: str = Field(description="The video that it is seen in.")
    cell: str
    title: str
    vendor: str
    seller: str
    url: str = Field(description="Its page in that cell; whoever opens it leaves this one.")
    currency: str
    minor: int
    picture: str | None


@router.get("/me/elsewhere", response=ElsewhereOut)
def read_elsewhere(request: HttpRequest) -> dict[str, Any]:
    """Return whether you stay in your region, and how often your videos were watched in other cells."""
    return _elsewhere(_person(request))


@router.put("/me/elsewhere", response=ElsewhereOut)
def change_elsewhere(request: HttpRequest, change: ElsewhereIn) -> dict[str, Any]:
    """Say whether you stay in your region; copies of your videos elsewhere are removed then."""
    person = _person(request)
    check_rate(f"write:{person.pk}", settings.CELL.config.limits.writes_per_minute)
    stay_in_region(person, change.stays_in_region)
    return _elsewhere(person)


@router.get("/cells/offers", response=list[OfferOut], auth=None)
def offers(
    request: HttpRequest,
    videos: Annotated[str, Query(description="Ids of videos, with commas between.", max_length=800)],
) -> list[dict[str, Any]]:
    """Return what other cells sell in these of their videos, as far as you may watch them."""
    viewer = request.user if isinstance(request.user, Person) else None
    wanted = set()
    for word in videos.split(",")[:_MOST_VIDEOS]:
        try:
            wanted.add(decode_id(word))
        except ValueError:
            continue
    shown = watchable(viewer).filter(pk__in=wanted)
    found: list[dict[str, Any]] = []
    for arrival in Arrival.objects.filter(video__in=shown).select_related("peer", "video"):
        assert arrival.video is not None
        there = ForeignOffer.objects.filter(arrival__peer=arrival.peer, videos__contains=[arrival.item])
        found += [
            {
                "video": arrival.video.public_id,
                "cell": arrival.peer.label,
                "title": offer.title,
                "vendor": offer.vendor,
                "seller": offer.seller,
                "url": offer.url,
                "currency": offer.currency,
                "minor": offer.minor,
                "picture": blob_url(offer.picture, "webp") if offer.picture else None,
            }
            for offer in there.order_by("pk")[:12]
        ]
    return found


def _elsewhere(person: Person) -> dict[str, Any]:
    return {
        "stays_in_region": person.stays_in_region,
        "videos": [{"id": one.video.public_id, "plays": one.plays} for one in own_elsewhere(person)],
    }


def _person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)
    return request.user
