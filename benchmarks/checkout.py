"""How many purchases a second does a cell take? Prints a table, or JSON with --json.

    glaswerk bench checkout --seconds 20

A whole cell of its own is started (PostgreSQL with fsync, event log, two web workers, everything else) with 1,000
products of 20 merchants.  A purchase over HTTP is two requests of a signed-in buyer: into the cart, which
answers with the quote, and buy, which makes that quote again, pays with the sandbox, writes orders, stock and ledger, and
answers when all of it is on disk; with `--ask` the quote is asked for once more in between.  The core is the
database's part of it alone: reserve and place, one call each.  The rush is 1,000 buyers who want one of 100 units at
the same moment.  The peer is a checkout as one would write it first (`_orm_checkout.py`), on the same server and data
in the same run; `ratio_to_orm` compares by the processors' time for a purchase, which other work on the machine disturbs
less than purchases a second.  The load generator runs on the same cores.
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import uvloop

from benchmarks._machine import processor_seconds, report
from glaswerk.cell.config import Cell
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.cell.postgres import database_url
from tests.cells import RunningCell, environment, free_port

SETTINGS: Final = """
[feed]
epoch_seconds = 60
[limits]
feed_per_minute = 1000000
events_per_minute = 1000000
new_viewers_per_minute = 1000000
writes_per_minute = 1000000
"""
MERCHANTS: Final = 20
BUYERS: Final = 1_000
UNITS: Final = 1_000_000
CSRF: Final = "a" * 32
METHOD: Final = "sandbox:tok_success"

_FILL: Final = (
    """INSERT INTO people_person (id, name, display_name, bio, avatar, email, password, role, language, profiling,
                                  default_visibility, is_active, is_superuser, joined_at)
       SELECT n, 'buyer' || n, '', '', '', 'buyer' || n || '@example.org', '!', 'viewer', 'en', true, 'public', true, false, now()
       FROM generate_series(1, %(buyers)s) n""",
    """INSERT INTO shop_merchant (id, name, title, about, currency, state, legal_name, street, postal_code, city, country,
                                  email, phone, registration, vat_id, self_certified, applied_at, decided_at, reason, invoices, is_open_to_creators)
       SELECT n, 'merchant-' || n, 'M', '', 'EUR', 'approved', 'M GmbH', 'Weg 1', '10119', 'Berlin', 'DE', 'm@example.org',
              '+49301234567', 'HRB 1', '', true, now(), now(), '', 0, false FROM generate_series(1, %(merchants)s) n""",
    "INSERT INTO shop_location (id, merchant_id, name) SELECT n, n, 'Stock' FROM generate_series(1, %(merchants)s) n",
    """INSERT INTO shop_deliverymethod (id, merchant_id, country, name, currency, minor, max_weight_g, days_min, days_max, is_active)
       SELECT n, n, 'DE', 'Post', 'EUR', 490, 30000, 1, 3, true FROM generate_series(1, %(merchants)s) n""",
    """INSERT INTO shop_product (id, merchant_id, handle, title, description, vendor, kind, tags, options, vat_category, state,
                                 created_at, updated_at)
       SELECT n, 1 + n %% %(merchants)s, 'thing-' || n, 'Thing ' || n, '', '', '', '{}', '{}', 'standard', 'active', now(), now()
       FROM generate_series(1, %(products)s) n""",
    """INSERT INTO shop_variant (id, product_id, position, sku, barcode, choices, weight_g, is_active)
       SELECT n, n, 1, 'T-' || n, '', '{}', 500, true FROM generate_series(1, %(products)s) n""",
    "INSERT INTO shop_price (variant_id, currency, minor) SELECT n, 'EUR', 500 + n FROM generate_series(1, %(products)s) n",
    """INSERT INTO money_account (kind, owner_kind, owner_id, currency, side, overdraft, balance)
       SELECT 'merchant_payable', 'merchant', n, 'EUR', -1, true, 0 FROM generate_series(1, %(merchants)s) n
       UNION ALL SELECT 'provider_clearing', 'provider', 1, 'EUR', 1, true, 0
       UNION ALL SELECT 'platform_commission', 'platform', 0, 'EUR', -1, true, 0""",
    """INSERT INTO shop_stock (variant_id, location_id, bucket, on_hand, reserved, waits)
       SELECT n, 1 + n %% %(merchants)s, 0, %(units)s, 0, 0 FROM generate_series(1, %(products)s) n""",
)


@dataclass
class Checkouts:
    """What came of a run: seconds, complete purchases, their latencies, and answers that were none."""

    seconds: float = 0.0
    done: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Complete purchases a second."""
        return self.done / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """A percentile of the latencies of a whole purchase."""
        ordered = sorted(self.latencies_ms) or [0.0]
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class Visitor:
    """One keep-alive connection of a signed-in buyer."""

    def __init__(self, port: int, session: str) -> None:
        """Name the cell's port and the buyer's session."""
        self._port = port
        self._head = (
            f"host: 127.0.0.1:{port}\r\ncookie: sessionid={session}; csrftoken={CSRF}\r\nx-csrftoken: {CSRF}\r\n"
            "content-type: application/json\r\n"
        )

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    async def post(self, path: str, body: object, more: str = "") -> tuple[int, Any]:
        """Send JSON and return status and body."""
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\n{self._head}{more}content-length: {len(data)}\r\n\r\n"
        self._writer.write(head.encode() + data)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in answer.split(b"\r\n"):
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        return int(answer[9:12]), json.loads(await self._reader.readexactly(length) or b"null")


