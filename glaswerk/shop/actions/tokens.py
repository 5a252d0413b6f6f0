"""Making and revoking API tokens, as an owner."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import MAX_TOKENS, Scope, StaffRole, Token
from glaswerk.shop.queries.merchants import access_merchant
from glaswerk.shop.texts import clean_line

PREFIX: Final = "gw_"
MAX_DAYS: Final = 730
_HINT: Final = len(PREFIX) + 5
# When a token was last used is written so often at most: reading must not become writing.
_USED_EVERY: Final = timedelta(minutes=1)


def tokens_of(person: Person, name: str) -> QuerySet[Token]:
    """Return a merchant's tokens that are not revoked, the newest first, for an owner.  Two queries.  Raises Http404."""
    merchant = access_merchant(person, name, StaffRole.OWNER)
    return Token.objects.filter(merchant=merchant, revoked_at__isnull=True).select_related("person").order_by("-pk")


def make_token(person: Person, name: str, title: str, scopes: Collection[str], days: int) -> tuple[Token, str]:
    """Make a token for so many days, and return it with what is to be shown once.  Raises Http404 and ShopError."""
    title = clean_line(title, "name", 60)
    if not scopes or not set(scopes) <= set(Scope.values):
        raise ShopError("scopes", _("Please choose what the token may do."))
    if not 1 <= days <= MAX_DAYS:
        raise ShopError("days", _("A token holds between 1 and %(most)d days.") % {"most": MAX_DAYS})
    shown = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        merchant = access_merchant(person, name, StaffRole.OWNER, lock=True)
        now = timezone.now()
        if Token.objects.filter(merchant=merchant, revoked_at__isnull=True, expires_at__gt=now).count() >= MAX_TOKENS:
            raise ShopError("name", _("A shop has at most %(count)d tokens.") % {"count": MAX_TOKENS}, 409)
        token = Token.objects.create(
            merchant=merchant,
            person=person,
            name=title,
            scopes=[scope for scope in Scope.values if scope in scopes],
            hash=hash_of(shown),
            hint=shown[:_HINT],
            added_at=now,
            expires_at=now + timedelta(days=days),
        )
    return token, shown


def revoke_token(person: Person, public_id: str) -> None:
    """Let a token open nothing any more.  Raises Http404."""
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    found = Token.objects.filter(pk=wanted, revoked_at__isnull=True)
    found = found.filter(merchant__staff__person=person, merchant__staff__role=StaffRole.OWNER)
    if not Token.objects.filter(pk__in=found.values("pk")).update(revoked_at=timezone.now()):
        raise Http404


def find_token(shown: str) -> Token | None:
    """Return the token that somebody holds, where it still holds and its owner still is one.  One query, or two."""
    now = timezone.now()
    found = Token.objects.filter(hash=hash_of(shown), revoked_at__isnull=True, expires_at__gt=now)
    token = found.filter(
        person__is_active=True, merchant__staff__person=F("person"), merchant__staff__role=StaffRole.OWNER
    ).select_related("merchant", "person").first()  # fmt: skip
    if token is not None and (token.used_at is None or now - token.used_at > _USED_EVERY):
        Token.objects.filter(pk=token.pk).update(used_at=now)
    return token


def hash_of(shown: str) -> str:
    """Return what is kept of a token.  It has 256 random bits, so that nothing slower is needed."""
    return hashlib.sha256(shown.encode()).hexdigest()
