"""The tap: what the outgoing client sends is written down while somebody listens, and never otherwise."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from glaswerk.cell import tap
from glaswerk.cell.config import Cell, current_cell
from glaswerk.cell.outgoing import Outgoing
from tests.cells import environment


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def cell() -> Cell:
    cell = current_cell()
    cell.make_folders()
    return cell


def test_everything_that_is_sent_is_written_down_while_somebody_listens(cell: Cell, url: str) -> None:
    with Outgoing(allow_private=True) as client, tap.listening(cell) as read:
        client.get(f"{url}/path?query=one", 100)
        client.post(f"{url}/hook", b"the body", {"X-Kind": "two"}, 0)
        sent = read()
        assert stat.S_IMODE((cell.run / "tap").stat().st_mode) == 0o600
    for words in (
        b"GET http://127.0.0.1",
        b"/path?query=one\r\n",
        b"POST http",
        b"X-Kind: two\r\n",
        b"\r\n\r\nthe body",
    ):
        assert words in sent


def test_another_process_writes_it_down_as_well(cell: Cell) -> None:
    program = "from glaswerk.cell import tap; tap.note(b'from elsewhere')"
    with tap.listening(cell) as read:
        subprocess.run([sys.executable, "-c", program], env=environment(cell.data), check=True)
        assert read() == b"from elsewhere\n"


def test_nothing_is_written_down_where_nobody_listens(cell: Cell, url: str) -> None:
    with Outgoing(allow_private=True) as client:
        client.get(f"{url}/before", 100)
        with tap.listening(cell):
            pass
        client.get(f"{url}/after", 100)
    assert not (cell.run / "tap").exists()


def test_a_listener_who_was_killed_leaves_nothing_on(cell: Cell, url: str) -> None:
    program = (
        "import os; from glaswerk.cell import tap; from glaswerk.cell.config import current_cell\n"
        "with tap.listening(current_cell()): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program], env=environment(cell.data), check=False).returncode == -9
    left = cell.run / "tap"
    assert left.read_bytes() == b""
    with Outgoing(allow_private=True) as client:
        client.get(f"{url}/after", 100)
    assert left.read_bytes() == b""
    # The next one begins anew.
    left.write_bytes(b"old")
    with tap.listening(cell) as read:
        assert read() == b""


def test_one_listens_at_a_time(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap, "_PATIENCE_S", 0.0)
    with tap.listening(cell) as read:
        with pytest.raises(tap.TapBusy), tap.listening(cell):
            pass
        tap.note(b"still here")
        assert read() == b"still here\n"


def test_what_cannot_be_written_down_is_sent_all_the_same(cell: Cell, url: str) -> None:
    with Outgoing(allow_private=True) as client, tap.listening(cell):
        os.unlink(cell.run / "tap")
        assert client.get(url, 100).status == 204
