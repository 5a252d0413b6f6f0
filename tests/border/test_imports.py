"""What people bring: their own bag, TikTok's archive, and nothing else; looked at first, and never twice."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from glaswerk.border.actions import exports, imports
from glaswerk.border.failures import RightsError
from glaswerk.border.models import Import, ImportRow, ImportState, Outcome
from glaswerk.cell import blobs
from glaswerk.cell.config import Cell
from glaswerk.people import actions as people
from glaswerk.people.models import Person
from glaswerk.social.models import Follow, Like
from glaswerk.videos.drafts import actions as drafts
from glaswerk.videos.models import Draft, Upload, Video
from tests.border.conftest import MakePerson, MakeVideo, picture

pytestmark = pytest.mark.django_db
Bring = Callable[[Person, Path | bytes], Import]


@pytest.fixture
def bring(tmp_path: Path) -> Bring:
    """Bring an archive as a finished upload, and have it looked at."""

    def bringing(person: Person, archive: Path | bytes) -> Import:
        file = tmp_path / "brought"
        file.write_bytes(archive if isinstance(archive, bytes) else archive.read_bytes())
        size = file.stat().st_size
        upload = Upload.objects.create(
            owner=person, purpose="source", state="whole", length=size, offset=size, sha=blobs.store_original(file),
            expires_at=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
        begun = imports.begin_import(person, upload.public_id)
        imports.read_import(begun.pk)
        begun.refresh_from_db()
        return begun

    return bringing


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What imports tell the event log; the log itself is tested with a cell."""
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(imports, "publish_sync", lambda subject, item: said.append(item))
    return said


def bag_of(person: Person, target: Path) -> Path:
    """Make a person's export, and keep its file."""
    export = exports.begin_export(person)
    exports.make_export(export.pk)
    export.refresh_from_db()
    target.write_bytes(export.path.read_bytes())
    return target


def altered(bag: Path, target: Path, change: Callable[[str, bytes], bytes | None], *, repair: bool = False) -> Path:
    """Write a bag anew with other files; with `repair` its manifests fit what it holds."""
    with zipfile.ZipFile(bag) as before:
        files = {name: change(name, before.read(name)) for name in before.namelist()}
    kept = {name: data for name, data in files.items() if data is not None}
    if repair:
        folder = next(iter(kept)).split("/")[0]
        lines = [
            f"{hashlib.sha256(data).hexdigest()}  {name.removeprefix(folder + '/')}\n"
            for name, data in kept.items()
            if "/data/" in name
        ]
        kept[f"{folder}/manifest-sha256.txt"] = "".join(lines).encode()
        info = kept[f"{folder}/bag-info.txt"].decode().splitlines()
        total = sum(len(data) for name, data in kept.items() if "/data/" in name)
        fits = [line if not line.startswith("Payload") else f"Payload-Oxum: {total}.{len(lines)}" for line in info]
        kept[f"{folder}/bag-info.txt"] = ("\n".join(fits) + "\n").encode()
        kept.pop(f"{folder}/tagmanifest-sha256.txt", None)
    with zipfile.ZipFile(target, "w") as out:
        for name, data in kept.items():
            out.writestr(name, data)
    return target


def outcomes(found: Import) -> dict[str, list[str]]:
    """Return the outcomes of an import's rows by kind."""
    held: dict[str, list[str]] = {}
    for kind, outcome in found.rows.values_list("kind", "outcome"):
        held.setdefault(kind, []).append(outcome)
    return held


