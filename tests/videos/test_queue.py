"""The queue: whose turn it is, cancelling while a worker is at it, several workers, and the operator's page."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, connections
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from glaswerk import reel
from glaswerk.cell import blobs
from glaswerk.cell.config import Cell, Config
from glaswerk.people.models import Person, Role
from glaswerk.videos import actions, jobs, outbox, processing
from glaswerk.videos.failures import failure_sentence
from glaswerk.videos.limits import reel_limits
from glaswerk.videos.models import Rendition, State, Video, Work, Worker
from glaswerk.videos.queue import actions as queue
from glaswerk.videos.queue import queries, stopping
from tests.videos.conftest import MakePerson, ffmpeg, media_files, run_jobs, signed_in, uploaded, waiting_jobs

pytestmark = pytest.mark.usefixtures("clean_jobs")


@pytest.fixture(scope="session")
def slow_clip(clips: Path) -> Path:
    """A clip whose preparation takes a few seconds, so that there is something to stop."""
    return ffmpeg(
        clips / "slow.mp4",
        *("-f", "lavfi", "-i", "testsrc2=size=720x1280:rate=24:duration=4"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    )


def _in_thread(video_id: int) -> threading.Thread:
    def work() -> None:
        try:
            processing.process(video_id)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def _wait_for_work(video: Video, seconds: float = 30) -> None:
    """Wait until a worker has begun with a video."""
    deadline = time.monotonic() + seconds
    while not Work.objects.filter(video=video).exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _order() -> list[str]:
    """The names of whose videos come next."""
    found = ProcrastinateJob.objects.filter(task_name=outbox.PROCESS, status="todo").order_by("-priority", "id")
    return [Video.objects.get(pk=job.args["video_id"]).creator.name for job in found]


# Whose turn it is ------------------------------------------------------------------------------------------------


def test_many_uploads_of_one_person_do_not_starve_others(ada: Person, ben: Person, clip: Path) -> None:
    for _ in range(5):
        uploaded(ada, clip)
    uploaded(ben, clip)
    uploaded(ben, clip)
    assert _order() == ["ada", "ben", "ada", "ben", "ada", "ada", "ada"]
    # The negative control: by age alone, as a plain queue has it, the newcomer would wait for all five.
    by_age = ProcrastinateJob.objects.filter(task_name=outbox.PROCESS).order_by("id")
    assert [Video.objects.get(pk=job.args["video_id"]).creator.name for job in by_age][:5] == ["ada"] * 5


def test_rounds_only_move_on(ada: Person, ben: Person, make_person: MakePerson, clip: Path) -> None:
    """Newcomers join the round after the one that is served, so that they cannot keep pushing back who waits already."""
    for _ in range(3):
        uploaded(ada, clip)
    served = []
    newcomers = iter(make_person(f"new{number}") for number in range(20))
    while "ada" in _order():
        first = ProcrastinateJob.objects.filter(status="todo").order_by("-priority", "id").first()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [first.pk])
        served.append(Video.objects.get(pk=first.args["video_id"]).creator.name)
        # While it is served, somebody new comes, again and again.
        uploaded(next(newcomers), clip)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = %s", [first.pk])
    assert served.count("ada") == 3
    assert len(served) <= 12


def test_uploader_sees_the_place_in_the_queue(ada: Person, ben: Person, clip: Path) -> None:
    first, second = uploaded(ada, clip), uploaded(ada, clip)
    third = uploaded(ben, clip)
    client = signed_in(ada)
    assert client.get(f"/api/videos/{first.public_id}/state").json()["place"] == 1
    assert client.get(f"/api/videos/{second.public_id}/state").json()["place"] == 3
    assert signed_in(ben).get(f"/api/videos/{third.public_id}/state").json()["place"] == 2
    # Nobody else learns of it.
    assert signed_in(ben).get(f"/api/videos/{first.public_id}/state").status_code == 404
    own = {each["id"]: each["place"] for each in client.get("/api/me/videos").json()["videos"]}
    assert own == {first.public_id: 1, second.public_id: 3}
    page = client.get("/me/videos").content.decode()
    assert "number 3 in the queue" in page
    assert page.count("data-cancel") == 2


def test_time_left_follows_from_the_time_so_far() -> None:
    since = timezone.now() - timedelta(seconds=30)
    assert queries.remaining_s(since, 50) in (30, 31)
    assert queries.remaining_s(since, 1) is None
    assert queries.remaining_s(since, 100) is None
    assert queries.remaining_s(None, 50) is None


# Cancelling ------------------------------------------------------------------------------------------------------


def test_cancel_kills_the_child_at_once_and_leaves_nothing(ada: Person, slow_clip: Path, cell: Cell) -> None:
    video = uploaded(ada, slow_clip)
    thread = _in_thread(video.pk)
    _wait_for_work(video)
    answer = signed_in(ada).post(f"/api/videos/{video.public_id}/cancel")
    assert (answer.status_code, answer.json()["state"], answer.json()["retry"]) == (202, "failed", True)
    assert answer.json()["failure"] == failure_sentence("stopped")
    thread.join(30)
    assert not thread.is_alive()
    video.refresh_from_db()
    assert (video.state, video.failure, video.progress, video.poster) == ("failed", "stopped", 0, "")
    assert (Rendition.objects.count(), Work.objects.count(), media_files(cell)) == (0, 0, set())
    assert [*(cell.uploads / "work").iterdir()] == []
    # What was uploaded is kept, so it can be tried again.
    assert blobs.original_path(video.source).exists()


def test_cancel_and_try_again_at_once(ada: Person, slow_clip: Path, clip: Path) -> None:
    """The worker that was stopped does not spoil what began after it."""
    video = uploaded(ada, slow_clip)
    thread = _in_thread(video.pk)
    _wait_for_work(video)
    # A shorter original, so that the second preparation is quick; the first one is at the long one.
    Video.objects.filter(pk=video.pk).update(source=blobs.store_original(clip))
    assert queue.cancel_video(ada, video)
    actions.retry_video(ada, video)
    run_jobs("render")
    thread.join(30)
    video.refresh_from_db()
    assert (video.state, video.failure, Rendition.objects.count() > 0) == ("ready", "", True)
    assert waiting_jobs(outbox.PROCESS) == []


@pytest.mark.parametrize("told", [True, False])
def test_the_worker_is_told(ada: Person, slow_clip: Path, told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without being told, the child would go on for as long as it has nothing to report; so it is stopped, not awaited."""
    video = uploaded(ada, slow_clip)
    seen: list[reel.Failure] = []
    begun = threading.Event()

    def make(*given: object, **named: object) -> None:
        # A child that says nothing at all.
        from glaswerk.reel.child import Confinement, run_confined

        sleep = os.path.realpath("/bin/sleep")
        limits = Confinement(memory_bytes=1 << 30, file_bytes=1 << 20, wall_seconds=3, stall_seconds=9, read=(sleep,))
        begun.set()
        try:
            run_confined([sleep, "60"], limits)
        except reel.ReelError as error:
            seen.append(error.code)
            raise

    monkeypatch.setattr(reel, "make_renditions", make)
    if not told:
        monkeypatch.setattr(stopping, "tell_worker", lambda video_id: None)
    thread = _in_thread(video.pk)
    assert begun.wait(30)
    assert queue.cancel_video(ada, video)
    thread.join(30)
    assert seen == [reel.Failure.STOPPED if told else reel.Failure.TIMED_OUT]


