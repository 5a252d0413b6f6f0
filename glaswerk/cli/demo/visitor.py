"""Somebody who uses the cell as a browser does: through its public HTTP API, with a session cookie."""

import asyncio
import json
import time
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, Final

import httpx
from django.utils.crypto import get_random_string

from glaswerk.cli.demo.failure import DemoError

# A part of the cell that died is back before this; a crowded machine answers within it.
PATIENCE_S: Final = 120.0
_PAUSE_S: Final = 0.5
_COME_BACK: Final = (429, 502, 503)


def open_client(url: str) -> httpx.AsyncClient:
    """Return a client that many visitors share; it keeps no cookies, each visitor brings their own."""
    client = httpx.AsyncClient(
        base_url=url,
        timeout=httpx.Timeout(60, connect=10),
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=32),
        trust_env=False,
    )
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


class Visitor:
    """One signed-in person's way into the cell."""

    def __init__(self, client: httpx.AsyncClient, session: str) -> None:
        """Use this session key (the value of the cookie `sessionid`)."""
        self._client = client
        token = get_random_string(32)
        self._headers = {"Cookie": f"sessionid={session}; csrftoken={token}", "X-CSRFToken": token}

    async def get(self, path: str, **parameters: str | int) -> Any:
        """Return the JSON of an address.  Raises DemoError."""
        return await self._until_answered("GET", path, params=parameters)

    async def post(self, path: str, body: Any) -> Any:
        """Send JSON and return the answer's.  Safe to repeat only where the cell counts a repetition once."""
        return await self._until_answered("POST", path, json=body)

    async def upload(self, path: Path, caption: str) -> Any:
        """Send a video once and return the answer.  Raises httpx.TransportError where it may or may not have arrived."""
        with path.open("rb") as file:
            answer = await self._client.post(
                "/api/videos",
                data={"caption": caption, "visibility": "public"},
                files={"file": (path.name, file, "video/mp4")},
                headers=self._headers,
            )
        return _read(answer)

    async def _until_answered(self, method: str, path: str, **content: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = await self._client.request(method, path, headers=self._headers, **content)
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise DemoError(f"The cell does not answer ({type(error).__name__} at {path}).") from None
            else:
                if answer.status_code not in _COME_BACK or time.monotonic() > deadline:
                    return _read(answer)
            await asyncio.sleep(_PAUSE_S)


def _read(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    try:
        detail = answer.json()["detail"]
    except (json.JSONDecodeError, KeyError, TypeError):
        detail = answer.reason_phrase
    raise DemoError(f"The cell refused {answer.request.url.path} with {answer.status_code}: {detail}")
