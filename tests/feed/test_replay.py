"""Slates of a running cell made again: by the engine, and by the verifier from an exported bundle."""

import subprocess
import sys
from pathlib import Path

import pytest

from glaswerk.cell.ids import decode_id
from tests.cells import ROOT
from tests.feed.theatre import Theatre, slate

pytestmark = pytest.mark.cell
TOOL = ROOT / "tools" / "verify_slate.py"


def test_recorded_slates_are_replayed_audited_exported_and_verified(theatre: Theatre, tmp_path: Path) -> None:
    person, _ = theatre.creator()
    theatre.wait_for([theatre.video(person, "replayed") for _ in range(3)])
    running = theatre.running
    with running.client() as client:
        names = [slate(client, limit=5)["slate"], slate(client, hashtag="replayed")["slate"]]
    recorded = "SELECT count(*) FROM feed_slaterecord WHERE id = ANY(%s)"
    theatre.until(lambda: theatre.rows(recorded, [decode_id(name) for name in names])[0][0] == 2)

    replayed = running.json("feed", "replay", *names)
    assert [(one["slate"], one["identical"], one["byte"], one["failure"]) for one in replayed] == [
        (name, True, None, "") for name in names
    ]
    counted = running.json("feed", "audit", "--sample", "20")
    assert counted["checked"] == counted["identical"]
    assert 2 <= counted["checked"] <= 20

    bundle = tmp_path / "bundle"
    running.run("feed", "export", names[1], "--out", str(bundle))
    verified = subprocess.run([sys.executable, "-I", TOOL, bundle], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert replayed[1]["epoch"] in verified.stdout

    # The record of a slate is altered in the database: whoever replays it is told which byte.
    theatre.rows("UPDATE feed_slaterecord SET slate = set_byte(slate, 34, 99) WHERE id = %s RETURNING id", decode_id(names[0]))  # fmt: skip
    done = running.run("feed", "replay", names[0], "--json", check=False)
    assert done.returncode == 1
    assert '"identical": false, "byte": 34' in done.stdout
    # With the slates that are built on it: other tests look at all slates of this cell.
    theatre.rows(
        "DELETE FROM feed_slaterecord WHERE viewer = (SELECT viewer FROM feed_slaterecord WHERE id = %s) RETURNING id",
        decode_id(names[0]),
    )
    missing = running.run("feed", "export", names[0], "--out", str(bundle), check=False)
    assert (missing.returncode, missing.stderr) == (1, f"glaswerk: no slate {names[0]} is recorded here\n")
