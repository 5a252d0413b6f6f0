"""Opening the demo's shops: by the very actions that merchants, creators and buyers cause, each of them safe to run again."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from io import BytesIO
from typing import Any, Final, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone
from PIL import Image

from glaswerk.cli.demo.clips import Clip
from glaswerk.cli.demo.display import Display
from glaswerk.cli.demo.wares.goods import WARES, Ware
from glaswerk.cli.demo.wares.shops import COUNTRIES, SHOPS, VOUCHER, Shop
from glaswerk.people.models import Person
from glaswerk.shop.actions.carts import save_address
from glaswerk.shop.actions.catalogue import ProductDraft, VariantDraft, add_picture, add_sale, write_product
from glaswerk.shop.actions.merchants import apply_as_merchant, decide_merchant
from glaswerk.shop.actions.purchases import Asked, buy
from glaswerk.shop.actions.stock import set_stock
from glaswerk.shop.actions.tags import TagDraft, open_to_creators, set_tags
from glaswerk.shop.actions.terms import add_method, add_voucher
from glaswerk.shop.models import (
    DeliveryMethod,
    Merchant,
    MerchantState,
    Product,
    Purchase,
    Sale,
    Stock,
    Tag,
    Variant,
    Voucher,
)
from glaswerk.shop.queries.quotes import quote_for
from glaswerk.videos.models import State, Video

STOCKING: Final = "stocking"
_LOW_AT: Final = 3
_SALE_DAYS: Final = 30
_KEY: Final = "demo"
# What the demo's viewer has bought, so that their orders and the shop's console have something to show.
_BOUGHT: Final = {"tea-bowl-celadon": 2, "print-green-curtains": 1}
_ADDRESS: Final = {
    "name": "Demo Person",
    "street": "Torstraße 1",
    "postal_code": "10119",
    "city": "Berlin",
    "country": "DE",
}

PaintWare = Callable[[Ware, int], Image.Image]
_P = ParamSpec("_P")
_T = TypeVar("_T")


async def open_shops(owners: dict[str, Person], operator: Person, paint: PaintWare, display: Display) -> None:
    """Let every merchant apply, be approved and fill their shelves.  `owners` are the shops' owners by name."""
    display.add(STOCKING, len(WARES))
    for shop in SHOPS:
        await _beside(_open, shop, owners[shop.owner], operator)
    for number, ware in enumerate(WARES):
        owner = next(owners[shop.owner] for shop in SHOPS if shop.name == ware.shop)
        # One at a time, so that a fill that is told to stop need not wait for all of them.
        await _beside(_stock, owner, ware, number, paint)
        display.advance(STOCKING)


def _beside(work: Callable[_P, _T], *words: _P.args, **named: _P.kwargs) -> Awaitable[_T]:
    return sync_to_async(work)(*words, **named)


def _open(shop: Shop, owner: Person, operator: Person) -> None:
    merchant = Merchant.objects.filter(name=shop.name).first()
    if merchant is None:
        merchant = apply_as_merchant(owner, shop.name, "EUR", shop.details)
    if merchant.state == MerchantState.APPLIED:
        decide_merchant(operator, shop.name, MerchantState.APPROVED, "")
        open_to_creators(owner, shop.name, is_open=True)
    if not DeliveryMethod.objects.filter(merchant=merchant).exists():
        for country in COUNTRIES:
            is_home = country == "DE"
            common: dict[str, Any] = {"country": country, "currency": "EUR", "max_weight_g": 30_000}
            parcel = {"minor": 490 if is_home else 990, "free_from_minor": 6_000 if is_home else 12_000}
            add_method(owner, shop.name, {**common, **parcel, "name": "Parcel", "days_min": 2, "days_max": 4})
            express = {"minor": 1_290 if is_home else 2_490, "free_from_minor": None}
            add_method(owner, shop.name, {**common, **express, "name": "Express", "days_min": 1, "days_max": 1})
    if shop is SHOPS[0] and not Voucher.objects.filter(code=VOUCHER).exists():
        terms: dict[str, Any] = {"kind": "percentage", "percent_bp": 1_000, "minor": 0, "minimum_minor": 2_000}
        add_voucher(owner, shop.name, {**terms, "code": VOUCHER, "currency": "EUR", "cap": 500}, None, None)


