"""Products in videos: which, and from when until when.

A slate brings what its videos sell at that moment, out of each worker's memory (`shelf.py`).  A price may be no older than
five seconds, so the player asks here again for a video that has something to show when it comes onto the screen later than
that; and it asks for what came without, such as a video that was opened by its own address.
"""

from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema

from glaswerk.cell.ids import decode_id, encode_id
from glaswerk.people.models import Person
from glaswerk.shop.actions import tags as actions
from glaswerk.shop.api.catalogue import AmountOut, language_of, shown_products
from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_TAGS, Tag
from glaswerk.shop.queries import tags as queries

router = Router(tags=["products in videos"])
MOST_VIDEOS = 50


class TagIn(Schema):
    """A product to show."""

    product: str = Field(max_length=13)
    from_ms: int = Field(ge=0, le=86_400_000, strict=True)
    to_ms: int = Field(gt=0, le=86_400_000, strict=True)


class TagsIn(Schema):
    """All products of a video, in the order in which they are listed."""

    products: list[TagIn] = Field(max_length=MAX_TAGS)


class TagOut(Schema):
    """A product in a video, with as much as a chip over the picture shows."""

    product: str
    title: str
    merchant: str
    merchant_title: str
    picture: str | None
    price: AmountOut | None = Field(
        description="Of the cheapest variant that can be had; null where it has none in this currency."
    )
    before: AmountOut | None = Field(description="What that variant costs or cost without the sale.")
    is_from: bool = Field(description="Whether other variants cost more.")
    is_sold_out: bool
    from_ms: int
    to_ms: int


class TagsOut(Schema):
    """The products of one video."""

    products: list[TagOut]


class TaggedOut(Schema):
    """The products of several videos, by video; one without any is not in it."""

    videos: dict[str, list[TagOut]]


class OpenIn(Schema):
    """Whether every creator may tag."""

    is_open: bool


class OpenOut(OpenIn):
    """Whether every creator may tag a merchant's products."""

    name: str


def shown_tags(tags: list[Tag], language: str) -> dict[str, list[TagOut]]:
    """Return tags as the API has them, by video."""
    facts = {one.id: one for one in shown_products([tag.product for tag in tags], language)} if tags else {}
    found: dict[str, list[TagOut]] = {}
    for tag in tags:
        product = facts[tag.product.public_id]
        # What is sold out beckons nobody with its price, unless all of it is.
        there = [one for one in product.variants if one.available] or product.variants
        prices = sorted(((one.price, one.before) for one in there if one.price), key=lambda costs: costs[0].minor)
        price, before = prices[0] if prices else (None, None)
        found.setdefault(encode_id(tag.video_id), []).append(
            TagOut(
                product=product.id,
                title=product.title,
                merchant=product.merchant,
                merchant_title=product.merchant_title,
                picture=next((one.url for one in product.pictures if one.url), None),
                price=price,
                before=before,
                is_from=bool(prices) and prices[0][0].minor != prices[-1][0].minor,
                is_sold_out=not any(one.available for one in product.variants),
                from_ms=tag.from_ms,
                to_ms=tag.to_ms,
            )
        )
    return found


def _viewer(request: HttpRequest) -> Person | None:
    return request.user if isinstance(request.user, Person) else None


@router.get("/shop/tagged", response=TaggedOut, auth=None)
def list_tagged(request: HttpRequest, videos: Annotated[str, Field(max_length=14 * MOST_VIDEOS)]) -> TaggedOut:
    """List the products of several videos, named with commas between; what you may not watch is left out."""
    try:
        ids = {decode_id(one) for one in videos.split(",") if one}
    except ValueError:
        raise ShopError("videos", "Please name videos by their ids, with commas between.") from None
    if len(ids) > MOST_VIDEOS:
        raise ShopError("videos", f"Please ask for at most {MOST_VIDEOS} videos at once.")
    return TaggedOut(videos=shown_tags(queries.tags_of(_viewer(request), ids), language_of(request)))


@router.get("/videos/{video_id}/products", response=TagsOut, auth=None)
def list_tags(request: HttpRequest, video_id: str) -> TagsOut:
    """List the products of a video that you may watch."""
    viewer = _viewer(request)
    video = queries.access_watched_video(viewer, video_id)
    tags = shown_tags(queries.tags_of(viewer, {video.pk}), language_of(request))
    return TagsOut(products=tags.get(video.public_id, []))


@router.put("/videos/{video_id}/products", response=TagsOut)
def set_tags(request: HttpRequest, video_id: str, asked: TagsIn) -> TagsOut:
    """Say which products a video of yours shows, and when.

    They are of merchants for whom you work, or who are open to creators.
    """
    person = person_of(request)
    count_write(person.pk)
    drafts = [actions.TagDraft(one.product, one.from_ms, one.to_ms) for one in asked.products]
    video = actions.set_tags(person, video_id, drafts)
    tags = shown_tags(queries.tags_of(person, {video.pk}), language_of(request))
    return TagsOut(products=tags.get(video.public_id, []))


@router.put("/shop/merchants/{name}/creators", response=OpenOut)
def open_to_creators(request: HttpRequest, name: str, asked: OpenIn) -> OpenOut:
    """Let every creator tag your products in their videos, or only those who work with you, as a manager."""
    person = person_of(request)
    count_write(person.pk)
    merchant = actions.open_to_creators(person, name, is_open=asked.is_open)
    return OpenOut(name=merchant.name, is_open=merchant.is_open_to_creators)
