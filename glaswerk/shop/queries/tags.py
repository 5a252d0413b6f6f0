"""Reads about product tags.  Who may see a video, and what is on sale, is part of each query."""

from collections.abc import Collection

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, prefetch_related_objects
from django.http import Http404
from django.utils import timezone

from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.shop.models import Picture, Product, Staff, Tag, Variant
from glaswerk.shop.queries.catalogue import on_sale
from glaswerk.shop.queries.plans import earns_by
from glaswerk.social.queries import watchable
from glaswerk.videos.models import Video


def taggable(person: Person) -> QuerySet[Product]:
    """Return the products that a person may tag.

    They are on sale, and of a merchant for whom they work or who lets creators, or in a plan in which they take part.
    """
    works_there = Exists(Staff.objects.filter(person=person, merchant=OuterRef("merchant")))
    earns = earns_by(person, OuterRef("pk"), OuterRef("merchant"))
    return on_sale(timezone.now()).filter(Q(merchant__is_open_to_creators=True) | works_there | earns)


def tags_of(viewer: Person | None, videos: Collection[int]) -> list[Tag]:
    """Return what these videos show, as far as this viewer may watch them and it may still be shown.

    One query, and two more for pictures and variants where there is a tag at all.
    """
    if not videos:
        return []
    works_there = Exists(
        Staff.objects.filter(person=OuterRef("video__creator"), merchant=OuterRef("product__merchant"))
    )
    earns = earns_by(OuterRef("video__creator"), OuterRef("product"), OuterRef("product__merchant"))
    found = (
        Tag.objects.filter(video__in=watchable(viewer).filter(pk__in=videos), product__in=on_sale(timezone.now()))
        .filter(Q(product__merchant__is_open_to_creators=True) | works_there | earns)
        .select_related("product__merchant")
        .order_by("video_id", "position")
    )
    tags = list(found)
    products = {tag.product_id: tag.product for tag in tags}
    _load(products)
    return [_with(tag, products[tag.product_id]) for tag in tags]


def titles_of(products: Collection[int]) -> dict[int, dict[str, str]]:
    """Return the titles and addresses of those of the products that are on sale.  One query."""
    rows = on_sale(timezone.now()).filter(pk__in=products).values_list("pk", "title", "merchant__name", "handle")
    return {pk: {"title": title, "url": f"/shop/{merchant}/{handle}"} for pk, title, merchant, handle in rows}


def _with(tag: Tag, product: Product) -> Tag:
    tag.product = product
    return tag


def _load(products: dict[int, Product]) -> None:
    active = Variant.objects.filter(is_active=True)
    prefetch_related_objects(
        list(products.values()), Prefetch("pictures", Picture.objects.all()), Prefetch("variants", active)
    )


def access_taggable_video(person: Person, public_id: str, *, lock: bool = False) -> Video:
    """Return a video that this person made.  One query.  Raises Http404 for every other."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    found = Video.objects.filter(pk=wanted, creator=person, taken_down_at__isnull=True)
    if lock:
        found = found.select_for_update(of=("self",), no_key=True)
    video = found.first()
    if video is None:
        raise Http404
    return video


def access_watched_video(viewer: Person | None, public_id: str) -> Video:
    """Return a video that this viewer may watch.  One query.  Raises Http404 for every other."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    video = watchable(viewer).filter(pk=wanted).first()
    if video is None:
        raise Http404
    return video
