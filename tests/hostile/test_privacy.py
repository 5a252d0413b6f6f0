"""What a page may load and tell, and that personal values stay out of logs, metrics, addresses and error pages."""

import re
import secrets
from collections.abc import Iterator

import httpx
import pytest

from glaswerk.web.middleware import POLICY
from tests.cells import PASSWORD, RunningCell, event, send
from tests.feed.theatre import Theatre

pytestmark = pytest.mark.cell
PAGES = (
    "/", "/following", "/discover", "/offline", "/t/anything", "/accounts/login/", "/accounts/signup/",
    "/accounts/password/reset/", "/inbox", "/upload", "/me", "/api/docs", "/nowhere", "/v/0000000000000", "/@nobodyhere",
    "/api/nowhere", "/admin/", "/accounts/email/", "/accounts/2fa/",
)  # fmt: skip


@pytest.fixture(scope="module")
def visitors(live_cell: RunningCell) -> Iterator[dict[str, httpx.Client]]:
    person, guest = Theatre(live_cell).somebody().client, live_cell.client()
    yield {"signed in": person, "signed out": guest}
    person.close()
    guest.close()


@pytest.mark.parametrize("who", ["signed in", "signed out"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_carries_the_security_headers(visitors: dict[str, httpx.Client], who: str, path: str) -> None:
    answer = visitors[who].get(path)
    assert answer.status_code < 500
    headers = answer.headers
    if path != "/api/docs":
        assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    if "text/html" in headers.get("content-type", ""):
        # The policy forbids them; a page that has them would be broken.  Data, which nobody runs, is no script.
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>\s*\S", answer.text), (
            "an inline script"
        )
        assert not re.search(r"<style[ >]", answer.text), "an inline style"
        assert not re.search(r"<[a-z][^>]*\s(style|on[a-z]+)=", answer.text), "an inline attribute"
        foreign = re.findall(r"(?:src|href|action)=[\"']((?:https?:)?//[^\"']+)", answer.text)
        assert [url for url in foreign if not url.startswith(str(visitors[who].base_url).rstrip("/"))] == []


@pytest.mark.parametrize("path", ["/api/feed", "/healthz", "/readyz", "/metrics", "/api/events", "/api/feed?limit=0"])
def test_lean_answers_are_not_sniffed_or_kept(live_cell: RunningCell, path: str) -> None:
    with live_cell.client() as client:
        answer = client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_a_persons_values_stay_out_of_logs_metrics_and_error_pages(live_cell: RunningCell) -> None:
    mark = secrets.token_hex(6)
    email, caption, password = (
        f"canary-{mark}@example.org",
        f"CanaryCaption{mark}",
        f"secret words {secrets.token_hex(6)}",
    )
    birth_year = "1957"
    name = f"c{secrets.token_hex(6)}"
    with live_cell.client() as client:
        client.get("/accounts/signup/")
        form = {
            "email": email,
            "username": name,
            "password1": password,
            "birth_year": birth_year,
            "csrfmiddlewaretoken": client.cookies["csrftoken"],
        }
        answer = client.post("/accounts/signup/", data=form, headers={"Referer": f"{live_cell.url}/accounts/signup/"})
        assert answer.status_code == 302, answer.text[-2000:]
        assert email not in answer.headers["location"]
        # The same again, wrong passwords, values where they do not belong, and failures on the way.
        client.post("/accounts/signup/", data=form)
        for words in (email, name):
            with live_cell.client() as other:
                other.get("/accounts/login/")
                wrong = {"login": words, "password": mark, "csrfmiddlewaretoken": other.cookies["csrftoken"]}
                other.post("/accounts/login/", data=wrong, headers={"Referer": f"{live_cell.url}/accounts/login/"})
        pages = [
            client.get(f"/{email}"),
            client.get(f"/v/{email}"),
            client.get("/api/feed", params={"limit": email}),
            client.get("/api/feed", params={"hashtag": caption + "x" * 60}),
            client.get("/api/feed", headers={"cookie": f'sessionid="\\000{email}"'}),
            client.get("/api/videos/" + email),
            client.post("/api/videos", data={"caption": caption}, headers={"X-CSRFToken": client.cookies["csrftoken"]}),
            client.post("/api/events", json={"events": [{"id": email, "kind": caption, "at": birth_year}]}),
            send(client, event("like", creator=email)),
            client.post("/api/events", content=b"{" + email.encode(), headers={"content-type": "application/json"}),
            client.get("/admin/", headers={"host": f"{mark}.example.org"}),
        ]
        assert all(page.status_code < 500 for page in pages), [page.status_code for page in pages]
        for page in pages:
            if page.status_code >= 400 and "html" in page.headers.get("content-type", ""):
                assert email not in page.text
        metrics = client.get("/metrics").text
    assert "glaswerk_requests_total" in metrics
    told = {"metrics": metrics}
    for path in (live_cell.data / "log").iterdir():
        told[path.name] = path.read_text(errors="replace")
    told["up.log"] = (live_cell.data / "up.log").read_text()
    assert len(told) > 7
    for where, text in told.items():
        for value in (email, caption, password, mark, name, PASSWORD):
            assert value not in text, f"{where} tells it"
    # Metric labels are a closed set: whatever anybody asks, no new ones appear.
    labels = set(re.findall(r'route="([^"]*)"', metrics))
    lean = {"/api/feed", "/api/events", "/api/dials", "/api/dials/hide", "/api/dials/reset", "/healthz", "/readyz"}
    buying = {"/api/shop/quotes", "/api/cart/lines", "/api/purchases"}
    log = {"/log", "/log/blob", "/log/policy", "/log/witness"}
    assert labels <= {"django", "/", *log, "/media", "/metrics", "/api/uploads", *lean, *buying}
