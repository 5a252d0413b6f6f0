"""Signing people up for the demo, and opening their sessions; the only part that does not go through the public API."""

from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction

from glaswerk.cli.demo.cast import Creator
from glaswerk.cli.demo.failure import DemoError
from glaswerk.cli.demo.share import printed_creator
from glaswerk.cli.demo.welcome import MERCHANT, MODERATOR, OPERATOR, PASSWORD, VIEWER
from glaswerk.people.actions import set_avatar
from glaswerk.people.models import Person, Role

_BACKEND: Final = "allauth.account.auth_backends.AuthenticationBackend"
_SESSION_AGE: Final = timedelta(hours=6)
_BIRTH_YEAR: Final = 1990


@cache
def _hashed_password() -> str:
    return make_password(PASSWORD)


def _sign_up(name: str, display_name: str, role: Role, bio: str = "") -> Person:
    """Return the demo's person of this name, made where missing.  Raises DemoError where the name is somebody else's."""
    person = Person.objects.filter(name=name).first()
    if person is None:
        return Person.objects.create(
            name=name,
            display_name=display_name,
            bio=bio,
            role=role,
            password=_hashed_password(),
            birth_year=_BIRTH_YEAR,
        )
    if not person.check_password(PASSWORD):
        raise DemoError(f"Somebody here is called {name} already. Give the demo a folder of its own with --data DIR.")
    return person


def sign_up_accounts() -> None:
    """Make the five accounts that are printed.  Safe to run again."""
    with transaction.atomic():
        _sign_up(VIEWER, "Demo", Role.VIEWER)
        _sign_up(MERCHANT, "Ton & Feuer, the shop", Role.VIEWER)
        _sign_up(MODERATOR, "Moderation", Role.MODERATOR)
        _sign_up(OPERATOR, "Operations", Role.OPERATOR)
        creator = printed_creator()
        _sign_up(creator.name, creator.display_name, Role.CREATOR, creator.bio)


def sign_up_creator(creator: Creator, avatar: Path) -> Person:
    """Make a creator with their picture.  Safe to run again."""
    person = _sign_up(creator.name, creator.display_name, Role.CREATOR, creator.bio)
    if not person.avatar:
        with avatar.open("rb") as file:
            set_avatar(person, file)
    return person


def sign_up_viewers(viewers: Iterable[tuple[str, str, str]]) -> dict[str, Person]:
    """Make viewers of (name, shown name, language) who cannot sign in, and return those that are the demo's by name.

    Nobody knows a password of theirs, because there is none: hashing three hundred takes longer than all their watching.
    """
    wanted = list(viewers)
    Person.objects.bulk_create(
        (
            Person(
                name=name,
                display_name=display_name,
                language=language,
                password=make_password(None),
                birth_year=_BIRTH_YEAR,
            )
            for name, display_name, language in wanted
        ),
        ignore_conflicts=True,
    )
    found = Person.objects.filter(name__in=[name for name, _, _ in wanted])
    # Whoever has a password is a real person who came first.
    return {person.name: person for person in found if not person.has_usable_password()}


def sign_up_owners(owners: Iterable[tuple[str, str]]) -> dict[str, Person]:
    """Make the shops' owners of (name, shown name) and return them by name.  Only the printed one can sign in.

    Raises DemoError where a name is somebody else's.
    """
    wanted = dict(owners)
    printed = _sign_up(MERCHANT, wanted.pop(MERCHANT), Role.VIEWER)
    others = sign_up_viewers((name, title, "") for name, title in wanted.items())
    taken = next((name for name in wanted if name not in others), None)
    if taken is not None:
        raise DemoError(f"Somebody here is called {taken} already. Give the demo a folder of its own with --data DIR.")
    return {MERCHANT: printed, **others}


def by_name(*names: str) -> dict[str, Person]:
    """Return persons by name."""
    return {person.name: person for person in Person.objects.filter(name__in=names)}


def open_session(person: Person) -> str:
    """Sign a person in and return the session's key."""
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = _BACKEND
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.set_expiry(_SESSION_AGE)
    session.create()
    key = session.session_key
    assert key is not None
    return key


def open_sessions(people: Iterable[Person]) -> dict[str, str]:
    """Sign people in, and return their sessions' keys by name."""
    with transaction.atomic():
        return {person.name: open_session(person) for person in people}


def close_sessions(keys: Iterable[str]) -> None:
    """Sign out again."""
    Session.objects.filter(session_key__in=list(keys)).delete()
