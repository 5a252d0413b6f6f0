"""What videos sell, seen from outside: prices and stock in slates follow the shop, on every worker."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from glaswerk.cell.ids import decode_id, new_id
from glaswerk.glass import FLOOR
from tests.browser.shopping import ADDRESS, DETAILS, ask, write_product
from tests.cells import event, send
from tests.feed.theatre import Somebody, Theatre

pytestmark = pytest.mark.cell

# A slate may be five seconds behind; what comes later than this never came. Nothing here asks how fast it was.
PATIENCE_S = 90
# Whichever worker answers: as many new connections as make it certain that each was asked.
IN_A_ROW = 8


class Stall:
    """A merchant with a vase, of which there is one, in a video."""

    def __init__(self, theatre: Theatre) -> None:
        self.theatre = theatre
        self.owner: Somebody = theatre.somebody()
        self.operator = theatre.running.person("operator")[1]
        self.name = f"stall-{secrets.token_hex(4)}"
        self.creator_of: Somebody = theatre.somebody()
        shop = f"/api/shop/merchants/{self.name}"
        ask(self.owner.client, "POST", "/api/shop/merchants", {**DETAILS, "name": self.name})
        self.decide("approved")
        delivery = {"country": "DE", "name": "Post", "minor": 490, "days_min": 1, "days_max": 3}
        ask(self.owner.client, "POST", f"{shop}/delivery", delivery)
        ask(self.owner.client, "PUT", f"{shop}/creators", {"is_open": True})
        self.write(3900)
        self.product = write_product(self.owner.client, self.name, "vase", self.words(3900), [1])
        self.variant = self.product["variants"][0]["id"]
        self.place = ask(self.owner.client, "GET", f"{shop}/locations")["locations"][0]["id"]
        self.creator = self.creator_of.name
        self.video = self.film(self.product)
        theatre.wait_for([self.video])

    def film(self, product: dict[str, Any]) -> str:
        """Return a video that shows a product."""
        video = self.theatre.video(self.creator_of.id, "glass")
        tag = {"product": product["id"], "from_ms": 0, "to_ms": 5000}
        ask(self.creator_of.client, "PUT", f"/api/videos/{video}/products", {"products": [tag]})
        return video

    def sell_together(self, person: int, *products: dict[str, Any]) -> None:
        """Write an order that somebody placed, straight into the tables: what is counted is what stands there."""
        purchase, order = new_id(), new_id()
        with self.theatre.db() as connection, connection.transaction():
            connection.execute(
                "INSERT INTO shop_purchase (id, buyer, person_id, key, state, currency, total_minor, quote_hash, asked_hash, plan,"
                " address, email, language, method, created_at, expires_at)"
                " VALUES (%s, %s, %s, %s, 'paid', 'EUR', 1, '', '', '{}', '{}', '', '', 'sandbox', now(), now())",
                [purchase, person, person, str(purchase)],
            )
            connection.execute(
                "INSERT INTO shop_order (id, purchase_id, merchant_id, buyer, state, currency, items_minor, discount_minor,"
                " delivery_minor, delivery_vat_minor, vat_minor, total_minor, fee_minor, refunded_minor, delivery_name, placed_at)"
                " SELECT %s, %s, id, %s, 'paid', 'EUR', 1, 0, 0, 0, 0, 1, 0, 0, 'Post', now() FROM shop_merchant WHERE name = %s",
                [order, purchase, person, self.name],
            )
            for position, product in enumerate(products):
                connection.execute(
                    "INSERT INTO shop_orderline (id, order_id, variant_id, position, title, choices, sku, quantity, shipped,"
                    " returned, unit_minor, discount_minor, total_minor, vat_bp, vat_minor)"
                    " VALUES (%s, %s, %s, %s, 'Thing', '{}', '', 1, 0, 0, 1, 0, 1, 1900, 0)",
                    [new_id(), order, decode_id(product["variants"][0]["id"]), position],
                )

    def words(self, minor: int) -> dict[str, Any]:
        """Return the vase at this price."""
        return {"title": "Vase", "variants": [{"sku": "V", "prices": {"EUR": minor}}]}

    def write(self, minor: int) -> None:
        """Write the vase at this price."""
        path = f"/api/shop/merchants/{self.name}/products/vase"
        ask(self.owner.client, "PUT", path, {"state": "active", **self.words(minor)})

    def decide(self, state: str) -> None:
        """Approve or suspend the merchant."""
        body = {"state": state, "reason": "A test."}
        ask(self.operator, "POST", f"/api/shop/merchants/{self.name}/decision", body)

    def rest(self, first: date | None, last: date | None) -> None:
        """Go on holiday, or come back."""
        body = {"first": first and first.isoformat(), "last": last and last.isoformat()}
        ask(self.owner.client, "PUT", f"/api/shop/merchants/{self.name}/holiday", body)

    def fill(self, units: int) -> None:
        """Have so many vases."""
        ask(self.owner.client, "PUT", f"/api/shop/variants/{self.variant}/stock/{self.place}", {"on_hand": units})

    def slot(self, **question: Any) -> dict[str, Any] | None:
        """Return the video's slot in a slate for somebody new, or None where it has none."""
        with self.theatre.running.client() as client:
            answer = client.get("/api/feed", params=question)
        assert answer.status_code == 200, answer.text
        return next((one for one in answer.json()["slots"] if one["video"]["id"] == self.video), None)

    def goods(self) -> list[dict[str, Any]]:
        """Return what a slate of its creator's profile says that the video sells."""
        slot = self.slot(creator=self.creator)
        assert slot is not None
        return list(slot["products"])


