"""Hostile requests: addresses, headers, bodies and connections that no browser would send."""

import http.client
import json
import socket
import threading
import time
from contextlib import closing

import httpx
import pytest

from tests.cells import RunningCell

pytestmark = pytest.mark.cell

SECRETS = (b"[web]", b"PRIVATE", b"epoch_seconds", b"root:")


def raw(cell: RunningCell, *lines: bytes, body: bytes = b"", seconds: float = 20) -> bytes:
    """Send bytes as they are and return what comes back until the server closes or falls silent."""
    with socket.create_connection(("127.0.0.1", cell.port), timeout=seconds) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        parts = []
        try:
            while part := connection.recv(65536):
                parts.append(part)
                if b"Connection: close" not in b"".join(lines):
                    break
        except (TimeoutError, ConnectionError):
            pass
    return b"".join(parts)


def get(cell: RunningCell, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Ask for a path as it is written, which clients with manners would put in order first."""
    with closing(http.client.HTTPConnection("127.0.0.1", cell.port, timeout=30)) as connection:
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}


CLIMBS = (
    "../cell.toml",
    "../../cell.toml",
    "%2e%2e/cell.toml",
    "%2e%2e%2fcell.toml",
    "..%2fcell.toml",
    "..%5ccell.toml",
    "....//cell.toml",
    "%252e%252e/cell.toml",
    "..%00/cell.toml",
    "%c0%ae%c0%ae/cell.toml",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "web/../../keys/django",
    "web/%2e%2e/%2e%2e/keys/django",
    "%00",
    "%ff",
    ".incoming/",
    "",
    "~root",
    "a" * 5000,
)


@pytest.mark.parametrize("root", ["/media/", "/static/", "/"])
@pytest.mark.parametrize("climb", CLIMBS)
def test_no_path_leads_out_of_what_is_served(live_cell: RunningCell, root: str, climb: str) -> None:
    status, body, _ = get(live_cell, root + climb)
    assert status in ((400, 404, 414) if root + climb != "/" else (200,))
    assert not any(secret in body for secret in SECRETS)


@pytest.mark.parametrize("name", ["cell.toml", "keys/django", "lock", "up.log", "run/status.json", "log/web.log"])
def test_the_folder_itself_is_not_served(live_cell: RunningCell, name: str) -> None:
    for root in ("/media/", "/static/", "/"):
        assert get(live_cell, root + name)[0] == 404


ODD = (
    "/v/%00", "/v/%ff", "/@%00", "/@%ff%fe", "/t/%00", "/t/%ff", "/t/" + "x" * 3000, "/discover?q=%00", "/discover?q=%ff",
    "/discover?q=" + "(" * 500, "/words/%00.js", "/api/videos/%00", "/api/videos/%ff/comments", "/api/slates/%00/why",
    "/accounts/login/?next=%00", "/accounts/login/?next=https://evil.example", "/?%00=%00", "/api/feed?%00", "/api/feed?=&=",
    "/api/feed?limit=%00", "/api/feed?hashtag=%ED%A0%80", "/%ff%fe", "/admin/%00", "/i18n/setlang/",
)  # fmt: skip


@pytest.mark.parametrize("path", ODD)
def test_odd_addresses_are_no_errors_of_ours(live_cell: RunningCell, path: str) -> None:
    assert get(live_cell, path)[0] < 500


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize(
    "path",
    ["/api/feed", "/healthz", "/readyz", "/metrics", "/media/" + "0" * 64 + ".mp4", "/", "/discover", "/static/x"],
)
def test_other_methods_do_nothing(live_cell: RunningCell, method: str, path: str) -> None:
    status, body, headers = get(live_cell, path, method)
    assert status in (400, 403, 404, 405, 501), (status, body[:200])
    if status == 405 and path != "/static/x":
        assert "GET" in headers["allow"]
    # TRACE must not send back what came, cookies included.
    assert b"TRACE /" not in body


COOKIES = (
    'sessionid="\\000"',
    'sessionid="' + "\\000" * 32 + '"',
    "sessionid=" + "a" * 8000,
    "sessionid=\xe9\xff",
    "sessionid=" + "a" * 32,
    'csrftoken="\\000"',
    'messages="\\000\\377"',
    'django_language="\\000"',
    "viewer=" + ":" * 100,
    "=; ;;; a=b; a",
    "; ".join(f"c{number}=x" for number in range(1000)),
)


@pytest.mark.parametrize("cookie", COOKIES)
@pytest.mark.parametrize("path", ["/api/feed", "/discover", "/accounts/login/", "/media/" + "0" * 64 + ".mp4"])
def test_cookies_cannot_break_an_answer(live_cell: RunningCell, cookie: str, path: str) -> None:
    status, _, _ = get(live_cell, path, cookie=cookie)
    assert status < 500


@pytest.mark.parametrize(
    "headers",
    [
        {"accept_language": "x" * 9000},
        {"accept_language": "\xff,\x80;q=z"},
        {"accept_language": "de;q=" + "9" * 500},
        {"host": "evil.example"},
        {"host": "127.0.0.1:1@evil.example"},
        {"host": ""},
        {"range": "bytes=" + ",".join(["0-1"] * 1000)},
        {"if_none_match": '"' * 5000},
        {"x_forwarded_for": "127.0.0.1" * 500},
        {"x_forwarded_proto": "https"},
        {"content_length": "0"},
    ],
)
@pytest.mark.parametrize("path", ["/api/feed", "/discover", "/media/" + "0" * 64 + ".mp4"])
def test_headers_cannot_break_an_answer(live_cell: RunningCell, headers: dict[str, str], path: str) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", live_cell.port, timeout=30)) as connection:
        connection.putrequest("GET", path, skip_host="host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value.encode("latin-1"))
        connection.endheaders()
        assert connection.getresponse().status < 500


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/login/?next=/%0d%0aSet-Cookie:%20evil=1",
        "/%0d%0aSet-Cookie:%20evil=1",
        "/i18n/%0d%0aSet-Cookie:%20evil=1",
        "/discover?q=%0d%0aSet-Cookie:%20evil=1",
        "/api/feed?limit=%0d%0aSet-Cookie:%20evil=1",
        "/@name%0d%0aLocation:%20https://evil.example",
        "//evil.example/%2e%2e",
        "/admin%0d%0aSet-Cookie:%20evil=1",
    ],
)
def test_no_header_can_be_slipped_into_an_answer(live_cell: RunningCell, path: str) -> None:
    status, _, headers = get(live_cell, path)
    assert status < 500
    assert "evil=1" not in headers.get("set-cookie", "")
    assert "evil.example" not in headers.get("location", "").split("?")[0]


@pytest.mark.parametrize(
    "lines",
    [
        (b"GET / HTTP/1.1",),
        (b"GET /\x00 HTTP/1.1", b"Host: x"),
        (b"GET / HTTP/9.9", b"Host: x"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",),
        (b"GET " + b"/a" * 40_000 + b" HTTP/1.1", b"Host: x"),
        (b"GET / HTTP/1.1", b"Host: 127.0.0.1", b"X: " + b"y" * 500_000),
        (b"POST /api/events HTTP/1.1", b"Host: 127.0.0.1", b"Content-Length: -1"),
        (b"POST /api/events HTTP/1.1", b"Host: 127.0.0.1", b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"POST /api/events HTTP/1.1", b"Host: 127.0.0.1", b"Transfer-Encoding: chunked", b"", b"zz\r\nx\r\n0"),
    ],
)
def test_what_is_no_http_is_refused_and_the_cell_goes_on(live_cell: RunningCell, lines: tuple[bytes, ...]) -> None:
    answer = raw(live_cell, *lines, seconds=5)
    assert not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))
    assert get(live_cell, "/healthz")[0] == 200


def test_a_body_that_is_too_long_ends_early(live_cell: RunningCell) -> None:
    def endless() -> object:
        for _ in range(4000):
            yield b" " * 65536

    with live_cell.client() as client:
        try:
            answer = client.post("/api/events", content=endless(), headers={"content-type": "application/json"})  # type: ignore[arg-type]
            assert answer.status_code == 413
        except httpx.TransportError:
            pass  # The server closed before all of the quarter of a gigabyte was sent.
    assert get(live_cell, "/healthz")[0] == 200


def test_slow_bodies_keep_nobody_waiting(live_cell: RunningCell) -> None:
    """Two hundred half-sent requests stay open, and others are answered all the same."""
    slow = []
    try:
        for _ in range(200):
            connection = socket.create_connection(("127.0.0.1", live_cell.port), timeout=20)
            connection.sendall(
                b"POST /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            )
            slow.append(connection)
        with live_cell.client() as client:
            for _ in range(5):
                assert client.get("/api/feed").status_code == 200
                assert client.get("/discover").status_code == 200
    finally:
        for connection in slow:
            connection.close()


def test_a_crowd_at_one_door_is_answered_or_told_to_come_back(live_cell: RunningCell) -> None:
    statuses: list[int] = []

    def ask() -> None:
        with live_cell.client() as client:
            statuses.extend(client.get("/api/feed").status_code for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 120
    assert set(statuses) <= {200, 429, 503}
    assert statuses.count(200) > 100


def test_metrics_are_for_this_machine_alone(live_cell: RunningCell) -> None:
    assert get(live_cell, "/metrics")[0] == 200
    assert get(live_cell, "/metrics", x_forwarded_for="127.0.0.1")[0] == 404
    assert get(live_cell, "/metrics", forwarded="for=127.0.0.1")[0] == 404


def test_health_answers_in_json(live_cell: RunningCell) -> None:
    for path, status in (("/healthz", "alive"), ("/readyz", "ready")):
        code, body, headers = get(live_cell, path)
        assert (code, json.loads(body), headers["content-type"]) == (200, {"status": status}, "application/json")
        code, body, _ = get(live_cell, path, "HEAD")
        assert (code, body) == (200, b"")


def test_limits_hold_for_one_viewer_and_for_new_ones(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = "[web]\nworkers = 1\n[limits]\nfeed_per_minute = 5\nevents_per_minute = 5\nnew_viewers_per_minute = 3\n"
    with RunningCell.started(tmp_path_factory.mktemp("limits") / "data", settings) as cell, cell.client() as client:
        # A minute may turn in between, so more than twice the limit is asked for.
        while time.time() % 60 > 40:
            time.sleep(0.5)
        assert client.get("/api/feed").status_code == 200
        answers = [client.get("/api/feed") for _ in range(8)]
        assert [answer.status_code for answer in answers].count(429) == 3
        assert answers[-1].headers["retry-after"] == "60"
        assert answers[-1].headers["content-type"] == "application/problem+json"
        sent = [client.post("/api/events", json={"events": []}).status_code for _ in range(8)]
        assert sent.count(429) == 3
        strangers = [httpx.get(f"{cell.url}/api/feed", trust_env=False).status_code for _ in range(6)]
        assert strangers == [200, 200, 429, 429, 429, 429]
