"""`glaswerk log`: this cell's own log and somebody else's, from a folder and from the web, honest and not."""

import base64
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from glaswerk.cell.config import Cell
from glaswerk.cell.public_log import log_signer, open_log
from glaswerk.cli.log import app
from glaswerk.tlog import Checkpoint, Policy, TlogProof, VerifierKey
from tests.tlog.naive import SIGNER, Witness, numbered, root, write_log

KEY = SIGNER.key.text
ENTRIES = numbered(300)


@pytest.fixture
def cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cell:
    monkeypatch.setenv("GLASWERK_DATA", str(tmp_path / "cell"))
    return Cell(tmp_path / "cell")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path / "log", ENTRIES[:100], ENTRIES[100:])


@pytest.fixture
def served(log: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(log))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def run(*words: str | Path, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.output


def test_the_cells_own_log(cell: Cell) -> None:
    told = json.loads(run("key", "--json"))
    assert told["name"] == "127.0.0.1:8000/log"
    with open_log(cell) as writer:
        writer.append(*ENTRIES)
    assert run("key").strip() == told["key"] == log_signer(cell).key.text
    found = json.loads(run("verify", "--json"))
    assert (found["ok"], found["size"], found["root"]) == (True, 300, root(ENTRIES).hex())
    assert "everything holds" in run("verify")
    shown = json.loads(run("proof", "7", "--json"))
    assert base64.b64decode(shown["entry"]) == ENTRIES[7]
    proof = TlogProof.parse(shown["proof"].encode())
    proof.verify(ENTRIES[7], Policy(VerifierKey.parse(told["key"])))
    assert json.loads(run("watch", "--once", "--json"))["size"] == 300


def test_a_log_keeps_its_name_though_the_cell_moves(cell: Cell) -> None:
    with open_log(cell) as writer:
        writer.append(b"entry")
    before = run("key")
    cell.config_path.write_text('[web]\npublic_url = "https://video.example"\n')
    assert run("key") == before
    with open_log(Cell(cell.data)) as writer:
        assert writer.append(b"entry").index == 1


def test_somebody_elses_folder(log: Path, tmp_path: Path) -> None:
    assert json.loads(run("verify", log, "--key", KEY, "--json"))["ok"]
    run("proof", "299", "--from", log, "--key", KEY, "--out", tmp_path / "proof")
    TlogProof.parse((tmp_path / "proof").read_bytes()).verify(ENTRIES[299], Policy(SIGNER.key))
    assert run("proof", "299", "--from", log, "--key", KEY) == (tmp_path / "proof").read_text()
    path = log / "tile/entries/000"
    data = path.read_bytes()
    path.write_bytes(data[:-3] + b"!" + data[-2:])
    found = json.loads(run("verify", log, "--key", KEY, "--json", code=1))
    assert (found["ok"], found["failed"][0]["reason"]) == (False, "mismatch")
    assert "DOES NOT HOLD" in run("verify", log, "--key", KEY, code=1)
    run("proof", "255", "--from", log, "--key", KEY, code=1)


def test_the_web_and_why_not_this_machine(served: str) -> None:
    found = json.loads(run("verify", served, "--key", KEY, "--json", "--private"))
    assert (found["ok"], found["size"]) == (True, 300)
    refused = json.loads(run("verify", served, "--key", KEY, "--json", code=1))
    assert "not public" in refused["failed"][0]["detail"]
    assert json.loads(run("proof", "3", "--from", served, "--key", KEY, "--json", "--private"))["index"] == 3


def test_watching_remembers_what_it_saw(log: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    words = ("watch", log, "--key", KEY, "--state", state, "--once", "--json")
    assert json.loads(run(*words))["grown"]
    assert not json.loads(run(*words))["grown"]
    write_log(log, [b"more"])
    assert json.loads(run(*words)) == {"ok": True, "grown": True, "size": 301, "root": root([*ENTRIES, b"more"]).hex()}
    remembered = state.read_bytes()
    for size, entries, reason in ((100, ENTRIES, "rollback"), (301, [b"other"], "fork")):
        forged = Checkpoint(SIGNER.key.name, size, root(entries[:100]))
        (log / "checkpoint").write_bytes(SIGNER.sign(forged.text).encode())
        assert json.loads(run(*words, code=1))["reason"] == reason
        assert state.read_bytes() == remembered
    (log / "checkpoint").unlink()
    assert json.loads(run(*words, code=1))["reason"] == "missing"
    state.write_bytes(b"nonsense")
    run(*words, code=1)


def test_witnesses(log: Path) -> None:
    witness = Witness("witness.example/w", 3)
    words = ("verify", log, "--key", KEY, "--witness", witness.key.text, "--quorum", "1", "--json")
    assert json.loads(run(*words, code=1))["failed"][0]["reason"] == "witnesses"
    path = log / "checkpoint"
    path.write_bytes(witness.cosign(path.read_bytes(), 1000))
    assert json.loads(run(*words))["cosigned"] == [{"witness": "witness.example/w", "time": 1000}]
    assert json.loads(run(*words, "--max-age", "60", code=1))["failed"][0]["reason"] == "stale"


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "https://log.example"),
        ("verify", ".", "--key", "nonsense"),
        ("verify", ".", "--key", KEY, "--quorum", "1"),
        ("verify", ".", "--key", KEY, "--witness", KEY),
        ("proof", "0", "--from", "nowhere", "--key", KEY),
        ("watch", "ftp://log.example", "--key", KEY, "--once"),
        ("watch", ".", "--key", KEY, "--once", "--state", "."),
    ],
)
def test_what_cannot_be_asked_ends_with_a_sentence(cell: Cell, words: tuple[str, ...]) -> None:
    output = run(*words, code=1)
    assert "Traceback" not in output


def test_verifying_needs_no_django() -> None:
    import subprocess
    import sys

    code = "import sys, glaswerk.tlog; print([name for name in ('django', 'numba', 'httpx', 'glaswerk.cell') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
