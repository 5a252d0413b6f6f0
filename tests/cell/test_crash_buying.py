"""Kill -9 of web workers and of PostgreSQL while people buy: every purchase that was acknowledged is there once, and paid once.

Each buyer does as a careful client: a purchase has a key, and is sent again with the very same key until it is answered.
"""

import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from glaswerk.cell.ids import decode_id
from tests.cell.test_crash import web_worker
from tests.cell.test_supervisor import until
from tests.cells import RunningCell
from tests.feed.theatre import Theatre
from tests.shop.conftest import ADDRESS, DETAILS, PAYS

pytestmark = [pytest.mark.cell, pytest.mark.timeout(600)]
BUYERS = 4
UNITS = 100_000
# A buyer pauses between two purchases, so that the machine has time for what is killed and started.
PAUSE_S = 0.05
# They are answered in one of these ways, or not at all (0) where the connection breaks; and are to come again.
COME_AGAIN = {0, 429, 500, 502, 503}


def ask(client: httpx.Client, method: str, path: str, body: Any = None) -> Any:
    """Call the API, and expect that it does what was asked."""
    answer = client.request(method, path, json=body, headers={"X-CSRFToken": client.cookies.get("csrftoken", "")})
    assert answer.is_success, (path, answer.status_code, answer.text)
    return answer.json()


class Till:
    """A shop with one thing in a running cell, and what was sold of it as its buyers were told."""

    def __init__(self, running: RunningCell) -> None:
        self.running = running
        self.theatre = Theatre(running)
        self.acknowledged: dict[str, str] = {}
        self.answers: Counter[int] = Counter()
        self._end = threading.Event()
        owner, operator = running.person()[1], running.person("operator")[1]
        ask(owner, "POST", "/api/shop/merchants", {**DETAILS, "name": "glas"})
        ask(operator, "POST", "/api/shop/merchants/glas/decision", {"state": "approved"})
        ask(owner, "POST", "/api/shop/merchants/glas/delivery", {"country": "DE", "name": "Post", "minor": 490})
        thing = {
            "title": "Cup",
            "state": "active",
            "variants": [{"sku": "C", "prices": {"EUR": 1000}, "weight_g": 500}],
        }
        made = ask(owner, "PUT", "/api/shop/merchants/glas/products/cup", thing)
        place = ask(owner, "GET", "/api/shop/merchants/glas/locations")["locations"][0]["id"]
        self.variant = str(made["variants"][0]["id"])
        ask(owner, "PUT", f"/api/shop/variants/{self.variant}/stock/{place}", {"on_hand": UNITS})

    def buy(self, client: httpx.Client, key: str) -> str:
        """Buy one, as often as it takes, and return which purchase it is."""
        things = [{"variant": self.variant, "quantity": 1}]
        # Whoever is answered is known by a cookie from then on, without which a key would be another buyer's.
        self._until_answered(client, "GET", "/api/cart", None, {})
        quote = self._until_answered(client, "POST", "/api/shop/quotes", {"lines": things}, {})
        wish = {"lines": things, "quote": quote["hash"], "address": ADDRESS, "email": "ada@example.org", "method": PAYS}
        while True:
            bought = self._until_answered(client, "POST", "/api/purchases", wish, {"Idempotency-Key": key})
            if bought["state"] == "paid":
                return str(bought["id"])
            # What became of its payment was not known at that moment.
            assert bought["state"] == "reserved", bought
            time.sleep(0.2)

    def _until_answered(self, client: httpx.Client, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        while True:
            guard = {"X-CSRFToken": client.cookies.get("csrftoken", "")}
            try:
                answer = client.request(method, path, json=body, headers={**guard, **headers})
            except httpx.TransportError:
                self.answers[0] += 1
            else:
                self.answers[answer.status_code] += 1
                if answer.is_success:
                    return answer.json()
                assert answer.status_code in COME_AGAIN, (path, answer.status_code, answer.text)
            time.sleep(0.2)

    def _sell(self) -> None:
        while not self._end.wait(PAUSE_S):
            key = str(uuid.uuid4())
            with self.running.client() as client:
                self.acknowledged[key] = self.buy(client, key)

    def go_on(self, purchases: int) -> None:
        """Wait until so many more were acknowledged."""
        goal = len(self.acknowledged) + purchases
        until(lambda: len(self.acknowledged) >= goal, 150)

    def __enter__(self) -> "Till":
        self._end.clear()
        self._threads = [threading.Thread(target=self._sell) for _ in range(BUYERS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *told: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def wrong(self) -> list[str]:
        """Return in what the tables differ from what buyers were told."""
        bought = self.theatre.rows("SELECT key, id, state FROM shop_purchase")
        told = {(key, decode_id(number), "paid") for key, number in self.acknowledged.items()}
        charges = self.theatre.rows(
            "SELECT key, count(*) FROM money_sandboxdeed WHERE kind = 'pay' AND state = 'succeeded' GROUP BY key"
        )
        stock = self.theatre.rows("SELECT sum(on_hand)::int, sum(reserved)::int FROM shop_stock")
        orders = self.theatre.rows("SELECT count(*), count(DISTINCT purchase_id) FROM shop_order WHERE state = 'paid'")
        count = len(told)
        checks = {
            "purchases": (sorted(bought), sorted(told)),
            "charges": (sorted(charges), sorted((f"pay:purchase:{number}", 1) for _key, number, _state in told)),
            "orders": (orders, [(count, count)]),
            "stock": (stock, [(UNITS - count, 0)]),
        }
        return [name for name, (there, expected) in checks.items() if there != expected]

    def violations(self) -> int:
        """Return by how much the book of the ledger breaks its rules."""
        return int(self.running.json("money", "check")["violations"])


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    with RunningCell.started(tmp_path_factory.mktemp("buying") / "data") as running:
        yield Till(running)


def test_no_purchase_is_lost_or_made_twice_when_web_workers_are_killed(till: Till) -> None:
    with till:
        till.go_on(5)
        for _ in range(3):
            os.kill(web_worker(till.running.children()["web"]), signal.SIGKILL)
            till.go_on(5)
    assert till.answers[0] > 0, "nobody was cut off"
    assert (till.wrong(), till.violations()) == ([], 0)


def test_no_purchase_is_lost_or_made_twice_when_postgresql_is_killed(till: Till) -> None:
    with till:
        till.go_on(5)
        # As `pg_ctl stop -m immediate` does it, and harder.
        for how in (signal.SIGQUIT, signal.SIGKILL):
            pid = till.running.children()["postgres"]
            os.kill(pid, how)
            until(lambda pid=pid: till.running.children().get("postgres") not in (None, pid))  # type: ignore[misc]
            till.running.wait_ready()
            till.go_on(5)
    assert (till.wrong(), till.violations()) == ([], 0)


def test_a_client_that_takes_a_new_key_buys_twice_and_is_noticed(till: Till) -> None:
    """The control: the key is what makes a retry the same purchase."""
    with till.running.client() as client:
        first = till.buy(client, "one")
        assert till.buy(client, "one") == first != till.buy(client, "another")
    till.acknowledged["one"] = first
    assert till.wrong() == ["purchases", "charges", "orders", "stock"]
    assert till.violations() == 0
