"""Webhooks: written with their cause, signed, tried again with the same id, and harmless towards hostile addresses."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from standardwebhooks import Webhook

from glaswerk.cell import settings as cell_settings
from glaswerk.cell.outgoing import Outgoing as Client
from glaswerk.cell.outgoing import OutgoingError, Refusal
from glaswerk.shop.actions.orders import cancel_as_merchant, decide_return, ship
from glaswerk.shop.failures import ShopError
from glaswerk.shop.models import Attempt, Delivery, Endpoint, Merchant, Order, Stock
from glaswerk.shop.notices import tell_low_stock
from glaswerk.shop.webhooks import actions, sending

from .conftest import MakeMerchant, MakePerson, MakeVariant, SignIn, buy, send, staff

pytestmark = pytest.mark.django_db
EVERYTHING = ["order.paid", "order.shipped", "order.cancelled", "order.returned", "order.refunded", "stock.low"]


class Handler(BaseHTTPRequestHandler):
    """A merchant's server: it does by its path what servers do, and keeps what it was sent."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, dict[str, str], bytes]] = []
    statuses: list[int] = []
    stop = threading.Event()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Be seen, for nobody may come here by GET."""
        self.seen.append((f"GET {self.path}", {}, b""))
        self.send_error(500)

    def do_POST(self) -> None:
        """Answer by the path."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        match self.path:
            case "/moved":
                self.send_response(302)
                self.send_header("Location", "/secret")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "/huge":
                self.send_response(200)
                self.send_header("Content-Length", str(10 << 30))
                self.end_headers()
                self._pour(b"x" * 65_536, 0)
            case "/never":
                # Not even its first line ever ends.
                self._pour(b"H", 0.05)
            case _:
                self.send_response(self.statuses.pop(0) if self.statuses else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

    def _pour(self, piece: bytes, pause: float) -> None:
        self.close_connection = True
        try:
            while not self.stop.is_set():
                self.wfile.write(piece)
                time.sleep(pause)
        except OSError:
            pass


@pytest.fixture
def base() -> Iterator[str]:
    """The address of a merchant's server on this machine."""
    Handler.seen.clear()
    Handler.statuses.clear()
    Handler.stop.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        Handler.stop.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell that lets webhooks go to this machine."""
    config = cell_settings.CELL.config
    ours = config.shop.model_copy(update={"hooks_to_private": True})
    monkeypatch.setattr(cell_settings.CELL, "config", config.model_copy(update={"shop": ours}))


@pytest.fixture
def hook(trial: None, base: str, shop: Merchant) -> Endpoint:
    """An endpoint of the shop that is told everything."""
    return actions.add_endpoint(staff(shop, "owner"), "glas", f"{base}/ok", EVERYTHING)


def test_each_step_of_an_order_is_told_once_signed_and_without_its_buyer(
    hook: Endpoint, shop: Merchant, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn,
    make_merchant: MakeMerchant,
) -> None:  # fmt: skip
    other = make_merchant("wool", registration="HRB 2")
    theirs = actions.add_endpoint(staff(other, "owner"), "wool", hook.url, EVERYTHING)
    ada, packer, manager = signed_in(make_person("ada")), signed_in(staff(shop, "packer")), staff(shop)
    variant = make_variant(shop, units=10)
    first, second = (buy(ada, {variant.public_id: 2}).json()["orders"][0] for _ in range(2))
    send(packer, "post", f"/api/shop/sold/{first}/parcels", {"carrier": "Post", "tracking": "77"})
    cancel_as_merchant(manager, second, "Broken")
    line = send(ada, "get", f"/api/shop/orders/{first}").json()["lines"][0]["id"]
    back = send(ada, "post", f"/api/shop/orders/{first}/returns", {"lines": {line: 1}}).json()["id"]
    decide_return(manager, back, "received", "")
    Stock.objects.update(low_at=100)
    tell_low_stock()
    assert sending.deliver_due() == 7 and sending.deliver_due() == 0
    said = [json.loads(body) for _path, _headers, body in Handler.seen]
    assert [one["type"] for one in said] == [
        "order.paid", "order.paid", "order.shipped", "order.cancelled", "order.returned", "order.refunded", "stock.low"
    ]  # fmt: skip
    for _path, headers, body in Handler.seen:
        assert Webhook(hook.key).verify(body, headers) == json.loads(body)
        assert b"Ada" not in body and b"example.org" not in body and b"Torstra" not in body
    assert said[0]["data"]["order"] == first and said[2]["data"]["parcels"] == [{"carrier": "Post", "tracking": "77"}]
    assert said[6]["data"]["sku"] == variant.sku
    assert len({headers["webhook-id"] for _path, headers, _body in Handler.seen}) == 7
    assert not theirs.deliveries.exists()


def test_what_is_rolled_back_is_told_to_nobody(
    hook: Endpoint, make_variant: MakeVariant, make_person: MakePerson, signed_in: SignIn
) -> None:
    ada = signed_in(make_person("ada"))
    order = buy(ada, {make_variant(hook.merchant).public_id: 1}).json()["orders"][0]
    assert Delivery.objects.count() == 1
    with transaction.atomic():
        ship(staff(hook.merchant, "packer"), order, "Post", "", {})
        assert Delivery.objects.count() == 2
        transaction.set_rollback(True)
    assert Delivery.objects.count() == 1 and Order.objects.get().state == "paid"


def test_a_message_is_tried_again_with_the_same_id_and_bytes(hook: Endpoint, shop: Merchant) -> None:
    Handler.statuses[:] = [500, 302, 404, 200]
    message = actions.send_test(staff(shop, "owner"), hook.public_id)
    pauses = []
    for _ in range(4):
        Delivery.objects.update(next_at=timezone.now())
        assert sending.deliver_due() == 1
        message.refresh_from_db()
        pauses.append(round((message.next_at - timezone.now()).total_seconds()))
    assert list(message.attempts.values_list("status", flat=True)) == [500, 302, 404, 200]
    assert (
        message.state == "delivered"
        and [4 <= pauses[0] <= 5, 25 <= pauses[1] <= 30, 110 <= pauses[2] <= 120] == [True] * 3
    )
    assert len({(headers["webhook-id"], body) for _path, headers, body in Handler.seen}) == 1
    assert len(Handler.seen) == 4, "nothing follows where it was redirected to"
    hook.refresh_from_db()
    assert hook.failing_since is None
    # By hand it goes once more, and it is still the same message.
    actions.redeliver(staff(shop, "owner"), message.public_id)
    assert sending.deliver_due() == 1 and Handler.seen[-1][1]["webhook-id"] == message.public_id
    assert Attempt.objects.count() == 5


def test_whoever_stops_while_sending_leaves_it_to_the_next(hook: Endpoint, shop: Merchant) -> None:
    actions.send_test(staff(shop, "owner"), hook.public_id)
    # Claimed by a worker that was killed then: nobody else takes it for a while, and afterwards somebody does.
    assert len(sending._claim(timezone.now())) == 1
    assert sending.deliver_due() == 0
    Delivery.objects.update(next_at=F("next_at") - timedelta(seconds=61))
    assert sending.deliver_due() == 1 and len(Handler.seen) == 1


def test_after_three_days_it_is_switched_off_and_those_who_keep_it_are_told(hook: Endpoint, shop: Merchant) -> None:
    owner = staff(shop, "owner")
    Handler.statuses[:] = [500] * 3
    message = actions.send_test(owner, hook.public_id)
    sending.deliver_due()
    hook.refresh_from_db()
    assert hook.is_active and hook.failing_since is not None
    Endpoint.objects.update(failing_since=timezone.now() - timedelta(days=3))
    Delivery.objects.update(next_at=timezone.now(), at=timezone.now() - timedelta(days=3))
    sending.deliver_due()
    hook.refresh_from_db()
    message.refresh_from_db()
    assert not hook.is_active and "three days" in hook.disabled_for and message.state == "failed"
    assert [one.to for one in mail.outbox] == [[owner.email]] and hook.url in mail.outbox[0].body
    with pytest.raises(ShopError):
        actions.send_test(owner, hook.public_id)
    # Switched on again it goes on, and begins anew to count.
    actions.change_endpoint(owner, hook.public_id, is_active=True, events=EVERYTHING)
    actions.send_test(owner, hook.public_id)
    sending.deliver_due()
    hook.refresh_from_db()
    assert hook.is_active and not hook.disabled_for


def test_who_is_gone_is_left_alone_at_once(hook: Endpoint, shop: Merchant) -> None:
    Handler.statuses[:] = [410]
    actions.send_test(staff(shop, "owner"), hook.public_id)
    sending.deliver_due()
    hook.refresh_from_db()
    assert not hook.is_active and "410" in hook.disabled_for


def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(hook: Endpoint, shop: Merchant) -> None:
    owner = staff(shop, "owner")
    new = actions.rotate_secret(owner, hook.public_id)
    assert new.key != hook.key
    actions.send_test(owner, hook.public_id)
    sending.deliver_due()
    _path, headers, body = Handler.seen[-1]
    for key in (hook.key, new.key):
        assert Webhook(key).verify(body, headers)
    Endpoint.objects.update(old_until=timezone.now())
    actions.send_test(owner, hook.public_id)
    sending.deliver_due()
    assert Handler.seen[-1][1]["webhook-signature"].count("v1,") == 1


@pytest.mark.parametrize("path", ["/moved", "/huge", "/never"])
def test_a_hostile_server_costs_little_and_learns_nothing(
    trial: None, base: str, shop: Merchant, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_S", 1.0)
    owner = staff(shop, "owner")
    endpoint = actions.add_endpoint(owner, "glas", f"{base}{path}", EVERYTHING)
    actions.send_test(owner, endpoint.public_id)
    assert sending.deliver_due() == 1
    attempt = Attempt.objects.get()
    expected = {"/moved": (302, ""), "/huge": (200, ""), "/never": (None, "too_slow")}[path]
    assert (attempt.status, attempt.error.split(":")[0]) == expected
    assert [seen for seen, _headers, _body in Handler.seen] == [path]


def test_private_addresses_are_refused_when_added_and_when_sent_to(
    base: str, shop: Merchant, nothing_changes: Any
) -> None:
    owner = staff(shop, "owner")
    with nothing_changes():
        for url in (
            "http://hooks.example/a", "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1/x", "https://localhost/",
            "https://me:pw@hooks.example/", "ftp://hooks.example/", "https://", "https://169.254.169.254/latest",
            "javascript:alert(1)", "https://printer.local/", "https://h:99999999/", "https://[::ffff:127.0.0.1]/", "",
        ):  # fmt: skip
            with pytest.raises(ShopError) as refusal:
                actions.add_endpoint(owner, "glas", url, EVERYTHING)
            assert refusal.value.field == "url", url
        for events in ([], ["order.eaten"], ["test"]):
            with pytest.raises(ShopError):
                actions.add_endpoint(owner, "glas", "https://hooks.example/a", events)
    # A name that means something else by the time that it is sent to.
    Endpoint.objects.create(
        merchant=shop, url=f"{base}/ok", events=EVERYTHING, key="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    )
    actions.send_test(owner, Endpoint.objects.get().public_id)
    assert sending.deliver_due() == 1
    assert Attempt.objects.get().error.startswith("private:") and Handler.seen == []


def test_posting_is_bounded_for_whoever_uses_the_client(base: str) -> None:
    with Client(allow_private=True, timeout_s=0.5) as client:
        assert client.post(f"{base}/ok", b"{}", {"Content-Type": "application/json"}, 10).status == 204
        assert len(client.post(f"{base}/huge", b"{}", {}, 1_000).body) == 1_000
        with pytest.raises(OutgoingError) as slow:
            client.post(f"{base}/never", b"{}", {}, 10)
        assert slow.value.reason == Refusal.TOO_SLOW
    with Client() as client, pytest.raises(OutgoingError) as private:
        client.post(f"{base}/ok", b"{}", {}, 10)
    assert private.value.reason == Refusal.PRIVATE


def test_secrets_are_shown_once_and_old_messages_go(
    trial: None, base: str, shop: Merchant, signed_in: SignIn, django_assert_num_queries: Callable[[int], Any]
) -> None:
    owner = signed_in(staff(shop, "owner"))
    page = owner.post("/merchant/glas/programs", {"action": "add_endpoint", "url": f"{base}/ok", "event": EVERYTHING})
    endpoint = Endpoint.objects.get()
    assert page.status_code == 200 and endpoint.key in page.content.decode()
    there = f"/merchant/glas/programs/{endpoint.public_id}"
    for path in ("/merchant/glas/programs", there, "/api/shop/merchants/glas/endpoints"):
        assert endpoint.key not in owner.get(path).content.decode(), path
    owner.post(there, {"action": "test"})
    sending.deliver_due()
    assert b"HTTP 204" in owner.get(there).content
    assert owner.post(there, {"action": "rotate"}).status_code == 200
    owner.post(there, {"action": "change", "event": ["order.paid"]})
    endpoint.refresh_from_db()
    assert not endpoint.is_active and endpoint.events == ["order.paid"]
    Delivery.objects.update(at=timezone.now() - timedelta(days=31))
    assert sending.forget_old() == 1 and not Attempt.objects.exists()
    owner.post(there, {"action": "remove"})
    assert not Endpoint.objects.exists()
