"""A small shop for the browser: a merchant, three products with pictures, and a video that shows them."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw

from tests.browser.conftest import make_clip, publish, sign_up, wait_ready
from tests.cells import RunningCell

DETAILS = {
    "name": "glashuette",
    "title": "Glashütte Hansen",
    "about": "Mouth-blown glass from the coast.",
    "legal_name": "Hansen Glas GmbH",
    "street": "Hafenstraße 12",
    "postal_code": "24937",
    "city": "Flensburg",
    "country": "DE",
    "email": "moin@example.org",
    "phone": "+49 461 123456",
    "registration": "HRB 4711, Amtsgericht Flensburg",
    "vat_id": "DE136695976",
    "self_certified": True,
}
ADDRESS = {
    "name": "Ada Lovelace",
    "street": "Torstraße 1",
    "postal_code": "10119",
    "city": "Berlin",
    "country": "DE",
    "is_default": True,
}
# The product is shown in the middle of the video.
FROM_MS, TO_MS, SECONDS = 1500, 6500, 8.0


@dataclass(frozen=True)
class Shop:
    """What was made."""

    video: str
    product: str
    owner: httpx.Client
    creator: httpx.Client
    name: str


def ask(client: httpx.Client, method: str, path: str, body: Any = None) -> Any:
    """Call the API, and expect that it does what was asked."""
    answer = client.request(method, path, json=body, headers={"X-CSRFToken": client.cookies.get("csrftoken", "")})
    assert answer.is_success, (path, answer.status_code, answer.text)
    return answer.json() if answer.content else None


def picture(hue: tuple[int, int, int], kind: int = 0) -> bytes:
    """Draw a vase before a plain wall."""
    image = Image.new("RGB", (900, 900), (240, 236, 228))
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 640, 900, 900), fill=(226, 219, 207))
    pen.ellipse((250, 690, 650, 760), fill=(200, 192, 180))
    shade = tuple(int(part * 0.8) for part in hue)
    if kind == 0:
        pen.rounded_rectangle((290, 330, 610, 730), 150, fill=hue)
        pen.rounded_rectangle((390, 200, 510, 420), 30, fill=hue)
    else:
        pen.rounded_rectangle((300, 380, 600, 730), 60, fill=hue)
    pen.rounded_rectangle((520, 420, 570, 660), 25, fill=shade)
    pen.ellipse((385, 185, 515, 225) if kind == 0 else (300, 350, 600, 420), fill=shade)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88)
    return out.getvalue()


def write_product(
    owner: httpx.Client, name: str, handle: str, words: dict[str, Any], stock: list[int]
) -> dict[str, Any]:
    """Write a product that is on sale, with so many of each variant."""
    made = ask(owner, "PUT", f"/api/shop/merchants/{name}/products/{handle}", {"state": "active", **words})
    place = ask(owner, "GET", f"/api/shop/merchants/{name}/locations")["locations"][0]["id"]
    for variant, units in zip(made["variants"], stock, strict=True):
        ask(owner, "PUT", f"/api/shop/variants/{variant['id']}/stock/{place}", {"on_hand": units})
    return dict(made)


def add_picture(owner: httpx.Client, product: str, image: bytes, alt: str) -> None:
    """Upload a picture of a product."""
    answer = owner.post(
        f"/api/shop/products/{product}/pictures",
        files={"file": ("a.jpg", image, "image/jpeg")},
        data={"alt": alt},
        headers={"X-CSRFToken": owner.cookies["csrftoken"]},
    )
    assert answer.status_code == 201, answer.text


def open_shop(cell: RunningCell, folder: Path, name: str = "glashuette") -> Shop:
    """Open a shop, and let a creator show what it sells."""
    _, owner = sign_up(cell)
    ask(owner, "POST", "/api/shop/merchants", {**DETAILS, "name": name})
    ask(cell.person("operator")[1], "POST", f"/api/shop/merchants/{name}/decision", {"state": "approved"})
    for country, minor, days in (("DE", 490, (1, 3)), ("AT", 990, (2, 5)), ("IT", 1490, (3, 6))):
        method = {"country": country, "name": "DHL", "minor": minor, "days_min": days[0], "days_max": days[1]}
        ask(owner, "POST", f"/api/shop/merchants/{name}/delivery", method)
    ask(
        owner,
        "POST",
        f"/api/shop/merchants/{name}/delivery",
        {"country": "DE", "name": "DHL Express", "minor": 1290, "days_min": 1, "days_max": 1},
    )
    sizes = [("Sea green", "Small", 3900), ("Sea green", "Large", 5900), ("Amber", "Small", 3900)]
    vase = write_product(
        owner,
        name,
        "vase",
        {
            "title": "Vase Flensburg",
            "description": "Blown by hand, so no two are alike.\nEach carries the mark of who made it.",
            "vendor": "Hansen",
            "kind": "Vase",
            "tags": ["glass"],
            "options": ["Colour", "Size"],
            "variants": [
                {"choices": [a, b], "sku": f"V-{a[0]}{b[0]}", "prices": {"EUR": c}, "weight_g": 900}
                for a, b, c in sizes
            ],
        },
        [2, 40, 0],
    )
    add_picture(owner, vase["id"], picture((74, 160, 140)), "A sea-green vase")
    add_picture(owner, vase["id"], picture((214, 150, 60)), "An amber vase")
    ask(
        owner,
        "POST",
        f"/api/shop/variants/{vase['variants'][0]['id']}/sales",
        {"minor": 3120, "start": "2020-01-01T00:00:00Z"},
    )
    cup = write_product(
        owner,
        name,
        "cup",
        {"title": "Cup Sylt", "variants": [{"sku": "C-1", "prices": {"EUR": 1800}, "weight_g": 300}]},
        [25],
    )
    add_picture(owner, cup["id"], picture((70, 110, 180), 1), "A blue cup")
    ask(owner, "PUT", f"/api/shop/merchants/{name}/creators", {"is_open": True})
    _, creator = sign_up(cell)
    video = publish(
        creator, make_clip(folder / f"{name}.mp4", "0x6a8f84", SECONDS), "Why this vase leans a little #pottery"
    )
    wait_ready(creator, video)
    tags = [
        {"product": vase["id"], "from_ms": FROM_MS, "to_ms": TO_MS},
        {"product": cup["id"], "from_ms": 7000, "to_ms": 7900},
    ]
    ask(creator, "PUT", f"/api/videos/{video}/products", {"products": tags})
    return Shop(video, vase["id"], owner, creator, name)


def returning_buyer(cell: RunningCell) -> httpx.Client:
    """Make a person whose address is kept."""
    _, client = sign_up(cell)
    ask(client, "POST", "/api/shop/addresses", ADDRESS)
    return client
