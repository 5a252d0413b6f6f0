"""What changes stock besides buying: counting, receiving, splitting a hot row, and making one of it again.

A row that many want at once splits itself (`shop_split`, in the database); here it becomes one again when it is cold, and
before a merchant counts.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_UNITS, Location, MovementKind, StaffRole, Stock, Variant
from glaswerk.shop.queries.merchants import access_merchant, at_least
from glaswerk.shop.texts import clean_line

MAX_BUCKETS = 16
_COLD_AFTER: Final = timedelta(minutes=10)

# Other buckets of a split row keep what they have; a count never takes away what is promised to somebody.
_COUNT = """
INSERT INTO shop_stock AS held (variant_id, location_id, bucket, on_hand, reserved)
SELECT variant, %(location)s, 0, units, 0 FROM unnest(%(variants)s::bigint[], %(units)s::integer[]) AS new (variant, units)
ORDER BY variant
ON CONFLICT (variant_id, location_id, bucket) DO UPDATE SET on_hand = greatest(held.reserved, excluded.on_hand - coalesce(
    (SELECT sum(other.on_hand) FROM shop_stock AS other
     WHERE other.variant_id = held.variant_id AND other.location_id = held.location_id AND other.bucket > 0), 0))
"""


@contextmanager
def movement(kind: MovementKind, reference: str = "") -> Iterator[None]:
    """Within a transaction, let the changes of stock in this block be recorded as `kind`."""
    with connection.cursor() as cursor:
        tell = "SELECT set_config('shop.movement', %s, true), set_config('shop.reference', %s, true)"
        cursor.execute(tell, [kind.value, reference])
        yield
        cursor.execute(tell, ["", ""])


def count_stock(location: Location, units: Mapping[int, int]) -> None:
    """Set how many of each variant (by id) lie at a location, within a transaction.  Two queries.

    What is promised to buyers cannot be counted away: then so many are taken to be there.
    """
    if not units:
        return
    split = Stock.objects.filter(location=location, variant__in=units, bucket__gt=0, on_hand__gt=0)
    for variant in split.order_by("variant_id").values_list("variant_id", flat=True).distinct():
        split_stock(variant, location.pk, 1)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"location": location.pk, "variants": [*units], "units": [*units.values()]})


def first_location(merchant_id: int) -> Location:
    """Return where a merchant keeps things unless they say otherwise."""
    found = Location.objects.filter(merchant_id=merchant_id).order_by("pk").first()
    return found or Location.objects.create(merchant_id=merchant_id, name="Stock")


def add_location(person: Person, name: str, title: str) -> Location:
    """Add a place where things are kept, as a manager.  Raises Http404 and ShopError."""
    title = clean_line(title, "name", 80)
    try:
        with transaction.atomic():
            merchant = access_merchant(person, name, StaffRole.MANAGER, lock=True)
            if merchant.locations.count() >= 100:
                raise ShopError("name", _("A shop has at most %(count)d places.") % {"count": 100}, 409)
            return Location.objects.create(merchant=merchant, name=title)
    except IntegrityError:
        raise ShopError("name", _("There is a place of this name already."), 409) from None


def set_stock(person: Person, variant_id: str, location_id: str, on_hand: int, low_at: int | None) -> list[Stock]:
    """Set how many of a variant lie at a place, and at how many the merchant is told.  Raises Http404 and ShopError."""
    if not 0 <= on_hand <= MAX_UNITS:
        raise ShopError("on_hand", _("A stock is between 0 and %(most)d.") % {"most": MAX_UNITS})
    if low_at is not None and not 0 <= low_at <= MAX_UNITS:
        raise ShopError("low_at", _("A stock is between 0 and %(most)d.") % {"most": MAX_UNITS})
    with transaction.atomic():
        variant, location = _access(person, variant_id, location_id)
        with movement(MovementKind.COUNTED):
            count_stock(location, {variant.pk: on_hand})
        rows = Stock.objects.filter(variant=variant, location=location)
        rows.filter(bucket=0).update(low_at=low_at, low_told_at=None)
        held = list(rows.order_by("bucket"))
        if sum(one.on_hand for one in held) > on_hand:
            raise ShopError("on_hand", _("More than that are promised to buyers already."), 409)
    return held


def receive_stock(person: Person, variant_id: str, location_id: str, units: int, reference: str) -> list[Stock]:
    """Add what came in, or take out what is broken (negative).  Raises Http404 and ShopError."""
    if units == 0 or abs(units) > MAX_UNITS:
        raise ShopError("units", _("Please say how many came in, or went out as a negative number."))
    reference = clean_line(reference, "reference", 60, required=False)
    with transaction.atomic():
        variant, location = _access(person, variant_id, location_id)
        row, _made = Stock.objects.get_or_create(variant=variant, location=location, bucket=0)
        if units < 0:
            split_stock(variant.pk, location.pk, 1)
        try:
            with transaction.atomic(), movement(MovementKind.RECEIVED, reference):
                Stock.objects.filter(pk=row.pk).update(on_hand=F("on_hand") + units, low_told_at=None)
        except IntegrityError:
            raise ShopError(
                "units", _("That is more than there is room for, or than lies there unpromised."), 409
            ) from None
        return list(Stock.objects.filter(variant=variant, location=location).order_by("bucket"))


def split_stock(variant_id: int, location_id: int, buckets: int) -> None:
    """Split what is free of a hot variant evenly into buckets, so that its buyers do not wait for one row."""
    buckets = max(1, min(buckets, MAX_BUCKETS))
    with transaction.atomic(), movement(MovementKind.MOVED):
        Stock.objects.bulk_create(
            (Stock(variant_id=variant_id, location_id=location_id, bucket=number) for number in range(buckets)),
            ignore_conflicts=True,
        )
        rows = list(
            Stock.objects.filter(variant_id=variant_id, location_id=location_id).order_by("id").select_for_update()
        )
        free = sum(one.on_hand - one.reserved for one in rows)
        for number, one in enumerate(rows):
            share = free // buckets + (number < free % buckets) if number < buckets else 0
            Stock.objects.filter(pk=one.pk).update(on_hand=one.reserved + share)


def merge_cold_stock(limit: int = 200) -> int:
    """Make one row again of what was split and is not hot any more; return how many variants that was.

    The empty buckets stay, because the history of what went through them does.
    """
    since = timezone.now() - _COLD_AFTER
    hot = Stock.objects.filter(variant=OuterRef("variant"), location=OuterRef("location"), waited_at__gt=since)
    cold = Stock.objects.filter(bucket__gt=0, on_hand__gt=F("reserved")).exclude(Exists(hot))
    found = list(cold.values_list("variant_id", "location_id").distinct().order_by("variant_id", "location_id")[:limit])
    for variant, location in found:
        split_stock(variant, location, 1)
    return len(found)


def _access(person: Person, variant_id: str, location_id: str) -> tuple[Variant, Location]:
    try:
        wanted, place = decode_id(variant_id), decode_id(location_id)
    except ValueError:
        raise Http404 from None
    roles = at_least(StaffRole.MANAGER)
    location = Location.objects.filter(
        pk=place, merchant__staff__person=person, merchant__staff__role__in=roles
    ).first()
    if location is None:
        raise Http404
    # The variant is of the same merchant, or it is not there.
    variant = Variant.objects.filter(pk=wanted, product__merchant_id=location.merchant_id).first()
    if variant is None:
        raise Http404
    return variant, location
