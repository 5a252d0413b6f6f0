"""What pages and endpoints read of the social tables.  Each function says how many queries it makes.

Follows, likes, saves and blocks are written by the feed's projector from the event log, and only read here.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from glaswerk.people.models import Person
from glaswerk.social.models import Block, Comment, Counts, Follow, Like, Save
from glaswerk.videos.captions import find_mentions
from glaswerk.videos.models import State, Video
from glaswerk.videos.queries import visible_to


@dataclass(frozen=True, slots=True)
class Totals:
    """A video's live totals."""

    likes: int = 0
    saves: int = 0
    shares: int = 0
    comments: int = 0


@dataclass(frozen=True, slots=True)
class CommentPage:
    """Some comments, newest first; `next` is the id to ask before, or None at the end."""

    comments: list[Comment]
    next: int | None


@dataclass(frozen=True, slots=True)
class Relation:
    """How two persons stand to each other; all False where one of them is nobody or both are the same."""

    follows: bool = False
    blocks: bool = False
    blocked: bool = False


def watchable(viewer: Person | None) -> QuerySet[Video]:
    """Return the videos that `viewer` can play: visible to them, ready, and of somebody who is still here.

    One's own videos are visible in every state; here they count only once they can be played.
    """
    return Video.objects.filter(
        visible_to(viewer), state=State.READY, taken_down_at__isnull=True, creator__is_active=True
    )


def counts_of(video_ids: Collection[int]) -> dict[int, Totals]:
    """Return the totals of each video, zeros where nothing happened yet.  One query."""
    rows = Counts.objects.filter(video_id__in=video_ids).values_list("video_id", "likes", "saves", "shares", "comments")
    totals = dict.fromkeys(video_ids, Totals())
    totals.update({video: Totals(*numbers) for video, *numbers in rows})
    return totals


def comments_of(video_id: int, viewer: Person | None, before: int | None, limit: int) -> CommentPage:
    """Return comments below a video, newest first, without those of people blocked either way.  One query."""
    comments = Comment.objects.filter(video_id=video_id, author__is_active=True).select_related("author")
    if viewer is not None:
        comments = comments.exclude(blocked_with(viewer, "author"))
    if before is not None:
        comments = comments.filter(pk__lt=before)
    page = list(comments.order_by("-pk")[: limit + 1])
    return CommentPage(page[:limit], page[limit - 1].pk if len(page) > limit else None)


def blocked_with(viewer: Person, field: str) -> Q:
    """Return the condition that holds for rows whose `field` is a person blocked by `viewer` or blocking them."""
    return Q(**{f"{field}__in": Block.objects.filter(blocker=viewer).values("blocked")}) | Q(
        **{f"{field}__in": Block.objects.filter(blocked=viewer).values("blocker")}
    )


def mentioned_names(texts: Iterable[str]) -> set[str]:
    """Return the names in `texts` that belong to somebody, so that only those become links.  At most one query."""
    names = {name for text in texts for name in find_mentions(text)}
    if not names:
        return set()
    return set(Person.objects.filter(name__in=names, is_active=True).values_list("name", flat=True))


def liked_videos(person: Person) -> QuerySet[Video]:
    """Return what a person likes and may still see, the newest like first, its time as `listed_at`.  One query."""
    return (
        watchable(person)
        .filter(likes__person=person)
        .annotate(listed_at=F("likes__at"))
        .select_related("creator")
        .order_by("-listed_at", "-pk")
    )


def saved_videos(person: Person) -> QuerySet[Video]:
    """Return what a person saved and may still see, the newest first, its time as `listed_at`.  One query."""
    return (
        watchable(person)
        .filter(saves__person=person)
        .annotate(listed_at=F("saves__at"))
        .select_related("creator")
        .order_by("-listed_at", "-pk")
    )


def followers_count(person: Person) -> int:
    """Return how many active people follow a person.  One query."""
    return Follow.objects.filter(followed=person, follower__is_active=True).count()


def following_count(person: Person) -> int:
    """Return how many active people a person follows.  One query."""
    return Follow.objects.filter(follower=person, followed__is_active=True).count()


def likes_received(person: Person) -> int:
    """Return the likes of all of a person's public videos.  One query."""
    videos = watchable(None).filter(creator=person)
    return Counts.objects.filter(video__in=videos).aggregate(sum=Sum("likes"))["sum"] or 0


def following(person: Person) -> QuerySet[Person]:
    """Return the active people whom a person follows, the newest follow first.  One query."""
    return Person.objects.filter(followers__follower=person, is_active=True).order_by("-followers__at", "-pk")


def is_following(person: Person, other: Person) -> bool:
    """Return whether `person` follows `other`.  One query."""
    return Follow.objects.filter(follower=person, followed=other).exists()


def marks(viewer: Person | None, video_id: int) -> list[str]:
    """Return which of "liked", "saved" and "followed" (its creator) hold for a viewer and a video.  At most one query."""
    if viewer is None:
        return []
    held = Video.objects.filter(pk=video_id).values(
        liked=Exists(Like.objects.filter(person=viewer, video=OuterRef("pk"))),
        saved=Exists(Save.objects.filter(person=viewer, video=OuterRef("pk"))),
        followed=Exists(Follow.objects.filter(follower=viewer, followed=OuterRef("creator"))),
    )
    return [mark for mark, holds in (held.first() or {}).items() if holds]


def relation(viewer: Person | None, other: Person) -> Relation:
    """Return how `viewer` stands to `other`.  Two queries, none where there is no viewer or they are the same."""
    if viewer is None or viewer.pk == other.pk:
        return Relation()
    blockers = set(
        Block.objects.filter(Q(blocker=viewer, blocked=other) | Q(blocker=other, blocked=viewer)).values_list(
            "blocker", flat=True
        )
    )
    return Relation(follows=is_following(viewer, other), blocks=viewer.pk in blockers, blocked=other.pk in blockers)


def blocked_ids(person: Person) -> set[int]:
    """Return everybody whom a person blocked or who blocked them.  One query."""
    pairs = Block.objects.filter(Q(blocker=person) | Q(blocked=person)).values_list("blocker", "blocked")
    return {one for pair in pairs for one in pair} - {person.pk}
