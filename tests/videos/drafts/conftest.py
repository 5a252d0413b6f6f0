"""A draft and its sources, prepared in this thread."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse

from glaswerk.people.models import Person
from glaswerk.videos.drafts import preparing
from glaswerk.videos.models import Source
from tests.videos.conftest import ffmpeg, signed_in


@pytest.fixture(scope="session")
def tone(clips: Path) -> Path:
    """Half a second of sound."""
    return ffmpeg(clips / "tone.mp3", "-f", "lavfi", "-i", "sine=frequency=330:duration=0.5")


@pytest.fixture(scope="session")
def picture(clips: Path) -> Path:
    return ffmpeg(clips / "still.png", "-f", "lavfi", "-i", "testsrc2=size=64x96", "-frames:v", "1")


def call(person: Person | None, method: str, path: str, body: object = None) -> HttpResponse:
    """Send JSON to an address below /api as the studio does."""
    data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    return getattr(signed_in(person), method)(f"/api{path}", **data)


def new_draft(person: Person, **start: str) -> dict[str, Any]:
    answer = call(person, "post", "/drafts", start)
    assert answer.status_code == 201, answer.content
    return answer.json()


def save(person: Person, draft: dict[str, Any], timeline: dict[str, Any], **more: object) -> HttpResponse:
    return call(person, "put", f"/drafts/{draft['id']}", {"version": draft["version"], "timeline": timeline, **more})


def add_file(person: Person, draft: dict[str, Any], path: Path | bytes, name: str = "clip") -> HttpResponse:
    data = path if isinstance(path, bytes) else path.read_bytes()
    return signed_in(person).post(f"/api/drafts/{draft['id']}/sources", {"file": SimpleUploadedFile(name, data)})


def source_of(person: Person, draft: dict[str, Any], path: Path) -> dict[str, Any]:
    """Add a file and prepare it."""
    answer = add_file(person, draft, path)
    assert answer.status_code == 201, answer.content
    preparing.prepare(Source.objects.order_by("-pk").values_list("pk", flat=True)[0])
    return call(person, "get", f"/drafts/{draft['id']}/sources/{answer.json()['id']}").json()


def clip_of(target: str, length_ms: int, start_ms: int = 0) -> dict[str, Any]:
    def time(ms: int) -> dict[str, Any]:
        return {"OTIO_SCHEMA": "RationalTime.1", "rate": 1000, "value": ms}

    return {
        "OTIO_SCHEMA": "Clip.1",
        "name": "",
        "metadata": {},
        "effects": [],
        "markers": [],
        "source_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": time(start_ms), "duration": time(length_ms)},
        "media_reference": {"OTIO_SCHEMA": "ExternalReference.1", "metadata": {}, "target_url": target},
    }


def with_clips(timeline: dict[str, Any], *clips: dict[str, Any], track: str = "main") -> dict[str, Any]:
    """The timeline with these clips on one of its tracks, which is made where there is none."""
    changed = json.loads(json.dumps(timeline))
    tracks = changed["tracks"]["children"]
    found = next((each for each in tracks if each["name"] == track), None)
    if found is None:
        kind = "Audio" if track in ("music", "voice") else "Video"
        found = {"OTIO_SCHEMA": "Track.1", "name": track, "kind": kind, "metadata": {}, "children": []}
        tracks.append(found)
    found["children"] = list(clips)
    return changed
