"""The public log of a running cell, as strangers see it: files by their one name, which hold whatever happens to the recorder."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from glaswerk.cell.config import Cell
from glaswerk.cell.entries import Entry, EntryKind
from glaswerk.cell.postgres import database_url
from glaswerk.cell.public_log import log_signer, open_log
from glaswerk.tlog import LogReader, Policy, folder_fetch, read_checkpoint, verify
from glaswerk.web.log_files import read_log_file
from tests.cell.test_supervisor import until
from tests.cells import ROOT, RunningCell


def test_only_the_log_s_own_names_lead_to_files(tmp_path: Path) -> None:
    cell = Cell(tmp_path / "cell")
    with open_log(cell) as log:
        log.append(*(b"%d" % number for number in range(300)))
    (cell.tlog / "tile" / "secret").write_text("no tile")
    (tmp_path / "cell" / "keys" / "checkpoint").write_text("another folder's")
    (cell.tlog / "tile" / "1" / "001").symlink_to(cell.tlog / ".writer" / "journal")
    for path in ("checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000"):
        found = read_log_file(cell.tlog, f"/log/{path}")
        assert found is not None
        assert found.data == (cell.tlog / path).read_bytes()
        assert (b"immutable" in found.caching) == (path != "checkpoint")
    for path in (
        "", "/", "../keys/tlog", "../keys/checkpoint", "tile/../checkpoint", "tile/0/../0/000", "./checkpoint", "checkpoint/",
        "//checkpoint", "checkpoint\0", "tile/secret", "tile/0/0", "tile/0/0000", "tile/00/000", "tile/0/x000/000",
        "tile/0/000.p/256", "tile/0/000.p/0", "tile/0/001.p/45", "tile/0/٠٠٠", "tile/entries/000/", "tile/9/000", ".writer/journal",
        "tile/0/" + "x001/" * 2000 + "000", "/etc/passwd", "Checkpoint", "checkpoint?", "checkpoint%00", "tile\\0\\000",
    ):  # fmt: skip
        assert read_log_file(cell.tlog, f"/log/{path}") is None, path


def entries(cell: RunningCell) -> list[Entry]:
    own = Cell(cell.data)
    fetch = folder_fetch(own.tlog)
    checkpoint = read_checkpoint(fetch, Policy(log_signer(own).key)).checkpoint
    return [Entry.parse(data) for data in LogReader(fetch, checkpoint).entries(0, checkpoint.size)]


@pytest.mark.cell
@pytest.mark.timeout(600)
def test_a_running_cells_log_is_for_everybody_to_check(live_cell: RunningCell) -> None:
    key = log_signer(Cell(live_cell.data)).key.text
    until(lambda: (live_cell.data / "tlog" / "checkpoint").exists() and len(entries(live_cell)) >= 2)
    # The built-in policy comes into force with the first epoch, and says so before it.
    assert [entry.kind for entry in entries(live_cell)][:2] == [EntryKind.POLICY, EntryKind.EPOCH]
    before = len(entries(live_cell))
    pid = live_cell.children()["recorder"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: len(entries(live_cell)) > before)
    assert live_cell.children()["recorder"] != pid
    told = live_cell.json("log", "verify", f"{live_cell.url}/log", "--key", key, "--private")
    assert (told["ok"], told["size"] > before) == (True, True)
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "verify_log.py"), f"{live_cell.url}/log", "--key", key],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout)["ok"], done.stdout
    with live_cell.client() as client:
        checkpoint = client.get("/log/checkpoint")
        assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
        assert checkpoint.headers["cache-control"] == "public, max-age=5"
        tile = client.head("/log/tile/0/000.p/1")
        assert (tile.status_code, tile.headers["content-length"], tile.content) == (200, "32", b"")
        assert "immutable" in tile.headers["cache-control"]
        assert client.post("/log/checkpoint").status_code == 405
    for path in (
        "/log/../keys/tlog",
        "/log/%2e%2e/keys/tlog",
        "/log/tile/%2e%2e/checkpoint",
        "/log/.writer/journal",
        "/log/",
    ):
        # Not by way of a client that would tidy the path up.
        connection = HTTPConnection("127.0.0.1", live_cell.port, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 404, path
        assert b"GLASLOG" not in answer.read()
        connection.close()


@pytest.mark.cell
@pytest.mark.timeout(600)
def test_the_rules_are_served_by_their_hash_and_by_nothing_else(live_cell: RunningCell) -> None:
    until(lambda: (live_cell.data / "tlog" / "checkpoint").exists() and len(entries(live_cell)) >= 2)
    named = [str(one.facts["sha256"]) for one in entries(live_cell) if one.kind is EntryKind.POLICY]
    with live_cell.client() as client, psycopg.connect(database_url(Cell(live_cell.data)), autocommit=True) as own:
        for sha256 in named:
            served = client.get(f"/log/policy/{sha256}")
            assert (served.status_code, hashlib.sha256(served.content).hexdigest()) == (200, sha256)
            assert served.headers["access-control-allow-origin"] == "*"
            assert "immutable" in served.headers["cache-control"]
        assert client.head(f"/log/policy/{named[0]}").content == b""
        assert client.post(f"/log/policy/{named[0]}").status_code == 405
        for wrong in (
            "", "0" * 64, named[0].upper(), f"{named[0]}/", f"{named[0]}.toml", f"../policy/{named[0]}", named[0][:63],
            "%2e%2e/keys/tlog", f"{named[0]}%00",
        ):  # fmt: skip
            # Not by way of a client that would tidy the path up.
            connection = HTTPConnection("127.0.0.1", live_cell.port, timeout=30)
            connection.request("GET", f"/log/policy/{wrong}")
            assert connection.getresponse().status == 404, wrong
            connection.close()
        # What the log does not name is no policy of this cell, and neither is one that was changed behind it.
        secret = hashlib.sha256(b"secret rules").hexdigest()
        own.execute(
            "INSERT INTO feed_policyrecord (id, sha256, text, set_at, set_by, reason, first_epoch)"
            " VALUES (-1, %s, 'secret rules', now(), '', 'x', '')",
            [secret],
        )
        try:
            assert client.get(f"/log/policy/{secret}").status_code == 404
            own.execute("UPDATE feed_policyrecord SET sha256 = %s WHERE id = -1", [named[0]])
            own.execute("UPDATE feed_policyrecord SET sha256 = %s WHERE sha256 = %s AND id > 0", [secret, named[0]])
            assert client.get(f"/log/policy/{named[0]}").status_code == 404
        finally:
            own.execute("DELETE FROM feed_policyrecord WHERE id = -1")
            own.execute("UPDATE feed_policyrecord SET sha256 = %s WHERE sha256 = %s", [named[0], secret])
        assert client.get(f"/log/policy/{named[0]}").status_code == 200
        # The cell's word about other logs, of which there is none yet, and the key that it is given by.
        assert client.get(f"/log/witness/{'0' * 64}").status_code == client.get("/log/witnessed").status_code == 404
        assert client.get("/log/witness/key").text.startswith("glaswerk/witness/v1\n")


@pytest.mark.django_db(transaction=True)
def test_each_byte_of_a_recorded_log_counts() -> None:
    from django.db import transaction

    from glaswerk.cell import recorder
    from glaswerk.cell.records import record

    cell = settings.CELL
    with transaction.atomic():
        for number in range(3):
            record(EntryKind.EPOCH, {"sha256": "5" * 64, "policy": "7" * 64, "videos": number})
    recorder.record_once(cell)
    policy = Policy(log_signer(cell).key)
    files = [cell.tlog / path for path in ("checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3")]
    assert verify(cell.tlog, policy).ok
    for path in files:
        data = path.read_bytes()
        for at in range(len(data)):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            assert not verify(cell.tlog, policy).ok, (path, at)
        path.write_bytes(data)
    assert verify(cell.tlog, policy).ok
