"""The life of two people who do not exist: all they do comes through the cell's front door, and holds canaries."""

import secrets
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from glaswerk.border.audit.browser import Browser
from glaswerk.border.audit.canaries import AuditFailed, Canaries, network_address
from glaswerk.border.audit.clip import make_clip
from glaswerk.canary import SHORTEST
from glaswerk.cell.config import Cell
from glaswerk.cell.ids import decode_id
from glaswerk.shop.models import MerchantState, Product, ProductState

ADA: Final = "Ada"
BEN: Final = "Ben"
# Reserved, so no mail of the audit can reach anybody (RFC 2606).
_HOST: Final = "canary.invalid"
_BIRTH_YEAR: Final = "1990"
_PATIENCE_S: Final = 300.0
_LOOK_EVERY_S: Final = 0.5

Say = Callable[[str], None]


@dataclass
class Lived:
    """What the two have left behind, as far as they came."""

    # By who it is: the name of the account, which is drawn before anything is sent.
    names: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, set[str]] = field(default_factory=dict)
    # The public video, and the private one.
    videos: list[str] = field(default_factory=list)
    product: str = ""
    orders: list[int] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def live(cell: Cell, canaries: Canaries, lived: Lived, say: Say) -> None:
    """Live both lives.  `lived` says what there is to be removed, also where this raises AuditFailed."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="glaswerk-audit-")))
        say("two people sign up")
        ada, ben = (_sign_up(cell, canaries, lived, who) for who in (ADA, BEN))
        stack.callback(ada.close)
        stack.callback(ben.close)
        _introduce(ada, canaries, lived)
        say("one of them uploads a video from a telephone, and a private one")
        _publish(ada, canaries, lived, make_clip(folder, canaries, ADA))
        say("the other one watches, comments, searches, hides and keeps an address")
        _watch(ben, canaries, lived)
        say("both open what is not there, and break what can be broken")
        _stumble(cell, ben, canaries)
        _buy(cell, ben, canaries, lived, say)
        ben.fill_in("/me/data/exports", {}, page="/me/data")


def names_path(cell: Cell) -> Path:
    """Where the names of people stand who are still to be erased."""
    return cell.run / "audit.names"


def _sign_up(cell: Cell, canaries: Canaries, lived: Lived, who: str) -> Browser:
    name = canaries.public("name", who)
    lived.names[who] = name
    # Before there is an account, so that whoever is killed from here on leaves a note of whom to erase.
    with names_path(cell).open("a") as file:
        file.write(f"{name}\n")
    address = f"{canaries.private('e-mail', who)}@{_HOST}"
    lived.addresses[who] = {address}
    browser = Browser(
        cell,
        {
            "User-Agent": f"Mozilla/5.0 ({canaries.private('user agent', who)})",
            "Referer": f"{cell.local_url}/?from={canaries.private('referring page', who)}",
            "X-Forwarded-For": canaries.private("network address", who, network_address()),
        },
    )
    password = canaries.private("password", who)
    form = {"username": name, "email": address, "password1": password, "birth_year": _BIRTH_YEAR}
    browser.fill_in("/accounts/signup/", form)
    session = browser.cookie("sessionid")
    if not session:
        raise AuditFailed("nobody can sign up here")
    canaries.private("session", who, session)
    return browser


def _introduce(ada: Browser, canaries: Canaries, lived: Lived) -> None:
    profile = {"display_name": canaries.public("shown name", ADA), "bio": canaries.public("words about herself", ADA)}
    ada.fill_in("/me/profile", profile)
    address = f"{canaries.private('new e-mail', ADA)}@{_HOST}"
    lived.addresses[ADA].add(address)
    ada.fill_in("/accounts/email/", {"email": address, "action_add": ""})
    ada.send("POST", "/api/drafts", {"title": canaries.private("title of a draft", ADA)}, 201)


def _publish(ada: Browser, canaries: Canaries, lived: Lived, clip: Path) -> None:
    for label, visibility in (("caption", "public"), ("caption of a private video", "private")):
        is_public = visibility == "public"
        caption = (canaries.public if is_public else canaries.private)(label, ADA)
        form = {"caption": caption, "visibility": visibility, "allow_elsewhere": "true"}
        lived.videos.append(ada.upload("/api/videos", clip.name, clip.read_bytes(), form)["id"])
    deadline = time.monotonic() + _PATIENCE_S
    for video in lived.videos:
        while (state := ada.send("GET", f"/api/videos/{video}/state", None, 200))["state"] != "ready":
            if state["state"] == "failed" or time.monotonic() > deadline:
                raise AuditFailed(
                    f"a video of the audit is not prepared: {state['failure'] or 'the queue is too long'}"
                )
            time.sleep(_LOOK_EVERY_S)


def _event(kind: str, **facts: Any) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "kind": kind, "at": datetime.now(UTC).isoformat(), **facts}


def _watch(ben: Browser, canaries: Canaries, lived: Lived) -> None:
    video = lived.videos[0]
    ben.look("/api/feed")
    ben.look(f"/v/{video}")
    events = [
        _event("impression", video=video),
        _event("watch", video=video, watched_ms=900),
        _event("like", video=video),
    ]
    ben.send("POST", "/api/events", {"slate": None, "events": events}, 202)
    ben.send("POST", f"/api/videos/{video}/comments", {"text": f"So {canaries.public('comment', BEN)}"}, 201)
    ben.look(f"/discover?q={canaries.private('searched words', BEN)}")
    ben.send("POST", "/api/dials/hide", {"kind": "word", "value": canaries.private("hidden word", BEN)}, 200)
    address = {
        "name": canaries.private("name of an address", BEN),
        "street": canaries.private("street", BEN),
        "postal_code": "10119",
        "city": canaries.private("city", BEN),
        "country": "DE",
        "is_default": True,
    }
    ben.send("POST", "/api/shop/addresses", address, 201)


def _stumble(cell: Cell, ben: Browser, canaries: Canaries) -> None:
    missing = canaries.private("address of a page that is not there", BEN)
    ben.look(f"/{missing}?q={canaries.private('question of a page that is not there', BEN)}")
    ben.look(f"/api/videos/{missing}", Cookie=f"lost={canaries.private('cookie', BEN)}")
    # A null character cannot stand in the database, so whoever does not refuse it fails with it in hand.
    ben.look(f"/discover?q=%00{canaries.private('question of a page that fails', BEN)}")
    ben.look(f"/api/feed?limit={canaries.private('question that the feed refuses', BEN)}")
    kind = canaries.private("kind of an event that is refused", BEN)
    ben.send("POST", "/api/events", {"slate": None, "events": [_event(kind)]}, 202, 422)
    ben.send("POST", "/api/drafts", {"title": [canaries.private("body of a request that is refused", BEN)]}, 422)
    wrong = {"login": f"{canaries.private('mistyped e-mail', BEN)}@{_HOST}", "password": secrets.token_urlsafe(12)}
    stranger = Browser(cell)
    try:
        stranger.fill_in("/accounts/login/", wrong, 200)
    finally:
        stranger.close()


def _buy(cell: Cell, ben: Browser, canaries: Canaries, lived: Lived, say: Say) -> None:
    """Order the cheapest thing that is on sale, and cancel the order; only where no money can move."""
    if cell.config.payments.provider != "sandbox":
        lived.skipped.append("order: payments are real here, and an audit moves no money")
        return
    found = next(filter(None, (_quoted(ben, one) for one in _on_sale())), None)
    if found is None:
        lived.skipped.append("order and product: nothing is on sale here that can be ordered")
        return
    say("an order is placed in the sandbox, and cancelled")
    product, lines, quote = found
    canaries.public("title of a product", "the shop", product.title)
    lived.product = product.public_id
    address = ben.send("GET", "/api/shop/addresses", None, 200)["addresses"][0]["id"]
    email = f"{canaries.private('e-mail of an order', BEN)}@{_HOST}"
    lived.addresses[BEN].add(email)
    wish = {"lines": lines, "quote": quote["hash"], "currency": quote["currency"], "address": address, "email": email}
    key = {"Idempotency-Key": secrets.token_hex(16)}
    bought = ben.send("POST", "/api/purchases", {**wish, "method": "sandbox:tok_success"}, 201, headers=key)
    for order in bought["orders"]:
        lived.orders.append(decode_id(order))
        ben.send("POST", f"/api/shop/orders/{order}/cancel", {}, 200)


def _on_sale() -> list[Product]:
    """A few products whose titles can be told from anything else."""
    found = Product.objects.filter(state=ProductState.ACTIVE, merchant__state=MerchantState.APPROVED).order_by("-pk")
    return [one for one in found[:20] if len(one.title.encode()) >= SHORTEST]


def _quoted(ben: Browser, product: Product) -> tuple[Product, list[dict[str, Any]], dict[str, Any]] | None:
    """What one piece of it is, and what it costs; None where it cannot be had."""
    for variant in product.variants.filter(is_active=True):
        lines = [{"variant": variant.public_id, "quantity": 1}]
        quote = ben.send("POST", "/api/shop/quotes", {"lines": lines, "country": "DE"}, 200, 409, 422)
        if quote.get("hash"):
            return product, lines, quote
    return None


def video_id(lived: Lived) -> int:
    """The number of the public video."""
    return decode_id(lived.videos[0])
