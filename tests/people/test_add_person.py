"""Adding people from the command line."""

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from glaswerk.people.actions import add_person
from glaswerk.people.models import Person, Role, Visibility
from tests.people.conftest import PASSWORD, sign_in

pytestmark = pytest.mark.django_db


def test_an_added_person_signs_in(client: Client) -> None:
    person = add_person("Olga", PASSWORD, role=Role.OPERATOR, email="Olga@Example.org", display_name="Olga O.")
    assert (person.name, person.role, person.display_name) == ("olga", "operator", "Olga O.")
    assert EmailAddress.objects.values_list("email", "verified", "primary").get() == ("olga@example.org", True, True)
    sign_in(client, "olga@example.org")


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("name", {"name": "admin"}),
        ("name", {"name": "x"}),
        ("name", {"name": "anna"}),
        ("password", {"password": "short"}),
        ("role", {"role": "king"}),
        ("email", {"email": "no address"}),
        ("email", {"email": "anna@example.org"}),
        ("display_name", {"display_name": "x" * 51}),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(anna: Person, field: str, change: dict[str, str]) -> None:
    good = {"name": "paul", "password": PASSWORD, "role": "viewer", "email": "paul@example.org", "display_name": ""}
    with pytest.raises(ValidationError) as refused:
        add_person(**(good | change))  # type: ignore[arg-type]
    assert refused.value.message_dict.keys() == {field}
    assert list(Person.objects.all()) == [anna]


def test_a_child_is_refused_and_a_teenager_protected() -> None:
    year = timezone.localdate().year
    with pytest.raises(ValidationError):
        add_person("kim", PASSWORD, birth_year=year - 12)
    assert not Person.objects.exists()
    kim = add_person("kim", PASSWORD, birth_year=year - 15)
    assert (kim.default_visibility, kim.profiling) == (Visibility.FOLLOWERS, False)
