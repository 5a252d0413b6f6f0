"""A document on a disk opens what lies below its folder, and nothing else; and the command that renders it."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from glaswerk import reel
from glaswerk.cli.app import app
from glaswerk.reel.timeline import Clip, Timeline, TimelineError, Track, dump, find_files, parse


def of(*sources: str) -> Timeline:
    items = tuple(Clip(source=source, start_ms=0, duration_ms=300) for source in sources)
    return Timeline(width=64, height=96, main=Track(name="main", items=items))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    below = tmp_path / "draft" / "below"
    below.mkdir(parents=True)
    for place in (tmp_path / "secret.mp4", below / "my clip.mp4", below.parent / "ab12.mov"):
        place.write_bytes(b"x")
    return below.parent


def test_files_below_the_folder_are_found(folder: Path) -> None:
    found = find_files(of("source:ab12", "below/my clip.mp4", "below/my%20clip.mp4"), folder)
    clip = folder.resolve() / "below" / "my clip.mp4"
    assert found == {
        "source:ab12": folder.resolve() / "ab12.mov",
        "below/my clip.mp4": clip,
        "below/my%20clip.mp4": clip,
    }


def test_nothing_outside_is_opened(folder: Path) -> None:
    (folder / "link.mp4").symlink_to(folder.parent / "secret.mp4")
    (folder / "up").symlink_to(folder.parent)
    for source in (
        "../secret.mp4",
        "%2e%2e/secret.mp4",
        "link.mp4",
        "up/secret.mp4",
        "source:link",
        str(folder.parent / "secret.mp4"),
    ):
        with pytest.raises(TimelineError) as caught:
            find_files(of("source:ab12", source), folder)
        assert caught.value.field == "main[1].media_reference" and "outside" in caught.value.message


def test_what_is_missing_or_double_is_named(folder: Path) -> None:
    (folder / "ab12.mp4").write_bytes(b"x")
    for source, words in (
        ("source:ab12", "could be ab12.mov, ab12.mp4"),
        ("source:zz", "missing"),
        ("below", "missing"),
        ("x\0y", "missing"),
    ):
        with pytest.raises(TimelineError) as caught:
            find_files(of(source), folder)
        assert words in caught.value.message


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["reel", "render", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_the_command_renders_a_document(sources: dict[str, Path], tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    shutil.copy(sources["source:red"], media / "red.mp4")
    draft, out = tmp_path / "draft.otio", tmp_path / "out.mp4"
    document = json.loads(dump(of("source:red", "red.mp4")))
    document["metadata"]["glaswerk"]["colour"] = "blue"
    draft.write_text(json.dumps(document))
    status, output, _ = run(draft, "--out", out, "--media", media, "--json")
    facts = json.loads(output)
    assert status == 0
    assert (facts["width"], facts["height"], facts["frames"], facts["duration_ms"]) == (64, 96, 18, 600)
    assert [each["field"] for each in facts["warnings"]] == ["metadata.glaswerk.colour"]
    found = reel.probe(out)
    assert (found.width, found.height, found.video_duration_ms, found.bytes) == (64, 96, 600, facts["bytes"])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["draft.otio", "media", "out.mp4"]


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    draft, out = tmp_path / "draft.otio", tmp_path / "out.mp4"
    draft.write_text(dump(of("source:gone")))
    status, output, _ = run(draft, "--out", out, "--json")
    assert status == 1 and json.loads(output)["field"] == "main[0].media_reference"
    draft.write_text(dump(of("source:gone")).replace('"rate": 1000.0', '"rate": 0.0', 1))
    status, output, errors = run(draft, "--out", out)
    assert status == 1 and output == "" and ".rate: has to be above zero" in errors
    draft.write_bytes(b"\xff\xfe")
    assert "cannot be read" in run(draft, "--out", out)[2]
    assert "cannot be read" in run(tmp_path / "none.otio", "--out", out)[2]
    assert "is no folder" in run(draft, "--out", out, "--media", tmp_path / "none")[2]
    assert "a folder that exists" in run(draft, "--out", tmp_path / "none" / "out.mp4")[2]
    assert not out.exists()


def test_a_document_of_another_editor_is_rendered_beside_its_files(folder: Path) -> None:
    import opentimelineio as otio

    track = otio.schema.Track(kind="Video")
    hour = otio.opentime.TimeRange(otio.opentime.RationalTime(0, 25), otio.opentime.RationalTime(25, 25))
    track.append(
        otio.schema.Clip(media_reference=otio.schema.ExternalReference("file:///D:/x/ab12.mov"), source_range=hour)
    )
    timeline = otio.schema.Timeline()
    timeline.tracks.append(track)
    document = parse(timeline.to_json_string())
    assert find_files(document, folder) == {"ab12.mov": folder.resolve() / "ab12.mov"}
    assert [note.field for note in document.warnings] == ["tracks.children[0].children[0].media_reference.target_url"]
