"""A draft becomes a video: rendered, credited, refused where something is missing, and never twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.utils import timezone
from PIL import Image, ImageStat

from glaswerk import reel
from glaswerk.cell import blobs
from glaswerk.cell.config import Cell
from glaswerk.people.models import Person
from glaswerk.social.models import Block
from glaswerk.videos import actions, jobs, processing
from glaswerk.videos.drafts import rendering
from glaswerk.videos.models import CaptionTrack, Credit, Cut, Draft, Rendition, Sound, Source, Video
from glaswerk.videos.reuse import Allowance
from tests.videos.conftest import MakePerson, ffmpeg, published, run_jobs, signed_in, waiting_jobs
from tests.videos.drafts.conftest import call, clip_of, new_draft, save, source_of, with_clips

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _jobs(clean_jobs: None) -> None:
    """Every test here starts with an empty queue."""


def _rows() -> list[dict[str, object]]:
    tables = (Video, Draft, Source, Credit, Cut, CaptionTrack)
    return [row for table in tables for row in table.objects.order_by("pk").values()]


def _small(timeline: dict[str, Any]) -> dict[str, Any]:
    """The same timeline in a size that is rendered in a moment."""
    timeline["metadata"]["glaswerk"] |= {"width": 90, "height": 160, "fps": 12}
    return timeline


def _cut(person: Person, path: Path, **start: str) -> dict[str, Any]:
    """A saved draft whose main track ends with 400 ms of a file."""
    draft = new_draft(person, **start)
    source = source_of(person, draft, path)
    main = draft["timeline"]["tracks"]["children"][0]["children"]
    clips = [*main, clip_of(f"source:{source['id']}", 400)]
    for clip in clips:
        # What is stitched is as short as the rest.
        clip["source_range"]["duration"]["value"] = 400
    answer = save(person, draft, _small(with_clips(draft["timeline"], *clips)))
    assert answer.status_code == 200, answer.content
    return answer.json()


def _publish(person: Person | None, draft: dict[str, Any], **words: object) -> HttpResponse:
    return call(person, "post", f"/drafts/{draft['id']}/publish", words)


def _video_of(answer: HttpResponse) -> Video:
    assert answer.status_code == 202, answer.content
    return next(video for video in Video.objects.all() if video.public_id == answer.json()["video"])


def test_a_draft_becomes_a_video_and_stays(ada: Person, clip: Path, cell: Cell) -> None:
    draft = _cut(ada, clip)
    answer = _publish(ada, draft, caption="Cut #here", visibility="public", allow={"duet": False})
    video = _video_of(answer)
    assert (video.source, video.state, video.caption, video.hashtags) == ("", "uploaded", "Cut #here", ["here"])
    assert (video.allow_duet, video.allow_stitch, video.allow_sound) == (False, True, True)
    assert call(ada, "get", f"/drafts/{draft['id']}").json()["state"] == "publishing"
    # While it is being made, nothing that it is made from can be deleted.
    before = _rows()
    assert call(ada, "delete", f"/drafts/{draft['id']}").status_code == 409
    assert call(ada, "delete", f"/drafts/{draft['id']}/sources/{draft['sources'][0]['id']}").status_code == 409
    assert _publish(ada, draft, caption="Another").json() == answer.json()
    assert _rows() == before
    run_jobs("render")
    video.refresh_from_db()
    assert (video.state, video.failure) == ("ready", "")
    assert abs(video.duration_ms - 400) <= 150
    assert reel.probe(blobs.original_path(video.source)).has_audio
    assert video.sound == Sound.objects.get(video=video)
    after = call(ada, "get", f"/drafts/{draft['id']}").json()
    assert (after["state"], after["video"], after["version"]) == ("published", video.public_id, draft["version"])
    before = _rows()
    assert _publish(ada, draft).json()["video"] == video.public_id
    processing.process(video.pk)
    assert _rows() == before
    assert [path for path in (cell.uploads / "work").rglob("*") if path.is_file()] == []
    # What is changed afterwards can be published as another video; the first one stays.
    again = save(ada, after, after["timeline"]).json()
    assert _video_of(_publish(ada, again)).pk != video.pk
    assert call(ada, "delete", f"/videos/{Video.objects.order_by('-pk')[0].public_id}").status_code == 204
    assert call(ada, "delete", f"/drafts/{draft['id']}").status_code == 204
    assert signed_in(None).get(f"/api/videos/{video.public_id}").status_code == 200


def test_what_is_missing_refuses_publishing_with_the_clip(ada: Person, ben: Person, clip: Path) -> None:
    empty = new_draft(ada)
    draft = _cut(ada, clip)
    other = source_of(ben, new_draft(ben), clip)
    stolen = save(ada, draft, _small(with_clips(draft["timeline"], clip_of(f"source:{other['id']}", 300)))).json()
    before = _rows()
    for each, place in ((empty, "timeline"), (stolen, "timeline.tracks.children[0].children[0]")):
        refused = _publish(ada, each)
        assert (refused.status_code, refused["content-type"]) == (422, "application/problem+json")
        assert refused.json()["errors"][0]["field"] == place
    for words, field in (({"caption": "a\x00"}, "caption"), ({"visibility": "all"}, "visibility")):
        assert _publish(ada, draft, **words).json()["errors"][0]["field"] == field
    assert _publish(ben, draft).status_code == 404
    assert _publish(None, draft).status_code == 401
    assert _rows() == before
    call(ada, "delete", f"/drafts/{draft['id']}/sources/{draft['sources'][0]['id']}")
    assert _publish(ada, draft).status_code == 422
    assert Video.objects.count() == 0
    assert waiting_jobs("videos.process_video") == []


@pytest.mark.parametrize("kind", ["duet", "stitch", "sound"])
def test_others_are_credited_and_can_withdraw(ada: Person, ben: Person, clip: Path, kind: str) -> None:
    theirs = published(ada, clip)
    sound = Sound.objects.get()
    draft = _cut(ben, clip, **{kind: sound.public_id if kind == "sound" else theirs.public_id})
    credited = {
        "kind": kind,
        "name": "ada",
        "title": sound.title if kind == "sound" else "",
        "url": f"/sound/{sound.public_id}" if kind == "sound" else f"/v/{theirs.public_id}",
    }
    video = _video_of(_publish(ben, draft))
    run_jobs("render")
    video.refresh_from_db()
    assert (video.state, video.failure) == ("ready", "")
    card = call(None, "get", f"/videos/{video.public_id}").json()
    assert card["credits"] == [credited]
    assert card["sound"]["title"] == ("Original sound – ben" if kind == "stitch" else sound.title)
    assert card["sound"]["id"] == (None if kind == "stitch" else sound.public_id)
    # What is heard in it is not Ben's to give on.
    assert Sound.objects.count() == 1
    assert call(None, "get", f"/sounds/{sound.public_id}").json()["videos"] == (1 if kind == "stitch" else 2)
    # Withdrawn: a new version is refused, with the place and the reason; the old video stays as it is.
    actions.edit_video(ada, theirs, allow=Allowance(duet=False, stitch=False, sound=False))
    changed = save(ben, draft, draft["timeline"]).json()
    before = _rows()
    refused = _publish(ben, changed)
    assert (refused.status_code, len(refused.json()["errors"])) == (422, 1)
    assert refused.json()["errors"] == changed["problems"]
    assert (
        call(
            ben, "post", "/drafts", {kind: draft["sounds"][0]["id"] if kind == "sound" else theirs.public_id}
        ).status_code
        == 422
    )
    assert _rows() == before
    assert call(None, "get", f"/videos/{video.public_id}").json()["credits"] == [credited]
    # Deleted: the words stay, without a link.
    actions.delete_video(ada, theirs)
    card = call(None, "get", f"/videos/{video.public_id}").json()
    assert card["credits"] == [{**credited, "url": None}]
    assert card["sound"] == {"id": None, "title": card["sound"]["title"], "url": None}
    assert "timeline" in _publish(ben, changed).json()["errors"][0]["field"]


@pytest.mark.parametrize("how", ["withdrawn", "deleted", "taken down", "blocked", "private"])
def test_what_is_withdrawn_while_the_cut_waits_is_not_rendered(
    ada: Person, ben: Person, clip: Path, make_person: MakePerson, how: str
) -> None:
    theirs = published(ada, clip)
    draft = _cut(ben, clip, duet=theirs.public_id)
    video = _video_of(_publish(ben, draft))
    match how:
        case "withdrawn":
            actions.edit_video(ada, theirs, allow=Allowance(duet=False))
        case "deleted":
            actions.delete_video(ada, theirs)
        case "taken down":
            actions.take_down(make_person("mod", role="moderator"), theirs)
        case "blocked":
            Block.objects.create(blocker=ada, blocked=ben, at=timezone.now())
        case "private":
            actions.edit_video(ada, theirs, visibility="private")
    run_jobs("render")
    video.refresh_from_db()
    assert (video.state, video.failure, video.source) == ("failed", "cut_withdrawn", "")
    state = call(ben, "get", f"/videos/{video.public_id}/state").json()
    assert (state["retry"], "draft is kept" in state["failure"]) == (False, True)
    kept = call(ben, "get", f"/drafts/{draft['id']}").json()
    assert (kept["state"], kept["failure"], len(kept["problems"])) == ("editing", state["failure"], 1)
    assert kept["sources"][0]["url"] is None
    if how != "withdrawn":
        return
    # Without the partner it can be published, in place of the one that failed.
    tracks = kept["timeline"]["tracks"]["children"]
    kept["timeline"]["tracks"]["children"] = [track for track in tracks if track["name"] != "partner"]
    kept["timeline"]["metadata"]["glaswerk"]["layout"] = "single"
    again = _video_of(_publish(ben, save(ben, kept, kept["timeline"]).json()))
    assert not Video.objects.filter(pk=video.pk).exists()
    run_jobs("render")
    again.refresh_from_db()
    assert (again.state, again.failure) == ("ready", "")


@pytest.fixture(scope="session")
def red_then_blue(clips: Path) -> Path:
    colours = [("-f", "lavfi", "-i", f"color={name}:size=96x160:rate=12:duration=0.25") for name in ("red", "blue")]
    return ffmpeg(
        clips / "colours.mp4",
        *(word for each in colours for word in each),
        *("-filter_complex", "[0][1]concat=n=2:v=1", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    )


@pytest.mark.parametrize(("moment", "band"), [(40, 0), (330, 2)])
def test_the_chosen_frame_is_the_cover(ada: Person, red_then_blue: Path, moment: int, band: int) -> None:
    draft = _cut(ada, red_then_blue)
    draft["timeline"]["metadata"]["glaswerk"]["cover_ms"] = moment
    video = _video_of(_publish(ada, save(ada, draft, draft["timeline"]).json()))
    processing.process(video.pk)
    video.refresh_from_db()
    assert video.state == "ready", video.failure
    with Image.open(blobs.blob_path(video.poster, "jpg")) as poster:
        levels = ImageStat.Stat(poster.convert("RGB")).mean
    assert levels[band] > 150 > 100 > levels[2 - band], levels


def test_captions_come_beside_the_video(ada: Person, clip: Path) -> None:
    draft = _cut(ada, clip)
    text = "WEBVTT\n\n00:00.000 --> 00:00.300\n1 < 2 & --&gt; <i>so on</i>\n"
    draft = signed_in(ada).post(f"/api/drafts/{draft['id']}/captions", text, content_type="text/vtt").json()
    video = _video_of(_publish(ada, draft))
    run_jobs("render")
    track = CaptionTrack.objects.get(video=video)
    written = blobs.blob_path(track.blob, "vtt").read_text()
    assert written.startswith("WEBVTT\n")
    assert "00:00:00.000 --> 00:00:00.300\n1 &lt; 2 &amp; --&gt; so on" in written
    card = call(None, "get", f"/videos/{video.public_id}").json()
    assert card["captions"] == [{"lang": track.language, "url": f"/media/{track.blob}.vtt"}]
    before = waiting_jobs("videos.discard_blobs")
    actions.delete_video(ada, video)
    (job,) = [each for each in waiting_jobs("videos.discard_blobs") if each not in before]
    assert f"{track.blob}.vtt" in job["names"]


def test_a_clip_beyond_its_file_is_told_before_and_while_it_is_rendered(ada: Person, clip: Path) -> None:
    draft = _cut(ada, clip)
    longer = with_clips(draft["timeline"], clip_of(f"source:{draft['sources'][0]['id']}", 9000))
    saved = save(ada, draft, longer).json()
    before = _rows()
    refused = _publish(ada, saved)
    assert (refused.status_code, refused.json()["errors"]) == (422, saved["problems"])
    assert "longer than its file" in saved["problems"][0]["message"]
    assert _rows() == before
    # Should it come so far all the same, the engine says no, and the draft is kept.
    Source.objects.update(duration_ms=9000)
    video = _video_of(_publish(ada, saved))
    run_jobs("render")
    video.refresh_from_db()
    assert (video.state, video.failure, Rendition.objects.count()) == ("failed", "cut_invalid", 0)
    assert call(ada, "get", f"/drafts/{draft['id']}").json()["state"] == "editing"


_WORKER = """
import os, signal, django; django.setup()
from glaswerk.cell import blobs
from glaswerk.videos import processing
import sys
def killed(path):
    os.kill(os.getpid(), signal.SIGKILL)
