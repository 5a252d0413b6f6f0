"""The settings pages: profile, language, personal feed."""

import pytest
from django.test import Client

from glaswerk.people.models import Person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/me", "/me/profile"])
def test_settings_are_for_signed_in_people(client: Client, address: str) -> None:
    answer = client.get(address)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={address}")


@pytest.mark.parametrize("address", ["/me/language", "/me/profile"])
def test_settings_change_by_post_and_token_only(as_anna: Client, anna: Person, address: str) -> None:
    before = Person.objects.values().get(pk=anna.pk)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = as_anna.cookies
    form = {"language": "de", "display_name": "Mallory", "bio": ""}
    assert strict.post(address, form).status_code == 403
    assert as_anna.get(address, form).status_code in (200, 405)
    assert Person.objects.values().get(pk=anna.pk) == before


def test_a_profile_is_edited(as_anna: Client, anna: Person) -> None:
    form = {"display_name": "  Anna \u202e\n Berg ", "bio": "Ton und Glas.\r\n<b>Berlin</b>"}
    answer = as_anna.post("/me/profile", form)
    assert (answer.status_code, answer["Location"]) == (302, "/me/profile")
    anna.refresh_from_db()
    assert (anna.display_name, anna.bio) == ("Anna Berg", "Ton und Glas.\n<b>Berlin</b>")
    page = as_anna.get("/me/profile").content.decode()
    assert "&lt;b&gt;Berlin" in page
    assert "<b>Berlin" not in page


def test_texts_that_are_too_long_are_refused(as_anna: Client, anna: Person) -> None:
    answer = as_anna.post("/me/profile", {"display_name": "x" * 51, "bio": "y" * 161})
    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {"display_name", "bio"}
    anna.refresh_from_db()
    assert (anna.display_name, anna.bio) == ("", "")


def test_the_form_cannot_reach_other_fields(as_anna: Client, anna: Person) -> None:
    as_anna.post("/me/profile", {"display_name": "A", "bio": "", "role": "operator", "name": "root", "email": "x@y.z"})
    anna.refresh_from_db()
    assert (anna.role, anna.name, anna.email) == ("viewer", "anna", "anna@example.org")


def test_the_chosen_language_is_used(as_anna: Client, anna: Person) -> None:
    assert '<html lang="en"' in as_anna.get("/me").content.decode()
    assert as_anna.post("/me/language", {"language": "de"})["Location"] == "/me"
    page = as_anna.get("/me", headers={"accept-language": "en"}).content.decode()
    assert '<html lang="de"' in page
    assert "Dein Feed" in page
    as_anna.post("/me/language", {"language": ""})
    assert '<html lang="en"' in as_anna.get("/me", headers={"accept-language": "en"}).content.decode()


def test_a_language_that_we_do_not_speak_is_refused(as_anna: Client, anna: Person) -> None:
    assert as_anna.post("/me/language", {"language": "xx"}).status_code == 400
    anna.refresh_from_db()
    assert anna.language == ""


def test_the_browser_language_holds_before_sign_in(client: Client) -> None:
    page = client.get("/accounts/signup/", headers={"accept-language": "de"}).content.decode()
    assert "Konto anlegen" in page
    assert "Geburtsjahr" in page