def everywhere(holds: Callable[[], bool]) -> None:
    """Wait until something holds whoever answers."""
    deadline, in_a_row = time.monotonic() + PATIENCE_S, 0
    while in_a_row < IN_A_ROW:
        in_a_row = in_a_row + 1 if holds() else 0
        assert time.monotonic() < deadline, "it did not come about"
        if not in_a_row:
            time.sleep(0.1)


@pytest.fixture(scope="module")
def stall(theatre: Theatre) -> Stall:
    """One stall for all of these tests, which leave it as they found it."""
    return Stall(theatre)


def buy(client: httpx.Client, variant: str) -> None:
    """Buy one, and pay for it."""
    quote = ask(client, "POST", "/api/shop/quotes", {"lines": [{"variant": variant, "quantity": 1}]})
    body = {
        "lines": [{"variant": variant, "quantity": 1}], "quote": quote["hash"], "address": ADDRESS,
        "email": "ada@example.org", "method": "sandbox:tok_success",
    }  # fmt: skip
    headers = {"X-CSRFToken": client.cookies.get("csrftoken", ""), "Idempotency-Key": secrets.token_hex(8)}
    answer = client.post("/api/purchases", json=body, headers=headers)
    assert answer.is_success, answer.text


def test_a_price_and_the_end_of_a_sale_show_in_the_next_slates(stall: Stall) -> None:
    everywhere(lambda: [one["price"]["minor"] for one in stall.goods()] == [3900])
    stall.write(2900)
    everywhere(lambda: [one["price"]["minor"] for one in stall.goods()] == [2900])
    end = datetime.now(UTC) + timedelta(seconds=12)
    sale = {"minor": 1900, "start": "2020-01-01T00:00:00Z", "end": end.isoformat()}
    ask(stall.owner.client, "POST", f"/api/shop/variants/{stall.variant}/sales", sale)
    stall.theatre.until(lambda: stall.goods()[0]["price"]["minor"] == 1900)
    # Nothing is written when it ends.
    everywhere(lambda: (stall.goods()[0]["price"]["minor"], stall.goods()[0]["before"]) == (2900, None))
    stall.write(3900)


def test_what_is_sold_out_is_entertainment_and_no_longer_shoppable(stall: Stall) -> None:
    everywhere(lambda: "shoppable" in (stall.slot(limit=50) or {"sources": ()})["sources"])
    assert stall.slot(feed="shop", limit=50) is not None
    buy(stall.theatre.somebody().client, stall.variant)
    everywhere(lambda: stall.goods()[0]["is_sold_out"])

    def is_entertainment() -> bool:
        slot = stall.slot(limit=50)
        return slot is not None and "shoppable" not in slot["sources"] and slot["products"][0]["is_sold_out"]

    everywhere(is_entertainment)
    everywhere(lambda: stall.slot(feed="shop", limit=50) is None)
    stall.fill(3)
    everywhere(lambda: stall.slot(feed="shop", limit=50) is not None)
    everywhere(lambda: not stall.goods()[0]["is_sold_out"])


