"""The shorter way to buying: it answers as the long way does, and believes nobody more."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone

from glaswerk.people.models import Person
from glaswerk.shop.models import Cart, Merchant
from glaswerk.web.lean import LeanDjango

from .conftest import MakePerson, MakeVariant, SignIn, send

TOKEN = "a" * 32
LINES = "/api/cart/lines"


@pytest.fixture(autouse=True)
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test's own transaction go on after an answer, as Django's test client does."""
    monkeypatch.setattr("glaswerk.web.lean.close_old_connections", lambda: None)


def ask(body: Any, session: str = "", path: str = LINES, **headers: str) -> tuple[int, dict[str, str], Any]:
    """Send a request as the front door hands it on; return status, headers and body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {
        "host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(data)),
        "cookie": f"csrftoken={TOKEN}; sessionid={session}", "x-csrftoken": TOKEN, **headers,
    }  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "scheme": "http",
        "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "http_version": "1.1",
        "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in sent.items() if value],
    }  # fmt: skip
    status, answered, content = LeanDjango().answer(scope, data)
    found = {name.decode(): value.decode() for name, value in answered}
    assert int(found["content-length"]) == len(content)
    return status, found, json.loads(content) if "json" in found.get("content-type", "") else content


def session_of(client: Client) -> str:
    return client.cookies["sessionid"].value


@pytest.mark.django_db
def test_both_ways_answer_alike(
    shop: Merchant,
    make_variant: MakeVariant,
    make_person: MakePerson,
    signed_in: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ClientHandler, "get_response", ClientHandler.__mro__[1].get_response)
    ada, line = make_person("ada", language="de"), {"variant": make_variant(shop).public_id, "quantity": 1}
    client = signed_in(ada)
    for body in (line, {**line, "quantity": 0}, {**line, "variant": "0" * 13}, {}):
        Cart.objects.all().delete()
        long = send(client, "post", LINES, body)
        Cart.objects.all().delete()
        status, headers, content = ask(body, session_of(client))
        assert (status, content) == (long.status_code, long.json())
        theirs = {name.lower(): value for name, value in long.items()}
        assert {name: sorted(headers[name].split(", ")) for name in headers if name != "set-cookie"} == {
            name: sorted(value.split(", ")) for name, value in theirs.items()
        }
    assert headers["content-language"] == "de"


@pytest.mark.django_db
@pytest.mark.parametrize("end", ["none", "unknown", "expired", "signed out", "password", "inactive", "null", "forged"])
def test_who_is_not_signed_in_any_more_is_a_guest(
    end: str, shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    ada, line = make_person("ada"), {"variant": make_variant(shop).public_id, "quantity": 1}
    client = signed_in(ada)
    session = session_of(client)
    # It is known by now, and what is known must not outlast it.
    for _ in range(2):
        assert ask(line, session)[0] == 201
    assert Cart.objects.get().buyer == ada.pk
    if end == "expired":
        Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    elif end == "signed out":
        client.logout()
    elif end == "password":
        ada.set_password("another calm password")
        ada.save()
    elif end == "inactive":
        Person.objects.update(is_active=False)
    elif end == "forged":
        Session.objects.update(session_data="forged")
    told = {"none": "", "unknown": "x" * 32, "null": "a\x00b"}.get(end, session)
    status, headers, _ = ask(line, told)
    assert (status, "cart=" in headers.get("set-cookie", "")) == (201, True)
    assert sorted(Cart.objects.values_list("buyer", flat=True))[1:] == [ada.pk]
    assert Cart.objects.filter(buyer=ada.pk, lines__quantity=2).exists()


@pytest.mark.django_db
def test_a_session_that_becomes_somebody_elses_is_theirs(
    shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    ada, eve = make_person("ada"), make_person("eve")
    line = {"variant": make_variant(shop).public_id, "quantity": 1}
    one, other = signed_in(ada), signed_in(eve)
    assert ask(line, session_of(one))[0] == 201
    data = Session.objects.get(pk=session_of(other)).session_data
    Session.objects.filter(pk=session_of(one)).update(session_data=data)
    assert ask(line, session_of(one))[0] == 201
    assert sorted(Cart.objects.values_list("buyer", flat=True)) == sorted([ada.pk, eve.pk])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x_csrftoken": ""}, 403),
        ({"x_csrftoken": "b" * 32}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"host": "evil.example"}, 400),
        ({"content_type": "text/plain", "x_csrftoken": ""}, 403),
        ({"content_length": "99999999"}, 400),
    ],
)
def test_what_comes_from_elsewhere_changes_nothing(
    headers: dict[str, str],
    expected: int,
    shop: Merchant,
    make_variant: MakeVariant,
    make_person: MakePerson,
    signed_in: SignIn,
    nothing_changes: Callable[[], Any],
) -> None:
    client, line = signed_in(make_person("ada")), {"variant": make_variant(shop).public_id, "quantity": 1}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with nothing_changes():
        assert ask(line, session_of(client), **named)[0] == expected
