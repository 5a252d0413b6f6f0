"""What the pages read: posters in grids, search, trends and the inbox.  Each function says how many queries it makes."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from django.conf import settings
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from glaswerk.cell.blobs import blob_url
from glaswerk.cell.ids import decode_id, encode_id
from glaswerk.feed.learning.store import model_in_service
from glaswerk.feed.slates import RecordedSlate, slates_of
from glaswerk.glass import Ask, Slate, WireError
from glaswerk.glass.learned import LearnedHeads
from glaswerk.people.models import Person, Visibility
from glaswerk.social import queries as social
from glaswerk.social.models import Comment, Follow, Like
from glaswerk.social.queries import watchable
from glaswerk.videos.captions import fold_hashtag
from glaswerk.videos.models import Video

GRID: Final = 24
TREND_DAYS: Final = 7
MAX_SEARCH: Final = 80
_LIKED_KEPT_S: Final = 60
_INBOX_ROWS: Final = 200
_NAMED: Final = 3
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# PostgreSQL's own stemming for the languages of the interface.
_SEARCH_CONFIGS: Final = {"de": "german", "en": "english"}


@dataclass(frozen=True, slots=True)
class Poster:
    """A video as a grid shows it; `poster` is an address."""

    id: str
    poster: str
    color: str
    caption: str
    creator: str
    likes: int
    visibility: str


@dataclass(frozen=True, slots=True)
class Grid:
    """Some posters, and where the next ones start (None at the end)."""

    posters: list[Poster]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class ShownSlate:
    """A slate as its viewer finds it again: for which place it was made, and its videos, without poster where one is gone."""

    id: str
    at: datetime
    place: str
    epoch: str
    size: int
    stills: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found."""

    people: list[Person]
    hashtags: list[tuple[str, int]]
    videos: Grid

    @property
    def nothing(self) -> bool:
        """Whether it found nothing at all."""
        return not (self.people or self.hashtags or self.videos.posters)


@dataclass(slots=True)
class Note:
    """One line of the inbox: who did what, the newest of them first, and to which video."""

    kind: Literal["follow", "like", "comment"]
    at: datetime
    people: list[Person] = field(default_factory=list)
    video: Poster | None = None
    text: str = ""

    @property
    def named(self) -> list[Person]:
        """The people whom the line names."""
        return self.people[:_NAMED]

    @property
    def others(self) -> int:
        """How many people it only counts."""
        return len(self.people) - len(self.named)


def shown_videos(viewer: Person | None) -> QuerySet[Video]:
    """Return every video that `viewer` may see, the newest first, its time as `listed_at`.  One query."""
    return (
        watchable(viewer).annotate(listed_at=F("published_at")).select_related("creator").order_by("-listed_at", "-pk")
    )


def posters_of(videos: Iterable[Video]) -> list[Poster]:
    """Return the posters of videos (with their creators), in their order.  One query."""
    listed = list(videos)
    totals = social.counts_of([video.pk for video in listed])
    return [
        Poster(
            id=video.public_id,
            poster=blob_url(video.poster, "jpg"),
            color=video.color,
            caption=video.caption,
            creator=video.creator.name,
            likes=totals[video.pk].likes,
            visibility=video.visibility,
        )
        for video in listed
    ]


def grid_of(videos: QuerySet[Video], after: str | None) -> Grid:
    """Return one page of videos that are ordered by `-listed_at, -pk`.  Two queries.

    `after` is the `next` of the page before, the time in microseconds and the id of its last video, so that a video
    that comes or goes meanwhile neither repeats another nor hides it.  Raises ValueError for anything else.
    """
    if after:
        time, _, last = after.partition("-")
        if not (time.isascii() and time.isdigit() and len(time) <= 17):
            raise ValueError("a page starts at a time and an id")
        listed_at, last_id = _EPOCH + int(time) * _MICROSECOND, decode_id(last)
        videos = videos.filter(Q(listed_at__lt=listed_at) | Q(listed_at=listed_at, pk__lt=last_id))
    page = list(videos[: GRID + 1])
    shown = page[:GRID]
    following = None
    if len(page) > GRID:
        listed_at = shown[-1].listed_at  # type: ignore[attr-defined]
        following = f"{(listed_at - _EPOCH) // _MICROSECOND}-{encode_id(shown[-1].pk)}"
    return Grid(posters_of(shown), following)


