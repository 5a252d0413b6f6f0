"""Merchants, products and buyers for the tests of the shop."""

import importlib
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connection
from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone

from glaswerk.people.models import Person, Role
from glaswerk.shop.models import (
    DeliveryMethod,
    Location,
    Merchant,
    Price,
    Product,
    Staff,
    StaffRole,
    Stock,
    Variant,
    VatRate,
)
from glaswerk.videos.models import Video
from glaswerk.web.lean import PATHS, LeanDjango

PLAIN_STATIC = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
RATES = importlib.import_module("glaswerk.shop.migrations.0003_vat_rates").RATES

MakePerson = Callable[..., Person]
MakeMerchant = Callable[..., Merchant]
MakeVariant = Callable[..., Variant]
SignIn = Callable[[Person], Client]

DETAILS: dict[str, Any] = {
    "title": "Glas & Co.",
    "legal_name": "Glas und Co. GmbH",
    "street": "Torstraße 1",
    "postal_code": "10119",
    "city": "Berlin",
    "country": "DE",
    "email": "shop@example.org",
    "phone": "+49 30 1234567",
    "registration": "HRB 12345 B, Amtsgericht Charlottenburg",
    "vat_id": "DE136695976",
    "self_certified": True,
}


class CheapArgon2(Argon2PasswordHasher):
    """Argon2 at a cost that a test run can bear."""

    time_cost = 1
    memory_cost = 64
    parallelism = 1


@pytest.fixture(autouse=True)
def plain_settings(settings: Any) -> None:
    """Name static files without their hash, and let nobody be slowed down."""
    settings.STORAGES = {**settings.STORAGES, **PLAIN_STATIC}
    settings.PASSWORD_HASHERS = [f"{__name__}.CheapArgon2"]


@cache
def lean_django() -> LeanDjango:
    """Django as the front door reaches it by the shorter way."""
    return LeanDjango()


@pytest.fixture(autouse=True)
def the_lean_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what the front door answers by the shorter way come by it here too, so that all tests of buying are of it."""
    full = ClientHandler.get_response

    def get_response(self: ClientHandler, request: Any) -> Any:
        is_lean = request.method == "POST" and request.path in PATHS
        return lean_django().get_response(request) if is_lean else full(self, request)

    monkeypatch.setattr(ClientHandler, "get_response", get_response)


@pytest.fixture
def rates(db: None) -> None:
    """Have the VAT rates, which tests of transactions empty with all other tables."""
    if not VatRate.objects.exists():
        VatRate.objects.bulk_create(
            VatRate(place=f"{country}:{category}", rate_bp=value, period=(None, None))
            for country, values in RATES.items()
            for category, value in zip(("standard", "reduced", "lower", "zero"), (*values, 0), strict=True)
        )


@pytest.fixture
def make_person() -> MakePerson:
    """Make a person without a password, who signs in by `force_login`."""
    numbers = itertools.count()

    def make(name: str = "", **fields: Any) -> Person:
        name = name or f"person{next(numbers)}"
        return Person.objects.create(name=name, email=f"{name}@example.org", password="!", **fields)

    return make


@pytest.fixture
def operator(make_person: MakePerson) -> Person:
    """Somebody who runs the cell."""
    return make_person("operator", role=Role.OPERATOR)


@pytest.fixture
def signed_in() -> SignIn:
    """Return a browser in which a person is signed in."""

    def sign_in(person: Person) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return sign_in


@pytest.fixture
def make_merchant(make_person: MakePerson) -> MakeMerchant:
    """Make an approved merchant with an owner, a manager and a packer named after it."""

    def make(name: str = "glas", state: str = "approved", **fields: Any) -> Merchant:
        decided = None if state == "applied" else timezone.now()
        merchant = Merchant.objects.create(
            **{**DETAILS, "phone": "+49301234567", "name": name, "state": state, "decided_at": decided, **fields}
        )
        for role in StaffRole:
            Staff.objects.create(merchant=merchant, person=make_person(f"{name}-{role}".replace("-", "_")), role=role)
        Location.objects.create(merchant=merchant, name="Stock")
        return merchant

    return make


@pytest.fixture
def make_variant() -> MakeVariant:
    """Make a product with one variant, a price and a stock."""
    numbers = itertools.count(1)

    def make(merchant: Merchant, minor: int = 1000, units: int = 10, state: str = "active", **fields: Any) -> Variant:
        number = next(numbers)
        product = Product.objects.create(
            merchant=merchant, handle=f"thing-{number}", title=f"Thing {number}", state=state, **fields
        )
        variant = Variant.objects.create(product=product, sku=f"T-{number}", weight_g=500)
        Price.objects.create(variant=variant, currency=merchant.currency, minor=minor)
        Stock.objects.create(variant=variant, location=merchant.locations.get(), on_hand=units)
        return variant

    return make


def make_video(creator: Person, duration_ms: int = 9_000, **fields: Any) -> Video:
    """Make a video that plays."""
    facts = {"state": "ready", "visibility": "public", "region": "eu", "source": "0" * 64, "poster": "a" * 64}
    size: dict[str, Any] = {"width": 360, "height": 640, "published_at": timezone.now()}
    return Video.objects.create(creator=creator, duration_ms=duration_ms, **{**facts, **size, **fields})


def staff(merchant: Merchant, role: StaffRole | str = StaffRole.MANAGER) -> Person:
    """Return who works for a merchant in a role."""
    return merchant.staff.get(role=role).person


def send(client: Client, method: str, path: str, body: object = None, **headers: str) -> Any:
    """Call the API with JSON."""
    return client.generic(
        method.upper(),
        path,
        b"" if body is None else json.dumps(body).encode(),
        content_type="application/json",
        headers=headers,
    )


@cache
def _digests() -> str:
    """Return one statement that digests every table of the shop and of money."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
            " AND (table_name LIKE 'shop\\_%' OR table_name LIKE 'money\\_%') ORDER BY 1"
        )
        tables = [row[0] for row in cursor.fetchall()]
    assert len(tables) > 30
    return " UNION ALL ".join(
        f"SELECT '{table}', count(*) || ':' || coalesce(md5(string_agg(t::text, '' ORDER BY t::text)), '') FROM {table} t"
        for table in tables
    )


