"""A cell folder of its own for every test, and people to act as."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client
from pytest_django.fixtures import Settings

from glaswerk.cell.config import Cell
from glaswerk.people.actions import add_person
from glaswerk.people.models import Person

PASSWORD = "drei kleine Wolken"


class CheapArgon2(Argon2PasswordHasher):
    """Argon2 as in a cell, at a cost that a test run can bear."""

    time_cost = 1
    memory_cost = 64
    parallelism = 1


@pytest.fixture(autouse=True)
def cell(settings: Settings, tmp_path: Path) -> Cell:
    """Let blobs go into a folder that is thrown away, and let pages name static files without their hashes."""
    cell = Cell(tmp_path / "cell")
    cell.make_folders()
    settings.CELL = cell
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = [f"{__name__}.CheapArgon2"]
    return cell


@pytest.fixture
def make_person(db: None) -> Callable[..., Person]:
    """Return a function that makes a person with a confirmed address."""

    def make(name: str, **fields: object) -> Person:
        return add_person(name, PASSWORD, email=f"{name}@example.org", **fields)  # type: ignore[arg-type]

    return make


@pytest.fixture
def anna(make_person: Callable[..., Person]) -> Person:
    """A viewer."""
    return make_person("anna")


@pytest.fixture
def as_anna(client: Client, anna: Person) -> Client:
    """A client that has signed in as Anna through the page."""
    sign_in(client, "anna")
    return client


def sign_in(client: Client, login: str, password: str = PASSWORD) -> None:
    """Sign in through the page, and insist that it worked."""
    answer = client.post("/accounts/login/", {"login": login, "password": password})
    assert answer.status_code == 302, answer.content.decode()