def trending_videos(viewer: Person | None) -> Grid:
    """Return what most people liked in the last days, then the newest.  At most four queries, and one more a minute.

    The likes are counted for everybody at once; what `viewer` may see of the videos is asked each time.
    """
    liked = cache.get_or_set("feed:liked", _most_liked, _LIKED_KEPT_S) or []
    videos = watchable(viewer).filter(visibility=Visibility.PUBLIC).select_related("creator")
    found = {video.pk: video for video in videos.filter(pk__in=liked)}
    shown = [found[pk] for pk in liked if pk in found][:GRID]
    newest = videos.exclude(pk__in=[video.pk for video in shown]).order_by("-published_at", "-pk")
    return Grid(posters_of([*shown, *newest[: GRID - len(shown)]]))


def _most_liked() -> list[int]:
    """Return the videos of most likes in the last days; more than a grid, because not everybody may see each."""
    since = timezone.now() - timedelta(days=TREND_DAYS)
    likes = Like.objects.filter(at__gte=since).values("video").annotate(likes=Count("pk"))
    return [video for video, _ in likes.order_by("-likes", "-video").values_list("video", "likes")[: 8 * GRID]]


def trending_hashtags(viewer: Person | None, limit: int = 12) -> list[tuple[str, int]]:
    """Return the hashtags of the last days with their number of videos, those of most creators first.  One query."""
    since = timezone.now() - timedelta(days=TREND_DAYS)
    videos = watchable(viewer).filter(visibility=Visibility.PUBLIC, published_at__gte=since)
    return _count_hashtags(videos, "", limit)


def newest_creators(viewer: Person | None, limit: int = 12) -> list[Person]:
    """Return the people who joined last and have published something that `viewer` may see.  One query."""
    published = watchable(viewer).filter(visibility=Visibility.PUBLIC, creator=OuterRef("pk"))
    return list(Person.objects.filter(Exists(published), is_active=True).order_by("-joined_at", "-pk")[:limit])


def clean_search(text: str) -> str:
    """Return what a search looks for: NFC, printable, single blanks, of bounded length."""
    printable = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text[: 4 * MAX_SEARCH])
    return " ".join(unicodedata.normalize("NFC", printable).split())[:MAX_SEARCH].strip()


def search(viewer: Person | None, text: str, language: str) -> Found:
    """Search names, hashtags and captions for a cleaned text.  At most five queries.

    Captions match by PostgreSQL's full text search in the reader's language, and by part of a word as well.
    """
    word = text.lstrip("@#").strip()
    if not word:
        return Found([], [], Grid([]))
    visible = shown_videos(viewer)
    people = Person.objects.filter(is_active=True).filter(Q(name__istartswith=word) | Q(display_name__icontains=word))
    if viewer is not None:
        people = people.exclude(social.blocked_with(viewer, "pk"))
    tag = fold_hashtag(word)
    config = _SEARCH_CONFIGS.get(language, "simple")
    captions = visible.annotate(
        words=SearchVector("caption", config=config),
    ).filter(
        Q(words=SearchQuery(word, config=config, search_type="websearch"))
        | Q(caption__icontains=word)
        | Q(hashtags__contains=[tag])
    )
    return Found(
        list(people.order_by(F("name").asc())[:12]),
        _count_hashtags(visible, tag, 12),
        Grid(posters_of(captions[:GRID])),
    )


