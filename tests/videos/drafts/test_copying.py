"""A draft of two devices becomes two drafts: each has its timeline and all of its files."""

from pathlib import Path

import pytest

from glaswerk.people.models import Person
from glaswerk.videos.models import Draft, Source

from .conftest import call, clip_of, new_draft, save, source_of, with_clips

pytestmark = pytest.mark.django_db


def test_a_copy_has_the_timeline_and_the_files(ada: Person, clip: Path) -> None:
    draft = new_draft(ada)
    source = source_of(ada, draft, clip)
    timeline = with_clips(draft["timeline"], clip_of(f"source:{source['id']}", 500))
    assert save(ada, draft, timeline).status_code == 200
    mine = with_clips(draft["timeline"], clip_of(f"source:{source['id']}", 300))
    answer = call(ada, "post", f"/drafts/{draft['id']}/copy", {"timeline": mine, "title": "Mine"})
    copy = answer.json()
    assert (answer.status_code, copy["title"], copy["duration_ms"], copy["version"]) == (201, "Mine", 300, 1)
    (copied,) = copy["sources"]
    assert copied["id"] != source["id"]
    assert {**copied, "id": ""} == {**source, "id": ""}
    assert f"source:{copied['id']}" in str(copy["timeline"])
    assert f"source:{source['id']}" not in str(copy["timeline"])
    assert copy["problems"] == []
    assert call(ada, "get", f"/drafts/{draft['id']}").json()["duration_ms"] == 500
    # Each goes without the other.
    assert call(ada, "delete", f"/drafts/{draft['id']}").status_code == 204
    assert call(ada, "get", f"/drafts/{copy['id']}").json()["sources"] == copy["sources"]


def test_only_ones_own_and_only_what_can_be_kept(ada: Person, ben: Person, clip: Path) -> None:
    draft = new_draft(ada)
    source_of(ada, draft, clip)
    path = f"/drafts/{draft['id']}/copy"
    whole = {"timeline": draft["timeline"]}
    assert call(ben, "post", path, whole).status_code == 404
    assert call(None, "post", path, whole).status_code == 401
    for bad in ({"timeline": {}}, {"timeline": []}, {}, {**whole, "title": "t" * 81}, {**whole, "title": "a\u0000"}):
        assert call(ada, "post", path, bad).status_code in (400, 422)
    assert (Draft.objects.count(), Source.objects.count()) == (1, 1)
