"""Garbage: what a row refers to is never removed, whatever happens at the same moment, and the rest is after its grace."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import connection, connections, models, transaction
from django.utils import timezone

from glaswerk.cell import blobs, keeping, references
from glaswerk.cell.blobs import Blob
from glaswerk.cell.classes import personal
from glaswerk.people.models import Person
from glaswerk.videos import actions, jobs
from glaswerk.videos.models import Rendition, State, Video

from .conftest import published, run_jobs, stored_blobs
from .test_blob_store import damage

pytestmark = pytest.mark.django_db(transaction=True)
both = pytest.mark.usefixtures("storage")
NOW = timedelta(0)


def _video(creator: Person, source: str = "1" * 64, poster: str = "") -> Video:
    return Video.objects.create(creator=creator, source=source, poster=poster, visibility="public", region="eu")


# What refers


def test_every_column_for_hashes_says_what_it_keeps() -> None:
    assert references.check_every_hash_declares_what_it_keeps(None) == []
    kept = {
        f"{field.model._meta.label}.{field.name}": getattr(field, references._KEPT)
        for field in references.declared_fields()
    }
    assert kept["videos.Video.source"] == {""}
    assert kept["videos.Video.poster"] == {"jpg"}
    assert kept["videos.Rendition.blob"] >= {"mp4"}
    assert kept["people.Person.avatar"] == {"webp"}


@pytest.fixture
def forgetful_model() -> Iterator[type[models.Model]]:
    """A model of which two fields could name blobs and say nothing about it."""

    class Forgetful(models.Model):
        id = personal(models.BigAutoField(primary_key=True))
        kept = personal(references.keeps_blob(models.CharField(max_length=64), "mp4"))
        other = personal(references.keeps_nothing(models.CharField(max_length=64)))
        forgotten = personal(models.CharField(max_length=64))
        several = personal(ArrayField(models.CharField(max_length=64)))
        words = personal(models.CharField(max_length=65))

        class Meta:
            app_label = "cell"

    Forgetful.__module__ = "glaswerk.cell.forgetful"
    yield Forgetful
    del apps.all_models["cell"]["forgetful"]
    apps.clear_cache()


def test_a_forgotten_reference_keeps_the_cell_from_starting(forgetful_model: type[models.Model]) -> None:
    errors = references.check_every_hash_declares_what_it_keeps(None)
    assert [(error.id, error.obj.name, error.is_serious()) for error in errors] == [
        ("glaswerk.E002", "forgotten", True),
        ("glaswerk.E002", "several", True),
    ]


def test_a_declaration_names_known_extensions() -> None:
    for extensions in ((), ("exe",), ("mp4", "")):
        with pytest.raises(ValueError, match="extension"):
            references.keeps_blob(models.CharField(max_length=64), *extensions)


def test_lists_and_conditions_keep_what_they_name(forgetful_model: type[models.Model]) -> None:
    references.keeps_blob(forgetful_model._meta.get_field("several"), "jpg", "webp")
    references.keeps_original(forgetful_model._meta.get_field("forgotten"), where=models.Q(words="kept"))
    with connection.schema_editor() as editor:
        editor.create_model(forgetful_model)
    try:
        a, b, c = "a" * 64, "b" * 64, "c" * 64
        forgetful_model.objects.create(kept=c, other=a, forgotten=a, several=[a, b])
        forgetful_model.objects.create(kept=c, forgotten=b, several=[], words="kept")
        asked = [Blob(sha, extension) for sha in (a, b, c) for extension in ("jpg", "webp", "mp4", "")]
        kept = {Blob(sha, extension) for sha in (a, b) for extension in ("jpg", "webp")} | {Blob(c, "mp4"), Blob(b)}
        assert references.referenced(asked) == kept
        assert {(each.column, each.sha) for each in references.all_references()} == {
            ("cell.Forgetful.kept", c),
            ("cell.Forgetful.several", a),
            ("cell.Forgetful.several", b),
            ("cell.Forgetful.forgotten", b),
        }
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(forgetful_model)


# Collecting


@both
def test_garbage_is_what_nothing_refers_to(ada: Person, clip: Path, tmp_path: Path) -> None:
    video = published(ada, clip)
    Person.objects.filter(pk=ada.pk).update(avatar=blobs.store_bytes(b"avatar", "webp"))
    used = stored_blobs()
    assert {video.source, f"{video.poster}.jpg"} < used
    garbage = {f"{blobs.store_bytes(b'old poster', 'jpg')}.jpg", f"{blobs.store_bytes(b'mp4', 'mp4')}.mp4"}
    # The same bytes under a name of another kind are another blob.
    garbage.add(f"{blobs.store_bytes(b'avatar', 'jpg')}.jpg")
    (tmp_path / "original").write_bytes(b"an upload")
    garbage.add(blobs.store_original(tmp_path / "original"))

    young = keeping.collect()
    assert (young.seen, young.referenced, young.young, young.removed) == (len(used) + 4, len(used), 4, ())
    dry = keeping.collect(NOW, dry_run=True)
    assert {str(blob) for blob in dry.removed} == garbage
    assert stored_blobs() == used | garbage
    done = keeping.collect(NOW)
    assert (set(done.removed), done.removed_bytes) == (set(dry.removed), dry.removed_bytes)
    assert stored_blobs() == used
    assert keeping.collect(NOW).removed == ()


@both
@pytest.mark.parametrize("locked", [True, False])
def test_storing_and_collecting_at_the_same_moment(ada: Person, locked: bool) -> None:
    """Without the lock a stored file is lost, which shows that the test would notice."""
    failures: list[BaseException] = []
    for number in range(3):
        stored, collected = threading.Event(), threading.Event()
        data = b"poster %d" % number

        def store(stored: threading.Event = stored, collected: threading.Event = collected, data: bytes = data) -> None:
            try:
                with transaction.atomic():
                    if locked:
                        keeping.keep_blobs()
                    sha = blobs.store_bytes(data, "jpg")
                    stored.set()
                    # A collector that does not wait ends here; one that waits is waited for in vain.
                    collected.wait(1.0 if locked else 20)
                    _video(ada, poster=sha)
            except BaseException as error:
                failures.append(error)
            finally:
                connections.close_all()

        def collect(stored: threading.Event = stored, collected: threading.Event = collected) -> None:
            stored.wait(20)
            try:
                keeping.collect(NOW)
            finally:
                collected.set()
                connections.close_all()

        threads = [threading.Thread(target=store), threading.Thread(target=collect)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
    posters = {f"{poster}.jpg" for poster in Video.objects.values_list("poster", flat=True)}
    assert len(posters) == 3
    assert (posters <= stored_blobs()) is locked


def test_many_who_store_delete_and_collect(ada: Person) -> None:
    """Whatever the order, at the end every row has its file."""
    stop, failures = threading.Event(), []

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)
            finally:
                connections.close_all()

        return run

    def store() -> None:
        for number in range(25):
            with transaction.atomic():
                keeping.keep_blobs()
                video = _video(ada, poster=blobs.store_bytes(b"%d" % (number % 4), "jpg"))
            if number % 2:
                Video.objects.filter(pk=video.pk).delete()
                keeping.discard([f"{video.poster}.jpg"])

    def collect() -> None:
        while not stop.is_set():
            keeping.collect(NOW)

    writers = [threading.Thread(target=guarded(store)) for _ in range(3)]
    collector = threading.Thread(target=guarded(collect))
    for thread in (*writers, collector):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    collector.join()
    assert failures == []
    posters = {f"{poster}.jpg" for poster in Video.objects.values_list("poster", flat=True)}
    assert posters
    assert posters <= stored_blobs()


def test_removal_gives_way_to_who_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_TRIES", 2)
    monkeypatch.setattr(keeping, "_WAIT_MS", 20)
    sha = blobs.store_bytes(b"garbage", "jpg")
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            keeping.keep_blobs()
            holding.set()
            done.wait(20)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(20)
    try:
        for remove in (lambda: keeping.collect(NOW), lambda: keeping.discard([f"{sha}.jpg"], tries=2)):
            with pytest.raises(keeping.Busy):
                remove()
        assert stored_blobs() == {f"{sha}.jpg"}
    finally:
        done.set()
        thread.join()
    assert keeping.discard([f"{sha}.jpg"]) == 1


@both
def test_what_is_stored_again_is_young_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sha = blobs.store_bytes(b"again", "jpg")
    limit = timezone.now()
    # Between the look and the lock somebody stores the same bytes again and has not said what refers to them.
    real = keeping._remove

    def remove(candidates: list[Blob], store: blobs.Store, _: object) -> list[blobs.Stored]:
        while store.stat(Blob(sha, "jpg")).written_at <= limit:  # type: ignore[union-attr]
            blobs.store_bytes(b"again", "jpg")
        return real(candidates, store, limit)

    monkeypatch.setattr(keeping, "_remove", remove)
    assert keeping.collect(NOW).removed == ()
    assert stored_blobs() == {f"{sha}.jpg"}


@both
def test_deleting_a_video_removes_its_files(ada: Person, ben: Person, clip: Path) -> None:
    first, second = published(ada, clip), published(ben, clip)
    shared = stored_blobs()
    actions.delete_video(ada, first)
    run_jobs("events")
    assert stored_blobs() == shared
    actions.delete_video(ben, second)
    run_jobs("events")
    assert stored_blobs() == set()


def test_an_implausible_amount_is_left_to_an_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_FEW_FILES", 2)
    monkeypatch.setattr(keeping, "collect", partial(keeping.collect, NOW))
    names = {f"{blobs.store_bytes(b'%d' % number, 'jpg')}.jpg" for number in range(3)}
    assert jobs.collect_if_plausible() == 0
    assert stored_blobs() == names
    blobs.current_store().delete([Blob.parse(sorted(names)[0])])
    assert jobs.collect_if_plausible() == 2
    assert stored_blobs() == set()


# Checking


@both
def test_check_finds_what_is_missing_damaged_and_forgotten(ada: Person, clip: Path) -> None:
    video = published(ada, clip)
    well = keeping.check()
    assert (well.is_well, well.blobs, well.references) == (True, len(stored_blobs()), len(stored_blobs()))
    assert (well.missing, well.corrupt, well.unreferenced) == ((), (), ())
    forgotten = Blob(blobs.store_bytes(b"forgotten", "jpg"), "jpg")
    damage(Blob(video.source), b"bad")
    rendition = Rendition.objects.get(video=video).blob
    blobs.delete_blob(rendition, "mp4")
    found = keeping.check()
    assert not found.is_well
    assert found.missing == (("videos.Rendition.blob", rendition),)
    assert found.corrupt == (Blob(video.source),)
    assert found.unreferenced == (forgotten,)
    assert keeping.check(read=False).corrupt == ()
    assert Video.objects.get().state == State.READY
