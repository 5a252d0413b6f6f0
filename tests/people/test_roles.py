"""Roles: who may give them, and what they open."""

from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from glaswerk.people.actions import assign_role, become_creator, change_role
from glaswerk.people.models import Person, Role
from tests.people.conftest import sign_in

pytestmark = pytest.mark.django_db
Make = Callable[..., Person]

BELOW_OPERATOR = [Role.VIEWER, Role.CREATOR, Role.MODERATOR]


def stored_role(person: Person) -> str:
    return Person.objects.values_list("role", flat=True).get(pk=person.pk)


@pytest.mark.parametrize("role", Role.values)
def test_an_operator_gives_every_role(make_person: Make, anna: Person, role: str) -> None:
    olga = make_person("olga", role=Role.OPERATOR)
    change_role(olga, anna, role)
    assert (anna.role, stored_role(anna)) == (role, role)


@pytest.mark.parametrize("role", BELOW_OPERATOR)
def test_nobody_else_gives_a_role(make_person: Make, anna: Person, role: str) -> None:
    make_person("olga", role=Role.OPERATOR)
    actor = make_person("max", role=role)
    for person in (anna, actor):
        with pytest.raises(PermissionDenied):
            change_role(actor, person, Role.OPERATOR)
    assert (stored_role(anna), stored_role(actor)) == (Role.VIEWER, role)


def test_a_stale_operator_gives_no_role(make_person: Make, anna: Person) -> None:
    olga, otto = make_person("olga", role=Role.OPERATOR), make_person("otto", role=Role.OPERATOR)
    change_role(otto, Person.objects.get(pk=olga.pk), Role.VIEWER)
    assert olga.role == Role.OPERATOR  # What olga's process still believes.
    with pytest.raises(PermissionDenied):
        change_role(olga, anna, Role.OPERATOR)
    assert stored_role(anna) == Role.VIEWER


def test_the_last_operator_stays_one(make_person: Make, anna: Person) -> None:
    olga = make_person("olga", role=Role.OPERATOR)
    for change in (lambda: change_role(olga, olga, Role.VIEWER), lambda: assign_role(olga, Role.VIEWER)):
        with pytest.raises(ValidationError):
            change()
    assert stored_role(olga) == Role.OPERATOR
    change_role(olga, anna, Role.OPERATOR)
    change_role(anna, olga, Role.VIEWER)
    assert stored_role(olga) == Role.VIEWER


def test_an_unknown_role_is_refused(make_person: Make, anna: Person) -> None:
    olga = make_person("olga", role=Role.OPERATOR)
    with pytest.raises(ValidationError):
        change_role(olga, anna, "king")
    assert stored_role(anna) == Role.VIEWER


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Role.VIEWER, Role.CREATOR),
        (Role.CREATOR, Role.CREATOR),
        (Role.MODERATOR, Role.MODERATOR),
        (Role.OPERATOR, Role.OPERATOR),
    ],
)
def test_publishing_makes_a_viewer_a_creator_and_nobody_less(make_person: Make, before: str, after: str) -> None:
    person = make_person("paul", role=before)
    become_creator(person)
    become_creator(person)
    assert (person.role, stored_role(person)) == (after, after)


@pytest.mark.parametrize("role", Role.values)
def test_permissions_follow_the_role_alone(make_person: Make, role: str) -> None:
    person = make_person("paul", role=role)
    person.is_superuser = True
    is_operator = role == Role.OPERATOR
    assert person.is_staff is is_operator
    assert person.has_perm("people.change_person") is is_operator
    assert person.has_perms(["people.change_person", "sessions.delete_session"]) is is_operator
    assert person.has_module_perms("people") is is_operator
    person.is_active = False
    assert not person.has_perm("people.change_person")


ADMIN_PAGES = ["/admin/", "/admin/people/person/", "/admin/login/"]


@pytest.mark.parametrize("role", BELOW_OPERATOR)
def test_the_admin_is_closed_below_operator(client: Client, make_person: Make, anna: Person, role: str) -> None:
    make_person("paul", role=role)
    sign_in(client, "paul")
    before = list(Person.objects.order_by("pk").values())
    edit = f"/admin/people/person/{anna.pk}/change/"
    for address in (*ADMIN_PAGES, edit):
        answer = client.get(address, follow=True)
        assert answer.status_code == 403, address
    posted = client.post(edit, {"role": "operator", "is_active": "on", "display_name": "Mallory"}, follow=True)
    assert posted.status_code == 403
    action = client.post(
        "/admin/people/person/", {"action": "delete_selected", "_selected_action": anna.pk}, follow=True
    )
    assert action.status_code == 403
    assert list(Person.objects.order_by("pk").values()) == before


def test_the_admin_sends_strangers_to_the_one_sign_in(client: Client) -> None:
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/accounts/login/?next=")
    assert client.post("/admin/login/", {"username": "olga", "password": "x"})["Location"].startswith(
        "/accounts/login/"
    )


def test_an_operator_finds_and_edits_people(client: Client, make_person: Make, anna: Person) -> None:
    make_person("olga", role=Role.OPERATOR)
    sign_in(client, "olga")
    listed = client.get("/admin/people/person/", {"q": "ann"}).content.decode()
    assert "anna" in listed
    assert "@example.org" not in listed
    edit = f"/admin/people/person/{anna.pk}/change/"
    page = client.get(edit).content.decode()
    assert anna.password not in page
    assert "argon2" not in page
    answer = client.post(edit, {"role": "moderator", "is_active": "on", "display_name": "Anna B.", "bio": ""})
    assert answer.status_code == 302
    anna.refresh_from_db()
    assert (anna.role, anna.display_name, anna.email) == (Role.MODERATOR, "Anna B.", "anna@example.org")


def test_addresses_do_not_find_people_in_the_admin(client: Client, make_person: Make, anna: Person) -> None:
    make_person("olga", role=Role.OPERATOR)
    sign_in(client, "olga")
    assert client.get("/admin/people/person/", {"q": "anna@example.org"}).context["cl"].result_count == 0


@pytest.mark.parametrize(
    "path", ["account/emailaddress", "account/emailconfirmation", "mfa/authenticator", "auth/group"]
)
def test_the_admin_shows_no_addresses_and_no_keys(client: Client, make_person: Make, path: str) -> None:
    make_person("olga", role=Role.OPERATOR)
    sign_in(client, "olga")
    assert client.get(f"/admin/{path}/").status_code == 404


def test_the_last_operator_cannot_step_down_in_the_admin(client: Client, make_person: Make) -> None:
    olga = make_person("olga", role=Role.OPERATOR)
    sign_in(client, "olga")
    answer = client.post(f"/admin/people/person/{olga.pk}/change/", {"role": "viewer", "is_active": "on"})
    assert "at least one operator" in answer.content.decode()
    assert stored_role(olga) == Role.OPERATOR