def inbox(person: Person) -> list[Note]:
    """Return what others did lately, grouped, the newest first.  Four queries (five with a video to show).

    Likes of one video on one day are one line, and so are the new followers of one day.
    """
    blocked = social.blocked_ids(person)
    groups: dict[tuple[str, object, object], Note] = {}
    videos: dict[int, Video] = {}

    follows = Follow.objects.filter(followed=person, follower__is_active=True).exclude(follower__in=blocked)
    for follow in follows.select_related("follower").order_by("-at")[:_INBOX_ROWS]:
        day = timezone.localdate(follow.at)
        note = groups.setdefault(("follow", day, None), Note("follow", follow.at))
        note.people.append(follow.follower)

    likes = Like.objects.filter(video__creator=person, person__is_active=True).exclude(person=person)
    for like in (
        likes.exclude(person__in=blocked).select_related("person", "video__creator").order_by("-at")[:_INBOX_ROWS]
    ):
        videos[like.video_id] = like.video
        note = groups.setdefault(("like", timezone.localdate(like.at), like.video_id), Note("like", like.at))
        note.people.append(like.person)

    comments = Comment.objects.filter(video__creator=person, author__is_active=True).exclude(author=person)
    for comment in (
        comments.exclude(author__in=blocked).select_related("author", "video__creator").order_by("-pk")[:_INBOX_ROWS]
    ):
        videos[comment.video_id] = comment.video
        groups["comment", comment.pk, comment.video_id] = Note(
            "comment", comment.at, [comment.author], text=comment.text
        )

    posters = dict(zip(videos, posters_of(videos.values()), strict=True)) if videos else {}
    for (_, _, video_id), note in groups.items():
        if isinstance(video_id, int):
            note.video = posters[video_id]
    return sorted(groups.values(), key=lambda note: note.at, reverse=True)[:_INBOX_ROWS]


def _count_hashtags(videos: QuerySet[Video], prefix: str, limit: int) -> list[tuple[str, int]]:
    """Return the hashtags of videos that start with `prefix`, each with its number of videos.

    Creators count before videos, so that one person with many uploads makes no trend.
    """
    # PostgreSQL can filter what an array holds only where the array is a table, which Django cannot write.  The inner
    # query is Django's own, with its parameters apart.
    sql, parameters = videos.order_by().values("creator_id", "hashtags").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hashtag, count(*) FROM (" + sql + ") AS video, unnest(video.hashtags) AS hashtag"  # noqa: S608
            " WHERE starts_with(hashtag, %s) GROUP BY hashtag"
            " ORDER BY count(DISTINCT video.creator_id) DESC, count(*) DESC, hashtag LIMIT %s",
            [*parameters, prefix, limit],
        )
        return list(cursor.fetchall())


def shown_slates(
    viewer: int, person: Person | None, before: str | None, limit: int
) -> tuple[list[ShownSlate], str | None]:
    """Return what somebody was shown, the newest first, and the slate that the next page starts after.  Three queries.

    Raises ValueError where `before` is no id of a slate.
    """
    found = slates_of(viewer, None if before is None else decode_id(before), limit + 1)
    listed = [(record, _slots_of(record)) for record in found[:limit]]
    wanted = {video for _, videos in listed for video in videos}
    known = watchable(person).filter(id__in=wanted).in_bulk()

    def still(video: int) -> dict[str, str]:
        seen = known.get(video)
        poster = blob_url(seen.poster, "jpg") if seen else ""
        return {"id": encode_id(video), "poster": poster, "caption": seen.caption if seen else ""}

    shown = [
        ShownSlate(
            id=encode_id(record.id),
            at=_EPOCH + timedelta(milliseconds=record.at),
            place=_place_of(record),
            epoch=record.epoch,
            size=len(videos),
            stills=[still(video) for video in videos],
        )
        for record, videos in listed
    ]
    return shown, shown[-1].id if len(found) > limit else None


def _slots_of(record: RecordedSlate) -> list[int]:
    """Return the videos of a slate; none where its record is of a form that this engine does not read."""
    try:
        return [slot.video for slot in Slate.decode(record.slate).slots]
    except WireError:
        return []


def _place_of(record: RecordedSlate) -> str:
    """Return for which place a slate was made, as an ask names it."""
    try:
        return Ask.decode(record.ask).surface
    except WireError:
        return ""


def learned_heads() -> LearnedHeads | None:
    """Return the heads that were learned and serve now, or None where the policy's numbers serve.  One query."""
    with connection.cursor() as cursor:
        model = model_in_service(cursor, settings.CELL)
    return model.heads if model is not None else None
