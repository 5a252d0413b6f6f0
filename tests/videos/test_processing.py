"""Processing: what is published, what fails and why, and what happens to a video whose worker dies."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from glaswerk import reel
from glaswerk.cell import blobs
from glaswerk.cell.config import Cell, Config
from glaswerk.people.models import Person
from glaswerk.videos import actions, jobs, processing
from glaswerk.videos.failures import failure_sentence
from glaswerk.videos.models import Rendition, State, Video

from .conftest import ffmpeg, media_files, run_jobs, signed_in, uploaded, waiting_jobs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _jobs(clean_jobs: None) -> None:
    """Every test here starts with an empty queue."""


@pytest.fixture(scope="session")
def long_clip(clips: Path) -> Path:
    """Eight seconds that take a moment to render."""
    return ffmpeg(
        clips / "long.mp4",
        *("-f", "lavfi", "-i", "testsrc2=size=360x640:rate=25:duration=8"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    )


def _work_files(cell: Cell) -> list[Path]:
    return [path for path in (cell.uploads / "work").rglob("*") if path.is_file()]


def test_upload_job_ready(ada: Person, clip: Path, cell: Cell) -> None:
    video = uploaded(ada, clip)
    client = signed_in(ada)
    state = f"/api/videos/{video.public_id}/state"
    nothing = {"failure": None, "retry": False, "remaining_s": None}
    assert client.get(state).json() == {"state": "uploaded", "progress": 0, "place": 1, **nothing}
    run_jobs("render")
    assert client.get(state).json() == {"state": "ready", "progress": 100, "place": None, **nothing}
    video.refresh_from_db()
    rendition = Rendition.objects.get()
    path = blobs.blob_path(rendition.blob, "mp4")
    assert path.stat().st_size == rendition.size
    assert (video.width, video.height) == (rendition.width, rendition.height) == (96, 160)
    assert rendition.codecs.startswith("avc1.")
    assert video.color.startswith("#")
    assert bytes(video.features) == reel.look(path) != bytes(64)
    assert reel.probe(path).video_codec == "h264"
    assert video.sound is not None
    assert media_files(cell) == {f"{rendition.blob}.mp4", f"{video.poster}.jpg", f"{video.sound.blob}.m4a"}
    assert _work_files(cell) == []
    # Once when it was published, and once when its sound was there.
    assert waiting_jobs("videos.announce_video") == [{"video_id": video.pk}] * 2


def test_job_that_runs_twice_changes_nothing(ada: Person, clip: Path) -> None:
    video = uploaded(ada, clip)
    processing.process(video.pk)
    before = list(Video.objects.values()), list(Rendition.objects.values())
    processing.process(video.pk)
    run_jobs("render")
    assert (list(Video.objects.values()), list(Rendition.objects.values())) == before
    assert len(waiting_jobs("videos.announce_video")) == 2


def _bad_inputs(clips: Path, clip: Path) -> dict[str, tuple[bytes, set[str]]]:
    """What people and attackers upload, with the codes that may come of it."""
    sound = ffmpeg(clips / "sound.m4a", "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac")
    picture = ffmpeg(clips / "picture.png", "-f", "lavfi", "-i", "testsrc2=size=64x64", "-frames:v", "1")
    wide = ffmpeg(
        clips / "wide.avi",
        *("-f", "lavfi", "-i", "color=size=20000x64:rate=5:duration=0.4", "-c:v", "ffv1"),
    )
    hours = ffmpeg(
        clips / "hours.mp4",
        *("-f", "lavfi", "-i", "color=size=16x16:rate=1/600:duration=36000", "-c:v", "libx264", "-pix_fmt", "yuv420p"),
    )
    whole = clip.read_bytes()
    return {
        "not a video": (b"Dear diary, " * 500, {"not_a_video"}),
        "truncated": (whole[: len(whole) // 2], {"truncated", "undecodable", "no_video_stream"}),
        "picture": (picture.read_bytes(), {"image"}),
        "no picture": (sound.read_bytes(), {"no_video_stream"}),
        "20,000 pixels": (wide.read_bytes(), {"too_large_frame", "unsupported_container", "unsupported_codec"}),
        "ten hours": (hours.read_bytes(), {"too_long"}),
        "playlist": (
            b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
            {"not_a_video", "unsupported_container"},
        ),
        "concat script": (b"ffconcat version 1.0\nfile /etc/passwd\n", {"not_a_video", "unsupported_container"}),
        "subtitles": (b"WEBVTT\n\n00:00.000 --> 00:01.000\nhi\n", {"not_a_video", "unsupported_container"}),
        "page": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", {"not_a_video", "image"}),
    }


def test_bad_input_fails_with_a_sentence_and_the_worker_lives(ada: Person, clips: Path, clip: Path, cell: Cell) -> None:
    inputs = _bad_inputs(clips, clip)
    videos = {name: uploaded(ada, data, caption=name) for name, (data, _) in inputs.items()}
    last = uploaded(ada, clip, caption="good")
    run_jobs("render")
    client = signed_in(ada)
    for name, video in videos.items():
        answer = client.get(f"/api/videos/{video.public_id}/state").json()
        video.refresh_from_db()
        assert (name, answer["state"], video.failure in inputs[name][1]) == (name, "failed", True), video.failure
        assert answer["failure"] == failure_sentence(video.failure)
        assert answer["retry"] is False
        assert (video.poster, video.published_at, video.renditions.count()) == ("", None, 0)
    # The same worker came past all of them to the good one.
    last.refresh_from_db()
    assert last.state == "ready"
    assert len(media_files(cell)) == 3
    assert _work_files(cell) == []
    public = signed_in(None)
    assert {public.get(f"/api/videos/{video.public_id}").status_code for video in videos.values()} == {404}


def test_wrong_extension_does_not_matter(ada: Person, clip: Path) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = SimpleUploadedFile("notes.txt", clip.read_bytes(), "text/plain")
    assert signed_in(ada).post("/api/videos", {"file": file}).status_code == 201
    run_jobs("render")
    assert Video.objects.get().state == "ready"


def test_limits_of_the_cell_hold(ada: Person, long_clip: Path, cell: Cell) -> None:
    cell.config = Config.model_validate({"videos": {"max_duration_s": 5}})
    video = uploaded(ada, long_clip)
    run_jobs("render")
    answer = signed_in(ada).get(f"/api/videos/{video.public_id}/state").json()
    assert answer["failure"] == "The video is too long. Please cut it to at most 5 seconds and upload it again."


def test_every_failure_has_its_own_sentence() -> None:
    sentences = {code: failure_sentence(code.value) for code in reel.Failure}
    assert all(sentence.endswith(".") and len(sentence) > 30 for sentence in sentences.values())
    assert failure_sentence("internal") == failure_sentence("something new")
    assert len(set(sentences.values())) >= len(sentences) - 2


def _in_thread(video_id: int) -> threading.Thread:
    def work() -> None:
        try:
            processing.process(video_id)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def _own_ffmpeg(seconds: float = 20) -> psutil.Process:
    """The ffmpeg that this test process has started."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for child in psutil.Process().children(recursive=True):
            try:
                if "ffmpeg" in child.name():
                    return child
            except psutil.Error:
                continue
        time.sleep(0.002)
    raise AssertionError("no ffmpeg was started")


