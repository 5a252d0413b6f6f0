"""`glaswerk reel`, as a person types it."""

import json
from pathlib import Path

from typer.testing import CliRunner

from glaswerk import reel
from glaswerk.cli.app import app


def _run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["reel", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_probe_prints_the_facts(plain: Path) -> None:
    status, output, _ = _run("probe", str(plain), "--json")
    assert (status, json.loads(output)) == (0, reel.probe(plain).to_json())
    status, output, _ = _run("probe", str(plain))
    assert status == 0 and "video_codec" in output and "h264" in output


def test_probe_says_why_not(tmp_path: Path) -> None:
    notes = tmp_path / "notes.mp4"
    notes.write_text("Dear diary")
    status, output, _ = _run("probe", str(notes), "--json")
    assert (status, json.loads(output)["failure"]) == (1, "not_a_video")
    status, output, errors = _run("probe", str(tmp_path / "missing.mp4"))
    assert (status, output) == (1, "") and "missing.mp4 cannot become a video: unreadable" in errors
