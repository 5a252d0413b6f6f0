"""Sign-up: who may, what is stored, and what a stranger learns from it."""

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone

from glaswerk.people.models import Person, Role, Visibility

pytestmark = pytest.mark.django_db

FORM = {
    "username": "anna",
    "email": "anna@example.org",
    "password1": "drei kleine Wolken",
    "birth_year": "1990",
}


def test_a_person_signs_up_and_is_signed_in(client: Client, mailoutbox: list[EmailMessage]) -> None:
    answer = client.post("/accounts/signup/", FORM)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    anna = Person.objects.get()
    assert (anna.name, anna.email, anna.birth_year) == ("anna", "anna@example.org", 1990)
    assert (anna.role, anna.default_visibility, anna.profiling) == (Role.VIEWER, Visibility.PUBLIC, True)
    assert anna.password.startswith("argon2$argon2id$")
    assert client.get("/me").status_code == 200
    assert [mail.to for mail in mailoutbox] == [["anna@example.org"]]


def test_the_confirmation_mail_confirms_the_address(client: Client, mailoutbox: list[EmailMessage]) -> None:
    client.post("/accounts/signup/", FORM)
    link = next(word for word in str(mailoutbox[0].body).split() if "confirm-email" in word)
    assert not EmailAddress.objects.get().verified
    page = client.get(link)
    assert "anna@example.org" in page.content.decode()
    assert not EmailAddress.objects.get().verified  # Mail scanners open links; only the button counts.
    assert client.post(link).status_code == 302
    assert EmailAddress.objects.get().verified


def test_a_name_is_stored_in_lower_case(client: Client) -> None:
    client.post("/accounts/signup/", FORM | {"username": " Anna.B "})
    assert Person.objects.get().name == "anna.b"


@pytest.mark.parametrize("name", ["admin", "Operator", "ab", "a b", "-anna", "a" * 31])
def test_bad_and_reserved_names_are_refused(client: Client, name: str) -> None:
    answer = client.post("/accounts/signup/", FORM | {"username": name})
    assert answer.status_code == 200
    assert answer.context["form"].errors.keys() == {"username"}
    assert not Person.objects.exists()


def test_a_taken_name_is_refused_whatever_its_case(client: Client, anna: Person) -> None:
    answer = client.post("/accounts/signup/", FORM | {"username": "ANNA", "email": "other@example.org"})
    assert answer.context["form"].errors.keys() == {"username"}
    assert Person.objects.count() == 1


@pytest.mark.parametrize("age", [0, 5, 12])
def test_under_13_is_refused_kindly_and_nothing_is_kept(
    client: Client, mailoutbox: list[EmailMessage], age: int
) -> None:
    answer = client.post("/accounts/signup/", FORM | {"birth_year": str(timezone.localdate().year - age)})
    assert answer.status_code == 200
    assert "You need to be at least 13" in answer.content.decode()
    assert not Person.objects.exists()
    assert not EmailAddress.objects.exists()
    assert not mailoutbox
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("age", [13, 15, 16])
def test_whoever_may_be_under_16_starts_protected(client: Client, age: int) -> None:
    client.post("/accounts/signup/", FORM | {"birth_year": str(timezone.localdate().year - age)})
    person = Person.objects.get()
    assert (person.default_visibility, person.profiling) == (Visibility.FOLLOWERS, False)


def test_whoever_is_surely_16_starts_open(client: Client) -> None:
    client.post("/accounts/signup/", FORM | {"birth_year": str(timezone.localdate().year - 17)})
    person = Person.objects.get()
    assert (person.default_visibility, person.profiling) == (Visibility.PUBLIC, True)


@pytest.mark.parametrize("year", ["", "abc", "90", "1850", "3000", "-1", "9" * 400])
def test_an_implausible_year_is_refused(client: Client, year: str) -> None:
    answer = client.post("/accounts/signup/", FORM | {"birth_year": year})
    assert answer.context["form"].errors.keys() == {"birth_year"}
    assert not Person.objects.exists()


@pytest.mark.parametrize("password", ["short", "password123", "anna@example.org"])
def test_a_weak_password_is_refused(client: Client, password: str) -> None:
    answer = client.post("/accounts/signup/", FORM | {"password1": password})
    assert answer.context["form"].errors.keys() == {"password1"}
    assert not Person.objects.exists()


def test_a_stranger_does_not_learn_that_an_address_has_an_account(
    client: Client, anna: Person, mailoutbox: list[EmailMessage]
) -> None:
    taken = client.post("/accounts/signup/", FORM | {"username": "mallory"})
    stranger_sees = [client.get("/me").content, client.get("/accounts/email/").content]
    fresh_client = Client()
    fresh = fresh_client.post("/accounts/signup/", FORM | {"username": "mallorz", "email": "free@example.org"})
    fresh_sees = [fresh_client.get("/me").content, fresh_client.get("/accounts/email/").content]

    assert (taken.status_code, taken["Location"]) == (fresh.status_code, fresh["Location"]) == (302, "/")
    for one, other in zip(stranger_sees, fresh_sees, strict=True):
        assert one.lower().count(b"not confirmed") == other.lower().count(b"not confirmed") == 1
    # The owner of the address, and nobody else, is told that an account exists.
    assert [mail.to for mail in mailoutbox] == [["anna@example.org"], ["free@example.org"]]
    assert "already have an account" in mailoutbox[0].subject
    assert "Welcome" in mailoutbox[1].subject
    assert EmailAddress.objects.get(email="anna@example.org", verified=True).user == anna


def test_a_shared_address_signs_in_only_with_the_matching_password(client: Client, anna: Person) -> None:
    client.post("/accounts/signup/", FORM | {"username": "mallory", "password1": "ganz anderes Wort"})
    client.post("/accounts/logout/")
    client.post("/accounts/login/", {"login": "anna@example.org", "password": "drei kleine Wolken"})
    assert client.get("/me").context["person"] == anna


def test_the_typed_password_is_not_sent_back(client: Client) -> None:
    page = client.post("/accounts/signup/", FORM | {"username": "x"}).content.decode()
    assert "drei kleine Wolken" not in page
