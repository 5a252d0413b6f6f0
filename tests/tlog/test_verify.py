"""Both verifiers, the engine's and the one that shares no code with it: they agree on what holds and on what does not."""

import importlib.util
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.tlog import Checkpoint, LogError, Policy, Reason, Signer, Tile, folder_fetch, verify
from glaswerk.tlog.merkle import leaf_hashes, root_of
from glaswerk.tlog.tiles import ENTRIES as BUNDLE
from glaswerk.tlog.tiles import write_bundle

from .naive import ORIGIN, POLICY, SIGNER, Witness, numbered, read_log, root, write_log

TOOL = Path(__file__).resolve().parents[2] / "tools" / "verify_log.py"
KEY = SIGNER.key.text
ENTRIES = numbered(600)


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_log", TOOL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with full and partial tiles, and with partial ones of an earlier checkpoint."""
    return write_log(tmp_path_factory.mktemp("log"), ENTRIES[:100], ENTRIES[100:550], ENTRIES[550:])


@pytest.fixture
def served(log: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(log))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def agreed(tool: ModuleType, folder: Path) -> list[str]:
    """The places that fail by both verifiers, which must say the same of everything else too."""
    ours, theirs = verify(folder, POLICY).as_dict(), tool.verify(str(folder), KEY)
    assert {key: ours[key] for key in ("origin", "ok", "size", "root", "bytes")} == {
        key: theirs[key] for key in ("origin", "ok", "size", "root", "bytes")
    }
    places = sorted({one["place"] for one in ours["failed"]})
    assert places == sorted({one["place"] for one in theirs["failed"]})
    assert ours["ok"] == (not places)
    return places


@settings(max_examples=12, deadline=None)
@given(size=st.sampled_from([0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 600]))
def test_both_accept_what_the_writer_wrote(
    tool: ModuleType, tmp_path_factory: pytest.TempPathFactory, size: int
) -> None:
    folder = write_log(tmp_path_factory.mktemp("log"), *([ENTRIES[:size]] if size else []))
    assert agreed(tool, folder) == []
    assert verify(folder, POLICY).root == root(ENTRIES[:size])


def test_both_accept_three_levels_of_tiles(tool: ModuleType, tmp_path: Path) -> None:
    entries = [b"%d" % number for number in range(65_800)]
    write_log(tmp_path, entries[:60_000], entries[60_000:])
    assert agreed(tool, tmp_path) == []
    report = verify(tmp_path, POLICY)
    assert report.root == root_of(leaf_hashes(entries)) == root(entries)
    path = tmp_path / Tile(1, 0).path
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert agreed(tool, tmp_path) == ["tile/1/000"]


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_changed_byte_anywhere_is_found_by_both(tool: ModuleType, log: Path, data: st.DataObject) -> None:
    files = read_log(log)
    # The checkpoint, one tile of level 1, and of level 0 and the bundles two full, one partial and an older partial one.
    assert len(files) == 10
    place = data.draw(st.sampled_from(sorted(files)))
    path = log / place
    at, change = data.draw(st.integers(0, len(files[place]) - 1)), data.draw(st.integers(1, 255))
    changed = bytearray(files[place])
    changed[at] ^= change
    path.write_bytes(changed)
    try:
        assert agreed(tool, log) != []
    finally:
        path.write_bytes(files[place])


def test_each_changed_byte_of_a_small_log_is_found_by_both(tool: ModuleType, tmp_path: Path) -> None:
    folder = write_log(tmp_path, ENTRIES[:3], ENTRIES[3:9])
    for place, whole in read_log(folder).items():
        for at in range(len(whole)):
            (folder / place).write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
            assert agreed(tool, folder) != [], (place, at)
        (folder / place).write_bytes(whole)
    assert agreed(tool, folder) == []


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_file_cut_lengthened_or_gone_is_found_by_both(tool: ModuleType, log: Path, data: st.DataObject) -> None:
    files = read_log(log)
    needed = [place for place in files if "p/" not in place or place.endswith(("/88", "/2"))]
    place = data.draw(st.sampled_from(sorted(needed)))
    path, whole = log / place, files[place]
    kind = data.draw(st.sampled_from(["cut", "lengthened", "gone", "empty"]))
    if kind == "gone":
        path.unlink()
    else:
        path.write_bytes({"cut": whole[:-1], "lengthened": whole + b"\0", "empty": b""}[kind])
    try:
        assert place in agreed(tool, log)
    finally:
        path.write_bytes(whole)