blobs.store_original = killed
processing.process(int(sys.argv[1]))
"""


def test_a_killed_worker_is_replaced(ada: Person, clip: Path, cell: Cell) -> None:
    video = _video_of(_publish(ada, _cut(ada, clip)))
    parts = connection.get_connection_params()
    address = f"postgresql://{parts.get('user', '')}@/{parts['dbname']}?host={parts['host']}"
    environment = {**os.environ, "DATABASE_URL": address, "GLASWERK_DATA": str(cell.data)}
    done = subprocess.run([sys.executable, "-c", _WORKER, str(video.pk)], env=environment, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    video.refresh_from_db()
    assert (video.state, video.source) == ("processing", "")
    deadline = time.monotonic() + 20
    # PostgreSQL notices a moment later that the worker's connection is gone.
    while video.pk in processing.claimed_videos() and time.monotonic() < deadline:
        time.sleep(0.05)
    jobs.resume(timezone.now())
    run_jobs("render")
    video.refresh_from_db()
    assert (video.state, video.failure) == ("ready", "")
    assert [path for path in (cell.uploads / "work").rglob("*") if path.is_file()] == []


def test_cutting_is_the_first_half_of_the_progress(ada: Person, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = _video_of(_publish(ada, _cut(ada, clip)))
    seen: list[tuple[str, int]] = []

    class Progress:
        def __init__(self, video_id: int) -> None:
            pass

        def __call__(self, percent: int) -> None:
            seen.append(("cut" if Video.objects.get().source == "" else "ladder", percent))

    monkeypatch.setattr(processing, "_Progress", Progress)
    processing.process(video.pk)
    percents = [percent for _, percent in seen]
    assert percents == sorted(percents)
    assert max(percent for part, percent in seen if part == "cut") <= 50
    assert min(percent for part, percent in seen if part == "ladder") >= 50
    assert rendering.make_original(video.pk + 1, processing.work_folder(), lambda percent: None) is None
