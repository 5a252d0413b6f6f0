"""Who may call what: a table of every route of the shop and every role.  A new route must join it, or this fails.

Each call is made on the same scene and rolled back; those that are denied must have changed nothing at all.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone

from glaswerk.people.models import Person
from glaswerk.shop.actions.tokens import make_token, revoke_token
from glaswerk.shop.models import Merchant, Sale, Scope, Token, Voucher
from glaswerk.shop.webhooks.actions import add_endpoint, send_test
from glaswerk.web.api import api

from .conftest import (
    ADDRESS,
    DETAILS,
    MakeMerchant,
    MakePerson,
    MakeVariant,
    SignIn,
    buy,
    fingerprint,
    lean_django,
    make_video,
    quoted,
    send,
    staff,
    wish,
)
from .creators import make_plan

ROLES: Final = ("anonymous", "guest", "buyer", "other", "packer", "manager", "owner", "foreign", "operator")
# Programs by token: one that may all that a token can, one that may only read stock, one of another shop, one revoked.
TOKENS: Final = ("token", "narrow", "strange", "revoked")
#        anonymous, guest, buyer, other, packer, manager, owner, foreign (owner of another shop), operator
EVERYBODY: Final = {code: (code,) * 9 for code in (200, 201, 204)}
PERSONS = {code: (401, 401, *(code,) * 7) for code in (200, 201, 204)}
STAFF = {code: (401, 401, 404, 404, code, code, code, 404, 404) for code in (200, 201, 204)}
MANAGERS = {code: (401, 401, 404, 404, 404, code, code, 404, 404) for code in (200, 201, 204)}
OWNERS = {code: (401, 401, 404, 404, 404, 404, code, 404, 404) for code in (200, 201, 202, 204)}
OPERATORS = {code: (401, 401, 404, 404, 404, 404, 404, 404, code) for code in (200, 201, 204)}
# What one buyer did: nobody else, whoever they are, finds it here.
ITS_BUYER = {code: (404, 404, code, 404, 404, 404, 404, 404, 404) for code in (200, 201, 204)}

PRODUCT: Final = {"title": "New", "state": "draft"}
CSV: Final = b"Handle,Title,Variant Price\nfresh,Fresh,1.00\n"
SALE: Final = {"minor": 5, "start": "2030-01-01T00:00:00Z"}
OLD_SALE: Final = {"minor": 5, "start": "2029-01-01T00:00:00Z", "end": "2029-02-01T00:00:00Z"}
VOUCHER: Final = {"code": "NEWONE", "kind": "fixed", "minor": 5, "cap": 1}
HOOK: Final = {"url": "https://hooks.example/new", "events": ["order.paid"]}
METHOD: Final = {"country": "AT", "name": "Post", "minor": 5}

# One pixel.
_PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f01f00050001ff89993d1d0000000049454e44ae426082"
)
_FILES: Final = {
    "csv": ("a.csv", CSV),
    "shipments": ("a.csv", b"order,tracking,carrier\n"),
    "picture": ("a.png", _PNG),
}

Row = tuple[Any, tuple[int, ...]]
TABLE: Final[dict[str, Row]] = {
    "POST /api/shop/merchants": ({**DETAILS, "name": "brand-new"}, PERSONS[201]),
    "GET /api/shop/merchants": (None, PERSONS[200]),
    "GET /api/shop/applications": (None, OPERATORS[200]),
    "GET /api/shop/merchants/{name}": (None, EVERYBODY[200]),
    "PUT /api/shop/merchants/{name}": (DETAILS, OWNERS[200]),
    "PUT /api/shop/merchants/{name}/holiday": ({"first": "2030-01-01", "last": "2030-01-02"}, MANAGERS[200]),
    "POST /api/shop/merchants/{name}/decision": ({"state": "suspended", "reason": "x"}, OPERATORS[200]),
    "GET /api/shop/merchants/{name}/staff": (None, OWNERS[200]),
    "PUT /api/shop/merchants/{name}/staff/{person_name}": ({"role": "manager"}, OWNERS[200]),
    "DELETE /api/shop/merchants/{name}/staff/{person_name}": (None, OWNERS[204]),
    "GET /api/shop/products": (None, EVERYBODY[200]),
    "GET /api/shop/products/{product_id}": (None, EVERYBODY[200]),
    "POST /api/shop/products/{product_id}/interest": ({"stage": "opened"}, EVERYBODY[204]),
    "GET /api/shop/merchants/{name}/products": (None, STAFF[200]),
    "PUT /api/shop/merchants/{name}/products/{handle}": (PRODUCT, MANAGERS[201]),
    "PUT /api/shop/products/{product_id}/state": ({"state": "archived"}, MANAGERS[200]),
    "POST /api/shop/products/{product_id}/pictures": ("picture", MANAGERS[201]),
    "DELETE /api/shop/products/{product_id}/pictures/{position}": (None, MANAGERS[204]),
    "POST /api/shop/variants/{variant_id}/sales": (SALE, MANAGERS[201]),
    "DELETE /api/shop/sales/{sale_id}": (None, MANAGERS[204]),
    "POST /api/shop/merchants/{name}/import": ("csv", MANAGERS[200]),
    "GET /api/shop/merchants/{name}/export": (None, MANAGERS[200]),
    "GET /api/shop/merchants/{name}/locations": (None, STAFF[200]),
    "POST /api/shop/merchants/{name}/locations": ({"name": "Cellar"}, MANAGERS[201]),
    "GET /api/shop/merchants/{name}/stock": (None, STAFF[200]),
    "PUT /api/shop/variants/{variant_id}/stock/{location_id}": ({"on_hand": 50}, MANAGERS[200]),
    "POST /api/shop/variants/{variant_id}/stock/{location_id}/received": ({"units": 1}, MANAGERS[200]),
    "GET /api/shop/merchants/{name}/movements": (None, MANAGERS[200]),
    "GET /api/shop/merchants/{name}/delivery": (None, STAFF[200]),
    "POST /api/shop/merchants/{name}/delivery": (METHOD, MANAGERS[201]),
    "DELETE /api/shop/delivery/{method_id}": (None, MANAGERS[204]),
    "GET /api/shop/merchants/{name}/vouchers": (None, MANAGERS[200]),
    "POST /api/shop/merchants/{name}/vouchers": (VOUCHER, MANAGERS[201]),
    "DELETE /api/shop/vouchers/{voucher_id}": (None, MANAGERS[204]),
    "GET /api/cart": (None, EVERYBODY[200]),
    "POST /api/cart/lines": ("line", EVERYBODY[201]),
    "PUT /api/cart/lines/{variant_id}": ({"quantity": 2}, ITS_BUYER[200]),
    "POST /api/shop/quotes": ({}, EVERYBODY[200]),
    "GET /api/shop/addresses": (None, PERSONS[200]),
    "POST /api/shop/addresses": (ADDRESS, PERSONS[201]),
    "DELETE /api/shop/addresses/{address_id}": (None, (401, 401, 204, 404, 404, 404, 404, 404, 404)),
    "POST /api/purchases": ("wish", (409, *(201,) * 8)),
    "GET /api/purchases/{purchase_id}": (None, ITS_BUYER[200]),
    "GET /api/shop/orders": (None, EVERYBODY[200]),
    "GET /api/shop/orders/{order_id}": (None, ITS_BUYER[200]),
    "GET /api/shop/orders/{order_id}/invoice": (None, ITS_BUYER[200]),
    "POST /api/shop/orders/{order_id}/cancel": (None, ITS_BUYER[200]),
    "POST /api/shop/orders/{shipped_id}/returns": ("parts", ITS_BUYER[201]),
    "GET /api/shop/merchants/{name}/orders": (None, STAFF[200]),
    "GET /api/shop/sold/{order_id}": (None, STAFF[200]),
    "GET /api/shop/sold/{order_id}/invoice": (None, STAFF[200]),
    "POST /api/shop/sold/{order_id}/parcels": ({"carrier": "Post"}, STAFF[201]),
    "POST /api/shop/sold/{shipped_id}/parcels/{parcel_id}/delivered": (None, STAFF[200]),
    "POST /api/shop/sold/{order_id}/cancel": ({"reason": "x"}, MANAGERS[200]),
    "POST /api/shop/sold/{order_id}/refunds": ({"minor": 1}, MANAGERS[201]),
    "GET /api/shop/tagged": (None, EVERYBODY[200]),
    "GET /api/videos/{video_id}/products": (None, EVERYBODY[200]),
    "PUT /api/videos/{video_id}/products": ({"products": []}, (401, 401, 200, 404, 404, 404, 404, 404, 404)),
    "PUT /api/shop/merchants/{name}/creators": ({"is_open": True}, MANAGERS[200]),
    "POST /api/shop/returns/{return_id}/decision": ({"state": "received"}, MANAGERS[200]),
    "GET /api/shop/products/{product_id}/reviews": (None, EVERYBODY[200]),
    "PUT /api/shop/lines/{line_id}/review": ({"stars": 4}, (401, 401, 200, 404, 404, 404, 404, 404, 404)),
    "DELETE /api/shop/lines/{line_id}/review": (None, (401, 401, 204, 404, 404, 404, 404, 404, 404)),
    "PUT /api/shop/reviews/{review_id}/answer": ({"answer": "Thanks."}, MANAGERS[200]),
    "PUT /api/shop/reviews/{review_id}/hidden": ({"is_hidden": True, "reason": "x"}, OPERATORS[200]),
    "GET /api/shop/notices": (None, PERSONS[200]),
    "POST /api/shop/notices/read": (None, PERSONS[204]),
    "POST /api/shop/merchants/{name}/shipments": ("shipments", STAFF[200]),
    "GET /api/shop/merchants/{name}/endpoints": (None, OWNERS[200]),
    "POST /api/shop/merchants/{name}/endpoints": (HOOK, OWNERS[201]),
    "PUT /api/shop/endpoints/{endpoint_id}": ({"is_active": True, "events": ["stock.low"]}, OWNERS[200]),
    "DELETE /api/shop/endpoints/{endpoint_id}": (None, OWNERS[204]),
    "POST /api/shop/endpoints/{endpoint_id}/rotate": (None, OWNERS[200]),
    "POST /api/shop/endpoints/{endpoint_id}/test": (None, OWNERS[202]),
    "GET /api/shop/endpoints/{endpoint_id}/deliveries": (None, OWNERS[200]),
    "POST /api/shop/deliveries/{message_id}/again": (None, OWNERS[202]),
    "GET /api/shop/merchants/{name}/tokens": (None, OWNERS[200]),
    "POST /api/shop/merchants/{name}/tokens": ({"name": "x", "scopes": ["stock:read"]}, OWNERS[201]),
    "DELETE /api/shop/tokens/{token_id}": (None, OWNERS[204]),
    "GET /api/shop/merchants/{name}/plans": (None, MANAGERS[200]),
    "POST /api/shop/merchants/{name}/plans": ({"kind": "open", "title": "All", "rate_bp": 500}, MANAGERS[201]),
    "POST /api/shop/plans/{plan_id}/rates": ({"rate_bp": 2_000}, MANAGERS[201]),
    "POST /api/shop/plans/{plan_id}/end": (None, MANAGERS[200]),
    "PUT /api/shop/plans/{plan_id}/products/{product_id}": (None, MANAGERS[204]),
    "DELETE /api/shop/plans/{plan_id}/products/{product_id}": (None, MANAGERS[200]),
    "POST /api/shop/plans/{plan_id}/invitations": ({"person": "eve"}, MANAGERS[201]),
    "DELETE /api/shop/plans/{plan_id}/creators/{creator_name}": (None, MANAGERS[204]),
    "GET /api/shop/plans": (None, PERSONS[200]),
    "GET /api/shop/enrolments": (None, PERSONS[200]),
    # The buyer was invited; nobody else learns that there is such a plan.
    "PUT /api/shop/enrolments/{plan_id}": (None, (401, 401, 200, 404, 404, 404, 404, 404, 404)),
    "DELETE /api/shop/enrolments/{plan_id}": (None, (401, 401, 200, 404, 404, 404, 404, 404, 404)),
    "GET /api/shop/earnings": (None, PERSONS[200]),
    "GET /api/shop/earnings/totals": (None, PERSONS[200]),
    "GET /api/shop/earnings/days": (None, PERSONS[200]),
    "GET /api/shop/showcase": (None, PERSONS[200]),
    "PUT /api/shop/showcase": ({"products": []}, PERSONS[200]),
    "POST /api/shop/touches": ("touch", EVERYBODY[200]),
}
# What a token opens, and the scope that it takes.  All other routes know no tokens.
SCOPES: Final[dict[str, str]] = {
    "GET /api/shop/merchants/{name}/orders": "orders:read",
    "GET /api/shop/sold/{order_id}": "orders:read",
    "GET /api/shop/sold/{order_id}/invoice": "orders:read",
    "POST /api/shop/sold/{order_id}/parcels": "orders:ship",
    "POST /api/shop/sold/{shipped_id}/parcels/{parcel_id}/delivered": "orders:ship",
    "POST /api/shop/merchants/{name}/shipments": "orders:ship",
    "GET /api/shop/merchants/{name}/products": "products:read",
    "GET /api/shop/merchants/{name}/export": "products:read",
    "PUT /api/shop/merchants/{name}/products/{handle}": "products:write",
    "PUT /api/shop/products/{product_id}/state": "products:write",
    "POST /api/shop/products/{product_id}/pictures": "products:write",
    "DELETE /api/shop/products/{product_id}/pictures/{position}": "products:write",
    "POST /api/shop/variants/{variant_id}/sales": "products:write",
    "DELETE /api/shop/sales/{sale_id}": "products:write",
    "POST /api/shop/merchants/{name}/import": "products:write",
    "GET /api/shop/merchants/{name}/locations": "stock:read",
    "GET /api/shop/merchants/{name}/stock": "stock:read",
    "GET /api/shop/merchants/{name}/movements": "stock:read",
    "PUT /api/shop/variants/{variant_id}/stock/{location_id}": "stock:write",
    "POST /api/shop/variants/{variant_id}/stock/{location_id}/received": "stock:write",
}


def expected_of(route: str, expected: tuple[int, ...]) -> dict[str, int]:
    """Return what each role and each token hears on a route."""
    stranger, owner = expected[0], expected[ROLES.index("owner")]
    found = dict(zip(ROLES, expected, strict=True))
    if route not in SCOPES:
        # A token says nothing where tokens are not known: its holder is as anybody without it.
        return {**found, **dict.fromkeys(TOKENS, stranger)}
    narrow = owner if SCOPES[route] == "stock:read" else 403
    return {**found, "token": owner, "narrow": narrow, "strange": 404, "revoked": 401}


def our_routes() -> set[str]:
    found = set()
    for path, operations in api.get_openapi_schema()["paths"].items():
        if path.startswith(("/api/shop", "/api/cart", "/api/purchases")) or path.endswith("/products"):
            found |= {f"{method.upper()} {path}" for method in operations}
    return found


def test_every_route_stands_in_the_table() -> None:
    aliases = {"{shipped_id}": "{order_id}", "{creator_name}": "{person_name}"}
    named = {re.sub(r"{\w+}", lambda found: aliases.get(found[0], found[0]), route) for route in TABLE}
    assert named == our_routes()


# More than a thousand calls: on a crowded machine they take longer than a test may.
@pytest.mark.timeout(1200)
@pytest.mark.django_db
def test_everybody_may_what_the_table_says_and_nothing_else(
    shop: Merchant,
    make_merchant: MakeMerchant,
    make_variant: MakeVariant,
    make_person: MakePerson,
    signed_in: SignIn,
    operator: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    foreign, buyer = make_merchant("wool", registration="HRB 2"), make_person("ada")
    variant = make_variant(shop, units=50)
    video = make_video(buyer)
    make_person("helper")
    ada = signed_in(buyer)
    paid = buy(ada, {variant.public_id: 1}).json()
    shipped = buy(ada, {variant.public_id: 2}).json()["orders"][0]
    packer, manager = signed_in(staff(shop, "packer")), signed_in(staff(shop))
    parcel = send(packer, "post", f"/api/shop/sold/{shipped}/parcels", {"carrier": "Post"}).json()["id"]
    line = send(ada, "get", f"/api/shop/orders/{shipped}").json()["lines"][0]["id"]
    review = send(ada, "put", f"/api/shop/lines/{line}/review", {"stars": 5}).json()["id"]
    back = send(ada, "post", f"/api/shop/orders/{shipped}/returns", {"lines": {line: 1}}).json()["id"]
    send(ada, "post", "/api/cart/lines", {"variant": variant.public_id, "quantity": 1})
    address = send(ada, "post", "/api/shop/addresses", ADDRESS).json()["id"]
    assert send(manager, "post", f"/api/shop/variants/{variant.public_id}/sales", OLD_SALE).status_code == 201
    assert send(manager, "post", "/api/shop/merchants/glas/vouchers", {**VOUCHER, "code": "OLD"}).status_code == 201
    variant.product.pictures.create(position=1, source="https://example.org/a.jpg")
    guest = Client()
    send(guest, "post", "/api/cart/lines", {"variant": make_variant(shop).public_id, "quantity": 1})
    clients = {
        "anonymous": Client(),
        "guest": guest,
        "buyer": ada,
        "other": signed_in(make_person("eve")),
        "packer": packer,
        "manager": manager,
        "owner": signed_in(staff(shop, "owner")),
        "foreign": signed_in(staff(foreign, "owner")),
        "operator": signed_in(operator),
    }
    owner, everything = staff(shop, "owner"), Scope.values
    for holder, person, name, scopes in (
        ("token", owner, "glas", everything),
        ("narrow", owner, "glas", ["stock:read"]),
        ("strange", staff(foreign, "owner"), "wool", everything),
        ("revoked", owner, "glas", everything),
    ):
        made, shown = make_token(person, name, holder, scopes, 30)
        # As if it had been used in a moment, so that reading writes nothing however long this takes.
        Token.objects.filter(pk=made.pk).update(used_at=timezone.now() + timedelta(days=1))
        clients[holder] = Client(headers={"Authorization": f"Bearer {shown}"})
        if holder == "revoked":
            revoke_token(owner, made.public_id)
    endpoint = add_endpoint(owner, "glas", "https://hooks.example/glas", ["order.paid"])
    places = {
        "endpoint_id": endpoint.public_id, "message_id": send_test(owner, endpoint.public_id).public_id,
        "line_id": line, "review_id": review, "token_id": Token.objects.get(name="narrow").public_id, "name": "glas", "person_name": "helper", "handle": "fresh-thing", "product_id": variant.product.public_id,
        "variant_id": variant.public_id, "position": "1", "sale_id": str(Sale.objects.get().pk),
        "location_id": shop.locations.get().public_id, "method_id": shop.delivery_methods.get().public_id,
        "voucher_id": Voucher.objects.get().public_id, "address_id": address, "purchase_id": paid["id"],
        "order_id": paid["orders"][0], "shipped_id": shipped, "parcel_id": parcel, "return_id": back,
        "video_id": video.public_id,
    }  # fmt: skip
    plan = make_plan(manager, shop, kind="target", products=[variant.product.public_id])
    send(manager, "post", f"/api/shop/plans/{plan}/invitations", {"person": "ada"})
    places |= {"plan_id": plan, "creator_name": "ada"}
    shop.staff.create(person=Person.objects.get(name="helper"), role="packer")
    bodies = {
        "line": {"variant": variant.public_id, "quantity": 1},
        "parts": {"lines": {line: 1}},
        "touch": {"product": variant.product.public_id, "video": video.public_id, "slate": "0" * 13},
        "wish": wish(quoted(Client(), {variant.public_id: 1})),
    }

    def call(route: str, role: str, body: Any) -> tuple[int, bytes]:
        """Call a route as somebody; return the status and the answer.  Nobody keeps a cookie who shall have none."""
        method, template = route.split(" ")
        path = re.sub(r"{(\w+)}", lambda found: places[found[1]], template)
        path += {"/api/shop/tagged": f"?videos={video.public_id}", "/api/shop/earnings/days": "?currency=EUR"}.get(
            path, ""
        )
        client = clients[role]
        if isinstance(body, str) and body in _FILES:
            answer = client.post(path, {"file": SimpleUploadedFile(*_FILES[body])})
        else:
            sent = bodies[body] if isinstance(body, str) else body
            answer = send(client, method, path, sent, **{"Idempotency-Key": f"{role}-key"})
        if role in ("anonymous", *TOKENS):
            client.cookies.clear()
        return answer.status_code, answer.content[:200]

    # What there is stays the same, because every scene is rolled back.  Digesting all of it takes long, and so is only
    # done where something was written; those who are denied change nothing, and so share a scene.
    monkeypatch.setattr(ClientHandler, "get_response", by_the_lean_way)
    there = rolled_back()
    wrong: list[object] = []
    for route, (body, expected) in TABLE.items():
        heard = expected_of(route, expected)
        denied = [role for role, status in heard.items() if status >= 400]
        before = writes()
        with scene():
            answers = {role: call(route, role, body) for role in denied}
            changed = writes() != before and rolled_back() != there
        if changed:
            wrong.append((route, denied, "one of them changed something"))
        for role in heard.keys() - set(denied):
            with scene():
                answers[role] = call(route, role, body)
        wrong += [(route, role, heard[role], *answer) for role, answer in answers.items() if answer[0] != heard[role]]
    assert wrong == []


def by_the_lean_way(_handler: ClientHandler, request: Any) -> Any:
    """Answer with fewer middlewares: who asks is found in the same way, and the API and what is behind it are the same."""
    return lean_django().get_response(request)


@contextmanager
def scene() -> Iterator[None]:
    """Roll back what is done within."""
    block = transaction.atomic()
    # Payments commit what they are about to do, and so refuse to be part of anything but a test.
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_what_a_denied_call_writes_is_noticed(shop: Merchant) -> None:
    """The control: a row that is written within a scene is seen in it, and gone after it."""
    there, before = rolled_back(), writes()
    with scene():
        shop.vouchers.create(code="SEEN", kind="fixed", minor=5, cap=1, period=(timezone.now(), None))
        assert writes() != before and rolled_back() != there
    assert rolled_back() == there


def rolled_back() -> dict[str, str]:
    """Return the digests of all tables but the sandbox's own, which remembers on connections of its own."""
    return {table: digest for table, digest in fingerprint().items() if not table.startswith("money_sandbox")}


def writes() -> int:
    """Return how many rows of the shop and of money this test's transaction has written, also what was rolled back."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables"
            " WHERE relname LIKE 'shop\\_%' OR relname LIKE 'money\\_%'"
        )
        return int(cursor.fetchone()[0] or 0)


@pytest.mark.django_db
def test_the_anonymous_write_nothing_where_the_session_is_forged(shop: Merchant, make_variant: MakeVariant) -> None:
    """Without the token against forged requests, a signed-in browser changes nothing."""
    variant = make_variant(shop)
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff(shop))
    before = fingerprint()
    for method, path, body in (
        ("post", "/api/cart/lines", {"variant": variant.public_id, "quantity": 1}),
        ("post", "/api/purchases", wish(quoted(Client(), {variant.public_id: 1}))),
        ("put", f"/api/shop/products/{variant.product.public_id}/state", {"state": "archived"}),
    ):
        assert send(client, method, path, body, **{"Idempotency-Key": "k"}).status_code == 403
    assert fingerprint() == before
