"""What a feed shows of a video: read once for many slates, and never shown to somebody who may not see it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from psycopg.rows import TupleRow

from glaswerk.cell.batches import Batched
from glaswerk.cell.blobs import blob_url
from glaswerk.cell.database import pool
from glaswerk.cell.ids import encode_id, now_ms

# Totals may be this old; that a video was withdrawn arrives at once through the event log.
TTL_MS: Final = 15_000
MOST_CARDS: Final = 50_000
_MOST_AT_ONCE: Final = 500

_CARDS: Final = """
SELECT v.id, v.creator_id, v.visibility, v.caption, v.hashtags, v.duration_ms, v.poster, v.color, v.width, v.height,
       v.sound_title, v.published_at, p.name, p.display_name, p.avatar,
       coalesce(c.likes, 0), coalesce(c.comments, 0), coalesce(c.saves, 0), coalesce(c.shares, 0),
       (SELECT jsonb_agg(jsonb_build_array(r.blob, r.width, r.height, r.bitrate, r.codecs) ORDER BY r.height DESC)
          FROM videos_rendition r WHERE r.video_id = v.id),
       v.allow_duet, v.allow_stitch, v.allow_sound,
       (SELECT s.id FROM videos_sound s JOIN videos_video o ON o.id = s.video_id
         WHERE s.id = v.sound_id AND (o.id = v.id OR o.state = 'ready' AND o.taken_down_at IS NULL AND o.visibility = 'public')),
       (SELECT jsonb_agg(jsonb_build_array(k.kind, k.name, k.title, o.id::text, s.id::text) ORDER BY k.id)
          FROM videos_credit k LEFT JOIN videos_sound s ON s.id = k.of_sound_id
          LEFT JOIN videos_video o ON o.id = coalesce(k.of_video_id, s.video_id)
               AND o.state = 'ready' AND o.taken_down_at IS NULL AND o.visibility = 'public'
         WHERE k.video_id = v.id),
       (SELECT jsonb_agg(jsonb_build_array(t.language, t.blob) ORDER BY t.language)
          FROM videos_captiontrack t WHERE t.video_id = v.id),
       (SELECT jsonb_object_agg(a.kind, a.blob) FROM videos_asset a
         WHERE a.video_id = v.id AND a.kind IN ('preview', 'tiles', 'stream'))
FROM videos_video v JOIN people_person p ON p.id = v.creator_id LEFT JOIN social_counts c ON c.video_id = v.id
WHERE v.id = ANY(%s) AND v.state = 'ready' AND v.taken_down_at IS NULL AND p.is_active
"""


@dataclass(frozen=True, slots=True)
class Card:
    """A video as slates show it, and what decides who may see it."""

    video: int
    creator: int
    visibility: str
    duration_ms: int
    facts: dict[str, Any]
    creator_facts: dict[str, Any]
    read_at: int

    def may_be_seen_by(self, viewer: int, follows: Iterable[int], blocks: Iterable[int]) -> bool:
        """Whether this viewer may see it: everybody's rule for one video, given whom they follow and block."""
        if self.creator == viewer:
            return True
        if self.creator in blocks:
            return False
        return self.visibility == "public" or (self.visibility == "followers" and self.creator in follows)


def _card(row: TupleRow, read_at: int) -> Card:
    (video, creator, visibility, caption, hashtags, duration_ms, poster, color, width, height, sound, published_at) = (
        row[:12]
    )
    name, display_name, avatar, likes, comments, saves, shares, renditions = row[12:20]
    duet, stitch, use, sound_id, credited, tracks, assets = row[20:]
    files = assets or {}
    is_public = visibility == "public"
    return Card(
        video=video,
        creator=creator,
        visibility=visibility,
        duration_ms=duration_ms,
        facts={
            "id": encode_id(video),
            "caption": caption,
            "duration_ms": duration_ms,
            "poster": blob_url(poster, "jpg"),
            "color": color,
            "width": width,
            "height": height,
            "hashtags": hashtags,
            "preview": blob_url(files["preview"], "webp") if "preview" in files else None,
            "storyboard": blob_url(files["tiles"], "vtt") if "tiles" in files else None,
            "stream": blob_url(files["stream"], "m3u8") if "stream" in files else None,
            "renditions": [
                {"url": blob_url(blob, "mp4"), "width": wide, "height": high, "bitrate": bitrate, "codecs": codecs}
                for blob, wide, high, bitrate, codecs in renditions or ()
            ],
            "counts": {"likes": likes, "comments": comments, "saves": saves, "shares": shares},
            "sound": {
                "id": encode_id(sound_id) if sound_id else None,
                "title": sound,
                "url": f"/sound/{encode_id(sound_id)}" if sound_id else None,
            },
            "credits": [_credit(*each) for each in credited or ()],
            "captions": [{"lang": language, "url": blob_url(blob, "vtt")} for language, blob in tracks or ()],
            "allow": {"duet": is_public and duet, "stitch": is_public and stitch, "sound": is_public and use},
            "visibility": visibility,
            "published_at": published_at.isoformat(),
        },
        creator_facts={
            "name": name,
            "display_name": display_name or name,
            "avatar": blob_url(avatar, "webp") if avatar else None,
        },
        read_at=read_at,
    )


def _credit(kind: str, name: str, title: str, video: str | None, sound: str | None) -> dict[str, Any]:
    """What a video was made with, with a link where everybody still finds it: `video` is null where not."""
    url = None
    if video is not None:
        url = f"/sound/{encode_id(int(sound))}" if sound is not None else f"/v/{encode_id(int(video))}"
    return {"kind": kind, "name": name, "title": title, "url": url}


class CardStore:
    """The cards that this worker has read lately."""

    def __init__(self) -> None:
        """Start empty."""
        self._cards: dict[int, Card] = {}
        self._changes = 0
        self._missing = Batched(self._read, _MOST_AT_ONCE)

    def forget(self, video: int) -> None:
        """Drop a card, because its video changed."""
        self._cards.pop(video, None)
        self._changes += 1

    async def get(self, videos: list[int]) -> dict[int, Card]:
        """Return the cards of those of the videos that exist, are ready and are not taken down."""
        now = now_ms()
        found = {video: card for video in videos if (card := self._cards.get(video)) and now - card.read_at < TTL_MS}
        missing = [video for video in videos if video not in found]
        return {**found, **await self._missing.get(missing)} if missing else found

    async def _read(self, missing: list[int]) -> dict[int, Card]:
        now, changes = now_ms(), self._changes
        async with pool().connection() as connection:
            rows = await (await connection.execute(_CARDS, [missing])).fetchall()
        for video in missing:
            self._cards.pop(video, None)
        if len(self._cards) > MOST_CARDS:
            self._cards.clear()
        read = {card.video: card for card in (_card(row, now) for row in rows)}
        # What changed while the database was asked may have been read as it was before; it is not kept then.
        if self._changes == changes:
            self._cards.update(read)
        return read