def test_a_bag_goes_from_cell_to_cell_and_never_twice(
    make_person: MakePerson, make_video: MakeVideo, bring: Bring, told: list[Any], settings: Any, tmp_path: Path
) -> None:
    anna, ben = make_person("anna", display_name="Anna"), make_person("ben")
    people.set_avatar(anna, picture())
    make_video(anna, b"\x00\x00\x00\x18ftypmp42 one", caption="Eins #wald", visibility="followers", allow_duet=False)
    make_video(anna, b"\x00\x00\x00\x18ftypmp42 two", caption="Zwei")
    draft = drafts.create_draft(anna, "Entwurf")
    file = tmp_path / "source"
    file.write_bytes(b"\x00\x00\x00\x18ftypmp42 source")
    drafts.add_source(anna, draft.public_id, file)
    Follow.objects.create(follower=anna, followed=ben, at=timezone.now())
    Like.objects.create(person=anna, video=make_video(ben), at=timezone.now())
    bag = bag_of(anna, tmp_path / "bag.zip")

    # The other cell: another address, and an account that has confirmed the same e-mail address.
    settings.PUBLIC_URL = "https://elsewhere.example"
    EmailAddress.objects.filter(user=anna).delete()
    newcomer = make_person("anna2")
    EmailAddress.objects.filter(user=newcomer).update(email="anna@example.org")
    first = bring(newcomer, bag)
    assert first.state == ImportState.PREVIEW, first.failure
    assert outcomes(first) == {
        "profile": ["waiting"], "video": ["waiting"] * 2, "draft": ["waiting"], "follow": ["not_here"], "like": ["not_here"],
    }  # fmt: skip
    assert not Video.objects.filter(creator=newcomer).exists(), "looking changes nothing"
    imports.choose(newcomer, first.public_id, ["profile", "video", "draft"])
    imports.apply_import(first.pk)
    imports.apply_import(first.pk)
    first.refresh_from_db()
    newcomer.refresh_from_db()
    assert first.state == ImportState.DONE and first.archive == ""
    assert newcomer.display_name == "Anna" and newcomer.avatar
    made = list(Video.objects.filter(creator=newcomer).order_by("pk"))
    assert [(each.caption, each.visibility, each.state) for each in made] == [
        ("Eins #wald", "followers", "uploaded"), ("Zwei", "public", "uploaded"),
    ]  # fmt: skip
    assert made[0].allow_duet is False
    copy = Draft.objects.get(owner=newcomer)
    assert copy.title == "Entwurf" and copy.sources.get().original

    again = bring(newcomer, bag)
    assert outcomes(again)["video"] == ["known"] * 2 and outcomes(again)["draft"] == ["known"]
    imports.choose(newcomer, again.public_id, ["profile"])
    imports.apply_import(again.pk)
    assert Video.objects.filter(creator=newcomer).count() == 2 and Draft.objects.filter(owner=newcomer).count() == 1
    assert told == []


def test_at_home_follows_and_likes_come_back(
    make_person: MakePerson, make_video: MakeVideo, bring: Bring, told: list[Any], tmp_path: Path
) -> None:
    anna, ben = make_person("anna"), make_person("ben")
    video = make_video(ben)
    Follow.objects.create(follower=anna, followed=ben, at=timezone.now())
    Like.objects.create(person=anna, video=video, at=timezone.now())
    bag = bag_of(anna, tmp_path / "bag.zip")
    begun = bring(anna, bag)
    with pytest.raises(RightsError, match="at least one kind"):
        imports.choose(anna, begun.public_id, ["comment"])
    imports.choose(anna, begun.public_id, ["follow", "like"])
    imports.apply_import(begun.pk)
    (item,) = told
    assert item["viewer"] == anna.pk
    assert [(each["kind"], each.get("creator") or each.get("video")) for each in item["events"]] == [
        ("follow", ben.pk), ("like", video.pk),
    ]  # fmt: skip
    assert outcomes(begun)["profile"] == ["left_out"]


def test_somebody_elses_bag_is_refused(
    make_person: MakePerson, make_video: MakeVideo, bring: Bring, settings: Any, tmp_path: Path
) -> None:
    anna, mallory = make_person("anna"), make_person("mallory")
    make_video(anna)
    bag = bag_of(anna, tmp_path / "bag.zip")
    refused = bring(mallory, bag)
    assert refused.state == ImportState.FAILED and "somebody else's" in refused.failure
    settings.PUBLIC_URL = "https://elsewhere.example"
    EmailAddress.objects.filter(user=mallory).update(email="mallory@example.net", verified=False)
    refused = bring(mallory, bag)
    assert refused.state == ImportState.FAILED and not refused.rows.exists()
    assert not Video.objects.filter(creator=mallory).exists() and refused.archive == ""


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("changed", "not whole"),
        ("missing", "not whole"),
        ("added", "not whole"),
        ("fetch", "fetch"),
        ("no manifest", "no SHA-256"),
    ],
)
def test_a_bag_that_is_not_as_it_was_packed_is_refused(
    what: str, sentence: str, make_person: MakePerson, make_video: MakeVideo, bring: Bring, tmp_path: Path
) -> None:
    anna = make_person("anna")
    make_video(anna)
    bag = bag_of(anna, tmp_path / "bag.zip")

    def change(name: str, data: bytes) -> bytes | None:
        if what == "changed" and "/originals/" in name:
            return data[:-1] + b"!"
        if what == "missing" and "/originals/" in name:
            return None
        return None if what == "no manifest" and name.endswith("/manifest-sha256.txt") else data

    path = altered(bag, tmp_path / "altered.zip", change)
    if what in ("added", "fetch"):
        with zipfile.ZipFile(path, "a") as out:
            folder = out.namelist()[0].split("/")[0]
            name = "data/extra.txt" if what == "added" else "fetch.txt"
            out.writestr(f"{folder}/{name}", b"http://169.254.169.254/ - data/x\n")
    refused = bring(anna, path)
    assert refused.state == ImportState.FAILED and sentence in refused.failure, refused.failure
    assert Video.objects.count() == 1


