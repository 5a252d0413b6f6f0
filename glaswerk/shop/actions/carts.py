"""What buyers do with their carts and addresses."""

from django.db import connection, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell.ids import decode_id
from glaswerk.cell.statements import fetch
from glaswerk.people.models import Person
from glaswerk.shop.actions.interest import count_interest
from glaswerk.shop.actions.touches import adopt_touches
from glaswerk.shop.addresses import check_address, place_mark
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_LINES, MAX_QUANTITY, Address, Cart

MAX_ADDRESSES = 20

_ADD = "SELECT shop_add(%s::bigint, %s::bigint, %s::bigint, %s::integer, %s::integer, %s::integer, %s::date)"
_OPEN = """
INSERT INTO shop_cart (buyer, person_id, updated_at) VALUES (%s, %s, now())
ON CONFLICT (buyer) DO UPDATE SET updated_at = now() RETURNING id
"""
_MERGE = """
INSERT INTO shop_cartline AS held (cart_id, variant_id, quantity)
SELECT %(into)s, variant_id, quantity FROM shop_cartline WHERE cart_id = %(cart)s ORDER BY variant_id LIMIT %(room)s
ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = greatest(held.quantity, excluded.quantity)
"""


def check_quantity(quantity: int, field: str = "quantity") -> int:
    """Return how many somebody wants.  Raises ShopError for none, fewer, and more than is sold at once."""
    if not 1 <= quantity <= MAX_QUANTITY:
        raise ShopError(field, _("Between 1 and %(most)d can be bought at once.") % {"most": MAX_QUANTITY})
    return quantity


def add_to_cart(buyer: int, person: Person | None, variant_id: str, quantity: int) -> None:
    """Put so many more of a variant into a buyer's cart.  Raises Http404 for what is not sold, and ShopError."""
    check_quantity(quantity)
    try:
        variant = decode_id(variant_id)
    except ValueError:
        raise Http404 from None
    values = [buyer, person.pk if person is not None else None, variant, quantity, MAX_QUANTITY, MAX_LINES]
    outcome = fetch(_ADD, [*values, timezone.localdate()])[0][0]
    if outcome == "gone":
        raise Http404
    if outcome == "full":
        raise ShopError("variant", _("A cart has room for %(count)d different things.") % {"count": MAX_LINES}, 409)
    count_interest("wanted", variant=variant)


def set_quantity(buyer: int, variant_id: str, quantity: int) -> None:
    """Want so many of what is in one's cart; 0 takes it out.  Raises Http404 and ShopError."""
    try:
        variant = decode_id(variant_id)
    except ValueError:
        raise Http404 from None
    lines = Cart.objects.filter(buyer=buyer, lines__variant_id=variant)
    if quantity:
        check_quantity(quantity)
    with transaction.atomic():
        cart = lines.select_for_update(of=("self",)).first()
        if cart is None:
            raise Http404
        line = cart.lines.filter(variant_id=variant)
        if quantity:
            line.update(quantity=quantity)
        else:
            line.delete()


def take_over(person: Person, guest: int | None, viewer: int | None) -> None:
    """Let a person have what they wanted as a guest, and have come by whom they came while signed out.  Safe to run again."""
    for before in (viewer, guest):
        if before is not None:
            adopt_touches(before, person.pk)
    if guest is not None:
        merge_carts(guest, person)


def merge_carts(guest: int, person: Person) -> None:
    """Put what a guest wanted into the cart of the person they turn out to be.  Safe to run again.

    Of what is in both, the larger number counts: it was wanted once, on two devices.
    """
    if guest >= 0:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        found = Cart.objects.select_for_update().filter(buyer=guest).first()
        if found is None:
            return
        into = _open(person.pk, person)
        cursor.execute("SELECT count(*) FROM shop_cartline WHERE cart_id = %s", [into])
        room = max(0, MAX_LINES - cursor.fetchone()[0])
        cursor.execute(_MERGE, {"into": into, "cart": found.pk, "room": room})
        found.delete()


def save_address(person: Person, given: dict[str, str], *, is_default: bool) -> Address:
    """Keep an address of a person for the next time.  Raises ShopError."""
    clean = check_address(given)
    with transaction.atomic():
        owner = Person.objects.select_for_update(no_key=True).get(pk=person.pk)
        held = Address.objects.filter(person=owner)
        if held.count() >= MAX_ADDRESSES:
            raise ShopError("address", _("There is room for %(count)d addresses.") % {"count": MAX_ADDRESSES}, 409)
        if is_default:
            held.update(is_default=False)
        return Address.objects.create(person=owner, is_default=is_default, place=place_mark(clean), **clean)


def delete_address(person: Person, public_id: str) -> None:
    """Forget an address of a person.  Raises Http404."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    if not Address.objects.filter(person=person, pk=wanted).delete()[0]:
        raise Http404


def _open(buyer: int, person: Person | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [buyer, person.pk if person is not None else None])
        return int(cursor.fetchone()[0])
