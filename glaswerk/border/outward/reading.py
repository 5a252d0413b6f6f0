"""The one way by which anything is read that leaves the cell: as the database's role `border`, which sees public columns only.

A mistake in a query here cannot tell more than that, because the database refuses it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from glaswerk.border.messages import File, Media, Message, Move, Offer, Profile, Track, Video, plain
from glaswerk.border.role import ROLE
from glaswerk.cell import blobs
from glaswerk.cell.ids import encode_id

_PROFILE: Final = "SELECT id, name, display_name, bio, avatar FROM people_person WHERE id = %s"
_VIDEO: Final = """
SELECT v.id, p.id, p.name, v.caption, v.language, v.region, v.allow_duet, v.allow_sound, v.allow_stitch, v.sound_title,
       (extract(epoch FROM v.published_at) * 1000)::bigint, r.blob, r.size, r.width, r.height, v.duration_ms,
       ARRAY(SELECT t.language FROM videos_captiontrack t WHERE t.video_id = v.id ORDER BY t.language),
       ARRAY(SELECT t.blob FROM videos_captiontrack t WHERE t.video_id = v.id ORDER BY t.language)
FROM videos_video v JOIN people_person p ON p.id = v.creator_id JOIN LATERAL (
    SELECT blob, size, width, height FROM videos_rendition
    WHERE video_id = v.id AND family = 'h264' ORDER BY height DESC LIMIT 1
) r ON true
WHERE v.id = %s
"""
_OFFER: Final = """
SELECT o.id, o.title, o.vendor, m.title, c.currency, c.minor,
       coalesce((SELECT blob FROM shop_picture WHERE product_id = o.id AND blob <> '' ORDER BY position LIMIT 1), ''),
       ARRAY(SELECT video_id FROM shop_tag WHERE product_id = o.id AND video_id = ANY(%s) ORDER BY video_id LIMIT 64)
FROM shop_product o JOIN shop_merchant m ON m.id = o.merchant_id JOIN LATERAL (
    SELECT p.currency, p.minor FROM shop_price p JOIN shop_variant v ON v.id = p.variant_id
    WHERE v.product_id = o.id AND v.is_active ORDER BY (p.currency <> m.currency), p.minor LIMIT 1
) c ON true
WHERE o.id = %s
"""
_MOVE: Final = """
SELECT item, name, home, "to", to_item, to_name, at FROM border_movehalf WHERE person_id = %s AND withdrawn_at IS NULL
"""
_CROSSING_VIDEOS: Final = "SELECT video_id FROM shop_tag WHERE product_id = %s AND border_video_crosses(video_id)"


@contextmanager
def as_border() -> Iterator[CursorWrapper]:
    """Yield a cursor that may read what is public, and nothing else."""
    with transaction.atomic(), connection.cursor() as cursor:
        # A transaction that fails takes the role back by itself.
        cursor.execute(f"SET LOCAL ROLE {ROLE}")
        yield cursor
        cursor.execute("RESET ROLE")


def read_message(about: str, item: int, public_url: str) -> tuple[Message, list[blobs.Blob]] | None:
    """Return what is to be said of a thing that crosses, and its files; None where it is not there any more."""
    match about:
        case "profile":
            return _profile(item)
        case "video":
            return _video(item)
        case "move":
            return _move(item)
        case _:
            return _offer(item, public_url)


def _row(sql: str, *parameters: int | list[int]) -> Any:
    with as_border() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


def _file(blob: blobs.Blob) -> File | None:
    stored = blobs.current_store().stat(blob)
    return File(sha256=blob.sha, bytes=stored.size) if stored is not None else None


def _profile(item: int) -> tuple[Message, list[blobs.Blob]] | None:
    row = _row(_PROFILE, item)
    if row is None:
        return None
    person, name, display_name, bio, avatar = row
    picture = [blobs.Blob(avatar, "webp")] if avatar else []
    said = Profile(
        id=encode_id(person),
        name=name,
        display_name=plain(display_name, 50),
        bio=plain(bio, 160, lines=True),
        avatar=_file(picture[0]) if picture else None,
    )
    return said, picture if said.avatar else []


def _video(item: int) -> tuple[Message, list[blobs.Blob]] | None:
    row = _row(_VIDEO, item)
    if row is None:
        return None
    video, person, name, caption, language, region, duet, sound, stitch, title, published_at = row[:11]
    blob, size, width, height, duration_ms, languages, texts = row[11:]
    allowed = {"duet": duet, "sound": sound, "stitch": stitch}
    tracks, files = [], [blobs.Blob(blob, "mp4")]
    for spoken, text in zip(languages, texts, strict=True):
        track = blobs.Blob(text, "vtt")
        if found := _file(track):
            tracks.append(Track(sha256=text, bytes=found.bytes, language=spoken.lower()))
            files.append(track)
    said = Video.model_validate(
        {
            "id": encode_id(video),
            "by": encode_id(person),
            "by_name": name,
            "caption": plain(caption, 2200, lines=True),
            "language": language.lower(),
            "region": region,
            "allow": tuple(kind for kind, is_allowed in allowed.items() if is_allowed),
            "sound_title": plain(title, 80),
            "published_at": published_at,
            "media": Media(sha256=blob, bytes=size, width=width, height=height, duration_ms=duration_ms),
            "captions": tuple(tracks),
        }
    )
    return said, files


def _offer(item: int, public_url: str) -> tuple[Message, list[blobs.Blob]] | None:
    # Which of its videos cross is asked with the cell's own rights, because the answer hangs on what is not public.
    with connection.cursor() as cursor:
        cursor.execute(_CROSSING_VIDEOS, [item])
        crossing = [row[0] for row in cursor.fetchall()]
    row = _row(_OFFER, crossing, item)
    if row is None or not row[7]:
        return None
    product, title, vendor, seller, currency, minor, picture, videos = row
    blob = blobs.Blob(picture, "webp") if picture else None
    said = Offer(
        id=encode_id(product),
        title=plain(title, 200),
        vendor=plain(vendor, 100),
        seller=plain(seller, 80),
        url=f"{public_url}/shop/{encode_id(product)}",
        currency=currency,
        minor=minor,
        picture=_file(blob) if blob else None,
        videos=tuple(sorted(map(encode_id, videos))),
    )
    return said, [blob] if blob and said.picture else []


def _move(item: int) -> tuple[Message, list[blobs.Blob]] | None:
    row = _row(_MOVE, item)
    if row is None:
        return None
    account, name, home, to, to_account, to_name, at = row
    said = Move(id=encode_id(account), name=name, home=home, to=to, to_id=encode_id(to_account), to_name=to_name, at=at)
    return said, []
