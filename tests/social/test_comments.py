"""Comments over HTTP: writing, reading, deleting, and everybody who may not."""

import asyncio
import threading
import unicodedata
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from procrastinate.contrib.django.models import ProcrastinateJob

from glaswerk.cell.ids import decode_id, encode_id, new_id
from glaswerk.cell.log import EVENTS, EventLog
from glaswerk.people.models import Person, Role
from glaswerk.social import actions
from glaswerk.social.jobs import announce_comment, comment_event_id
from glaswerk.social.models import Block, Comment, Counts, Follow
from glaswerk.videos.actions import delete_video
from glaswerk.videos.models import Video

from .conftest import MakePerson, MakeVideo

SignIn = Callable[[Person], Client]


def post(client: Client, video: Video | str, text: object, **extra: str):
    public_id = video if isinstance(video, str) else video.public_id
    return client.post(
        f"/api/videos/{public_id}/comments", {"text": text}, content_type="application/json", headers=extra
    )


def count_of(video: Video) -> int:
    return Counts.objects.filter(video=video).values_list("comments", flat=True).first() or 0


def jobs() -> list[int]:
    return list(ProcrastinateJob.objects.filter(task_name="social.announce_comment").values_list("args", flat=True))


@pytest.mark.django_db
def test_a_comment_is_stored_counted_announced_and_read(
    make_person: MakePerson, make_video: MakeVideo, signed_in: SignIn
) -> None:
    creator, author = make_person("creator"), make_person("author", display_name="Ada", avatar="b" * 64)
    video = make_video(creator)

    answer = post(signed_in(author), video, "  Schön, @creator und @niemand!\r\n<b>2</b> ")

    assert answer.status_code == 201
    comment = Comment.objects.get()
    body = answer.json()
    assert body == {
        "id": comment.public_id,
        "author": {"name": "author", "display_name": "Ada", "avatar": f"/media/{'b' * 64}.webp"},
        "text": "Schön, @creator und @niemand!\n<b>2</b>",
        "mentions": ["creator"],
        "at": body["at"],
        "mine": True,
    }
    assert body["at"].endswith("Z")
    assert (comment.video_id, comment.author_id) == (video.pk, author.pk)
    assert count_of(video) == 1
    assert jobs() == [{"comment": comment.pk}]

    # Signed out one reads the same, only that it is nobody's own.
    assert Client().get(f"/api/videos/{video.public_id}/comments").json() == {
        "comments": [{**body, "mine": False}],
        "next": None,
    }


@pytest.mark.django_db
def test_pages_follow_each_other_newest_first_and_none_is_lost(
    make_person: MakePerson, make_video: MakeVideo, django_assert_num_queries: Callable[..., object]
) -> None:
    video = make_video(make_person())
    author = make_person()
    for number in range(7):
        actions.post_comment(author, video.pk, f"number {number}")
    ids = [encode_id(pk) for pk in sorted(Comment.objects.values_list("pk", flat=True), reverse=True)]
    client, seen, before = Client(), [], None
    while True:
        query = {"limit": "3", **({"before": before} if before else {})}
        with django_assert_num_queries(2):  # The video, and its comments with their authors.
            page = client.get(f"/api/videos/{video.public_id}/comments", query).json()
        seen.append([comment["id"] for comment in page["comments"]])
        before = page["next"]
        if before is None:
            break
    assert seen == [ids[:3], ids[3:6], ids[6:]]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query", [{"before": "nonsense"}, {"before": "\x00"}, {"limit": "0"}, {"limit": "51"}, {"limit": "x"}]
)
def test_a_wrong_page_is_a_problem_that_names_its_field(
    query: dict[str, str], make_person: MakePerson, make_video: MakeVideo
) -> None:
    video = make_video(make_person())
    answer = Client().get(f"/api/videos/{video.public_id}/comments", query)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == list(query)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "\u200b\u200d",
        "x" * 501,
        "x" * 10_000,
        "a\u0000b",
        "a\u0007b",
        "a\u001b[31mb",
        "a\u0085b",
        "\u202egnp.exe",
        "\u2066a",
        "\U000e0041",
        None,
        7,
        ["a"],
    ],
)
def test_hostile_texts_are_refused_and_nothing_is_stored(
    text: object, make_person: MakePerson, make_video: MakeVideo, signed_in: SignIn
) -> None:
    video = make_video(make_person())
    answer = post(signed_in(make_person()), video, text)
    assert answer.status_code == 422
    assert [error["field"].split(".")[-1] for error in answer.json()["errors"]] == ["text"]
    assert (Comment.objects.count(), count_of(video), jobs()) == (0, 0, [])