def test_cancel_against_publishing(ada: Person, clip: Path, cell: Cell) -> None:
    """Both at once, again and again: the video is ready and whole, or cancelled and nothing; never something between."""
    ends = set()
    for delay in (0.0, 0.15, 0.3, 0.6, 5.0):
        video = uploaded(ada, clip)
        thread = _in_thread(video.pk)
        if delay == 5.0:
            thread.join()
        else:
            time.sleep(delay)
        cancelled = queue.cancel_video(ada, video)
        thread.join(60)
        video.refresh_from_db()
        assert video.state == ("failed" if cancelled else "ready")
        assert video.renditions.exists() == (not cancelled)
        assert bool(video.poster) == (not cancelled)
        assert not Work.objects.filter(video=video).exists()
        ends.add(video.state)
        run_jobs("render")
        video.refresh_from_db()
        # A job that is left over changes nothing.
        assert video.state == ("failed" if cancelled else "ready")
    assert ends == {"failed", "ready"}


def test_cancel_takes_a_waiting_video_out_of_the_queue(ada: Person, clip: Path) -> None:
    video, other = uploaded(ada, clip), uploaded(ada, clip)
    assert queue.cancel_video(ada, video)
    assert waiting_jobs(outbox.PROCESS) == [{"video_id": other.pk}]
    assert not queue.cancel_video(ada, video)
    assert jobs.resume(timezone.now()) == []
    run_jobs("render")
    video.refresh_from_db()
    assert (video.state, video.failure) == ("failed", "stopped")
    other.refresh_from_db()
    assert other.state == "ready"
    assert not queue.cancel_video(ada, other)