def wish(quote: dict[str, Any], address: str) -> dict[str, Any]:
    """Return the body that buys a quote."""
    lines = [
        {"variant": one["variant"], "quantity": one["quantity"]} for order in quote["orders"] for one in order["lines"]
    ]
    return {"lines": lines, "quote": quote["hash"], "address": address, "method": METHOD}


async def shopping(
    visitor: Visitor, buyer: int, products: int, until: float, found: Checkouts, chance: random.Random, ask: bool
) -> None:
    """Buy one thing after another until the time is over."""
    await visitor.open()
    while time.perf_counter() < until:
        started = time.perf_counter()
        variant = encode_id(1 + chance.randrange(products))
        status, body = await visitor.post("/api/cart/lines", {"variant": variant, "quantity": 1})
        if ask and status == 201:
            status, body = await visitor.post("/api/shop/quotes", {})
        if status in (200, 201) and body["hash"]:
            key = f"idempotency-key: {secrets.token_hex(8)}\r\n"
            status, body = await visitor.post("/api/purchases", wish(body, encode_id(buyer)), key)
        if status == 201 and body.get("state") == "paid":
            found.done += 1
            found.latencies_ms.append((time.perf_counter() - started) * 1000)
        else:
            what = f"{status} {str(body.get('detail') or body.get('state') or body.get('problems'))[:80]}"
            found.others[what] = found.others.get(what, 0) + 1
    visitor.close()


async def all_shopping(
    port: int, sessions: list[str], products: int, seconds: float, connections: int, ask: bool
) -> Checkouts:
    """Let so many buyers shop at once."""
    found, chance = Checkouts(), random.Random(1)
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for buyer in range(1, connections + 1):
            visitor = Visitor(port, sessions[buyer - 1])
            group.create_task(shopping(visitor, buyer, products, started + seconds, found, chance, ask))
    found.seconds = time.perf_counter() - started
    return found


async def rush(port: int, sessions: list[str], variant: int) -> tuple[float, dict[str, int]]:
    """Let everybody want one of the same thing at the same moment; return the seconds and what they heard."""
    visitors = [Visitor(port, session) for session in sessions]
    for visitor in visitors:
        await visitor.open()
    lines = [{"variant": encode_id(variant), "quantity": 1}]
    _status, quote = await visitors[0].post("/api/shop/quotes", {"lines": lines})
    heard: dict[str, int] = {}

    async def want(number: int, visitor: Visitor) -> None:
        key = f"idempotency-key: rush-{number}\r\n"
        status, body = await visitor.post("/api/purchases", wish(quote, encode_id(number)), key)
        codes = [one["code"] for one in (body.get("quote") or {}).get("problems", ())]
        is_sold_out = status == 409 and (codes == ["sold_out"] or "sold out" in str(body.get("detail")))
        word = (
            str(body.get("state")) if status == 201 else "sold out" if is_sold_out else f"{status} {body.get('detail')}"
        )
        heard[word] = heard.get(word, 0) + 1

    started = time.perf_counter()
    await asyncio.gather(*(want(number, visitor) for number, visitor in enumerate(visitors, 1)))
    seconds = time.perf_counter() - started
    for visitor in visitors:
        visitor.close()
    return seconds, heard