def _stock(owner: Person, ware: Ware, number: int, paint: PaintWare) -> None:
    product = Product.objects.filter(merchant__name=ware.shop, handle=ware.handle).first()
    if product is None:
        product, _is_new = write_product(owner, ware.shop, _draft(ware))
    variants = list(Variant.objects.filter(product=product).prefetch_related("prices"))
    place = product.merchant.locations.order_by("pk")[0].public_id
    for share, variant in enumerate(variants):
        # What somebody has bought or counted since is not counted again.
        if not Stock.objects.filter(variant=variant).exists():
            units = ware.units // len(variants) + (share < ware.units % len(variants))
            set_stock(owner, variant.public_id, place, units, _LOW_AT)
        for price in variant.prices.all():
            if ware.sale_percent and not Sale.objects.filter(price=price).exists():
                minor = price.minor * (100 - ware.sale_percent) // 100
                start = timezone.now()
                add_sale(owner, variant.public_id, "EUR", minor, start, start + timedelta(days=_SALE_DAYS))
    if not product.pictures.exists():
        file = BytesIO()
        paint(ware, number).save(file, "PNG", compress_level=1)
        file.seek(0)
        add_picture(owner, product.public_id, file, ware.title)


def _draft(ware: Ware) -> ProductDraft:
    choices = ware.choices or ("",)
    steps = ware.steps or (0,)
    return ProductDraft(
        handle=ware.handle,
        title=ware.title,
        description=ware.text,
        kind=ware.kind,
        tags=(ware.topic, ware.kind.lower()),
        options=(ware.option,) if ware.option else (),
        state="active",
        variants=tuple(
            VariantDraft(
                choices=(choice,) if choice else (),
                sku=f"{ware.handle.upper()}-{number}",
                weight_g=ware.weight_g,
                prices={"EUR": ware.minor + step},
            )
            for number, (choice, step) in enumerate(zip(choices, steps, strict=True), 1)
        ),
    )


def show_in_videos(clips: Iterable[Clip]) -> None:
    """Tag what fits to each clip, by its creator; a video that shows something already is left as it is."""
    tagged = set(Tag.objects.values_list("video_id", flat=True))
    videos = Video.objects.filter(state=State.READY).exclude(pk__in=tagged).select_related("creator")
    by_caption = {(video.creator.name, video.caption): video for video in videos}
    products = {(one.merchant.name, one.handle): one for one in Product.objects.select_related("merchant")}
    for clip in clips:
        video = by_caption.get((clip.creator.name, clip.caption))
        shop = next((one for one in SHOPS if clip.topic in one.topics), None)
        if video is None or shop is None:
            continue
        fitting = [ware for ware in WARES if ware.shop == shop.name and ware.topic == clip.topic]
        # The four clips of a topic show different things, each two, the second when the first has been seen.
        shown = [fitting[(2 * clip.variant + step) % len(fitting)] for step in range(min(2, len(fitting)))]
        half = video.duration_ms // 2
        moments = ((0, half), (half, video.duration_ms))
        drafts = [
            TagDraft(products[shop.name, ware.handle].public_id, start, end)
            for ware, (start, end) in zip(shown, moments, strict=False)
        ]
        set_tags(video.creator, video.public_id, drafts)


def buy_once(viewer: Person) -> None:
    """Let the demo's viewer buy from two shops, as anybody buys; only where no money moves, and once."""
    provider = settings.CELL.config.payments.provider
    if provider != "sandbox" or Purchase.objects.filter(buyer=viewer.pk, key=_KEY).exists():
        return
    address = viewer.addresses.first() or save_address(viewer, _ADDRESS, is_default=True)
    variants = {
        one.product.handle: one
        for one in Variant.objects.filter(product__handle__in=_BOUGHT, position=1).select_related("product")
    }
    things = {variants[handle].pk: quantity for handle, quantity in _BOUGHT.items()}
    quote = quote_for(things, "EUR", address.country, {}, "")
    asked = Asked(
        things={variants[handle].public_id: quantity for handle, quantity in _BOUGHT.items()},
        quote=quote.hash,
        currency="EUR",
        method=f"{provider}:tok_success",
        address=address.public_id,
        delivery={},
    )
    buy(viewer.pk, viewer, _KEY, asked)