@pytest.mark.django_db
def test_broken_bodies_are_refused(make_person: MakePerson, make_video: MakeVideo, signed_in: SignIn) -> None:
    video, client = make_video(make_person()), signed_in(make_person())
    for body in (b"", b"{", b"[]", b"null", b'{"text": "\\ud800"}', b'{"txt": "a"}', b"\xff", b'{"text":' * 5000):
        answer = client.post(f"/api/videos/{video.public_id}/comments", body, content_type="application/json")
        assert answer.status_code in (400, 422), body[:20]
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert Comment.objects.count() == 0


@pytest.mark.django_db
def test_five_hundred_characters_and_emoji_are_welcome(
    make_person: MakePerson, make_video: MakeVideo, signed_in: SignIn
) -> None:
    video, client = make_video(make_person()), signed_in(make_person())
    for text in ("é" * 500, "👩‍👩‍👧‍👦" * 10, "می‌خواهم", "مرحبا\u200f!", "e\u0301" * 500):
        answer = post(client, video, text)
        assert answer.status_code == 201, answer.json()
        assert answer.json()["text"] == unicodedata.normalize("NFC", text)


@given(st.text(max_size=600))
def test_an_accepted_text_is_normal_short_and_stays_as_it_is(text: str) -> None:
    try:
        accepted = actions.check_comment_text(text)
    except actions.CommentError:
        return
    assert 1 <= len(accepted) <= actions.MAX_COMMENT
    assert unicodedata.is_normalized("NFC", accepted)
    assert actions.check_comment_text(accepted) == accepted


@pytest.mark.django_db
def test_signed_out_nobody_writes(make_person: MakePerson, make_video: MakeVideo) -> None:
    video = make_video(make_person())
    comment = actions.post_comment(make_person(), video.pk, "stays")
    for answer in (post(Client(), video, "hello"), Client().delete(f"/api/comments/{comment.public_id}")):
        assert answer.status_code == 401
        assert answer.json()["status"] == 401
    assert list(Comment.objects.all()) == [comment]


@pytest.mark.django_db
def test_another_site_cannot_write_in_a_persons_name(make_person: MakePerson, make_video: MakeVideo) -> None:
    video, client = make_video(make_person()), Client(enforce_csrf_checks=True)
    client.force_login(make_person())
    assert post(client, video, "forged").status_code == 403
    assert Comment.objects.count() == 0

    token = client.get(f"/v/{video.public_id}").cookies["csrftoken"]
    assert post(client, video, "meant", **{"X-CSRFToken": token.value}).status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"visibility": "private"},
        {"visibility": "followers"},
        {"state": "processing"},
        {"state": "failed"},
        {"taken_down_at": timezone.now()},
    ],
)
def test_what_a_person_may_not_see_is_not_there(
    fields: dict[str, object], make_person: MakePerson, make_video: MakeVideo, signed_in: SignIn
) -> None:
    creator, stranger = make_person(), make_person()
    video = make_video(creator)
    comment = actions.post_comment(creator, video.pk, "mine")
    Video.objects.filter(pk=video.pk).update(**fields)
    before = jobs()

    nothing = Client().get(f"/api/videos/{encode_id(new_id())}/comments").json()
    for client in (Client(), signed_in(stranger)):
        answer = client.get(f"/api/videos/{video.public_id}/comments")
        assert (answer.status_code, answer.json()) == (404, nothing)
    client = signed_in(stranger)
    assert post(client, video, "let me in").status_code == 404
    assert client.delete(f"/api/comments/{comment.public_id}").status_code == 404
    assert (list(Comment.objects.all()), count_of(video), jobs()) == ([comment], 1, before)


@pytest.mark.django_db
def test_followers_write_under_what_is_for_followers(
    make_person: MakePerson, make_video: MakeVideo, signed_in: SignIn
) -> None:
    creator, follower = make_person(), make_person()
    video = make_video(creator, visibility="followers")
    Follow.objects.create(follower=follower, followed=creator, at=timezone.now())
    assert post(signed_in(follower), video, "I follow").status_code == 201
    assert post(signed_in(creator), video, "I made it").status_code == 201
    assert count_of(video) == 2


