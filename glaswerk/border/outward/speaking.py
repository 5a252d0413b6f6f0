"""From a change to a message, and from there into the public log: once for each change, and in the order of things.

Every act that may concern others leaves a `Change` in its own transaction (triggers of migration 0030).  Who speaks takes
one after the other, and in one transaction says what is to be said of the thing as it is now, has the log name it, and
takes the change away unless there was a further one meanwhile.  So nothing is missed, whatever is killed when.
"""

from collections.abc import Sequence
from typing import Final

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from pydantic import ValidationError

from glaswerk.border.messages import Message, MessageRefused, Tombstone, hash_of
from glaswerk.border.models import Change, Spoken, SpokenFile
from glaswerk.border.outward.reading import read_message
from glaswerk.cell import blobs
from glaswerk.cell.entries import EntryKind
from glaswerk.cell.ids import encode_id
from glaswerk.cell.keeping import keep_blobs
from glaswerk.cell.records import record

CHANNEL: Final = "border_change"
_logger = structlog.get_logger("glaswerk.border")


def speak_waiting(most: int = 200) -> int:
    """Say what is to be said of the things that changed, and return how many changes that were."""
    changes = list(Change.objects.order_by("version").values_list("about", "item", "version")[:most])
    for about, item, version in changes:
        _answer(about, item, version)
    return len(changes)


def _answer(about: str, item: int, version: int) -> None:
    with transaction.atomic():
        keep_blobs()
        try:
            _speak(about, item)
        except (ValidationError, MessageRefused) as error:
            # It may be shown here and yet be nothing that a message can hold; everything else goes on.
            _logger.error("this cannot be said to others", reason=f"{about} {encode_id(item)}: {error}"[:500])
        Change.objects.filter(about=about, item=item, version=version).delete()


def _speak(about: str, item: int) -> None:
    last = Spoken.objects.filter(about=about, item=item).order_by("-id").first()
    stands = last is not None and last.type != "tombstone"
    found = read_message(about, item, settings.CELL.public_url) if _crosses(about, item) else None
    if found is None:
        if stands:
            say(Tombstone(id=encode_id(item), of=about), about=about, item=item)  # type: ignore[arg-type]
            _concern_others(about, item)
        return
    message, files = found
    if last is not None and last.body and last.sha256 == hash_of(message.encode()):
        return
    say(message, files, about=about, item=item)
    if not stands:
        _concern_others(about, item)


def _crosses(about: str, item: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT border_crosses(%s, %s)", [about, item])
        return bool(cursor.fetchone()[0])


def _concern_others(about: str, item: int) -> None:
    """A profile goes where its videos go, and an offer where the videos go that it is seen in."""
    if about != "video":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT border_touch('profile', creator_id) FROM videos_video WHERE id = %s"
            " UNION ALL SELECT border_touch('offer', product_id) FROM shop_tag WHERE video_id = %s",
            [item, item],
        )


def say(message: Message, files: Sequence[blobs.Blob] = (), *, about: str = "", item: int | None = None) -> Spoken:
    """Say something to other cells; the log names it with the commit of the caller's transaction.

    What was said of the same thing before is served no more.
    """
    data = message.encode()
    sha256 = hash_of(data)
    facts: dict[str, str | int | list[str]] = {
        "message": message.type,
        "sha256": sha256,
        "bytes": len(data) + sum(file.bytes for file in message.files),
    }
    if item is not None:
        # Never with a pseudonym beside it: everybody who knows the thing would know whose pseudonym that is.
        facts["item"] = encode_id(item)
        Spoken.objects.filter(about=about, item=item, withdrawn_at=None).exclude(type="tombstone").update(
            withdrawn_at=timezone.now(), body=""
        )
    if files:
        facts["blobs"] = list(dict.fromkeys(blob.sha for blob in files))
    spoken = Spoken.objects.create(
        type=message.type,
        about=about,
        item=item,
        sha256=sha256,
        body=data.decode(),
        record=record(EntryKind.CROSS_OUT, facts),
    )
    SpokenFile.objects.bulk_create(
        SpokenFile(spoken=spoken, blob=blob.sha, extension=blob.extension) for blob in dict.fromkeys(files)
    )
    return spoken
