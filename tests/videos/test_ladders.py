"""The rest of the ladder: what follows the first rendition, who may have it, and what a kill or a failure leaves."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from glaswerk import reel
from glaswerk.cell import blobs
from glaswerk.cell.config import Cell, Config
from glaswerk.people.models import Person
from glaswerk.videos import actions, jobs, ladders, processing
from glaswerk.videos.models import Asset, Fingerprint, Rendition, Sound, Video

from .conftest import ffmpeg, media_files, published, run_jobs, signed_in, waiting_jobs
from .test_media import ask

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _jobs(clean_jobs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty queue, and the lean paths at the test's database."""
    parts = connection.get_connection_params()
    monkeypatch.setenv("DATABASE_URL", f"postgresql://{parts.get('user', '')}@/{parts['dbname']}?host={parts['host']}")


@pytest.fixture(scope="session")
def tall(clips: Path) -> Path:
    """Three and a half seconds of 380 x 420 with noise: two sizes, two segments, and enough sound to recognise."""
    return ffmpeg(
        clips / "tall.mp4",
        *("-f", "lavfi", "-i", "testsrc2=size=380x420:rate=10:duration=3.5"),
        *("-f", "lavfi", "-i", "anoisesrc=duration=3.5:amplitude=0.1:seed=3"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"),
        *("-metadata", "location=+52.5200+013.4050/", "-metadata", "comment=Secret place"),
    )


def _sizes(video: Video) -> list[tuple[int, int]]:
    return [(each.width, each.height) for each in video.renditions.all()]


def test_first_plays_then_the_rest_follows(ada: Person, tall: Path, cell: Cell) -> None:
    video = published(ada, tall)
    assert (video.ladder, _sizes(video), (video.width, video.height)) == ("first", [(380, 420)], (380, 420))
    assert waiting_jobs("videos.complete_ladder") == [{"video_id": video.pk}]
    card = signed_in(None).get(f"/api/videos/{video.public_id}").json()
    assert (card["preview"], card["storyboard"], card["stream"], len(card["renditions"])) == (None, None, None, 1)
    first = blobs.blob_path(Rendition.objects.get().blob, "mp4").read_bytes()

    announced = len(waiting_jobs("videos.announce_video"))
    run_jobs("ladder")
    video.refresh_from_db()
    assert (video.state, video.ladder, _sizes(video)) == ("ready", "whole", [(380, 420), (360, 398)])
    assert blobs.blob_path(Rendition.objects.get(height=420).blob, "mp4").read_bytes() == first
    names = {f"{each.blob}.{each.extension}" for each in Asset.objects.all()}
    names |= {f"{each.blob}.mp4" for each in Rendition.objects.all()} | {f"{video.poster}.jpg"}
    names |= {f"{each.blob}.m4a" for each in Sound.objects.all()}
    assert media_files(cell) == names
    assert [path for path in (cell.uploads / "work").rglob("*") if path.is_file()] == []
    # Nothing of what the file said about its maker is served.
    for name in names:
        content = blobs.blob_path(*name.split(".")).read_bytes()
        assert b"Secret" not in content and b"13.4050" not in content, name
    prints = Fingerprint.objects.get()
    assert len(prints.pictures) == 4 * 36 and len(prints.sound) > 8
    assert len(waiting_jobs("videos.announce_video")) == announced + 1


def test_everything_that_a_card_names_is_there_and_leads_on(ada: Person, tall: Path) -> None:
    video = published(ada, tall)
    ladders.complete(video.pk)
    card = signed_in(None).get(f"/api/videos/{video.public_id}").json()
    preview, tiles, stream = (ask(card[name]) for name in ("preview", "storyboard", "stream"))
    assert (preview.headers["content-type"], preview.content[8:12]) == ("image/webp", b"WEBP")
    assert tiles.headers["content-type"] == "text/vtt; charset=utf-8"
    assert tiles.text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n")
    (sheet,) = set(re.findall(r"^([0-9a-f]{64}\.jpg)#xywh=", tiles.text, re.MULTILINE))
    assert ask(f"/media/{sheet}").content.startswith(b"\xff\xd8\xff")
    assert stream.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert [f"RESOLUTION={wide}x{high}" in stream.text for wide, high in _sizes(video)] == [True, True]
    listed = re.findall(r"[0-9a-f]{64}\.m3u8", stream.text)
    assert len(listed) == 3
    keyframes = []
    for name in listed:
        playlist = ask(f"/media/{name}").text
        (track,) = set(re.findall(r"[0-9a-f]{64}\.m4s", playlist))
        head = int(re.search(r'BYTERANGE="(\d+)@0"', playlist)[1])
        ranges = [(int(length), int(start)) for length, start in re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)", playlist)]
        whole = ask(f"/media/{track}")
        assert whole.headers["content-type"] == "video/mp4"
        assert whole.content[4:8] == b"ftyp" and b"cmfc" in whole.content[:40]
        assert ranges[0][1] == head and sum(ranges[-1]) == len(whole.content)
        part = ask(f"/media/{track}", {"range": f"bytes={ranges[-1][1]}-{sum(ranges[-1]) - 1}"})
        assert (part.status_code, part.content) == (206, whole.content[ranges[-1][1] :])
        keyframes.append(re.findall(r"#EXTINF:([\d.]+)", playlist))
    # The segments of both pictures begin together.
    assert keyframes[1] == keyframes[2] == ["2.000000", "1.500000"] or keyframes[0] == keyframes[1]


def test_private_files_open_to_nobody_else(ada: Person, ben: Person, tall: Path, cell: Cell) -> None:
    video = published(ada, tall, visibility="private")
    ladders.complete(video.pk)
    for name in media_files(cell):
        assert ask(f"/media/{name}", person=ben).status_code == 404
        assert ask(f"/media/{name}").status_code == 404
        assert ask(f"/media/{name}", person=ada).status_code == 200


def test_completing_twice_changes_nothing(ada: Person, tall: Path) -> None:
    video = published(ada, tall)
    ladders.complete(video.pk)
    before = list(Video.objects.values()), list(Rendition.objects.values()), list(Asset.objects.values())
    ladders.complete(video.pk)
    run_jobs("ladder")
    assert (list(Video.objects.values()), list(Rendition.objects.values()), list(Asset.objects.values())) == before


def test_a_full_disk_leaves_the_first_rendition_playing(
    ada: Person, clip: Path, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = published(ada, clip)
    store_bytes = blobs.store_bytes

    def full(data: bytes, extension: str) -> str:
        if extension == "m3u8":
            raise OSError(28, "No space left on device")
        return store_bytes(data, extension)

    with monkeypatch.context() as patch:
        patch.setattr(blobs, "store_bytes", full)
        with pytest.raises(OSError, match="No space"):
            ladders.complete(video.pk)
    video.refresh_from_db()
    assert (video.state, video.ladder, Rendition.objects.count(), Asset.objects.count()) == ("ready", "first", 1, 0)
    ladders.complete(video.pk)
    video.refresh_from_db()
    assert (video.ladder, Asset.objects.filter(kind="stream").count()) == ("whole", 1)


def test_what_cannot_be_completed_is_given_up(ada: Person, clip: Path) -> None:
    video = published(ada, clip)
    path = blobs.original_path(video.source)
    path.unlink()
    path.write_bytes(b"Dear diary, " * 500)
    run_jobs("ladder")
    video.refresh_from_db()
    assert (video.state, video.ladder, Rendition.objects.count(), Asset.objects.count()) == ("ready", "broken", 1, 0)
    assert ladders.abandoned_ladders() == []


def test_a_ladder_whose_worker_was_killed_is_taken_up_again(ada: Person, clip: Path) -> None:
    video = published(ada, clip)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE task_name = 'videos.complete_ladder'")
    with processing.claim(video.pk) as claimed:
        assert claimed and ladders.abandoned_ladders() == []
    assert jobs.resume(timezone.now() + timedelta(seconds=1)) == []
    assert waiting_jobs("videos.complete_ladder") == [{"video_id": video.pk}]
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")
    jobs.resume(timezone.now())
    jobs.resume(timezone.now())
    assert waiting_jobs("videos.complete_ladder") == [{"video_id": video.pk}]
    run_jobs("ladder")
    video.refresh_from_db()
    assert video.ladder == "whole"


def test_one_that_kills_its_workers_is_given_up(ada: Person, clip: Path) -> None:
    video = published(ada, clip)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET attempts = 3 WHERE task_name = 'videos.complete_ladder'")
    run_jobs("ladder")
    video.refresh_from_db()
    assert (video.state, video.ladder) == ("ready", "broken")


def test_deleted_meanwhile(ada: Person, clip: Path, cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    video = published(ada, clip)
    extend = ladders.extend

    def delete_first(*arguments: object) -> bool:
        actions.delete_video(ada, Video.objects.get())
        return extend(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ladders, "extend", delete_first)
        ladders.complete(video.pk)
    assert (Video.objects.count(), Asset.objects.count()) == (0, 0)
    run_jobs("events")
    assert media_files(cell) == set()


def test_deleting_takes_every_file_along(ada: Person, clip: Path, cell: Cell) -> None:
    video = published(ada, clip)
    ladders.complete(video.pk)
    assert len(media_files(cell)) > 5
    actions.delete_video(ada, video)
    run_jobs("events")
    assert media_files(cell) == set()


def test_av1_where_it_is_asked_for(ada: Person, clip: Path, cell: Cell) -> None:
    cell.config = Config.model_validate({"videos": {"av1": True}})
    video = published(ada, clip)
    assert [each.family for each in video.renditions.all()] == ["h264"]
    ladders.complete(video.pk)
    plain, second = video.renditions.order_by("-family")
    assert (plain.family, second.family) == ("h264", "av1")
    assert second.codecs.startswith("av01.0.") and second.codecs.endswith("mp4a.40.2")
    assert reel.probe(blobs.blob_path(second.blob, "mp4")).video_codec == "av1"
