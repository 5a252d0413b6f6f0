"""What creators do with the products in their videos."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_TAGS, Merchant, StaffRole, Tag
from glaswerk.shop.queries.merchants import access_merchant
from glaswerk.shop.queries.tags import access_taggable_video, taggable
from glaswerk.videos.models import Video


@dataclass(frozen=True, slots=True)
class TagDraft:
    """A product as its creator wants it shown."""

    product: str
    from_ms: int
    to_ms: int


def set_tags(person: Person, video_id: str, drafts: Sequence[TagDraft]) -> Video:
    """Let a video of one's own show these products, in this order, and no others.  Raises Http404 and ShopError.

    A product is known by its id; one that this person may not tag is as unknown as one that is not there.
    """
    if len(drafts) > MAX_TAGS:
        raise ShopError("products", _("A video has room for %(count)d products.") % {"count": MAX_TAGS})
    with transaction.atomic():
        # The video's row is the lock under which its tags are exchanged.
        video = access_taggable_video(person, video_id, lock=True)
        wanted: list[int] = []
        for number, draft in enumerate(drafts):
            field = f"products.{number}"
            try:
                product = decode_id(draft.product)
            except ValueError:
                raise ShopError(f"{field}.product", _("There is no such product for your videos.")) from None
            if product in wanted:
                raise ShopError(f"{field}.product", _("A video shows each product once."))
            if not 0 <= draft.from_ms < draft.to_ms:
                raise ShopError(f"{field}.to_ms", _("A product is shown until later than it begins."))
            if video.duration_ms and draft.to_ms > video.duration_ms:
                raise ShopError(f"{field}.to_ms", _("The video ends before that."))
            wanted.append(product)
        allowed = set(taggable(person).filter(pk__in=wanted).values_list("pk", flat=True))
        for number, product in enumerate(wanted):
            if product not in allowed:
                raise ShopError(f"products.{number}.product", _("There is no such product for your videos."))
        Tag.objects.filter(video=video).delete()
        Tag.objects.bulk_create(
            Tag(video=video, product_id=product, position=number, from_ms=draft.from_ms, to_ms=draft.to_ms)
            for number, (product, draft) in enumerate(zip(wanted, drafts, strict=True))
        )
    return video


def open_to_creators(person: Person, name: str, *, is_open: bool) -> Merchant:
    """Let every creator tag a merchant's products, or only those who work there.  Raises Http404."""
    with transaction.atomic():
        merchant = access_merchant(person, name, StaffRole.MANAGER, lock=True)
        merchant.is_open_to_creators = is_open
        merchant.save(update_fields=["is_open_to_creators"])
    return merchant