@pytest.mark.parametrize(
    "name", ["../../cell.toml", "/etc/passwd", "videos/originals/../../../bagit.txt", "videos\x00", 7, None]
)
def test_records_that_name_files_elsewhere_bring_nothing(
    name: object, make_person: MakePerson, make_video: MakeVideo, bring: Bring, tmp_path: Path
) -> None:
    anna = make_person("anna")
    make_video(anna)
    bag = bag_of(anna, tmp_path / "bag.zip")
    Video.objects.all().delete()

    def change(path: str, data: bytes) -> bytes:
        if path.endswith("/videos.json"):
            return json.dumps([{**each, "original": name} for each in json.loads(data)]).encode()
        return data

    begun = bring(anna, altered(bag, tmp_path / "altered.zip", change, repair=True))
    assert begun.state == ImportState.PREVIEW, begun.failure
    assert outcomes(begun)["video"] == ["not_possible"]


def test_a_link_in_the_place_of_an_original_is_refused(make_person: MakePerson, bring: Bring, tmp_path: Path) -> None:
    anna = make_person("anna")
    path = bag_of(anna, tmp_path / "bag.zip")
    with zipfile.ZipFile(path, "a") as out:
        info = zipfile.ZipInfo(f"{out.namelist()[0].split('/')[0]}/data/key")
        info.external_attr = 0o120777 << 16
        out.writestr(info, "/etc/passwd")
    refused = bring(anna, path)
    assert refused.state == ImportState.FAILED and "link" in refused.failure


OLD = {
    "Activity": {
        "Favorite Videos": {"FavoriteVideoList": [{"Date": "2021-01-01", "Link": "https://www.tiktokv.com/share/video/1/"}]},
        "Like List": {"ItemFavoriteList": [{"Date": "2021-01-01", "Link": "https://www.tiktokv.com/share/video/2/"}] * 2},
        "Following List": {"Following": [{"Date": "2021-01-01", "UserName": "ben"}, {"Date": "2021-01-01", "UserName": "zoe"}]},
        "Follower List": {"FansList": [{"Date": "2021-01-01", "UserName": "ben"}]},
        "Video Browsing History": {"VideoList": [{"Date": "2021-01-01", "VideoLink": "https://www.tiktokv.com/share/video/9/"}]},
    },
    "Comment": {"Comments": {"CommentsList": [{"Date": "2021-01-01", "Comment": "schön"}]}},
    "Profile": {"Profile Information": {"ProfileMap": {"userName": "anna.tt", "bioDescription": "Ich tanze", "emailAddress": "x@example.org"}}},
    "Video": {"Videos": {"VideoList": [{"Date": "2021-01-01", "Link": "https://video.example/3", "Likes": "5"}]}},
}  # fmt: skip
NEW = {
    "Your Activity": {"Watch History": {"VideoList": [{"Date": "2025-01-01", "Link": "https://www.tiktokv.com/share/video/9/"}]}},
    "Likes and Favorites": {
        "Favorite Videos": {"FavoriteVideoList": [{"date": "2025-01-01", "link": "https://www.tiktokv.com/share/video/1/"}]},
        "Like List": {"ItemFavoriteList": [{"date": "2025-01-01", "link": "https://www.tiktokv.com/share/video/2/"}]},
    },
    "Comment": {"Comments": {"CommentsList": [{"date": "2025-01-01", "comment": "schön"}]}},
    "Profile And Settings": {
        "Profile Info": {"ProfileMap": {"userName": "anna.tt", "bioDescription": "Ich tanze", "nickname": None}},
        "Following": {"Following": [{"Date": "2025-01-01", "UserName": "ben"}, {"Date": "2025-01-01", "UserName": "zoe"}]},
        "Follower": {"FansList": [{"Date": "2025-01-01", "UserName": "ben"}]},
    },
    "Post": {"Posts": {"VideoList": [{"Date": "2025-01-01", "Link": "https://video.example/3", "Likes": "5", "Title": "Tanz"}]}},
}  # fmt: skip


