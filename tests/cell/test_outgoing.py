"""The client for addresses that others chose: where it goes, and where it does not."""

import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from glaswerk.cell.outgoing import Outgoing, OutgoingError, Refusal, is_public

SEEN: list[tuple[str, dict[str, str]]] = []


class Handler(BaseHTTPRequestHandler):
    """One path for each thing that a server can do to its client."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer by the path."""
        SEEN.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        status, headers, body = 200, {}, b"hello"
        match self.path.split("?"):
            case ["/missing"]:
                status = 404
            case ["/redirect", place]:
                status, headers["Location"] = 302, place
            case ["/loop"]:
                status, headers["Location"] = 302, "/loop"
            case ["/big"]:
                body = bytes(5000)
            case ["/endless"]:
                self.endless(b"x" * 1000, 0)
                return
            case ["/slow"]:
                self.endless(b"x", 0.05)
                return
            case ["/gzip"]:
                headers["Content-Encoding"], body = "gzip", gzip.compress(b"hello" * 100)
            case ["/bomb"]:
                headers["Content-Encoding"], body = "gzip", gzip.compress(bytes(50_000_000))
            case ["/cut"]:
                headers["Content-Encoding"], body = "gzip", gzip.compress(b"hello" * 100)[:-9]
            case ["/lie"]:
                headers["Content-Encoding"] = "gzip"
            case ["/br"]:
                headers["Content-Encoding"] = "br"
            case ["/cookie"]:
                headers["Set-Cookie"] = "who=me; Path=/"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def endless(self, piece: bytes, pause: float) -> None:
        """Answer without an end, until the client has had enough."""
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(100_000):
                self.wfile.write(piece)
                time.sleep(pause)
        except OSError:
            pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    SEEN.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def base(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names mean; numbers mean themselves."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo
    asked: list[str] = known.setdefault("asked", [])

    def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in known:
            asked.append(name)
            return [info for one in known[name] for info in real(one, port, *rest, **more)]
        return real(host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


def refused(url: str, reason: Refusal, most: int = 1000, **settings: Any) -> None:
    with Outgoing(**settings) as outgoing, pytest.raises(OutgoingError) as caught:
        outgoing.get(url, most)
    assert caught.value.reason == reason, caught.value


def test_an_answer_comes_with_its_status(base: str) -> None:
    with Outgoing(allow_private=True) as outgoing:
        assert outgoing.get(f"{base}/x", 5).body == b"hello"
        assert outgoing.get(f"{base}/missing", 5).status == 404
        assert outgoing.get(f"{base}/gzip", 500).body == b"hello" * 100


@pytest.mark.parametrize(
    "host",
    """127.0.0.1 localhost 127.1 2130706433 0x7f.1 0.0.0.0 [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1]""".split(),  # noqa: SIM905
)
def test_this_machine_is_not_fetched_from_by_any_of_its_names(server: ThreadingHTTPServer, host: str) -> None:
    with Outgoing() as outgoing, pytest.raises(OutgoingError) as caught:
        outgoing.get(f"http://{host}:{server.server_address[1]}/", 100)
    # Some systems do not know some of these names at all.
    assert caught.value.reason in (Refusal.PRIVATE, Refusal.UNREACHABLE, Refusal.ADDRESS)
    assert SEEN == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fec0::1", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::1", False),
        ("2002:a00:1::1", False),
    ],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) == public


def test_a_name_with_one_private_address_is_refused(names: dict[str, list[str]], server: ThreadingHTTPServer) -> None:
    names["mixed.example"] = ["8.8.8.8", "127.0.0.1"]
    refused(f"http://mixed.example:{server.server_address[1]}/", Refusal.PRIVATE)
    assert SEEN == []


def test_the_connection_goes_to_the_address_that_was_looked_at(
    names: dict[str, list[str]], server: ThreadingHTTPServer
) -> None:
    names["log.example"] = ["127.0.0.1"]
    port = server.server_address[1]
    with Outgoing(allow_private=True) as outgoing:
        for _ in range(3):
            assert outgoing.get(f"http://log.example:{port}/x", 5).body == b"hello"
            # From now on the name leads nowhere, which nobody asks any more.
            names["log.example"] = ["192.0.2.1"]
    assert names["asked"] == ["log.example"]
    assert SEEN[0][1]["host"] == f"log.example:{port}"