def test_a_merchant_who_is_away_or_suspended_sells_nothing_in_videos(stall: Stall) -> None:
    everywhere(lambda: len(stall.goods()) == 1)
    today = datetime.now(UTC).date()
    for leave, come in (
        (lambda: stall.rest(today - timedelta(days=1), today + timedelta(days=1)), lambda: stall.rest(None, None)),
        (lambda: stall.decide("suspended"), lambda: stall.decide("approved")),
    ):
        leave()
        everywhere(lambda: stall.goods() == [])
        everywhere(lambda: stall.slot(feed="shop", limit=50) is None)
        come()
        everywhere(lambda: len(stall.goods()) == 1)


def test_why_says_what_brought_it_and_how_many_there_may_be(stall: Stall) -> None:
    client = stall.theatre.running.client()
    everywhere(lambda: "shoppable" in (stall.slot(limit=50) or {"sources": ()})["sources"])
    slate = client.get("/api/feed", params={"limit": 20}).json()
    why = client.get(f"/api/slates/{slate['slate']}/why").json()
    selling = [slot for slot in why["slots"] if slot["sells"] is not None]
    assert selling
    assert why["cap"]["slots"] == len(selling) <= why["cap"]["most"] == 20 * 13107 >> 16
    # Nobody new has a history that anything could be near to.
    assert {(one["sells"]["bought"], one["sells"]["cowatch"], len(one["sells"]["parts"])) for one in selling} == {
        (0, 0, 0)
    }
    # Whoever turns the dial to its end is shown nothing that sells, and what if says so before.
    none = ask(client, "POST", "/api/what-if", {"slate": slate["slate"], "dials": {"shopping": -2}})
    assert not {slot["video"] for slot in selling} & {slot["video"]["id"] for slot in none["slots"]}


def test_what_was_bought_together_brings_a_video_and_says_so(stall: Stall) -> None:
    cup = write_product(
        stall.owner.client, stall.name, "cup", {"title": "Cup", "variants": [{"prices": {"EUR": 900}}]}, [9]
    )
    other = stall.film(cup)
    stall.theatre.wait_for([other])
    for _ in range(FLOOR + 1):
        stall.sell_together(stall.theatre.creator()[0], stall.product, cup)
    viewer = stall.theatre.somebody().client
    assert (
        send(viewer, event("watch", stall.video, watched_ms=6000, loops=0), event("like", stall.video)).status_code
        == 202
    )

    def reason() -> dict[str, Any] | None:
        slate = viewer.get("/api/feed", params={"feed": "shop", "limit": 50}).json()
        assert slate["personal"] is True
        why = viewer.get(f"/api/slates/{slate['slate']}/why").json()
        slot = next((one for one in why["slots"] if one["video"] == other), None)
        return slot["sells"] if slot and slot["sells"]["parts"] else None

    sells = stall.theatre.until(reason, PATIENCE_S)
    (part,) = sells["parts"]
    assert sells["bought"] == part["contribution"] > 0
    assert (part["id"], part["buyers"]) == (stall.video, FLOOR)
    assert (part["product"]["title"], part["other"]["title"]) == ("Vase", "Cup")
    assert part["other"]["url"] == f"/shop/{stall.name}/cup"
    # Whoever wants no personal feed is brought nothing by what others bought.
    ask(viewer, "PUT", "/api/dials", {"profiling": False})
    slate = viewer.get("/api/feed", params={"feed": "shop", "limit": 50}).json()
    why = viewer.get(f"/api/slates/{slate['slate']}/why").json()
    assert (slate["personal"], why["personal"]) == (False, False)
    assert all(slot["sells"]["parts"] == [] and slot["sells"]["bought"] == 0 for slot in why["slots"])
