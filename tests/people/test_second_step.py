"""Authenticator apps, recovery codes and passkeys."""

import base64
import hmac
import json
import re
import struct
import time

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from glaswerk.people.models import Person
from tests.people.conftest import PASSWORD, sign_in

pytestmark = pytest.mark.django_db


def code_of(secret: str) -> str:
    """Return the current code of RFC 6238 (SHA-1, 30 s, six digits)."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), "sha1")
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def confirm_access(client: Client) -> None:
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})


def set_up_app(client: Client) -> str:
    confirm_access(client)
    page = client.get("/accounts/2fa/totp/activate/")
    secret: str = page.context["form"].secret
    answer = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert answer["Location"] == "/accounts/2fa/recovery-codes/"
    return secret


def test_an_app_is_set_up_and_asked_for(as_anna: Client, anna: Person) -> None:
    secret = set_up_app(as_anna)
    fresh = Client()
    first = fresh.post("/accounts/login/", {"login": "anna", "password": PASSWORD})
    assert first["Location"] == "/accounts/2fa/authenticate/"
    assert fresh.get("/me").status_code == 302
    assert fresh.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert fresh.get("/me").status_code == 302
    second = fresh.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert (second.status_code, second["Location"]) == (302, "/")
    assert fresh.get("/me").context["person"] == anna


def test_a_wrong_code_sets_nothing_up(as_anna: Client) -> None:
    confirm_access(as_anna)
    as_anna.get("/accounts/2fa/totp/activate/")
    answer = as_anna.post("/accounts/2fa/totp/activate/", {"code": "12345"})
    assert answer.status_code == 200
    assert not Authenticator.objects.exists()


def test_a_recovery_code_works_once(as_anna: Client) -> None:
    set_up_app(as_anna)
    codes = as_anna.get("/accounts/2fa/recovery-codes/").context["unused_codes"]
    assert len(codes) == 10
    for expected in (302, 200):
        fresh = Client()
        fresh.post("/accounts/login/", {"login": "anna", "password": PASSWORD})
        assert fresh.post("/accounts/2fa/authenticate/", {"code": codes[0]}).status_code == expected


def test_the_picture_to_scan_needs_no_inline_anything(as_anna: Client) -> None:
    confirm_access(as_anna)
    page = as_anna.get("/accounts/2fa/totp/activate/").content.decode()
    assert re.search(r'<img class="qr" src="data:image/svg\+xml;base64,', page)
    assert "<svg:" not in page


def test_an_unconfirmed_address_comes_first(client: Client) -> None:
    client.post(
        "/accounts/signup/",
        {"username": "berta", "email": "berta@example.org", "password1": PASSWORD, "birth_year": "1990"},
    )
    answer = client.get("/accounts/2fa/totp/activate/", follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/2fa/"
    assert not Authenticator.objects.exists()


def test_the_sign_in_page_offers_options_for_any_passkey(client: Client) -> None:
    options = client.get("/accounts/2fa/webauthn/login/", headers={"accept": "application/json"}).json()
    public_key = options["request_options"]["publicKey"]
    assert public_key["userVerification"] == "required"
    assert len(base64.urlsafe_b64decode(public_key["challenge"] + "==")) >= 16


def test_a_new_passkey_gets_its_options_from_a_data_block(as_anna: Client) -> None:
    confirm_access(as_anna)
    page = as_anna.get("/accounts/2fa/webauthn/add/").content.decode()
    block = re.search(r'<script id="passkey-options" type="application/json">(.*?)</script>', page)
    assert block
    public_key = json.loads(block[1])["creation_options"]["publicKey"]
    assert public_key["rp"]["id"] == "testserver"
    assert "excludeCredentials" not in public_key or public_key["excludeCredentials"] == []


PROOF = {"id": "eA", "rawId": "eA", "type": "public-key", "clientExtensionResults": {}}
CLIENT_DATA = {"type": "webauthn.get", "challenge": "eA", "origin": "http://testserver"}
CLIENT_DATA_TEXT = base64.urlsafe_b64encode(json.dumps(CLIENT_DATA).encode()).decode().rstrip("=")
MALFORMED = {
    "nothing": "",
    "no JSON": "{",
    "null": "null",
    "a list": "[]",
    "a number": "1",
    "an empty object": "{}",
    "only an id": '{"id": "x"}',
    "a response of the wrong kind": '{"response": 3}',
    "deep nesting": "[" * 20_000,
    "deep nesting in an object": '{"id":' * 5_000,
    "too much": json.dumps({"id": "x" * 100_000}),
    "numbers for bytes": json.dumps(PROOF | {"response": {"clientDataJSON": 1, "attestationObject": 2}}),
    "broken base64": json.dumps(PROOF | {"response": {"clientDataJSON": "%%%", "attestationObject": "%%%"}}),
    "broken CBOR": json.dumps(
        PROOF | {"response": {"clientDataJSON": CLIENT_DATA_TEXT, "attestationObject": "_____w"}}
    ),
    "cut authenticator data": json.dumps(
        PROOF | {"response": {"clientDataJSON": CLIENT_DATA_TEXT, "authenticatorData": "eA", "signature": "eA"}}
    ),
    "a strange person": json.dumps(
        PROOF
        | {
            "response": {
                "clientDataJSON": CLIENT_DATA_TEXT,
                "authenticatorData": base64.urlsafe_b64encode(b"\0" * 37).decode().rstrip("="),
                "signature": "eA",
                "userHandle": "_____w",
            }
        }
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_passkey_is_refused(as_anna: Client, name: str) -> None:
    credential = MALFORMED[name]
    confirm_access(as_anna)
    as_anna.get("/accounts/2fa/webauthn/add/")
    assert as_anna.post("/accounts/2fa/webauthn/add/", {"credential": credential}).status_code == 200
    assert not Authenticator.objects.exists()
    stranger = Client()
    stranger.get("/accounts/2fa/webauthn/login/", headers={"accept": "application/json"})
    answer = stranger.post("/accounts/2fa/webauthn/login/", {"credential": credential})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    assert "_auth_user_id" not in stranger.session


PAGES_SIGNED_OUT = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/accounts/confirm-email/"]
PAGES_SIGNED_IN = [
    "/me",
    "/me/profile",
    "/accounts/logout/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/reauthenticate/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/",
    "/accounts/2fa/webauthn/add/",
]


def inline_parts(page: str) -> list[str]:
    """Return what the content security policy would stop: inline scripts and styles, and handlers in attributes."""
    scripts = [
        tag for tag in re.findall(r"<script[^>]*>", page) if " src=" not in tag and 'type="application/json"' not in tag
    ]
    return scripts + re.findall(r"<style|\sstyle=|\son[a-z]+=\"|javascript:", page)


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_page_has_anything_inline(as_anna: Client, anna: Person, language: str) -> None:
    confirm_access(as_anna)
    for client, pages in ((Client(), PAGES_SIGNED_OUT), (as_anna, PAGES_SIGNED_IN)):
        for address in pages:
            answer = client.get(address, headers={"accept-language": language})
            assert (address, answer.status_code) == (address, 200)
            assert inline_parts(answer.content.decode()) == [], address
            assert "script-src 'self'" in answer["Content-Security-Policy"]


def test_the_pages_behind_a_second_step_have_nothing_inline(as_anna: Client) -> None:
    set_up_app(as_anna)
    pages = ["/accounts/2fa/", "/accounts/2fa/recovery-codes/", "/accounts/2fa/recovery-codes/generate/"]
    pages += ["/accounts/2fa/totp/deactivate/", "/accounts/2fa/reauthenticate/", "/accounts/2fa/webauthn/add/"]
    for address in pages:
        answer = as_anna.get(address)
        assert (address, answer.status_code) == (address, 200)
        assert inline_parts(answer.content.decode()) == [], address
    waiting = Client()
    waiting.post("/accounts/login/", {"login": "anna", "password": PASSWORD})
    assert inline_parts(waiting.get("/accounts/2fa/authenticate/").content.decode()) == []


def test_signing_in_again_keeps_a_person_without_an_app_at_one_step(client: Client, anna: Person) -> None:
    sign_in(client, "anna")
    assert client.get("/me").status_code == 200
