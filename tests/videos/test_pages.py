"""The pages of creators: who may open them, what they show, and that refusals change nothing."""

import gettext
import re
from pathlib import Path

import pytest
from django.utils import translation

from glaswerk import reel
from glaswerk.people.models import Person
from glaswerk.videos import actions
from glaswerk.videos.failures import failure_sentence
from glaswerk.videos.models import Video

from .conftest import MakePerson, published, signed_in, uploaded

pytestmark = pytest.mark.django_db
ROOM = Path(actions.__file__).parent


@pytest.mark.parametrize("path", ["/upload", "/me/videos", "/v/0123456789abc/edit"])
def test_strangers_sign_in_first(path: str) -> None:
    response = signed_in(None).get(path)
    assert (response.status_code, response["location"]) == (302, f"/accounts/login/?next={path}")


def test_upload_page_tells_the_limits_and_chooses_the_default(make_person: MakePerson) -> None:
    shy = make_person("shy", default_visibility="followers")
    response = signed_in(shy).get("/upload")
    page = response.content.decode()
    assert response.status_code == 200
    assert "up to 512 MiB" in page
    assert "up to 10 minutes" in page
    assert re.findall(r'value="(\w+)" checked', page) == ["followers"]
    assert "csrftoken" in response.cookies
    # The policy allows nothing inline.
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", page)


def test_own_videos_in_every_state(ada: Person, ben: Person, clip: Path) -> None:
    assert "Upload your first video" in signed_in(ada).get("/me/videos").content.decode()
    ready = published(ada, clip, caption="<b>ready</b>")
    published(ben, clip, caption="of somebody else")
    failed, down = uploaded(ada, clip, caption="broken"), published(ada, clip, caption="gone")
    Video.objects.filter(pk=failed.pk).update(state="failed", failure="killed")
    actions.take_down(Person(role="moderator"), down)
    page = signed_in(ada).get("/me/videos").content.decode()
    assert "&lt;b&gt;ready&lt;/b&gt;" in page
    assert f'href="/v/{ready.public_id}"' in page
    assert "of somebody else" not in page
    assert failure_sentence("killed") in page
    assert page.count("data-retry") == 1
    assert "A moderator has hidden this video." in page
    assert f'href="/v/{down.public_id}"' not in page


def test_edit_page(ada: Person, ben: Person, clip: Path) -> None:
    video = published(ada, clip, caption="before")
    address = f"/v/{video.public_id}/edit"
    client = signed_in(ada)
    assert "before" in client.get(address).content.decode()
    refused = client.post(address, {"caption": "x" * 2201, "visibility": "private"})
    assert refused.status_code == 422
    assert "at most 2200 characters" in refused.content.decode()
    assert signed_in(ben).post(address, {"caption": "mine", "visibility": "public"}).status_code == 403
    video.refresh_from_db()
    assert (video.caption, video.visibility) == ("before", "public")
    saved = client.post(address, {"caption": "after #that", "visibility": "private"})
    assert (saved.status_code, saved["location"]) == (302, "/me/videos")
    video.refresh_from_db()
    assert (video.caption, video.hashtags, video.visibility) == ("after #that", ["that"], "private")
    assert signed_in(ben).get(address).status_code == 404


def test_taking_down_is_for_moderators(ada: Person, ben: Person, make_person: MakePerson, clip: Path) -> None:
    from django.core.exceptions import PermissionDenied

    video = published(ada, clip)
    with pytest.raises(PermissionDenied):
        actions.take_down(ben, video)
    assert Video.objects.get().taken_down_at is None
    operator = make_person("olga", role="operator")
    admin = signed_in(operator)
    assert admin.get("/admin/videos/video/").status_code == 200
    assert admin.get(f"/admin/videos/video/{video.pk}/change/").status_code == 200
    response = admin.post("/admin/videos/video/", {"action": "take_down", "_selected_action": video.pk})
    assert response.status_code == 302
    assert Video.objects.get().taken_down_at is not None
    assert signed_in(None).get(f"/api/videos/{video.public_id}").status_code == 404
    assert admin.get("/admin/videos/video/add/").status_code == 403


def test_german_has_every_sentence() -> None:
    with translation.override("de"):
        german = {code: failure_sentence(code.value) for code in reel.Failure}
    with translation.override("en"):
        assert not [code for code, sentence in german.items() if sentence == failure_sentence(code.value)]
    for domain, pattern, files in (
        ("djangojs", r'(?<!n)gettext\("((?:[^"\\]|\\.)+)"', "static/videos/*.js"),
        ("django", r'{% translate ["\']([^"\']+)["\']', "templates/videos/*.html"),
    ):
        words = gettext.translation(domain, ROOM / "locale", ["de"])
        found = {text for path in ROOM.glob(files) for text in re.findall(pattern, path.read_text())}
        assert found
        assert not [text for text in found if text not in words._catalog]
