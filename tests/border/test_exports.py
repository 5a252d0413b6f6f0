"""Everything about a person, in one bag that only they can have."""

import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import bagit
import pytest
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from glaswerk.border import jobs
from glaswerk.border.actions import exports
from glaswerk.border.bags import exporting
from glaswerk.border.exporters import EXPORTERS
from glaswerk.border.failures import RightsError
from glaswerk.border.models import Export, ExportState
from glaswerk.cell import blobs
from glaswerk.cell.config import Cell
from glaswerk.people import actions as people
from glaswerk.people.models import Person
from glaswerk.people.rights import Exporter, category, check_everything_is_covered
from glaswerk.shop.models import Address
from glaswerk.social.models import Comment, Follow
from glaswerk.videos.models import Draft
from tests.border.conftest import PASSWORD, MakePerson, MakeVideo, picture

pytestmark = pytest.mark.django_db


def unpacked(path: Path, folder: Path) -> Path:
    """Unpack a bag, and return the folder that it is."""
    with zipfile.ZipFile(path) as opened:
        opened.extractall(folder)
    (bag,) = folder.iterdir()
    return bag


def made(person: Person) -> Export:
    """Make an export, as the page and its job do."""
    export = exports.begin_export(person)
    exports.make_export(export.pk)
    export.refresh_from_db()
    return export


def read(bag: Path, name: str) -> Any:
    return json.loads((bag / "data" / name).read_text())


def test_an_export_is_a_valid_bag_with_everything(
    make_person: MakePerson, make_video: MakeVideo, tmp_path: Path
) -> None:
    anna, ben = make_person("anna", display_name="Anna"), make_person("ben")
    people.set_avatar(anna, picture())
    video = make_video(anna, b"\x00\x00\x00\x18ftypmp42 the original", caption="Im Wald #grün", hashtags=["grün"])
    theirs = make_video(ben)
    Comment.objects.create(video=theirs, author=anna, text="Schön!")
    Follow.objects.create(follower=anna, followed=ben, at=timezone.now())
    Address.objects.create(person=anna, name="Anna A.", street="Weg 1", city="Berlin", country="DE")
    draft = Draft.objects.create(owner=anna, timeline='{"OTIO_SCHEMA": "Timeline.1"}', title="Entwurf")
    export = made(anna)
    assert export.state == ExportState.READY and export.size == export.path.stat().st_size
    assert export.path.stat().st_mode & 0o077 == 0, "nobody else on the machine may read it"

    folder = unpacked(export.path, tmp_path / "out")
    bag = bagit.Bag(str(folder))
    assert bag.validate(processes=1), "the library itself finds it whole"
    assert bag.info["External-Identifier"].endswith(anna.public_id)
    account = read(folder, "people/account.json")[0]
    assert account["email"] == "anna@example.org" and "password" not in account
    (told,) = read(folder, "videos/videos.json")
    assert told["caption"] == "Im Wald #grün" and told["id"] == video.public_id
    assert (folder / "data" / told["original"]).read_bytes() == b"\x00\x00\x00\x18ftypmp42 the original"
    assert told["original"].endswith(".mp4"), "people can open it by its name"
    assert (folder / "data" / f"videos/drafts/{draft.public_id}.otio").read_text() == draft.timeline
    assert (folder / "data/people/picture.webp").read_bytes()[8:12] == b"WEBP"
    assert read(folder, "social/following.json")[0]["name"] == "ben"
    assert read(folder, "shop/addresses.json")[0]["street"] == "Weg 1"
    outbox = read(folder, "outbox.json")
    assert [each["type"] for each in outbox["orderedItems"]] == ["Create", "Create", "Follow"]
    assert outbox["totalItems"] == 3 and read(folder, "actor.json")["preferredUsername"] == "anna"
    page = (folder / "data/index.html").read_text()
    assert 'lang="en"' in page and "videos/originals/" in page
    everything = b"".join(path.read_bytes() for path in folder.rglob("*.json"))
    assert anna.password.encode() not in everything, "a credential is nobody's to read"


def test_the_page_in_the_bag_speaks_the_persons_language(make_person: MakePerson, tmp_path: Path) -> None:
    anna = make_person("anna")
    people.set_language(anna, "de")
    folder = unpacked(made(anna).path, tmp_path / "out")
    page = (folder / "data/index.html").read_text()
    assert 'lang="de"' in page and "Alles über" in page and "E-Mail-Adressen" in page


def test_every_model_about_people_is_covered() -> None:
    assert check_everything_is_covered(EXPORTERS) == []


@pytest.mark.parametrize("app", [each.app for each in EXPORTERS])
def test_a_forgotten_category_is_noticed(app: str) -> None:
    without = [each for each in EXPORTERS if each.app != app]
    problems = check_everything_is_covered(without)
    assert any(f"{app}." in problem.msg and "no export covers it" in problem.msg for problem in problems)


def test_what_is_covered_and_left_out_at_once_is_noticed() -> None:
    class Torn(Exporter):
        app = "torn"
        excluded = {"social.Like": "no reason", "social.Save": "", "social.Gone": "it is not there"}

        @category("Likes", "social.Like")
        def likes(self, person: Person) -> list[dict[str, Any]]:
            return []

    words = " ".join(problem.msg for problem in check_everything_is_covered([*EXPORTERS, Torn()]))
    for said in (
        "social.Like is covered by an export, and left out",
        "social.Save is left out of exports without",
        "social.Gone",
    ):
        assert said in words