def run(work: Any) -> Any:
    """Run a coroutine on the quick loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def sessions_of(cell: RunningCell, buyers: int) -> list[str]:
    """Give each buyer an address, and return a session of each, made with the cell's own key."""
    code = (
        "from glaswerk.cli.attach import setup_django; setup_django()\n"
        "from django.contrib.sessions.backends.db import SessionStore\n"
        "from django.contrib.sessions.models import Session\n"
        "from django.utils import timezone; from datetime import timedelta\n"
        "from glaswerk.people.models import Person\n"
        "digest = Person(password='!').get_session_auth_hash(); rows = []\n"
        f"for n in range(1, {buyers} + 1):\n"
        "    data = {'_auth_user_id': str(n), '_auth_user_hash': digest,\n"
        "            '_auth_user_backend': 'allauth.account.auth_backends.AuthenticationBackend'}\n"
        "    rows.append(Session(session_key=SessionStore()._get_new_session_key(), session_data=SessionStore().encode(data),\n"
        "                        expire_date=timezone.now() + timedelta(days=1)))\n"
        "Session.objects.bulk_create(rows)\n"
        # What is encrypted comes into a table by its model alone.
        "from glaswerk.shop.models import Address\n"
        f"Address.objects.bulk_create([Address(id=n, person_id=n, name='Buyer', street='Torstraße 1', postal_code='10119',\n"
        f"    city='Berlin', country='DE', is_default=True) for n in range(1, {buyers} + 1)])\n"
        "for row in rows: print(row.session_key)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(cell.data), capture_output=True, text=True, check=True
    )
    return done.stdout.split()


_RESERVE: Final = (
    "SELECT * FROM shop_reserve(%s, %s, NULL, %s, %s, %s, 'EUR', %s, %s::jsonb, '{}', '', 'en', 'sandbox', NULL, 15)"
)


def plan_of(variant: int, accounts: tuple[int, int, dict[int, int]]) -> tuple[int, str]:
    """Return the total and the plan of buying one of a variant."""
    merchant, unit = 1 + variant % MERCHANTS, 500 + variant
    total, fee, vat = unit + 490, (unit + 490) * 5 // 100, unit * 19 // 119
    line = {
        "id": new_id(), "variant": variant, "position": 1, "title": f"Thing {variant}", "choices": [], "sku": f"T-{variant}",
        "quantity": 1, "unit": unit, "discount": 0, "total": unit, "vat_bp": 1900, "vat": vat,
    }  # fmt: skip
    order = {
        "id": new_id(), "merchant": merchant, "items": unit, "discount": 0, "delivery": 490, "delivery_vat": 78,
        "vat": vat + 78, "total": total, "fee": fee, "delivery_name": "Post", "lines": [line],
    }  # fmt: skip
    clearing, commission, payables = accounts
    amounts = [total, -fee, fee - total]
    return total, json.dumps(
        {"orders": [order], "accounts": [clearing, commission, payables[merchant]], "amounts": amounts}
    )


def measure_core(cell: RunningCell, products: int, seconds: float, connections: int) -> dict[str, float]:
    """Reserve and place over so many connections, without HTTP and without a payment; return purchases a second."""
    url = database_url(Cell(cell.data))
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute("SELECT kind, owner_id, id FROM money_account WHERE currency = 'EUR'").fetchall()
    clearing = next(number for kind, owner, number in rows if kind == "provider_clearing")
    commission = next(number for kind, owner, number in rows if kind == "platform_commission")
    accounts = (clearing, commission, {owner: number for kind, owner, number in rows if kind == "merchant_payable"})
    done, lock = [0], threading.Lock()
    barrier = threading.Barrier(connections + 1)

    def buy(seed: int) -> None:
        chance, count = random.Random(seed), 0
        digest = hashlib.sha256(b"core").hexdigest()
        with psycopg.connect(url, autocommit=True) as connection:
            barrier.wait()
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                total, plan = plan_of(1 + chance.randrange(products), accounts)
                number = new_id()
                connection.execute(_RESERVE, [number, -number, str(number), digest, digest, total, plan])
                connection.execute("SELECT shop_place(%s, 0)", [number])
                count += 1
        with lock:
            done[0] += count

    threads = [threading.Thread(target=buy, args=(seed,)) for seed in range(connections)]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return {"core_per_s": round(done[0] / (time.perf_counter() - started), 1)}


