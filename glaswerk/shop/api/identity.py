"""Who acts: a person by their session, or a guest by a signed cookie."""

import secrets
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpRequest, HttpResponse
from ninja.security import SessionAuth

from glaswerk.cell.ids import decode_id, encode_id
from glaswerk.cell.rates import check_rate
from glaswerk.feed.visitors import VisitorReader
from glaswerk.people.models import Person
from glaswerk.shop.actions.touches import adopt_touches
from glaswerk.shop.models import Token

GUEST_COOKIE: Final = "cart"
_GUEST_AGE_S: Final = 90 * 86_400
_signer: Final = Signer(salt="glaswerk.shop.guest")
_visitors: Final = VisitorReader()


@dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody who buys: `number` is a person's id, or negative for a guest.

    `guest` is the cart's cookie's one, if any, and `viewer` whom the feed knows this browser as while it is signed out.
    """

    number: int
    person: Person | None
    guest: int | None
    viewer: int | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """Everybody whom they are known as: who signs in still sees what they bought as a guest in this browser."""
        return (self.number,) if self.guest in (None, self.number) else (self.number, self.guest)

    @property
    def led(self) -> int | None:
        """As whom it is kept by whom they came: until they put something into a cart, only the feed knows them, if it does."""
        return self.number if self.person is not None or self.guest is not None else self.viewer


class BuyerAuth(SessionAuth):
    """Anybody: a person, a guest whose cookie holds, or a new guest.  Forged requests are refused as for sessions."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """Return the buyer; one without a cookie gets a number that `remember` can make last."""
        guest, viewer = guest_of(request), _visitors.anonymous(request.COOKIES)
        if isinstance(request.user, Person):
            return Buyer(request.user.pk, request.user, guest, viewer)
        number = guest if guest is not None else -(secrets.randbits(62) + 1)
        return Buyer(number, None, guest, viewer)


def guest_of(request: HttpRequest) -> int | None:
    """Return the guest's number of a cookie whose signature holds."""
    try:
        return -decode_id(_signer.unsign(request.COOKIES.get(GUEST_COOKIE, ""))) or None
    except (BadSignature, ValueError):
        return None


def buyer_of(request: HttpRequest) -> Buyer:
    """Return the buyer whom `BuyerAuth` found."""
    buyer: Any = request.auth  # type: ignore[attr-defined]
    assert isinstance(buyer, Buyer)
    return buyer


def remember(response: HttpResponse, buyer: Buyer) -> None:
    """Let a new guest keep their number, and by whom they came."""
    if buyer.person is None and buyer.guest is None:
        if buyer.viewer is not None:
            adopt_touches(buyer.viewer, buyer.number)
        response.set_cookie(
            GUEST_COOKIE,
            _signer.sign(encode_id(-buyer.number)),
            max_age=_GUEST_AGE_S,
            httponly=True,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )


def person_of(request: HttpRequest) -> Person:
    """Return the signed-in person, or the owner for whom a token acts."""
    holder: object = getattr(request, "auth", None)
    if isinstance(holder, Token):
        owner: Person = holder.person
        return owner
    assert isinstance(request.user, Person)
    return request.user


def count_write(key: int) -> None:
    """Count a write of a person or a guest.  Raises RateLimited."""
    check_rate(f"write:{key}", settings.CELL.config.limits.writes_per_minute)


def count_buyers_write(request: HttpRequest, buyer: Buyer) -> None:
    """Count a write of a buyer; new guests are counted by their address, because each has a number of their own.

    Raises RateLimited.
    """
    if buyer.person is None and buyer.guest is None:
        address = str(request.META.get("REMOTE_ADDR", ""))[:60]
        check_rate(f"guest:{address}", settings.CELL.config.limits.new_viewers_per_minute)
    else:
        count_write(buyer.number)


def id_or_404(text: str) -> int:
    """Return the id behind its public form.  Raises Http404."""
    try:
        return decode_id(text)
    except ValueError:
        raise Http404 from None
