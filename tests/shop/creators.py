"""Creators, their videos and plans for tests: what was served to whom is written as the projector writes it."""

from typing import Any

from django.test import Client

from glaswerk.cell.ids import encode_id, new_id, now_ms
from glaswerk.feed.models import SlateRecord
from glaswerk.feed.visitors import VIEWER_COOKIE, VisitorReader
from glaswerk.glass import Slate, Slot
from glaswerk.people.models import Person
from glaswerk.shop.models import Merchant, Product, Tag
from glaswerk.videos.models import Video

from .conftest import make_video, send, staff


def served(viewer: int, *videos: Video) -> str:
    """Record that a slate with these videos was served to a viewer; return its public id."""
    slate = Slate("0" * 64, tuple(Slot(place, one.pk, 0, ()) for place, one in enumerate(videos)))
    number = new_id()
    SlateRecord.objects.create(
        id=number, viewer=viewer, epoch="0" * 64, at=now_ms(), viewer_state=b"", ask=b"", slate=slate.encode()
    )
    return encode_id(number)


def anonymous(client: Client) -> int:
    """Let the feed know a browser in which nobody is signed in; return as which viewer."""
    number, cookie = VisitorReader().new_anonymous()
    client.cookies[VIEWER_COOKIE] = cookie.decode().split(";")[0].split("=", 1)[1]
    return number


def shows(creator: Person, *products: Product) -> Video:
    """Make a video of a creator that shows products."""
    video = make_video(creator)
    for place, one in enumerate(products):
        Tag.objects.create(video=video, product=one, position=place, from_ms=0, to_ms=5_000)
    return video


def touch(client: Client, product: Product, video: Video, slate: str) -> Any:
    """Say that a product was opened from a video; return whether it counts."""
    body = {"product": product.public_id, "video": video.public_id, "slate": slate}
    answer = send(client, "post", "/api/shop/touches", body)
    assert answer.status_code == 200, answer.content
    return answer.json()["counts"]


def make_plan(manager: Client, merchant: Merchant, rate_bp: int = 1000, **more: Any) -> str:
    """Make a plan as its manager; return its id."""
    body = {"kind": "open", "title": "Everybody", "rate_bp": rate_bp, **more}
    answer = send(manager, "post", f"/api/shop/merchants/{merchant.name}/plans", body)
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def enrol(client: Client, plan: str) -> int:
    """Take part in a plan; return the status."""
    return int(send(client, "put", f"/api/shop/enrolments/{plan}").status_code)


class Scene:
    """A creator in an open plan at ten percent, with a video that shows a thing, and a buyer to whom it was served."""

    def __init__(
        self, shop: Merchant, make_variant: Any, make_person: Any, signed_in: Any, rate_bp: int = 1000
    ) -> None:
        self.shop, self.sign_in = shop, signed_in
        self.variant = make_variant(shop, minor=11_900, units=50)
        self.product = self.variant.product
        self.creator, self.buyer = make_person("mara"), make_person("ada")
        self.manager, self.mara, self.ada = signed_in(staff(shop)), signed_in(self.creator), signed_in(self.buyer)
        self.plan = make_plan(self.manager, shop, rate_bp)
        assert enrol(self.mara, self.plan) == 200
        self.video = shows(self.creator, self.product)
        self.slate = served(self.buyer.pk, self.video)

    def touch(self) -> Any:
        """Let the buyer open the thing from the video."""
        return touch(self.ada, self.product, self.video, self.slate)