def test_others_cannot_cancel(ada: Person, ben: Person, make_person: MakePerson, clip: Path) -> None:
    video = uploaded(ada, clip)
    moderator = make_person("mod", Role.MODERATOR)
    for person, status in ((ben, 404), (moderator, 404), (None, 401)):
        assert signed_in(person).post(f"/api/videos/{video.public_id}/cancel").status_code == status
    for person in (ben, moderator):
        with pytest.raises(actions.PermissionDenied):
            queue.cancel_video(person, video)
        with pytest.raises(actions.PermissionDenied):
            queue.retry_any_video(person, video)
    video.refresh_from_db()
    assert (video.state, waiting_jobs(outbox.PROCESS)) == ("uploaded", [{"video_id": video.pk}])
    assert queue.cancel_video(make_person("op", Role.OPERATOR), video)


# Limits ----------------------------------------------------------------------------------------------------------


def test_time_and_memory_of_a_job_are_settings(ada: Person, clip: Path, cell: Cell) -> None:
    cell.config = Config.model_validate({"videos": {"job_minutes": 2, "job_memory_mb": 512}})
    assert (reel_limits().wall_seconds, reel_limits().memory_bytes) == (120, 512 << 20)


# Workers ---------------------------------------------------------------------------------------------------------


def _address() -> str:
    parts = connection.get_connection_params()
    return f"postgresql://{parts.get('user', '')}@/{parts['dbname']}?host={parts['host']}"


