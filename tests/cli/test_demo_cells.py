"""Several demo cells: each creator is at home in one of them, and names that no region can have are refused at once."""

from pathlib import Path

import pytest

from glaswerk.cli.demo import share
from glaswerk.cli.demo.cast import CREATORS
from glaswerk.cli.demo.clips import CLIPS
from glaswerk.cli.demo.stage import Production
from glaswerk.cli.demo_cells import run_cells


def production(monkeypatch: pytest.MonkeyPatch, part: str) -> Production:
    monkeypatch.setenv(share.VARIABLE, part)
    return Production()


def test_the_parts_are_the_whole_and_nobody_lives_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    for of in (1, 2, 3):
        parts = [production(monkeypatch, f"{number}/{of}") for number in range(of)]
        homes = [name for part in parts for name in part.creators]
        assert sorted(homes) == sorted(creator.name for creator in CREATORS)
        assert sorted(clip.slug for part in parts for clip in part.clips) == sorted(clip.slug for clip in CLIPS)
        assert {part.viewers for part in parts} == {300 // of}


def test_the_printed_creator_lives_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("0/1", "0/2", "1/2", "2/3"):
        monkeypatch.setenv(share.VARIABLE, part)
        assert share.printed_creator() in share.own_creators()
    monkeypatch.delenv(share.VARIABLE)
    assert share.printed_creator().name == "nordlicht.ida"


@pytest.mark.parametrize("names", ["us", "us,us", "us,eu,de,fr,it", "US,eu", "us,", "us,../eu", "us,e u"])
def test_bad_names_start_nothing(names: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_cells(names, tmp_path / "cells", None, [])
    assert "--cells" in capsys.readouterr().err
    assert not (tmp_path / "cells").exists()
