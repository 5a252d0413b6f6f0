"""Sign-in, sign-out, and getting back in."""

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.test import Client

from glaswerk.people.models import Person
from tests.people.conftest import PASSWORD, sign_in

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("login", ["anna", "Anna", " anna ", "anna@example.org", "ANNA@example.org"])
def test_sign_in_by_name_or_address(client: Client, anna: Person, login: str) -> None:
    sign_in(client, login)
    assert client.get("/me").context["person"] == anna


def test_a_wrong_password_and_an_unknown_name_look_the_same(client: Client, anna: Person) -> None:
    wrong = client.post("/accounts/login/", {"login": "anna", "password": "not this one"})
    unknown = client.post("/accounts/login/", {"login": "nobody", "password": "not this one"})
    by_mail = client.post("/accounts/login/", {"login": "nobody@example.org", "password": "not this one"})
    errors = [answer.context["form"].errors for answer in (wrong, unknown, by_mail)]
    assert errors[0] == errors[1] == errors[2]
    assert "_auth_user_id" not in client.session


def test_guessing_is_slowed_down(client: Client, anna: Person) -> None:
    for _ in range(5):
        client.post("/accounts/login/", {"login": "anna", "password": "not this one"})
    answer = client.post("/accounts/login/", {"login": "anna", "password": PASSWORD})
    assert "Too many attempts" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_signing_out_takes_a_post(as_anna: Client) -> None:
    assert as_anna.get("/accounts/logout/").status_code == 200
    assert as_anna.get("/me").status_code == 200
    answer = as_anna.post("/accounts/logout/")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert as_anna.get("/me").status_code == 302


def test_signing_in_never_leads_to_another_site(client: Client, anna: Person) -> None:
    answer = client.post("/accounts/login/", {"login": "anna", "password": PASSWORD, "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_a_switched_off_account_does_not_get_in(client: Client, anna: Person) -> None:
    Person.objects.update(is_active=False)
    client.post("/accounts/login/", {"login": "anna", "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_a_forgotten_password_is_reset_by_mail(client: Client, anna: Person, mailoutbox: list[EmailMessage]) -> None:
    answer = client.post("/accounts/password/reset/", {"email": "anna@example.org"})
    assert answer.status_code == 302
    link = next(word for word in str(mailoutbox[0].body).split() if "/password/reset/key/" in word)
    form = client.get(link, follow=True)
    action = form.redirect_chain[-1][0]
    assert "set-password" in action
    new = "vier grosse Wolken"
    assert client.post(action, {"password1": new, "password2": new}).status_code == 302
    sign_in(client, "anna", new)
    again = Client().get(link, follow=True)
    assert "no longer works" in again.content.decode()


def test_asking_for_a_reset_says_the_same_for_unknown_addresses(
    client: Client, anna: Person, mailoutbox: list[EmailMessage]
) -> None:
    known = client.post("/accounts/password/reset/", {"email": "anna@example.org"}, follow=True)
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.org"}, follow=True)
    assert known.redirect_chain == unknown.redirect_chain
    assert known.content == unknown.content
    assert [mail.to for mail in mailoutbox] == [["anna@example.org"], ["nobody@example.org"]]
    assert "There is no account" in mailoutbox[1].subject


def test_changing_the_password_takes_the_old_one(as_anna: Client, anna: Person) -> None:
    new = "vier grosse Wolken"
    refused = as_anna.post("/accounts/password/change/", {"oldpassword": "wrong", "password1": new, "password2": new})
    assert refused.context["form"].errors.keys() == {"oldpassword"}
    done = as_anna.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert done.status_code == 302
    anna.refresh_from_db()
    assert anna.check_password(new)


def test_a_new_address_counts_once_it_is_confirmed(
    as_anna: Client, anna: Person, mailoutbox: list[EmailMessage]
) -> None:
    as_anna.post("/accounts/email/", {"email": "new@example.org", "action_add": ""})
    anna.refresh_from_db()
    assert anna.email == "anna@example.org"
    confirmation = next(mail for mail in mailoutbox if mail.to == ["new@example.org"])
    link = next(word for word in str(confirmation.body).split() if "confirm-email" in word)
    as_anna.post(link)
    assert EmailAddress.objects.get(email="new@example.org").verified


def test_no_address_stands_in_a_page_address_or_message(as_anna: Client) -> None:
    answer = as_anna.post("/accounts/email/", {"email": "new@example.org", "action_add": ""}, follow=True)
    assert all("example.org" not in address for address, _status in answer.redirect_chain)
    assert all("example.org" not in str(message) for message in answer.context["messages"])
