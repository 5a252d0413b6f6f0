"""Who is signed in, in one query, for paths that are asked too often for Django's two and what it builds around them.

Nothing is taken for granted from one request to the next: the session and the person are read each time.  What is kept
is only where to look, and what a text decodes to.
"""

from functools import lru_cache
from typing import Any, Final

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils.crypto import constant_time_compare

from glaswerk.cell.statements import fetch
from glaswerk.people.models import Person

_FIELDS: Final = tuple(field.attname for field in Person._meta.concrete_fields)
_NAMES: Final = ", ".join(f"person.{field.column}" for field in Person._meta.concrete_fields)
_ASK: Final = (
    f"SELECT session.session_data, {_NAMES} FROM django_session AS session"  # noqa: S608 - The names are the model's.
    " LEFT JOIN people_person AS person ON person.id = %s::bigint AND person.is_active"
    " WHERE session.session_key = %s AND session.expire_date > now()"
)
_MOST: Final = 50_000
_persons: dict[str, int] = {}


@lru_cache(_MOST)
def _decoded(text: str) -> tuple[int, str] | None:
    session = SessionStore().decode(text)
    try:
        return int(session[SESSION_KEY]), str(session[HASH_SESSION_KEY])
    except (KeyError, ValueError):
        return None


@lru_cache(_MOST)
def _digest(password: str) -> str:
    return str(Person(password=password).get_session_auth_hash())


def person_of_session(key: str) -> Person | None:
    """Return the person whose session has this key, by the rules of `django.contrib.auth.get_user`; one query."""
    if not key or "\x00" in key:
        return None
    rows = fetch(_ASK, [_persons.get(key, 0), key])
    said = _decoded(rows[0][0]) if rows else None
    if said is None:
        return None
    number, signature = said
    if rows[0][1] != number:
        # Not asked for before by this process, or the session is somebody else's by now.
        if len(_persons) > _MOST:
            _persons.clear()
        _persons[key] = number
        rows = fetch(_ASK, [number, key])
        if not rows or _decoded(rows[0][0]) != said or rows[0][1] != number:
            return None
    person: Any = Person.from_db("default", _FIELDS, rows[0][1:])
    # A changed password ends every session that was opened with the old one.
    return person if constant_time_compare(_digest(person.password), signature) else None
