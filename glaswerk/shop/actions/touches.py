"""By whom buyers come to products.  A touch counts where the server itself served what led to it, and nothing else does.

What a request names are only hints of where to look: the slate that was recorded when this very viewer was shown the
video, or the view of the showcase that was written when it was served.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import OuterRef
from django.utils import timezone

from glaswerk.cell.ids import created_ms, now_ms
from glaswerk.feed.slates import served_videos
from glaswerk.people.models import Person
from glaswerk.shop.models import Product, ShowcaseView, Tag, Touch
from glaswerk.shop.queries.catalogue import on_sale
from glaswerk.shop.queries.plans import earns_by

_DAY_MS: Final = 86_400_000

# The last touch counts; one that has earned for a purchase stays with it.
_TOUCH: Final = """
INSERT INTO shop_touch (buyer, product_id, creator_id, video_id, slate, at) VALUES (%s, %s, %s, %s, %s, clock_timestamp())
ON CONFLICT (buyer, product_id) WHERE purchase_id IS NULL DO UPDATE
SET creator_id = excluded.creator_id, video_id = excluded.video_id, slate = excluded.slate, at = excluded.at
"""
_VIEW: Final = """
INSERT INTO shop_showcaseview (buyer, creator_id, products, at) VALUES (%s, %s, %s, clock_timestamp())
ON CONFLICT (buyer, creator_id) DO UPDATE SET products = excluded.products, at = excluded.at
"""


def window() -> timedelta:
    """Return for how long what was served, and the touch that it led to, counts."""
    return timedelta(days=settings.CELL.config.shop.attribution_days)


def touch_from_video(buyer: int, viewers: Collection[int], product: int, video: int, slate: int) -> bool:
    """Write down that a buyer opened a product from a video, and return whether that counts.

    It does where the recorded slate was served to one of `viewers` (everybody as whom the feed knows this buyer), within
    the window, and holds the video; and where the video shows the product, by which its creator earns.
    """
    if not 0 <= now_ms() - created_ms(slate) < window().days * _DAY_MS or video not in served_videos(slate, viewers):
        return False
    shown = Tag.objects.filter(
        earns_by(OuterRef("video__creator"), OuterRef("product"), OuterRef("product__merchant")),
        video=video,
        product__in=on_sale(timezone.now()).filter(pk=product),
    )
    creator = shown.values_list("video__creator", flat=True).first()
    if creator is None or creator == buyer:
        return False
    _touch(buyer, product, creator, video, slate)
    return True


def touch_from_showcase(numbers: Collection[int], buyer: int, creator: Person, product: Product) -> bool:
    """Write down that a buyer opened a product from a showcase that was served to them; return whether that counts."""
    served = ShowcaseView.objects.filter(
        buyer__in=numbers, creator=creator, products__contains=[product.pk], at__gt=timezone.now() - window()
    )
    earns = earns_by(creator, OuterRef("pk"), OuterRef("merchant"))
    if creator.pk in numbers or not served.exists() or not Product.objects.filter(earns, pk=product.pk).exists():
        return False
    _touch(buyer, product.pk, creator.pk, None, None)
    return True


def serve_showcase(buyer: int, creator: Person, products: Collection[int]) -> None:
    """Write down that a creator's showcase is served to somebody, and what stands in it."""
    with connection.cursor() as cursor:
        cursor.execute(_VIEW, [buyer, creator.pk, list(products)])


def adopt_touches(before: int, buyer: int) -> None:
    """Let what a guest, or a viewer of the feed, was led to count for the buyer they turn out to be.  Safe to run again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT shop_adopt_touches(%s, %s)", [before, buyer])


def forget() -> int:
    """Remove what is not needed any more, and return how much: views after the window, touches a return window later."""
    now = timezone.now()
    views, _by_model = ShowcaseView.objects.filter(at__lt=now - window()).delete()
    kept = window() + timedelta(days=settings.CELL.config.shop.return_days)
    touches, _by_model = Touch.objects.filter(at__lt=now - kept).delete()
    return views + touches


def _touch(buyer: int, product: int, creator: int, video: int | None, slate: int | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TOUCH, [buyer, product, creator, video, slate])
