"""The `glaswerk person` commands, on the database of the test run."""

import json
from collections.abc import Callable
from contextlib import nullcontext

import pytest
from click.testing import Result
from typer.testing import CliRunner

from glaswerk.cli import person as command
from glaswerk.people.models import Person
from tests.people.conftest import PASSWORD

pytestmark = pytest.mark.django_db
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command; the servers of the test run are already there."""
    monkeypatch.setattr(command, "attached_cell", nullcontext)

    def run(*words: str, given: str = "") -> Result:
        return CliRunner().invoke(command.app, list(words), input=given)

    return run


def test_add_prints_the_facts(run: Run) -> None:
    result = run(
        "add", "Olga", "--password-stdin", "--role", "operator", "--display-name", "O.", "--json", given=PASSWORD
    )
    assert result.exit_code == 0
    olga = Person.objects.get()
    assert json.loads(result.stdout) == {"id": olga.public_id, "name": "olga", "role": "operator"}
    assert olga.check_password(PASSWORD)
    assert olga.display_name == "O."


@pytest.mark.parametrize("name", ["anna", "ANNA", "admin", "a b", "x"])
def test_taken_and_bad_names_end_with_status_1(run: Run, anna: Person, name: str) -> None:
    result = run("add", name, "--password", PASSWORD, "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("name: ")
    assert Person.objects.count() == 1


def test_a_password_never_comes_back(run: Run) -> None:
    result = run("add", "olga", "--password", "geheim")
    assert result.exit_code == 1
    assert "geheim" not in result.output


def test_role_gives_a_role(run: Run, anna: Person) -> None:
    result = run("role", "@Anna", "moderator", "--json")
    assert json.loads(result.stdout)["role"] == "moderator"
    anna.refresh_from_db()
    assert anna.role == "moderator"


def test_role_knows_who_is_there(run: Run) -> None:
    result = run("role", "nobody", "creator")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nobody" in result.stderr


def test_an_unknown_role_is_refused(run: Run, anna: Person) -> None:
    assert run("role", "anna", "king").exit_code == 2


def test_list_names_everybody_in_order(run: Run, anna: Person, make_person: Callable[..., Person]) -> None:
    make_person("adam", role="creator")
    assert [row["name"] for row in json.loads(run("list", "--json").stdout)] == ["adam", "anna"]
    assert "@example.org" not in run("list").stdout