def test_killed_ffmpeg_fails_and_a_retry_works(ada: Person, long_clip: Path, cell: Cell) -> None:
    video = uploaded(ada, long_clip)
    thread = _in_thread(video.pk)
    _own_ffmpeg().send_signal(signal.SIGKILL)
    thread.join()
    client, address = signed_in(ada), f"/api/videos/{video.public_id}"
    answer = client.get(f"{address}/state").json()
    assert (answer["state"], answer["retry"]) == ("failed", True)
    assert answer["failure"] == failure_sentence("killed")
    assert media_files(cell) == set()
    assert _work_files(cell) == []
    run_jobs("render")
    assert client.get(f"{address}/state").json()["state"] == "failed"
    again = client.post(f"{address}/retry")
    assert (again.status_code, again.json()["state"]) == (202, "uploaded")
    # A second press does nothing: one job waits.
    assert client.post(f"{address}/retry").status_code == 202
    assert waiting_jobs("videos.process_video") == [{"video_id": video.pk}]
    run_jobs("render")
    assert client.get(f"{address}/state").json()["state"] == "ready"


def test_full_disk_while_publishing(ada: Person, clip: Path, cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    store_file = blobs.store_file

    def full_after_the_poster(path: Path, extension: str) -> str:
        if extension == "mp4":
            raise OSError(28, "No space left on device")
        return store_file(path, extension)

    video = uploaded(ada, clip)
    with monkeypatch.context() as patch:
        patch.setattr(blobs, "store_file", full_after_the_poster)
        run_jobs("render")
    video.refresh_from_db()
    assert (video.state, video.failure, video.poster, video.published_at) == ("failed", "disk_full", "", None)
    assert Rendition.objects.count() == 0
    actions.retry_video(ada, video)
    run_jobs("render")
    video.refresh_from_db()
    assert video.state == "ready"


def test_missing_original(ada: Person, clip: Path) -> None:
    video = uploaded(ada, clip)
    blobs.delete_original(video.source)
    run_jobs("render")
    video.refresh_from_db()
    assert (video.state, video.failure) == ("failed", "unreadable")


def test_deleted_while_processing(ada: Person, long_clip: Path, cell: Cell) -> None:
    video = uploaded(ada, long_clip)
    thread = _in_thread(video.pk)
    _own_ffmpeg()
    actions.delete_video(ada, video)
    started = time.monotonic()
    thread.join()
    assert time.monotonic() - started < 60
    assert Video.objects.count() == 0
    assert media_files(cell) == set()
    assert _work_files(cell) == []


def test_progress_rises_and_is_written_seldom(ada: Person, long_clip: Path) -> None:
    video = uploaded(ada, long_clip)
    thread = _in_thread(video.pk)
    seen: list[int] = []
    started = time.monotonic()
    while thread.is_alive():
        progress = Video.objects.values_list("progress", flat=True).get()
        if not seen or progress != seen[-1]:
            seen.append(progress)
        time.sleep(0.01)
    thread.join()
    elapsed = time.monotonic() - started
    assert seen == sorted(seen)
    assert Video.objects.values_list("progress", flat=True).get() == 100
    assert len(seen) <= elapsed / 0.5 + 3


@pytest.mark.parametrize("guarded", [True, False])
def test_two_workers_one_publishes(ada: Person, clip: Path, guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both begin at the same moment.  Without the guards both publish, which shows that the test would notice."""
    video = uploaded(ada, clip)
    begin, publish = threading.Barrier(2), threading.Barrier(2)
    if not guarded:
        from contextlib import contextmanager

        @contextmanager
        def claim(video_id: int, patience_s: float = 0):
            yield True

        monkeypatch.setattr(processing, "claim", claim)
        monkeypatch.setattr(processing, "work_folder", lambda: settings.CELL.uploads / str(threading.get_ident()))
        real, one_at_a_time = processing.publish, threading.Lock()

        def unguarded(video_id: int, made: reel.Renditions, cover: Path | None = None) -> bool:
            publish.wait()
            with one_at_a_time:
                Video.objects.filter(pk=video_id).update(state=State.PROCESSING)
                return real(video_id, made, cover)

        monkeypatch.setattr(processing, "publish", unguarded)

    def work() -> None:
        try:
            begin.wait()
            folder = processing.work_folder()
            folder.mkdir(parents=True, exist_ok=True)
            processing.process(video.pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    video.refresh_from_db()
    assert video.state == "ready"
    assert Rendition.objects.count() == 1
    # Once for the video and once for its sound; whoever publishes as well announces as well.
    assert (len(waiting_jobs("videos.announce_video")) == 2) == guarded


def test_publish_is_guarded_by_the_state(ada: Person, clip: Path, tmp_path: Path) -> None:
    """Also a worker that lost its lock, with its connection, cannot publish a second time."""
    video = uploaded(ada, clip)
    made = reel.make_renditions(clip, reel.probe(clip), tmp_path / "made")
    assert not processing.publish(video.pk, made)
    Video.objects.update(state=State.PROCESSING)
    assert processing.publish(video.pk, made)
    assert not processing.publish(video.pk, made)
    assert not processing.fail(video.pk)
    assert Rendition.objects.count() == 1
    assert len(waiting_jobs("videos.announce_video")) == 1


_WORKER = """
import django; django.setup()
from procrastinate.contrib.django.procrastinate_app import current_app
from procrastinate.contrib.django import app
connector = current_app.connector.get_worker_connector()
with current_app.replace_connector(connector) as worker:
    worker.run_worker(queues=["render"], wait=True, listen_notify=False, install_signal_handlers=False)
"""


def test_killed_worker_is_replaced(ada: Person, long_clip: Path, cell: Cell) -> None:
    video = uploaded(ada, long_clip)
    parts = connection.get_connection_params()
    address = f"postgresql://{parts.get('user', '')}@/{parts['dbname']}?host={parts['host']}"
    environment = {**os.environ, "DATABASE_URL": address, "GLASWERK_DATA": str(cell.data)}
    worker = subprocess.Popen([sys.executable, "-c", _WORKER], env=environment)
    try:
        deadline = time.monotonic() + 120
        # The worker takes the lock first and moves the state then.
        while Video.objects.get().state == "uploaded" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert video.pk in processing.claimed_videos()
        # While it lives nobody else takes the video.
        processing.process(video.pk)
        assert Video.objects.get().state == "processing"
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    deadline = time.monotonic() + 10
    while video.pk in processing.claimed_videos() and time.monotonic() < deadline:
        time.sleep(0.05)
    video.refresh_from_db()
    assert (video.state, Rendition.objects.count(), media_files(cell)) == ("processing", 0, set())
    run_jobs("render")
    assert Video.objects.get().state == "processing"
    # The worker's last sign of life lies behind this moment: its job is queued again, once.
    assert jobs.resume(timezone.now() + timedelta(seconds=1)) == []
    assert waiting_jobs("videos.process_video") == [{"video_id": video.pk}]
    assert jobs.resume(timezone.now() + timedelta(seconds=1)) == []
    run_jobs("render")
    assert Video.objects.get().state == "ready"
    # What the dead one left in the work folder went with the new render, and the sweep finds nothing more to do.
    for path in (cell.uploads / "work").iterdir():
        os.utime(path, (1, 1))
    jobs.sweep_files(3600)
    assert _work_files(cell) == []


def test_video_without_a_job_gets_one(ada: Person, clip: Path) -> None:
    video = uploaded(ada, clip)
    assert jobs.resume(timezone.now()) == []
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")
    assert jobs.resume(timezone.now()) == [video.pk]
    assert jobs.resume(timezone.now()) == []
    run_jobs("render")
    assert Video.objects.get().state == "ready"


def test_video_that_kills_its_workers_is_given_up(ada: Person, clip: Path) -> None:
    video = uploaded(ada, clip)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET attempts = 3")
    run_jobs("render")
    video.refresh_from_db()
    assert (video.state, video.failure) == ("failed", "killed")


def test_sweep_leaves_what_is_fresh(cell: Cell) -> None:
    old, fresh = cell.uploads / "a.upload.mp4", cell.uploads / "b.upload.mp4"
    folder = processing.work_folder() / "left"
    folder.mkdir()
    (folder / "720.mp4").write_bytes(b"x")
    for path in (old, fresh):
        path.write_bytes(b"x")
    os.utime(old, (1, 1))
    os.utime(folder, (1, 1))
    jobs.sweep_files(3600)
    assert (old.exists(), fresh.exists(), folder.exists()) == (False, True, False)


def test_videos_from_before_there_was_looking_are_looked_at(ada: Person, clip: Path) -> None:
    processing.process(uploaded(ada, clip).pk)
    features = bytes(Video.objects.get().features)
    Video.objects.update(features=b"")
    jobs.look_at_rest(0)
    assert bytes(Video.objects.get().features) == features
    # What is known is not asked for again, and what cannot play is left alone.
    failed = uploaded(ada, b"Dear diary, " * 500)
    processing.process(failed.pk)
    jobs.look_at_rest(1)
    assert [bytes(video.features) for video in Video.objects.order_by("pk")] == [features, b""]


def test_video_that_cannot_be_looked_at_plays_all_the_same(ada: Person, clip: Path) -> None:
    processing.process(uploaded(ada, clip).pk)
    rendition = Rendition.objects.get()
    path = blobs.blob_path(rendition.blob, "mp4")
    Video.objects.update(features=b"")
    whole = path.read_bytes()
    path.unlink()
    # A missing file may come back, with a disk; a broken one does not mend.
    jobs.look_at_rest(0)
    assert bytes(Video.objects.get().features) == b""
    path.write_bytes(b"Dear diary, " * 500)
    jobs.look_at_rest(1)
    assert bytes(Video.objects.get().features) == bytes(64)
    path.unlink()
    path.write_bytes(whole)
    assert Video.objects.get().state == "ready"
