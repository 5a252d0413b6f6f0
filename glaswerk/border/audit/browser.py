"""Somebody's browser: it comes through the cell's front door, as everybody does."""

from typing import Any, Final

import httpx

from glaswerk.border.audit.canaries import AuditFailed
from glaswerk.cell.config import Cell

_TIMEOUT_S: Final = 60.0


class Browser:
    """One person's way into the cell."""

    def __init__(self, cell: Cell, headers: dict[str, str] | None = None) -> None:
        self._client = httpx.Client(base_url=cell.local_url, timeout=_TIMEOUT_S, trust_env=False, headers=headers or {})

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def cookie(self, name: str) -> str:
        """The value of a cookie; empty where there is none."""
        return str(self._client.cookies.get(name, ""))

    def look(self, path: str, **headers: str) -> httpx.Response:
        """Look at an address, whatever it answers."""
        return self._ask("GET", path, headers=headers)

    def send(self, method: str, path: str, body: Any, *wanted: int, headers: dict[str, str] | None = None) -> Any:
        """Send JSON, and return the answer's.  Raises AuditFailed for a status that is not wanted."""
        answer = self._ask(method, path, json=body, headers={**self._token(), **(headers or {})})
        self._check(answer, *wanted)
        return answer.json() if answer.content else None

    def fill_in(self, path: str, form: dict[str, str], *wanted: int, page: str = "") -> httpx.Response:
        """Fill in a form as its page is read.  Raises AuditFailed for a status that is not wanted."""
        self.look(page or path)
        answer = self._ask("POST", path, data=form, headers=self._token())
        self._check(answer, *(wanted or (302,)))
        return answer

    def upload(self, path: str, name: str, data: bytes, form: dict[str, str]) -> Any:
        """Upload a video.  Raises AuditFailed."""
        answer = self._ask("POST", path, data=form, files={"file": (name, data, "video/mp4")}, headers=self._token())
        self._check(answer, 201)
        return answer.json()

    def _token(self) -> dict[str, str]:
        return {"X-CSRFToken": self.cookie("csrftoken")}

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **content)
        except httpx.TransportError as error:
            raise AuditFailed(f"the cell does not answer at {path.split('?')[0]} ({type(error).__name__})") from None

    def _check(self, answer: httpx.Response, *wanted: int) -> None:
        if answer.status_code not in wanted:
            request = answer.request
            raise AuditFailed(f"the cell answers {answer.status_code} to {request.method} {request.url.path}")
