"""The one way by which a cell fetches from an address that somebody else chose, or sends to it.

A name is resolved once, every address behind it must be public, and the connection goes to the very address that was
looked at, so that a name cannot mean something else a moment later. Nothing of the environment (proxies, credentials,
cookies) goes along. Size and time are bounded, also of what is compressed, and a redirect may not lead to another host;
what is sent follows none at all.
"""

import ipaddress
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Self

import httpx

from glaswerk.cell import tap

_REDIRECTS: Final = 3
_RESOLVED_S: Final = 60.0
_CONNECT_S: Final = 10.0
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refusal(StrEnum):
    """Why nothing was fetched."""

    ADDRESS = "address"
    PRIVATE = "private"
    REDIRECT = "redirect"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    UNREACHABLE = "unreachable"


class OutgoingError(Exception):
    """Nothing was fetched. `reason` is for programs, the message is a sentence for people."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, whatever its status."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent along with a request, and who is told of its connection."""

    body: bytes
    headers: Mapping[str, str]
    trace: Callable[[str, dict[str, Any]], None]


class _Cutter:
    """Cuts the connection of one request from another thread, in which alone time can be over."""

    def __init__(self) -> None:
        self.has_cut = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def watch(self, event: str, facts: dict[str, Any]) -> None:
        """Take note of the connection when it is made."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            made = facts["return_value"].get_extra_info("socket")
            with self._lock:
                self._socket = made
                if self.has_cut:
                    self._shut()

    def cut(self) -> None:
        """End the connection, or the one that is made after this."""
        with self._lock:
            self.has_cut = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            # It may have ended by itself in the meantime.
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class Outgoing:
    """Fetches by GET, and sends by POST. May be used from any thread; close it, or use it in a `with`.

    `allow_private`: addresses of this machine and of local networks too. `timeout_s`: for a whole answer, redirects
    included; only the resolver keeps its own time.
    """

    def __init__(self, *, allow_private: bool = False, timeout_s: float = 30.0) -> None:
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        # One for each origin: a connection whose certificate is one host's must not be used for another one's name.
        self._transports: dict[str, httpx.HTTPTransport] = {}
        self._resolved: dict[tuple[str, int], tuple[float, list[_Address]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            transports, self._transports = self._transports, {}
        for transport in transports.values():
            transport.close()

    def get(self, url: str, most_bytes: int) -> Answer:
        """Fetch an address. `most_bytes`: of the body, uncompressed. Raises OutgoingError."""
        body = bytearray()
        status = self.read(url, most_bytes, body.extend)
        return Answer(status, bytes(body))

    def read(self, url: str, most_bytes: int, take: Callable[[bytes], object]) -> int:
        """Hand over the body piece by piece, for what is too large to be held, and return the status.

        Raises OutgoingError, maybe after some of it was handed over, and whatever `take` raises.
        """
        deadline = time.monotonic() + self._timeout_s
        target = _checked(url)
        for _ in range(_REDIRECTS + 1):
            with self._answered(target, deadline) as response:
                location = response.headers.get("location", "")
                if response.status_code not in (301, 302, 303, 307, 308) or not location:
                    for piece in _pieces(response, most_bytes, deadline):
                        take(piece)
                    return response.status_code
            try:
                further = _checked(str(target.join(location)))
            except httpx.InvalidURL:
                raise OutgoingError(Refusal.REDIRECT, f"{target} redirects to no address") from None
            if _origin(further) != _origin(target):
                raise OutgoingError(Refusal.REDIRECT, f"{target} redirects to {_origin(further)}; give that address")
            target = further
        raise OutgoingError(Refusal.REDIRECT, f"{url} redirects more than {_REDIRECTS} times")

    def post(self, url: str, body: bytes, headers: Mapping[str, str], most_bytes: int) -> Answer:
        """Send to an address once. Of the answer at most `most_bytes` are read, as they came. Raises OutgoingError.

        A redirect is an answer like any other. The connection is used once, and is cut when the time is over, whatever
        the other side does: also where it never ends its first line.
        """
        deadline = time.monotonic() + self._timeout_s
        target = _checked(url)
        cutter = _Cutter()
        timer = threading.Timer(self._timeout_s, cutter.cut)
        timer.daemon = True
        timer.start()
        try:
            with (
                httpx.HTTPTransport(trust_env=False) as transport,
                self._answered(target, deadline, transport, Sent(body, headers, cutter.watch)) as response,
            ):
                return Answer(response.status_code, _beginning(response, most_bytes))
        except OutgoingError:
            if cutter.has_cut:
                raise OutgoingError(Refusal.TOO_SLOW, f"{_origin(target)} did not answer in time") from None
            raise
        finally:
            timer.cancel()

    @contextmanager
    def _answered(
        self,
        url: httpx.URL,
        deadline: float,
        transport: httpx.HTTPTransport | None = None,
        sent: "Sent | None" = None,
    ) -> Iterator[httpx.Response]:
        failure: Exception | None = None
        for address in self._addresses(url):
            left = _left(deadline)
            request = httpx.Request(
                "GET" if sent is None else "POST",
                url.copy_with(host=str(address)),
                headers={
                    "Host": url.netloc.decode("ascii"),
                    "Accept": "*/*",
                    "Accept-Encoding": "gzip, identity" if sent is None else "identity",
                    **(sent.headers if sent is not None else {}),
                },
                content=sent.body if sent is not None else None,
                extensions={
                    **({"trace": sent.trace} if sent is not None else {}),
                    "timeout": {"connect": min(left, _CONNECT_S), "read": left, "write": left, "pool": left},
                    # The certificate must be that of the name, though the connection goes to the address.
                    "sni_hostname": url.raw_host.decode("ascii"),
                },
            )
            tap.note(_written(request, url))
            try:
                response = (transport or self._transport(url)).handle_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
                continue
            except httpx.TimeoutException:
                raise OutgoingError(Refusal.TOO_SLOW, f"{_origin(url)} did not answer in time") from None
            except httpx.HTTPError as error:
                raise OutgoingError(Refusal.UNREACHABLE, f"{_origin(url)}: {error}") from None
            try:
                yield response
            except httpx.TimeoutException:
                raise OutgoingError(Refusal.TOO_SLOW, f"{_origin(url)} did not answer in time") from None
            except httpx.HTTPError as error:
                raise OutgoingError(Refusal.UNREACHABLE, f"{_origin(url)}: {error}") from None
            finally:
                response.close()
            return
        raise OutgoingError(Refusal.UNREACHABLE, f"{_origin(url)} cannot be reached: {failure}")

    def _transport(self, url: httpx.URL) -> httpx.HTTPTransport:
        with self._lock:
            return self._transports.setdefault(_origin(url), httpx.HTTPTransport(trust_env=False))

    def _addresses(self, url: httpx.URL) -> list[_Address]:
        """Every address of the host, all of them checked."""
        host, port = url.raw_host.decode("ascii"), url.port or {"https": 443}.get(url.scheme, 80)
        with self._lock:
            until, found = self._resolved.get((host, port), (0.0, []))
        if time.monotonic() < until:
            return found
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise OutgoingError(Refusal.UNREACHABLE, f"{host} is no known host: {error}") from None
        # An address that is only valid on one of this machine's links is not one that anybody else can have meant.
        names = [str(info[4][0]) for info in infos if "%" not in str(info[4][0])]
        found = list(dict.fromkeys(map(ipaddress.ip_address, names)))
        for address in found:
            if not self._allow_private and not is_public(address):
                raise OutgoingError(Refusal.PRIVATE, f"{host} is the address {address}, which is not public")
        with self._lock:
            self._resolved[host, port] = time.monotonic() + _RESOLVED_S, found
        return found


def is_public(address: _Address) -> bool:
    """Whether anybody on the internet may be meant: no loopback, no local network, nothing reserved, nor any of it embedded."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        # Tunnels lead to the addresses within them.
        tunnelled = [address.sixtofour, *(address.teredo or ())]
        if address.is_site_local or address.scope_id or not all(is_public(one) for one in tunnelled if one is not None):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _checked(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError, TypeError):
        raise OutgoingError(Refusal.ADDRESS, f"{url[:200]!r} is no address") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or not 0 < (parsed.port or 80) < 65536:
        raise OutgoingError(Refusal.ADDRESS, f"{url[:200]!r} is no address of the kind http or https")
    if parsed.userinfo:
        raise OutgoingError(Refusal.ADDRESS, "an address with a password in it is not fetched")
    return parsed


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _written(request: httpx.Request, url: httpx.URL) -> bytes:
    """A request as an audit reads it: with its whole address, its headers and its body."""
    headers = b"".join(b"%s: %s\r\n" % pair for pair in request.headers.raw)
    return b"%s %s\r\n%s\r\n%s" % (request.method.encode(), str(url).encode(), headers, request.content)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise OutgoingError(Refusal.TOO_SLOW, "the answer did not come in time")
    return left


def _beginning(response: httpx.Response, most: int) -> bytes:
    body = b""
    if most:
        for chunk in response.iter_raw():
            body += chunk
            if len(body) >= most:
                break
    return body[:most]


def _pieces(response: httpx.Response, most: int, deadline: float) -> Iterator[bytes]:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise OutgoingError(Refusal.UNREACHABLE, f"the answer is encoded as {encoding[:20]!r}, which was not asked for")
    unzip = zlib.decompressobj(31) if encoding == "gzip" else None
    size = 0
    for chunk in response.iter_raw():
        try:
            # A bomb is never unpacked beyond the bound.
            piece = chunk if unzip is None else unzip.decompress(chunk, most + 1 - size)
        except zlib.error:
            raise OutgoingError(Refusal.UNREACHABLE, "the answer is not the gzip that it says it is") from None
        size += len(piece)
        if size > most:
            raise OutgoingError(Refusal.TOO_LARGE, f"the answer has more than {most} bytes")
        _left(deadline)
        yield piece
    if unzip is not None and size and not unzip.eof:
        raise OutgoingError(Refusal.UNREACHABLE, "the answer is cut short")