@pytest.mark.django_db
def test_a_departed_creator_takes_the_comments_along(make_person: MakePerson, make_video: MakeVideo) -> None:
    creator, author = make_person(), make_person()
    video, other = make_video(creator), make_video(make_person())
    actions.post_comment(author, video.pk, "below")
    actions.post_comment(creator, other.pk, "elsewhere")
    Person.objects.filter(pk=creator.pk).update(is_active=False)
    assert Client().get(f"/api/videos/{video.public_id}/comments").status_code == 404
    assert Client().get(f"/api/videos/{other.public_id}/comments").json()["comments"] == []


@pytest.mark.django_db
@pytest.mark.parametrize("turned", [False, True])
def test_a_block_parts_both_sides(
    turned: bool, make_person: MakePerson, make_video: MakeVideo, signed_in: SignIn
) -> None:
    one, other, third = make_person("one"), make_person("other"), make_person("third")
    mine, common = make_video(one), make_video(third)
    actions.post_comment(other, common.pk, "from the other")
    actions.post_comment(third, common.pk, "from the third")
    pair = (other, one) if turned else (one, other)
    Block.objects.create(blocker=pair[0], blocked=pair[1], at=timezone.now())

    assert post(signed_in(other), mine, "hello").status_code == 404
    assert signed_in(other).get(f"/api/videos/{mine.public_id}/comments").status_code == 404
    assert count_of(mine) == 0
    # Under somebody else's video the two do not read each other either; everybody else reads both.
    texts = {
        who: [one["text"] for one in client.get(f"/api/videos/{common.public_id}/comments").json()["comments"]]
        for who, client in (("one", signed_in(one)), ("third", signed_in(third)), ("nobody", Client()))
    }
    assert texts["one"] == ["from the third"]
    assert texts["third"] == texts["nobody"] == ["from the third", "from the other"]


@pytest.mark.django_db
def test_author_creator_and_moderator_delete_and_nobody_else(
    make_person: MakePerson, make_video: MakeVideo, signed_in: SignIn
) -> None:
    creator, author, stranger = make_person(), make_person(), make_person(role=Role.CREATOR)
    video = make_video(creator)
    for allowed in (author, creator, make_person(role=Role.MODERATOR), make_person(role=Role.OPERATOR)):
        comment = actions.post_comment(author, video.pk, "here")
        address = f"/api/comments/{comment.public_id}"
        refused = signed_in(stranger).delete(address)
        assert (refused.status_code, refused.json()["title"]) == (403, "Forbidden")
        assert (list(Comment.objects.all()), count_of(video)) == ([comment], 1)

        assert signed_in(allowed).delete(address).status_code == 204
        assert (Comment.objects.count(), count_of(video)) == (0, 0)
        assert signed_in(allowed).delete(address).status_code == 404
        assert count_of(video) == 0


@pytest.mark.django_db
@pytest.mark.parametrize("public_id", ["x", "0" * 13, "iiiiiiiiiiiii", "z" * 13, "a" * 5000, "%00", "..%2f"])
def test_ids_of_nothing_lead_nowhere(public_id: str, make_person: MakePerson, signed_in: SignIn) -> None:
    client = signed_in(make_person())
    assert client.get(f"/api/videos/{public_id}/comments").status_code == 404
    assert post(client, public_id, "hello").status_code == 404
    assert client.delete(f"/api/comments/{public_id}").status_code == 404