@pytest.fixture
def start_worker(cell: Cell) -> Iterator[object]:
    """Start `glaswerk reel worker` processes on the test's database, as another machine would."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> "subprocess.Popen[bytes]":
        environment = {
            **os.environ,
            "DATABASE_URL": _address(),
            "NATS_URL": "nats://127.0.0.1:9",
            "GLASWERK_DATA": str(cell.data),
        }
        command = [sys.executable, "-m", "glaswerk", "reel", "worker", *words]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def _wait_state(video: Video, state: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while Video.objects.values_list("state", flat=True).get(pk=video.pk) != state:
        assert time.monotonic() < deadline, Video.objects.get(pk=video.pk).state
        time.sleep(0.02)


def test_killed_worker_and_one_that_leaves(ada: Person, slow_clip: Path, clip: Path, cell: Cell, start_worker) -> None:  # type: ignore[no-untyped-def]
    """One worker is killed and a second takes over; told to end, that one gives the video back; a third makes it ready."""
    video = uploaded(ada, slow_clip)
    first = start_worker()
    _wait_for_work(video, 90)
    (known,) = queries.living_workers()
    assert (known.process, known.queues, known.concurrency >= 1) == (first.pid, ["render", "ladder"], True)
    assert [each["id"] for each in queries.worker_facts(known)["videos"]] == [video.public_id]
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    deadline = time.monotonic() + 10
    while video.pk in processing.claimed_videos() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert Video.objects.get().state == "processing"
    assert jobs.resume(timezone.now() + timedelta(seconds=1)) == []
    Work.objects.all().delete()
    second = start_worker("--grace", "0")
    _wait_for_work(video, 90)
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0, second.stderr.read()
    video.refresh_from_db()
    assert (video.state, video.progress, Rendition.objects.count(), media_files(cell)) == ("uploaded", 0, 0, set())
    assert waiting_jobs(outbox.PROCESS) == [{"video_id": video.pk}]
    # It took its row along; the killed one's is not counted on for long.
    assert not Worker.objects.filter(process=second.pid).exists()
    # Given back is not tried in vain: it has all of its attempts left.
    assert ProcrastinateJob.objects.get(status="todo", task_name=outbox.PROCESS).attempts == 0
    # A shorter original, because the rest is not what this is about.
    Video.objects.update(source=blobs.store_original(clip))
    run_jobs("render")
    _wait_state(video, "ready")


def test_worker_needs_a_cell(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "NATS_URL")}
    done = subprocess.run(
        [sys.executable, "-m", "glaswerk", "--data", str(tmp_path / "none"), "reel", "worker"],
        env=kept, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr
    assert not (tmp_path / "none" / "postgres").exists()


# The operator's page ---------------------------------------------------------------------------------------------


def test_operator_sees_and_steers(ada: Person, make_person: MakePerson, clip: Path) -> None:
    video = uploaded(ada, clip)
    operator = make_person("op", Role.OPERATOR)
    Worker.objects.create(pk="0" * 32, machine="<b>box</b>", process=7, queues=["render"], concurrency=2, version="1")
    client = signed_in(operator)
    page = client.get("/operate/jobs")
    text = page.content.decode()
    assert page.status_code == 200
    assert video.public_id in text
    assert "&lt;b&gt;box" in text
    assert text.count("<rect") == 24
    assert client.post(f"/operate/jobs/{video.public_id}/cancel").status_code == 302
    video.refresh_from_db()
    assert (video.state, video.failure) == ("failed", "stopped")
    assert client.post(f"/operate/jobs/{video.public_id}/retry").status_code == 302
    video.refresh_from_db()
    assert (video.state, waiting_jobs(outbox.PROCESS)) == ("uploaded", [{"video_id": video.pk}])
    assert client.post("/operate/jobs/nothing/cancel").status_code == 404
    # A link that somebody is lured to cancels nothing.
    assert client.get(f"/operate/jobs/{video.public_id}/cancel").status_code == 405
    video.refresh_from_db()
    assert video.state == "uploaded"


def test_operators_page_is_denied_to_others(ada: Person, ben: Person, make_person: MakePerson, clip: Path) -> None:
    video = uploaded(ada, clip)
    failed = uploaded(ada, clip)
    queue.cancel_video(ada, failed)
    for person in (None, ada, ben, make_person("mod", Role.MODERATOR)):
        client = signed_in(person)
        denied = 302 if person is None else 403
        answers = [
            client.get("/operate/jobs"),
            client.post(f"/operate/jobs/{video.public_id}/cancel"),
            client.post(f"/operate/jobs/{failed.public_id}/retry"),
        ]
        assert [answer.status_code for answer in answers] == [denied] * 3
        assert all(video.public_id not in answer.content.decode() for answer in answers)
    video.refresh_from_db()
    failed.refresh_from_db()
    assert (video.state, failed.state) == (State.UPLOADED, State.FAILED)
    assert waiting_jobs(outbox.PROCESS) == [{"video_id": video.pk}]


def test_numbers_of_the_queue(ada: Person, clip: Path) -> None:
    from prometheus_client import CollectorRegistry, generate_latest

    from glaswerk.videos.queue.numbers import GONE_AFTER, LINES, LIVING, JobNumbers

    uploaded(ada, clip)
    uploaded(ada, clip)
    (line,) = [each for each in queries.lines() if each.queue == outbox.RENDER_QUEUE]
    assert (line.waiting, line.doing, line.failed) == (2, 0, 0)
    assert line.oldest_s > 0
    with connection.cursor() as cursor:
        cursor.execute(LINES)
        rows = cursor.fetchall()
        cursor.execute(LIVING, [GONE_AFTER])
        (living,) = cursor.fetchone()
    registry = CollectorRegistry()
    registry.register(JobNumbers(rows, living))
    text = generate_latest(registry).decode()
    assert 'glaswerk_jobs{queue="render",state="waiting"} 2.0' in text
    assert "glaswerk_workers 0.0" in text