def measure_peer(
    cell: RunningCell, sessions: list[str], products: int, seconds: float, connections: int
) -> tuple[Checkouts, dict[str, float]]:
    """Let the same buyers shop at the peer; return what came of it, and what its web and the database worked for it."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--workers", "2"]
    peer = subprocess.Popen(
        [*command, "--no-ws", "--workers-kill-timeout", "3", "benchmarks._orm_checkout:application"],
        env={**environment(cell.data), "DJANGO_SETTINGS_MODULE": "glaswerk.cell.settings"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        run(all_shopping(port, sessions, products, min(5, seconds), connections, ask=False))
        parts = {"web": peer.pid, "postgres": cell.children()["postgres"]}
        before = {name: processor_seconds(pid) for name, pid in parts.items()}
        found = run(all_shopping(port, sessions, products, seconds, connections, ask=False))
        return found, {name: processor_seconds(pid) - before[name] for name, pid in parts.items()}
    finally:
        peer.send_signal(signal.SIGTERM)
        peer.wait(30)


def each(work: dict[str, float], found: Checkouts) -> dict[str, float]:
    """Return the milliseconds of processors that each part spent for a purchase."""
    return {name: round(1000 * spent / max(1, found.done), 2) for name, spent in work.items()}


def check_books(cell: RunningCell) -> dict[str, int]:
    """Return what must be zero after all of it: rules that the run has broken."""
    with psycopg.connect(database_url(Cell(cell.data))) as connection:
        row = connection.execute(
            "SELECT (SELECT coalesce(sum(amount), 0) FROM money_entry),"
            " (SELECT count(*) FROM shop_stock WHERE reserved <> coalesce((SELECT sum(quantity) FROM shop_hold WHERE stock_id = shop_stock.id), 0)),"
            " (SELECT count(*) FROM shop_purchase p WHERE state = 'paid' AND NOT EXISTS (SELECT FROM shop_order WHERE purchase_id = p.id)),"
            " (SELECT count(*) FROM shop_stock s WHERE on_hand <> (SELECT sum(change) FROM shop_movement WHERE stock_id = s.id))"
        ).fetchone()
    assert row is not None
    return {"ledger_sum": int(row[0]), "holds_amiss": row[1], "paid_without_order": row[2], "movements_amiss": row[3]}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--products", type=int, default=1_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rush-units", type=int, default=100)
    parser.add_argument("--ask", action="store_true")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    os.environ.pop("DATABASE_URL", None)
    with tempfile.TemporaryDirectory() as folder, RunningCell.started(Path(folder) / "data", SETTINGS) as cell:
        facts = {"buyers": BUYERS, "merchants": MERCHANTS, "products": chosen.products, "units": UNITS}
        with psycopg.connect(database_url(Cell(cell.data))) as connection:
            for statement in _FILL:
                connection.execute(statement, facts)
            connection.commit()
            connection.autocommit = True
            connection.execute("ANALYZE")
        sessions = sessions_of(cell, BUYERS)
        run(all_shopping(cell.port, sessions, chosen.products, min(5, chosen.seconds), chosen.connections, chosen.ask))
        before, own = {name: processor_seconds(pid) for name, pid in cell.children().items()}, time.process_time()
        found = run(all_shopping(cell.port, sessions, chosen.products, chosen.seconds, chosen.connections, chosen.ask))
        own = time.process_time() - own
        work = {name: processor_seconds(pid) - before[name] for name, pid in cell.children().items()} | {
            "load_generator": own
        }
        peer, peer_work = measure_peer(cell, sessions, chosen.products, min(10, chosen.seconds), chosen.connections)
        alone = run(all_shopping(cell.port, sessions, chosen.products, min(5, chosen.seconds), 1, chosen.ask))
        core = measure_core(cell, chosen.products, min(10, chosen.seconds), 8)
        with psycopg.connect(database_url(Cell(cell.data)), autocommit=True) as connection:
            connection.execute("UPDATE shop_stock SET on_hand = %s WHERE variant_id = 1", [chosen.rush_units])
        rush_s, heard = run(rush(cell.port, sessions, 1))
        amiss = check_books(cell)
    figures = {
        "purchases_per_s": round(found.per_second, 1),
        "p50_ms": round(found.percentile_ms(50), 1),
        "p99_ms": round(found.percentile_ms(99), 1),
        "alone_p50_ms": round(alone.percentile_ms(50), 1),
        "requests_per_purchase": 3 if chosen.ask else 2,
        "purchases": found.done,
        "other_answers": found.others,
        **core,
        "rush_buyers": BUYERS,
        "rush_units": chosen.rush_units,
        "rush_s": round(rush_s, 2),
        "rush_heard": heard,
        "violations": sum(map(abs, amiss.values())),
        "cpu_ms_per_purchase": each(work, found),
    }
    spent, peer_spent = each(work, found), each(peer_work, peer)
    figures["ratio_to_orm"] = round(sum(peer_spent.values()) / (spent["web"] + spent["postgres"]), 2)
    peers = {
        "orm_per_s": round(peer.per_second, 1),
        "orm_p50_ms": round(peer.percentile_ms(50), 1),
        "orm_p99_ms": round(peer.percentile_ms(99), 1),
        "orm_other_answers": peer.others,
        "orm_cpu_ms_per_purchase": peer_spent,
    }
    report("checkout", figures, peers, chosen.json)


if __name__ == "__main__":
    main()
