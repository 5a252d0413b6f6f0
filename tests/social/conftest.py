"""Persons and videos for the tests of comments and of what is read about people."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from glaswerk.people.models import Person
from glaswerk.videos.models import Video

PLAIN_STATIC = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}

MakePerson = Callable[..., Person]
MakeVideo = Callable[..., Video]


@pytest.fixture(autouse=True)
def plain_static(settings: Any) -> None:
    """Name static files without their hash, so that pages render before `collectstatic` has run."""
    settings.STORAGES = {**settings.STORAGES, **PLAIN_STATIC}


@pytest.fixture
def make_person() -> MakePerson:
    """Make a person without a password, who signs in by `force_login`."""
    numbers = itertools.count()

    def make(name: str = "", **fields: Any) -> Person:
        name = name or f"person{next(numbers)}"
        return Person.objects.create(name=name, email=f"{name}@example.org", password="!", **fields)

    return make


@pytest.fixture
def make_video() -> MakeVideo:
    """Make a video that is ready to be watched."""

    def make(creator: Person, **fields: Any) -> Video:
        whole: dict[str, Any] = {
            "creator": creator,
            "visibility": "public",
            "region": "eu",
            "state": "ready",
            "source": "0" * 64,
            "duration_ms": 5000,
            "width": 720,
            "height": 1280,
            "poster": "a" * 64,
            "published_at": timezone.now(),
        }
        return Video.objects.create(**{**whole, **fields})

    return make


@pytest.fixture
def signed_in() -> Callable[[Person], Client]:
    """Return a browser in which a person is signed in."""

    def sign_in(person: Person) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return sign_in
