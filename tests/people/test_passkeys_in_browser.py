"""Passkeys in a real browser, with a virtual authenticator that a finger always touches."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from glaswerk.people.models import Person
from tests import chromium
from tests.people.conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server: LiveServer, anna: Person) -> Iterator[Page]:
    """A page of a phone with an authenticator of its own; complaints of the content security policy fail the test."""
    path = chromium.find()
    assert path, chromium.HOW_TO_GET_ONE
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
        context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en", base_url=live_server.url)
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
        session = context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        session.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        yield page
        browser.close()
    assert complaints == []


def sign_in_by_password(page: Page) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Name or e-mail address").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda address: "login" not in address)


def add_passkey(page: Page, *, alone: bool) -> None:
    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("What do you call it?").fill("My finger")
    if not alone:
        page.get_by_label("Sign in with it alone").uncheck()
    page.get_by_role("button", name="Add a passkey").click()
    page.wait_for_url("**/accounts/2fa/recovery-codes/")
    page.goto("/accounts/2fa/webauthn/")
    page.get_by_role("heading", name="My finger").wait_for()


def sign_out(page: Page) -> None:
    page.goto("/me")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(lambda address: not address.endswith("/me"))


def test_a_passkey_signs_in_alone(page: Page) -> None:
    sign_in_by_password(page)
    add_passkey(page, alone=True)
    sign_out(page)
    page.goto("/accounts/login/?next=/me")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/me")
    page.get_by_role("heading", name="anna").wait_for()


def test_a_passkey_is_a_second_step(page: Page) -> None:
    sign_in_by_password(page)
    add_passkey(page, alone=False)
    sign_out(page)
    page.goto("/accounts/login/?next=/me")
    page.get_by_label("Name or e-mail address").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Second step").wait_for()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/me")


def test_a_chosen_picture_is_shown_before_it_is_sent(page: Page) -> None:
    from tests.people.test_avatars import picture

    sign_in_by_password(page)
    page.goto("/me/profile")
    page.locator("input[type=file]").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": picture("PNG")}
    )
    preview = page.locator("[data-preview]")
    preview.wait_for(state="visible")
    assert str(preview.get_attribute("src")).startswith("blob:")
