"""What a closed cell answers: every route of the API and every page, with every method, and not one write when dark."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from glaswerk.border.sunset import actions, gate, state
from glaswerk.border.sunset.failures import SunsetRefused
from glaswerk.border.sunset.plan import Plan, Stage
from glaswerk.border.sunset.still import still_roots
from glaswerk.people.models import Person
from glaswerk.web.api import api
from glaswerk.web.front import FrontDoor

from .conftest import SIGNED

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# All that a dark cell still answers.  A route that joins this list is one that somebody has thought of.
LIT: Final = re.compile(
    r"/accounts/(login|logout|inactive|reauthenticate)/|/accounts/2fa/(re)?authenticate/|/accounts/2fa/webauthn/(login|reauthenticate)/"
    r"|/operate/sunset|/i18n/setlang/|/me/data(/exports(/.*)?)?|/log/.*|/transparency/.*|/words/x\.js|/fonts\.css"
    r"|/manifest\.webmanifest|/sw\.js|/offline|/healthz|/readyz|/metrics"
)


def paths_of(patterns: Any, prefix: str = "/") -> Iterator[str]:
    """An address of every route that there is."""
    for pattern in patterns:
        route = re.sub(r"^\^|\\[Zz]|\$$", "", str(pattern.pattern))
        route = re.sub(r"<[^>]+>|\(\?P<\w+>[^)]*\)+\+?", "x", route).replace("\\", "")
        if isinstance(pattern, URLResolver):
            yield from paths_of(pattern.url_patterns, prefix + route)
        elif isinstance(pattern, URLPattern):
            yield prefix + route


def routes() -> list[str]:
    api_paths = [re.sub("{[^}]+}", "x", path) for path in api.get_openapi_schema()["paths"]]
    front = [*FrontDoor(settings.CELL, None)._lean, "/media/x.mp4", "/api/uploads", "/api/uploads/x"]  # type: ignore[arg-type]
    return sorted({*paths_of(get_resolver().url_patterns), *api_paths, *front})


@pytest.fixture
def operator(sunset: None) -> Person:
    return Person.objects.create_user("op", "op@example.org", "a calm long password", role="operator")


def signed_in(person: Person) -> Client:
    client = Client(headers={"accept": "text/html"})
    client.force_login(person)
    return client


def test_every_route_is_refused_in_the_dark_with_every_method_and_nothing_changes(operator: Person) -> None:
    client = signed_in(operator)
    actions.make_dark(SIGNED)
    before = still_roots(settings.CELL)
    found = routes()
    assert len(found) > 150
    assert {"/", "/api/feed", "/api/events", "/api/purchases", "/admin/people/person/add/", "/studio"} <= set(found)
    for path in found:
        for method in METHODS:
            closed = gate.refusal(state.copy.stage(), method, path)
            assert bool(closed) is (LIT.fullmatch(path) is None) or method not in ("GET", "HEAD"), (method, path)
            answer = client.generic(method, path, b"{}", content_type="application/json")
            if closed:
                assert answer.status_code == 503 and answer["Retry-After"], (method, path, answer.status_code)
                is_api = path.startswith("/api/")
                assert answer["Content-Type"].startswith("application/problem+json" if is_api else "text/html")
            else:
                assert answer.status_code < 500, (method, path, answer.content[:300])
    assert still_roots(settings.CELL) == before
    assert state.copy.stage() is Stage.DARK


def test_read_only_takes_no_write_but_those_that_rights_need(operator: Person) -> None:
    client = signed_in(operator)
    actions.make_readonly(SIGNED)
    before = still_roots(settings.CELL)
    open_writes = set()
    for path in routes():
        if gate.refusal(Stage.READONLY, "POST", path):
            answer = client.post(path, b"{}", content_type="application/json")
            assert answer.status_code == 423, (path, answer.status_code)
        else:
            open_writes.add(path)
    assert still_roots(settings.CELL) == before
    assert {"/orders/x", "/api/shop/orders/x/cancel", "/accounts/login/", "/operate/sunset"} <= open_writes
    closed = {"/api/events", "/api/dials", "/api/uploads", "/api/purchases", "/cart", "/checkout", "/accounts/signup/"}
    assert not closed & open_writes and "/admin/people/person/add/" not in open_writes
    assert client.get("/discover").status_code == 200
    page = client.post("/cart", {}, headers={"accept-language": "de"})
    assert page.status_code == 423 and "nur gelesen" in page.content.decode()


def test_before_the_dark_every_page_says_the_date_in_the_viewers_words(operator: Person) -> None:
    assert "sunset-banner" not in signed_in(operator).get("/discover").content.decode()
    actions.plan(SIGNED, timezone.make_aware(timezone.datetime(2031, 4, 5, 12)))
    client = signed_in(operator)
    english = client.get("/discover", headers={"accept-language": "en"}).content.decode()
    german = client.get("/discover", headers={"accept-language": "de"}).content.decode()
    assert "sunset-banner" in english and "April 5, 2031" in english
    assert "5. April 2031" in german and "abgeschaltet" in german


def test_the_neutral_page_says_what_is_left(operator: Person) -> None:
    actions.make_dark(SIGNED)
    page = Client().get("/", headers={"accept": "text/html", "accept-language": "de"})
    text = page.content.decode()
    assert page.status_code == 503 and page["Cache-Control"] == "no-store"
    for part in ("abgeschaltet", "/accounts/login/", "/log/checkpoint", "/transparency/algorithm"):
        assert part in text
    assert "site-nav" not in text
    client = Client()
    form = {"login": "op", "password": "a calm long password"}
    assert client.post("/accounts/login/", form).status_code == 302
    assert client.get("/operate/sunset").status_code == 200


def test_the_operators_page_does_what_the_command_does(operator: Person) -> None:
    viewer = Person.objects.create_user("ada", "ada@example.org", "a calm long password")
    wish = {"act": "dark", "basis": SIGNED.basis, "reason": SIGNED.reason, "signer": SIGNED.signer}
    assert signed_in(viewer).post("/operate/sunset", wish).status_code == 403
    assert Client().post("/operate/sunset", wish).status_code == 302
    client = signed_in(operator)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator)
    assert strict.post("/operate/sunset", wish).status_code == 403
    for field, value in (("reason", ""), ("act", "burn"), ("dark_at", "2020-01-01T00:00"), ("dark_at", "soon")):
        answer = client.post("/operate/sunset", {**wish, field: value})
        assert answer.status_code == 422 and "field-error" in answer.content.decode(), field
    assert state.refresh() == Plan()
    later = (timezone.localtime() + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M")
    for act, stage in (
        ({"act": "plan", "dark_at": later}, Stage.NOTICE),
        ({"act": "readonly"}, Stage.READONLY),
        ({"act": "dark"}, Stage.DARK),
        ({"act": "resume"}, Stage.OPEN),
    ):
        assert client.post("/operate/sunset", {**wish, **act}).status_code == 302
        assert state.copy.stage() is stage
    page = client.get("/operate/sunset").content.decode()
    assert page.count("<tr>") == 5 and SIGNED.basis in page


def test_a_write_that_slips_by_is_refused_by_the_database(operator: Person) -> None:
    """A process that does not know yet lets a request pass; the database knows, and nothing is half written."""
    client = signed_in(operator)
    client.raise_request_exception = False
    actions.make_dark(SIGNED)
    before = still_roots(settings.CELL)
    state.copy.forget()
    answer = client.post("/me/profile", {"display_name": "New", "bio": ""})
    assert answer.status_code >= 500
    assert still_roots(settings.CELL) == before
    with pytest.raises(SunsetRefused):
        actions.make_dark(SIGNED)
