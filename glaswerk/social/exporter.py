"""What the social app holds about a person.  What others did stays theirs: who blocked somebody is told to nobody."""

from collections.abc import Iterable
from typing import ClassVar

from django.db import connection
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from glaswerk.people.models import Person
from glaswerk.people.rights import Exporter, Record, category, facts, public_form
from glaswerk.social.models import Block, Comment, Counts, Follow, Like, Save

_AT_ONCE = 2000


class SocialExporter(Exporter):
    """Follows, blocks, likes, saves and comments."""

    app = "social"
    excluded: ClassVar = {}

    @category(_("People you follow"), "social.Follow")
    def following(self, person: Person) -> Iterable[Record]:
        """Whom the person follows, and since when."""
        rows = Follow.objects.filter(follower=person).order_by("pk").values("followed__name", "at")
        return ({"name": row["followed__name"], "at": row["at"].isoformat()} for row in rows.iterator())

    @category(_("People who follow you"))
    def followers(self, person: Person) -> Iterable[Record]:
        """Who follows the person; everybody can count them, and their names are shown in the inbox."""
        rows = Follow.objects.filter(followed=person, follower__is_active=True).order_by("pk")
        return (
            {"name": name, "at": at.isoformat()} for name, at in rows.values_list("follower__name", "at").iterator()
        )

    @category(_("People you block"), "social.Block")
    def blocked(self, person: Person) -> Iterable[Record]:
        """Whom the person blocks."""
        rows = Block.objects.filter(blocker=person).order_by("pk").values_list("blocked__name", "at")
        return ({"name": name, "at": at.isoformat()} for name, at in rows.iterator())

    @category(_("Videos you like"), "social.Like")
    def likes(self, person: Person) -> Iterable[Record]:
        """What the person likes."""
        return _of_videos(Like.objects.filter(person=person))

    @category(_("Videos you saved"), "social.Save")
    def saves(self, person: Person) -> Iterable[Record]:
        """What the person keeps for later."""
        return _of_videos(Save.objects.filter(person=person))

    @category(_("Your comments"), "social.Comment")
    def comments(self, person: Person) -> Iterable[Record]:
        """What the person wrote, and under which videos."""
        rows = Comment.objects.filter(author=person).annotate(creator=F("video__creator__name")).order_by("pk")
        return ({**facts(row, "author"), "creator": row.creator} for row in rows.iterator(chunk_size=_AT_ONCE))

    @category(_("Totals of your videos"), "social.Counts")
    def totals(self, person: Person) -> Iterable[Record]:
        """What others did with the person's videos, as numbers."""
        return (facts(each) for each in Counts.objects.filter(video__creator=person).order_by("pk").iterator())

    def erase(self, person: Person) -> list[str]:
        """Count the person's likes, saves and comments out of the totals that stay; the rows go with the person."""
        with connection.cursor() as cursor:
            for column, table, whose in (
                ("likes", "social_like", "person_id"),
                ("saves", "social_save", "person_id"),
                ("comments", "social_comment", "author_id"),
            ):
                # Names of tables and columns are constants here.  Rows are changed in one order, as everywhere.
                cursor.execute(
                    f"WITH gone AS (SELECT video_id, count(*) AS number FROM {table} WHERE {whose} = %s GROUP BY 1),"  # noqa: S608
                    " held AS (SELECT c.video_id FROM social_counts c JOIN gone USING (video_id)"
                    " ORDER BY c.video_id FOR UPDATE OF c)"
                    f" UPDATE social_counts c SET {column} = greatest(c.{column} - gone.number, 0)"
                    " FROM gone JOIN held USING (video_id) WHERE c.video_id = gone.video_id",
                    [person.pk],
                )
        return []


def _of_videos(rows: QuerySet[Like] | QuerySet[Save]) -> Iterable[Record]:
    found = rows.order_by("pk").values_list("video_id", "video__creator__name", "video__caption", "at")
    return (
        {"video": public_form(video), "creator": creator, "caption": caption, "at": at.isoformat()}
        for video, creator, caption, at in found.iterator(chunk_size=_AT_ONCE)
    )