def test_the_next_address_is_tried_where_one_does_not_answer(
    names: dict[str, list[str]], server: ThreadingHTTPServer
) -> None:
    names["log.example"] = ["127.0.0.2", "127.0.0.1"]
    with Outgoing(allow_private=True) as outgoing:
        assert outgoing.get(f"http://log.example:{server.server_address[1]}/x", 5).body == b"hello"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "//host/x",
        "ftp://host/x",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "http://a:b@host/",
        "http://[::1/",
        "http://host:99999/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    refused(url, Refusal.ADDRESS)


def test_redirects_stay_on_the_host(base: str, names: dict[str, list[str]]) -> None:
    names["log.example"] = ["127.0.0.1"]
    with Outgoing(allow_private=True) as outgoing:
        assert outgoing.get(f"{base}/redirect?/x", 5).body == b"hello"
    SEEN.clear()
    port = base.rpartition(":")[2]
    for place in (f"http://log.example:{port}/x", f"http://localhost:{port}/x", "https://127.0.0.1/x", "//localhost/x"):
        refused(f"{base}/redirect?{place}", Refusal.REDIRECT, allow_private=True)
    refused(f"{base}/redirect?file:///etc/passwd", Refusal.ADDRESS, allow_private=True)
    assert {path.partition("?")[0] for path, _ in SEEN} == {"/redirect"}
    refused(f"{base}/loop", Refusal.REDIRECT, allow_private=True)


def test_sizes_are_bounded_however_they_come(base: str) -> None:
    for path in ("/big", "/endless", "/bomb"):
        refused(f"{base}{path}", Refusal.TOO_LARGE, allow_private=True)
    for path in ("/cut", "/lie", "/br"):
        refused(f"{base}{path}", Refusal.UNREACHABLE, allow_private=True)


def test_time_is_bounded_for_a_server_that_drips(base: str) -> None:
    refused(f"{base}/slow", Refusal.TOO_SLOW, most=10_000_000, allow_private=True, timeout_s=0.4)


def test_nothing_of_the_environment_goes_along(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Outgoing(allow_private=True) as outgoing:
        for _ in range(2):
            outgoing.get(f"{base}/cookie", 5)
    for _, headers in SEEN:
        assert headers.keys() <= {"host", "accept", "accept-encoding", "connection"}


def test_a_dead_host_is_unreachable(names: dict[str, list[str]]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refused(f"http://127.0.0.1:{port}/", Refusal.UNREACHABLE, allow_private=True)
    names["nobody.example"] = []
    refused("http://nobody.example/", Refusal.UNREACHABLE, allow_private=True)


@pytest.fixture
def certified(tmp_path: Path) -> Callable[[str], tuple[Path, Path]]:
    """Makes a certificate for a name, and its key."""

    def make(name: str) -> tuple[Path, Path]:
        private = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(private.public_key())
            .serial_number(7)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(private, hashes.SHA256())
        )
        paths = tmp_path / "certificate", tmp_path / "key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return paths

    return make


@pytest.mark.parametrize("name", ["log.example", "other.example"])
def test_the_certificate_must_be_that_of_the_name(
    server: ThreadingHTTPServer,
    names: dict[str, list[str]],
    certified: Callable[[str], tuple[Path, Path]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    certificate, key = certified(name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    names["log.example"] = ["127.0.0.1"]
    url = f"https://log.example:{server.server_address[1]}/x"
    # Nobody vouches for this certificate.
    refused(url, Refusal.UNREACHABLE, allow_private=True)
    trusting = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(httpx, "HTTPTransport", partial(httpx.HTTPTransport, verify=trusting))
    if name == "log.example":
        with Outgoing(allow_private=True) as outgoing:
            assert outgoing.get(url, 5).body == b"hello"
    else:
        refused(url, Refusal.UNREACHABLE, allow_private=True)