def test_one_at_a_time_and_only_so_many_a_day(make_person: MakePerson, cell: Cell) -> None:
    anna = make_person("anna")
    exports.begin_export(anna)
    with pytest.raises(RightsError, match="already") as refused:
        exports.begin_export(anna)
    assert refused.value.status == 409 and Export.objects.count() == 1
    Export.objects.update(state=ExportState.FAILED)
    for _ in range(cell.config.rights.exports_per_day - 1):
        made(anna)
    before = Export.objects.count()
    with pytest.raises(RightsError, match="tomorrow") as refused:
        exports.begin_export(anna)
    assert refused.value.status == 429 and Export.objects.count() == before
    assert len(list(cell.exports.glob("*.zip"))) == 1, "a newer one takes the place of the older"
    made(make_person("ben"))


def test_an_export_that_was_cut_off_is_made_again(
    make_person: MakePerson, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch, cell: Cell, tmp_path: Path
) -> None:
    anna = make_person("anna")
    make_video(anna)
    export = exports.begin_export(anna)
    whole = exporting._add

    class Killed(BaseException):
        """Ends the job as a kill does: nothing after it runs."""

    def killed(*words: Any) -> bool:
        raise Killed

    monkeypatch.setattr(exporting, "_add", killed)
    with pytest.raises(Killed):
        exports.make_export(export.pk)
    # A kill leaves the unfinished file as well, which the error above did not.
    export.path.with_suffix(".part").write_bytes(b"half of it")
    export.refresh_from_db()
    assert export.state == ExportState.RUNNING and not export.path.exists()
    monkeypatch.setattr(exporting, "_add", whole)
    jobs.resume(timezone.now())
    exports.make_export(export.pk)
    export.refresh_from_db()
    assert export.state == ExportState.READY
    assert bagit.Bag(str(unpacked(export.path, tmp_path / "out"))).validate(processes=1)
    exports.make_export(export.pk)
    assert [path.name for path in cell.exports.iterdir()] == [export.path.name]


def test_a_file_that_is_missing_is_named(make_person: MakePerson, make_video: MakeVideo, tmp_path: Path) -> None:
    anna = make_person("anna")
    video = make_video(anna)
    blobs.delete_original(video.source)
    folder = unpacked(made(anna).path, tmp_path / "out")
    assert bagit.Bag(str(folder)).validate(processes=1)
    assert f"videos/originals/{video.public_id}" in (folder / "data/index.html").read_text().split("Not found")[1]


def test_only_its_owner_downloads_it_and_only_after_saying_who_they_are(make_person: MakePerson) -> None:
    anna, ben = make_person("anna"), make_person("ben")
    export = made(anna)
    state = f"/me/data/exports/{export.public_id}"
    client = Client()
    for address in ("/me/data", state, f"{state}/download", f"{state}/file?key={exports.key_of(export)}"):
        assert client.get(address).status_code == 302, "signed out"
    client.post("/accounts/login/", {"login": "ben", "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    for address in (state, f"{state}/download", f"{state}/file?key={exports.key_of(export)}"):
        assert client.get(address).status_code == 404, "somebody else, even with the key"

    session = Client()
    session.force_login(anna)
    asked = session.get(f"{state}/download")
    assert asked.status_code == 302 and asked["Location"].startswith("/accounts/reauthenticate/"), (
        "a session is not enough"
    )
    session.post(asked["Location"], {"password": PASSWORD})
    to_file = session.get(f"{state}/download")
    answer = session.get(to_file["Location"])
    body = b"".join(answer)
    assert body == export.path.read_bytes() and answer["Content-Type"] == "application/zip"
    part = session.get(to_file["Location"], headers={"Range": f"bytes={len(body) - 10}-"})
    assert part.status_code == 206 and b"".join(part) == body[-10:]
    assert session.get(f"{state}/file?key=forged").status_code == 403
    other = made(ben)
    assert session.get(f"{state}/file?key={exports.key_of(other)}").status_code == 403
    assert session.get(f"/me/data/exports/{other.public_id}/file?key={exports.key_of(other)}").status_code == 404


def test_an_address_and_an_export_expire(make_person: MakePerson, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = make_person("anna")
    export = made(anna)
    key = exports.key_of(export)
    monkeypatch.setattr(exports, "KEY_SECONDS", -1)
    with pytest.raises(RightsError, match="expired"):
        exports.open_export(anna, export.public_id, key)
    monkeypatch.undo()
    assert exports.sweep_exports() == 0 and export.path.exists()
    Export.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    (export.path.parent / "stray.part").write_bytes(b"")
    assert exports.sweep_exports() == 1 and list(export.path.parent.iterdir()) == []
    export.refresh_from_db()
    assert export.state == ExportState.EXPIRED


def test_the_database_refuses_a_second_open_export(make_person: MakePerson) -> None:
    anna = make_person("anna")
    Export.objects.create(person=anna)
    with pytest.raises(IntegrityError, match="export_one_at_a_time"):
        Export.objects.create(person=anna)
