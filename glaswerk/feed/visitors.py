"""Who asks, for the lean paths: a person by Django's own session, or an anonymous viewer by a signed cookie."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from typing import Final, NamedTuple

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.signing import BadSignature, Signer
from django.utils.crypto import constant_time_compare
from django.utils.translation.trans_real import parse_accept_lang_header

from glaswerk.cell.database import pool
from glaswerk.cell.ids import decode_id, encode_id
from glaswerk.people.models import Person

VIEWER_COOKIE: Final = "viewer"
_COOKIE_AGE_S: Final = 365 * 86_400
# A session that ended elsewhere is honoured by this worker for so long at most.
_TTL_S: Final = 2.0
_MOST_SESSIONS: Final = 50_000
_MOST_CLAIMS: Final = 50_000
# A longer header is read each time, so that nobody fills the memory with them.
_LONGEST_KEPT: Final = 1_000
_LANGUAGES: Final = tuple(code for code, _ in settings.LANGUAGES)


@dataclass(frozen=True, slots=True)
class Visitor:
    """The asking person, or None; the viewer's id, None where a signed-out client has no cookie yet; the language."""

    person: int | None
    viewer: int | None
    language: str


class _Claim(NamedTuple):
    """What a Cookie header says: a session's key, a signed-out viewer whose signature holds, a language."""

    session: str | None
    viewer: int | None
    language: str


class VisitorReader:
    """Reads who asks from a request's headers."""

    def __init__(self) -> None:
        """Start with nothing remembered."""
        self._sessions: dict[str, tuple[float, tuple[int, str] | None]] = {}
        self._signer = Signer(salt="glaswerk.viewer")
        # A client sends the same header with every request; parsing it and proving its signature takes longer than ranking.
        self._claim = lru_cache(_MOST_CLAIMS)(self._read_claim)

    async def read(self, headers: dict[bytes, bytes]) -> Visitor:
        """Return who asks; anything malformed or forged counts as absent."""
        header = headers.get(b"cookie", b"")
        claim = self._claim(header) if len(header) <= _LONGEST_KEPT else self._read_claim(header)
        language = claim.language or _accepted_language(headers.get(b"accept-language", b"")[:500])
        found = await self._person(claim.session) if claim.session else None
        if found is not None:
            person, chosen = found
            return Visitor(person, person, chosen or language)
        return Visitor(None, claim.viewer, language)

    def _read_claim(self, header: bytes) -> _Claim:
        cookies = _cookies(header)
        language = cookies.get(settings.LANGUAGE_COOKIE_NAME, "")
        session = cookies.get(settings.SESSION_COOKIE_NAME)
        return _Claim(session, self.anonymous(cookies), language if language in _LANGUAGES else "")

    def new_anonymous(self) -> tuple[int, bytes]:
        """Return a fresh anonymous viewer's id and the Set-Cookie header that keeps it."""
        number = secrets.randbits(62) + 1
        secure = "; Secure" if settings.SESSION_COOKIE_SECURE else ""
        cookie = f"{VIEWER_COOKIE}={self._signer.sign(encode_id(number))}; Path=/; Max-Age={_COOKIE_AGE_S}; HttpOnly; SameSite=Lax"
        return -number, (cookie + secure).encode()

    def anonymous(self, cookies: Mapping[str, str]) -> int | None:
        """Return the signed-out viewer of these cookies, or None where there is none or it is forged."""
        try:
            return -decode_id(self._signer.unsign(cookies.get(VIEWER_COOKIE, "")))
        except (BadSignature, ValueError):
            return None

    async def _person(self, session_key: str) -> tuple[int, str] | None:
        """Return the person's id and language, by the rules of `django.contrib.auth.get_user`."""
        now = time.monotonic()
        remembered = self._sessions.get(session_key)
        if remembered is not None and remembered[0] > now:
            return remembered[1]
        if len(self._sessions) > _MOST_SESSIONS:
            self._sessions.clear()
        found = await _look_up(session_key)
        self._sessions[session_key] = (now + _TTL_S, found)
        return found


async def _look_up(session_key: str) -> tuple[int, str] | None:
    async with pool().connection() as connection:
        row = await (
            await connection.execute(
                "SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > now()", [session_key]
            )
        ).fetchone()
        if row is None:
            return None
        session = SessionStore().decode(row[0])
        try:
            person_id = int(session[SESSION_KEY])
            signature = session[HASH_SESSION_KEY]
        except (KeyError, ValueError):
            return None
        row = await (
            await connection.execute(
                "SELECT password, language FROM people_person WHERE id = %s AND is_active", [person_id]
            )
        ).fetchone()
    # A changed password ends every session that was opened with the old one.
    if row is None or not constant_time_compare(Person(password=row[0]).get_session_auth_hash(), signature):
        return None
    return person_id, row[1]


def _cookies(header: bytes) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header.decode("latin-1")).items()}
    except CookieError:
        return {}


@lru_cache(1_000)
def _accepted_language(header: bytes) -> str:
    for code, _ in parse_accept_lang_header(header.decode("latin-1")):
        if code[:2] in _LANGUAGES:
            return code[:2]
    return settings.LANGUAGE_CODE[:2]