def fingerprint() -> dict[str, str]:
    """Return a digest of every table of the shop and of money, to see that nothing changed."""
    with connection.cursor() as cursor:
        cursor.execute(_digests())
        return dict(cursor.fetchall())


@pytest.fixture
def nothing_changes() -> Callable[[], Any]:
    """Return a context that fails where a table of the shop or of money changed within it."""

    @contextmanager
    def watch() -> Iterator[None]:
        before = fingerprint()
        yield
        assert fingerprint() == before

    return watch


ADDRESS = {"name": "Ada Lovelace", "street": "Torstraße 1", "postal_code": "10119", "city": "Berlin", "country": "DE"}
PAYS = "sandbox:tok_success"


def quoted(client: Client, things: dict[str, int], **more: Any) -> dict[str, Any]:
    """Return the quote of so many of each variant."""
    lines = [{"variant": variant, "quantity": quantity} for variant, quantity in things.items()]
    answer = send(client, "post", "/api/shop/quotes", {"lines": lines, **more})
    assert answer.status_code == 200, answer.content
    return answer.json()


def new_guest() -> Client:
    """Return a browser of somebody who is not signed in, and has looked around."""
    client = Client()
    send(client, "post", "/api/shop/quotes", {})
    return client


def wish(quote: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the body that buys a quote."""
    lines = [
        {"variant": line["variant"], "quantity": line["quantity"]}
        for order in quote["orders"]
        for line in order["lines"]
    ]
    body = {"lines": lines, "quote": quote["hash"], "address": ADDRESS, "email": "ada@example.org", "method": PAYS}
    return {**body, **({"voucher": quote["voucher"]} if quote["voucher"] else {}), **more}


def buy(client: Client, things: dict[str, int], key: str = "", **more: Any) -> Any:
    """Quote and buy; return the answer."""
    number = key or f"key-{next(_keys)}"
    return send(client, "post", "/api/purchases", wish(quoted(client, things), **more), **{"Idempotency-Key": number})


_keys = itertools.count()


@pytest.fixture
def shop(rates: None, make_merchant: MakeMerchant) -> Merchant:
    """A merchant who delivers to Germany."""
    merchant = make_merchant()
    DeliveryMethod.objects.create(merchant=merchant, country="DE", name="Post", currency="EUR", minor=490)
    return merchant
