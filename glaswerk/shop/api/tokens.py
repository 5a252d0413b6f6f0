"""API tokens of a merchant's programs, and how they open the endpoints that are theirs."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import Model, Q
from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema
from ninja.errors import HttpError
from ninja.security import HttpBearer, SessionAuth

from glaswerk.cell.ids import decode_id
from glaswerk.cell.rates import check_rate
from glaswerk.shop.actions import tokens as actions
from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.models import Location, Merchant, Order, Product, Sale, Scope, Token, Variant

router = Router(tags=["tokens"])


def _by_id(model: type[Model], path: str) -> Callable[[Token, str], bool]:
    def belongs(token: Token, given: str) -> bool:
        try:
            return model._default_manager.filter(Q(pk=decode_id(given)) & Q(**{path: token.merchant_id})).exists()
        except ValueError:
            return False

    return belongs


# Whose thing it is that an address names.  A parameter that is not here opens nothing to a token.
_BELONGS: Final[dict[str, Callable[[Token, str], bool]]] = {
    "name": lambda token, given: Merchant.objects.filter(pk=token.merchant_id, name=given).exists(),
    "order_id": _by_id(Order, "merchant"),
    "product_id": _by_id(Product, "merchant"),
    "variant_id": _by_id(Variant, "product__merchant"),
    "location_id": _by_id(Location, "merchant"),
    "sale_id": lambda token, given: (
        given.isascii()
        and given.isdigit()
        and len(given) < 19
        and Sale.objects.filter(pk=int(given), price__variant__product__merchant=token.merchant_id).exists()
    ),
    # These lie below what was asked about before.
    "handle": lambda token, given: True,
    "position": lambda token, given: True,
    "parcel_id": lambda token, given: True,
}


class _TokenAuth(HttpBearer):
    """A token that has a scope, for things of its own merchant and no other, though its owner may own several shops."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self._scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Token | None:
        """Return the token, or None for one that holds no more.  Raises Http404, RateLimited, and 403 for the scope."""
        found = actions.find_token(token) if token.startswith(actions.PREFIX) and len(token) < 100 else None
        if found is None:
            return None
        check_rate(f"token:{found.pk}", settings.CELL.config.limits.token_requests_per_minute)
        match = request.resolver_match
        given = match.kwargs if match is not None else {}
        if not all(name in _BELONGS and _BELONGS[name](found, str(value)) for name, value in given.items()):
            raise Http404
        if self._scope not in found.scopes:
            raise HttpError(403, f"This token may not do this: it lacks the scope {self._scope.value}.")
        return found


def token_or_session(scope: Scope) -> list[object]:
    """Return who may call an endpoint: a token with this scope, or else whoever is signed in."""
    return [_TokenAuth(scope), SessionAuth(csrf=True)]


class TokenIn(Schema):
    """A token to make."""

    name: str = Field(max_length=300, description="By which you know it again.")
    scopes: list[str] = Field(max_length=20, description="Such as orders:read.")
    days: int = Field(90, ge=1, le=actions.MAX_DAYS, description="How long it holds.")


class TokenOut(Schema):
    """A token, without what opens anything."""

    id: str
    name: str
    hint: str = Field(description="What it begins with.")
    scopes: list[str]
    expires_at: datetime
    used_at: datetime | None


class NewTokenOut(TokenOut):
    """A token with what opens, which is shown this once."""

    token: str


class TokensOut(Schema):
    """All tokens of a merchant that were not revoked."""

    tokens: list[TokenOut]


def _token(token: Token) -> TokenOut:
    return TokenOut(
        id=token.public_id,
        name=token.name,
        hint=token.hint,
        scopes=token.scopes,
        expires_at=token.expires_at,
        used_at=token.used_at,
    )


@router.get("/shop/merchants/{name}/tokens", response=TokensOut)
def list_tokens(request: HttpRequest, name: str) -> TokensOut:
    """List a merchant's tokens, as an owner."""
    return TokensOut(tokens=[_token(one) for one in actions.tokens_of(person_of(request), name)])


@router.post("/shop/merchants/{name}/tokens", response={201: NewTokenOut})
def make_token(request: HttpRequest, name: str, asked: TokenIn) -> tuple[int, NewTokenOut]:
    """Make a token, as an owner; it is shown in this answer and never again."""
    person = person_of(request)
    count_write(person.pk)
    made, shown = actions.make_token(person, name, asked.name, asked.scopes, asked.days)
    return 201, NewTokenOut(**_token(made).dict(), token=shown)


@router.delete("/shop/tokens/{token_id}", response={204: None})
def revoke_token(request: HttpRequest, token_id: str) -> tuple[int, None]:
    """Let a token open nothing any more, as an owner."""
    person = person_of(request)
    count_write(person.pk)
    actions.revoke_token(person, token_id)
    return 204, None
