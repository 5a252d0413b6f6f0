"""What the shop has told you."""

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema

from glaswerk.shop.actions.inbox import read_all
from glaswerk.shop.api.identity import count_write, person_of
from glaswerk.shop.queries import inbox as queries

router = Router(tags=["notices"])


class NoticeOut(Schema):
    """Something that you were told."""

    id: str
    kind: str
    words: str = Field(description="In your language.")
    subject: str
    shop: str
    address: str = Field(description="Where it leads.")
    is_unread: bool
    at: datetime


class NoticesOut(Schema):
    """The newest notices."""

    unread: int = Field(description="At most 100.")
    notices: list[NoticeOut]


@router.get("/shop/notices", response=NoticesOut)
def list_notices(request: HttpRequest, limit: Annotated[int, Field(ge=1, le=100)] = 30) -> NoticesOut:
    """List your newest notices."""
    person = person_of(request)
    notices = [
        NoticeOut(
            id=line.id, kind=line.kind, words=line.words, subject=line.subject, shop=line.shop,
            address=queries.address_of(one), is_unread=line.is_unread, at=line.at,
        )
        for one in queries.notices_of(person)[:limit]
        for line in [queries.line_of(one)]
    ]  # fmt: skip
    return NoticesOut(unread=queries.unread(person), notices=notices)


@router.post("/shop/notices/read", response={204: None})
def read_notices(request: HttpRequest) -> tuple[int, None]:
    """Have read all of your notices."""
    person = person_of(request)
    count_write(person.pk)
    read_all(person)
    return 204, None