@pytest.mark.django_db
def test_beyond_the_rate_nothing_is_stored(
    make_person: MakePerson, make_video: MakeVideo, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = settings.CELL.config.limits.model_copy(update={"writes_per_minute": 3})
    config = settings.CELL.config.model_copy(update={"limits": limits})
    monkeypatch.setattr(settings.CELL, "config", config)
    # The minute stands still, so that it cannot change between two comments.
    monkeypatch.setattr("glaswerk.cell.rates.time", SimpleNamespace(time=lambda: 4_000_000_030.0))
    video, author = make_video(make_person()), make_person()
    client = signed_in(author)
    assert [post(client, video, f"{n}").status_code for n in range(4)] == [201, 201, 201, 429]
    refused = post(client, video, "again")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["status"] == 429
    assert refused.headers["Retry-After"] == "50"
    assert (Comment.objects.count(), count_of(video)) == (3, 3)
    assert client.delete(f"/api/comments/{Comment.objects.first().public_id}").status_code == 429
    # Others have their own minute, and reading is not writing.
    assert post(signed_in(make_person()), video, "me too").status_code == 201
    assert client.get(f"/api/videos/{video.public_id}/comments").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_comments_at_once_are_all_counted(make_person: MakePerson, make_video: MakeVideo) -> None:
    video = make_video(make_person())
    authors = [make_person() for _ in range(20)]
    start, errors = threading.Barrier(20), []
    # The table of jobs is not emptied between tests.
    before = len(jobs())

    def write(author: Person) -> None:
        try:
            start.wait()
            comment = actions.post_comment(author, video.pk, "at once")
            if author.pk % 2:
                actions.delete_comment(author, comment.pk)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(author,)) for author in authors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Comment.objects.count() == count_of(video) == sum(1 for author in authors if author.pk % 2 == 0)
    assert len(jobs()) == before + 20


@pytest.mark.django_db(transaction=True)
def test_a_comment_deleted_twice_at_once_is_counted_once(make_person: MakePerson, make_video: MakeVideo) -> None:
    author = make_person()
    video = make_video(make_person())
    comments = [actions.post_comment(author, video.pk, str(number)) for number in range(4)]
    start, ends = threading.Barrier(8), []

    def delete(pk: int) -> None:
        try:
            start.wait()
            actions.delete_comment(author, pk)
            ends.append("deleted")
        except actions.Http404:
            ends.append("gone")
        finally:
            connection.close()

    threads = [threading.Thread(target=delete, args=(comment.pk,)) for comment in comments * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["deleted"] * 4 + ["gone"] * 4
    assert (Comment.objects.count(), count_of(video)) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_comments_come_and_go_while_their_video_is_deleted(make_person: MakePerson, make_video: MakeVideo) -> None:
    creator, author = make_person(), make_person()
    for _ in range(3):
        video = make_video(creator)
        comments = [actions.post_comment(author, video.pk, str(number)) for number in range(5)]
        start, errors = threading.Barrier(11), []

        def run(
            action: Callable[[], object], start: threading.Barrier = start, errors: list[Exception] = errors
        ) -> None:
            try:
                start.wait()
                action()
            except actions.Http404:
                pass  # The video was gone first.
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        todo: list[Callable[[], object]] = [partial(delete_video, creator, video)]
        todo += [partial(actions.post_comment, author, video.pk, "late") for _ in range(5)]
        todo += [partial(actions.delete_comment, author, comment.pk) for comment in comments]
        threads = [threading.Thread(target=run, args=(action,)) for action in todo]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert (Comment.objects.count(), Counts.objects.count()) == (0, 0)


@pytest.mark.django_db
def test_an_announcement_stands_in_the_log_and_repeats_itself_exactly(
    servers: None, make_person: MakePerson, make_video: MakeVideo
) -> None:
    author, video = make_person(), make_video(make_person())
    comment = actions.post_comment(author, video.pk, "announced")
    event = {
        "id": str(comment_event_id(comment.pk)),
        "video": video.pk,
        "kind": "comment",
        "at": int(comment.at.timestamp() * 1000),
    }
    for _ in range(2):
        announce_comment(comment=comment.pk)
    deleted = actions.post_comment(author, video.pk, "deleted before it was announced")
    actions.delete_comment(author, deleted.pk)
    announce_comment(comment=deleted.pk)

    async def ours() -> list[dict[str, object]]:
        log = await EventLog.connect()
        try:
            async for batch in log.tail(EVENTS, 0, idle_s=2):
                if items := [item for entry in batch for item in entry.items if item.get("viewer") == author.pk]:
                    return items
            return []
        finally:
            await log.close()

    first = asyncio.run(ours())
    assert first[0] == {"viewer": author.pk, "slate": None, "events": [event]}
    assert all(item == first[0] for item in first)


def test_an_announcement_has_the_same_id_each_time_and_another_for_another_comment() -> None:
    first, second = decode_id("0000000000001"), decode_id("0000000000002")
    assert comment_event_id(first) == comment_event_id(first) != comment_event_id(second)
    # Other programs may rely on it: it never changes.
    assert str(comment_event_id(first)) == "eec0fa90-595a-5e14-abc2-e74db1b979a3"