@pytest.mark.parametrize("layout", [OLD, NEW], ids=["old", "new"])
@pytest.mark.parametrize("packed", [True, False], ids=["zip", "json"])
def test_tiktoks_archive_is_understood_as_it_was_and_is(
    layout: dict[str, Any], packed: bool, make_person: MakePerson, bring: Bring, told: list[Any], tmp_path: Path
) -> None:
    anna, ben = make_person("anna"), make_person("ben")
    data = json.dumps(layout, indent=1).encode()
    if packed:
        with zipfile.ZipFile(tmp_path / "tt.zip", "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr("TikTok/user_data_tiktok.json", data)
        data = (tmp_path / "tt.zip").read_bytes()
    begun = bring(anna, data)
    assert begun.state == ImportState.PREVIEW and begun.origin == "tiktok.com/@anna.tt", begun.failure
    assert outcomes(begun) == {
        "profile": ["waiting"], "save": ["not_here"], "like": ["not_here"], "follow": ["waiting", "not_here"],
        "follower": ["not_possible"], "comment": ["not_possible"], "video": ["not_possible"],
    }  # fmt: skip
    post = begun.rows.get(kind="video")
    assert (
        post.title.startswith((layout.get("Post") and "2025-01-01 · Tanz") or "2021-01-01") and "no files" in post.note
    )
    imports.choose(anna, begun.public_id, ["profile", "follow"])
    imports.apply_import(begun.pk)
    anna.refresh_from_db()
    assert anna.bio == "Ich tanze" and told[0]["events"][0]["creator"] == ben.pk
    assert not ImportRow.objects.filter(facts__icontains="x@example.org").exists(), "what nobody needs is not kept"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b'{"Activity": {"a": 1, "a": 2}}', "twice"), (b'{"Activity":' * 100, "deeper"), (b"{}", "no archive of TikTok"),
        (b"hello", "no JSON"), (b"PK\x03\x04 nothing", "no ZIP"), (b"\xff\xd8\xff\xe0", "UTF-8"),
    ],
)  # fmt: skip
def test_what_is_no_archive_gets_a_sentence(data: bytes, sentence: str, make_person: MakePerson, bring: Bring) -> None:
    refused = bring(make_person("anna"), data)
    assert refused.state == ImportState.FAILED and sentence in refused.failure and refused.archive == ""


def test_one_at_a_time_and_only_ones_own(make_person: MakePerson, bring: Bring, cell: Cell) -> None:
    anna, ben = make_person("anna"), make_person("ben")
    begun = bring(anna, json.dumps(OLD).encode())
    with pytest.raises(RightsError, match="under way"):
        bring(anna, b"{}")
    client = Client()
    client.force_login(ben)
    for method, place in (("get", ""), ("get", "/state"), ("post", "/choose"), ("post", "/drop")):
        answer = getattr(client, method)(f"/me/data/imports/{begun.public_id}{place}", {"kinds": "profile"})
        assert answer.status_code == 404, place
    begun.refresh_from_db()
    assert begun.state == ImportState.PREVIEW and outcomes(begun)["profile"] == [Outcome.WAITING]
    client.force_login(anna)
    page = client.get(f"/me/data/imports/{begun.public_id}").content.decode()
    assert "schön" in page and "anna.tt" in page
    assert client.post(f"/me/data/imports/{begun.public_id}/choose").status_code == 422
    assert client.post(f"/me/data/imports/{begun.public_id}/drop").status_code == 302
    begun.refresh_from_db()
    assert begun.state == ImportState.DROPPED and begun.archive == ""
    assert not list(cell.exports.iterdir()), "nothing stays unpacked"
