"""Comments in the admin: operators read and delete them, nobody writes in another one's name."""

from collections.abc import Callable

import pytest
from django.test import Client

from glaswerk.people.models import Person, Role
from glaswerk.social.actions import post_comment
from glaswerk.social.models import Comment, Counts

from .conftest import MakePerson, MakeVideo

pytestmark = pytest.mark.django_db


def test_an_operator_deletes_comments_and_the_count_follows(
    make_person: MakePerson, make_video: MakeVideo, signed_in: Callable[[Person], Client]
) -> None:
    author, video = make_person(), make_video(make_person())
    comments = [post_comment(author, video.pk, f"<i>{number}</i>") for number in range(3)]
    client = signed_in(make_person(role=Role.OPERATOR))
    listing = client.get("/admin/social/comment/")
    assert listing.status_code == 200
    assert b"&lt;i&gt;0&lt;/i&gt;" in listing.content
    assert client.get("/admin/social/comment/add/").status_code == 403
    address = f"/admin/social/comment/{comments[0].pk}/"
    assert client.get(f"{address}change/").status_code == 200
    assert client.post(f"{address}change/", {"text": "changed"}).status_code == 403
    assert Comment.objects.get(pk=comments[0].pk).text == "<i>0</i>"

    assert client.post(f"{address}delete/", {"post": "yes"}).status_code == 302
    several = {"action": "delete_selected", "_selected_action": [comments[1].pk, comments[2].pk], "post": "yes"}
    assert client.post("/admin/social/comment/", several).status_code == 302
    assert Comment.objects.count() == 0
    assert Counts.objects.get(video=video).comments == 0


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CREATOR])
def test_others_do_not_get_in(
    role: Role, make_person: MakePerson, make_video: MakeVideo, signed_in: Callable[[Person], Client]
) -> None:
    comment = post_comment(make_person(), make_video(make_person()).pk, "stays")
    for client in (Client(), signed_in(make_person(role=role))):
        assert client.get("/admin/social/comment/").status_code in (302, 403)
        client.post(f"/admin/social/comment/{comment.pk}/delete/", {"post": "yes"})
    assert list(Comment.objects.all()) == [comment]