def test_a_stray_file_is_found_and_what_lies_beyond_the_checkpoint_is_not(
    tool: ModuleType, log: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "log"
    shutil.copytree(log, folder)
    for place, found in (
        ("tile/0/002.p/200", False),
        ("tile/0/003", False),
        ("tile/5/000", False),
        ("tile/0/002.p/300", True),
        ("tile/0/2", True),
        ("tile/8/000", True),
        ("tile/0/x000/001", True),
        ("tile/secret", True),
        ("tile/0/000.p/7", True),
        ("tile/entries/000.p/7", True),
    ):
        path = folder / place
        if path.parent.is_file():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 224)
        assert agreed(tool, folder) == ([place] if found else []), place
        path.unlink()


def test_a_log_that_signs_what_its_entries_do_not_make_is_found(tool: ModuleType, log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    shutil.copytree(log, folder)
    checkpoint = Checkpoint(ORIGIN, 600, bytes(32))
    (folder / "checkpoint").write_bytes(SIGNER.sign(checkpoint.text).encode())
    assert agreed(tool, folder) == ["checkpoint"]
    # Entries, tile and root all changed alike, which only a signature can tell.
    shutil.rmtree(folder)
    changed = [b"changed", *ENTRIES[1:256]]
    shutil.copytree(log, folder)
    (folder / "tile/entries/000").write_bytes(write_bundle(changed))
    (folder / "tile/0/000").write_bytes(leaf_hashes(changed))
    failed = agreed(tool, folder)
    assert "checkpoint" in failed and len(failed) == 2


def test_checkpoints_that_both_refuse(tool: ModuleType, log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    shutil.copytree(log, folder)
    path = folder / "checkpoint"
    good = path.read_bytes()
    text, _, line = good.decode().rpartition("\n\n")
    other = Signer("other.example", bytes(32))
    for data in (
        b"",
        good[:-1],
        good + b"\n",
        good.replace(b"\n", b"\r\n"),
        good.replace(b"600", b"0600"),
        other.sign(text + "\n").encode(),
        SIGNER.sign("other.example\n600\n" + text.split("\n")[2] + "\n").encode(),
        SIGNER.sign(text + "\n\nmore\n").encode(),
        SIGNER.sign(text.replace("600", "+600") + "\n").encode(),
        SIGNER.sign(text.replace("600", str(1 << 63)) + "\n").encode(),
        SIGNER.sign(text[:-1] + "\n").encode(),
        f"{text}\n\n{line.replace('=', '')}".encode(),
        b"\xff" + good,
        bytes(1 << 18),
    ):
        if data != good:
            path.write_bytes(data)
            assert agreed(tool, folder) == ["checkpoint"], data
    # What signs beside the log is nobody's business here.
    path.write_bytes(Witness("witness.example/w", 3).cosign(good, 7))
    assert agreed(tool, folder) == []
    # A log of more entries than there are: both stop before they have said it a million times.
    path.write_bytes(SIGNER.sign(Checkpoint(ORIGIN, 1 << 40, bytes(32)).text).encode())
    assert len(tool.verify(str(folder), KEY)["failed"]) == 100
    assert verify(folder, POLICY).faults[0].reason == Reason.TOO_LARGE
    assert len(verify(folder, POLICY, most_entries=1 << 41).faults) == 100


def test_a_log_over_http(tool: ModuleType, served: str, log: Path) -> None:
    found = tool.verify(served, KEY)
    assert (found["ok"], found["size"], found["failed"]) == (True, 600, [])
    assert tool.verify(served + "/nowhere/", KEY)["failed"][0]["place"] == "checkpoint"
    (log / "tile/1/000.p/2").rename(log / "moved")
    try:
        assert [one["place"] for one in tool.verify(served, KEY)["failed"]] == ["tile/1/000.p/2"]
    finally:
        (log / "moved").rename(log / "tile/1/000.p/2")


def test_a_fetch_that_fails_is_reported_and_not_raised(log: Path) -> None:
    def fetch(place: str, most: int) -> bytes:
        if "entries" in place:
            raise LogError(Reason.UNREACHABLE, "the line is dead")
        return folder_fetch(log)(place, most)

    report = verify(fetch, POLICY)
    # The hash tiles stand in, so the root still comes out, and the entries are missing all the same.
    assert [one.place for one in report.faults] == [
        Tile(BUNDLE, index, width).path for index, width in ((0, 256), (1, 256), (2, 88))
    ]
    assert not report.ok


def test_progress_is_told(log: Path) -> None:
    told: list[int] = []
    assert verify(log, POLICY, progress=told.append).ok
    assert told == [256, 512, 600]


def test_the_command_prints_json_and_leaves_with_0_or_1(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    shutil.copytree(log, folder)
    for broken in (False, True):
        if broken:
            (folder / "tile/entries/000").unlink()
        done = subprocess.run(
            [sys.executable, "-I", TOOL, folder, "--key", KEY], capture_output=True, text=True, check=False
        )
        assert done.returncode == broken
        found = json.loads(done.stdout)
        assert (found["ok"], found["size"], found["root"]) == (not broken, 600, root(ENTRIES).hex())
        assert [one["place"] for one in found["failed"]] == (["tile/entries/000"] if broken else [])


def test_the_tool_stays_small_and_shares_no_code() -> None:
    lines = TOOL.read_text().splitlines()
    assert len(lines) <= 330
    roots = {line.split()[1].split(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert roots <= {*sys.stdlib_module_names, "cryptography"}


def test_witnesses_who_are_behind_are_believed_of_what_they_saw(tool: ModuleType, tmp_path: Path) -> None:
    witness = Witness("witness.example/w", 3)
    policy = Policy(SIGNER.key, (witness.key,), 1)
    log = write_log(tmp_path / "log", ENTRIES[:100])
    seen = witness.cosign((log / "checkpoint").read_bytes(), 7)
    write_log(log, ENTRIES[100:300])
    assert verify(log, policy).faults[0].reason is Reason.WITNESSES
    (log / "witnessed").write_bytes(seen)
    report = verify(log, policy)
    assert (report.ok, report.size, report.witnessed, report.cosigned) == (True, 300, 100, ((witness.key.name, 7),))
    theirs = tool.verify(str(log), KEY, [witness.key.text])
    assert (theirs["ok"], theirs["witnessed"], theirs["cosigned"]) == (True, 100, {witness.key.name: 7})
    # Whoever cosigned another log has not seen this one.
    forged = SIGNER.sign(Checkpoint(ORIGIN, 100, b"\5" * 32).text).encode()
    for wrong in (witness.cosign(forged, 8), seen[:-10] + b"AAAAAAAA=\n", SIGNER.sign("nothing\n").encode()):
        (log / "witnessed").write_bytes(wrong)
        assert not verify(log, policy).ok
        assert not tool.verify(str(log), KEY, [witness.key.text])["ok"]
    # Nobody who does not ask for witnesses looks.
    assert verify(log, POLICY).ok and tool.verify(str(log), KEY)["ok"]


def test_the_tool_knows_a_cosignature_under_the_checkpoint(tool: ModuleType, tmp_path: Path) -> None:
    witness = Witness("witness.example/w", 3)
    log = write_log(tmp_path / "log", ENTRIES[:5])
    path = log / "checkpoint"
    path.write_bytes(witness.cosign(path.read_bytes(), 7))
    found = tool.verify(str(log), KEY, [witness.key.text])
    assert (found["ok"], found["witnessed"], found["cosigned"]) == (True, 5, {witness.key.name: 7})
    line = path.read_bytes().rpartition(b" ")[2]
    path.write_bytes(path.read_bytes().replace(line, line[:30] + (b"A" if line[30:31] != b"A" else b"B") + line[31:]))
    assert not tool.verify(str(log), KEY, [witness.key.text])["ok"]
