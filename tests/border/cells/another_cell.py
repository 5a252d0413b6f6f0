"""A peer that is no cell: a real log and real files behind a real HTTP server, which lies where a test says so."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from glaswerk.border.messages import File, Media, Message, Profile, Tombstone, Video, hash_of
from glaswerk.cell.entries import Entry, EntryKind
from glaswerk.cell.ids import encode_id
from glaswerk.tlog import LogWriter, Signer

Handler = BaseHTTPRequestHandler
IDA = encode_id(7001)
CLIP = encode_id(8001)


class AnotherCell:
    """The log of a cell called `us`, and the files that it names."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}/log"
        self.signer = Signer("us.example/log", bytes(range(32)))
        self.writer = LogWriter.open(folder, self.signer)
        self.blobs: dict[str, bytes] = {}
        # By path, such as `checkpoint`: what answers in place of the truth.
        self.lies: dict[str, Callable[[Handler], None]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._count = 0

    @property
    def key(self) -> str:
        return self.signer.key.text

    def enter(self, message: str, sha256: str, **facts: Any) -> int:
        """Have the log name a hash, whatever it is; return the number of the entry."""
        self._count += 1
        said = {"message": message, "sha256": sha256, **facts}
        entry = Entry(self._count, datetime(2026, 3, 4, tzinfo=UTC), EntryKind.CROSS_OUT, said)
        return self.writer.append(entry.encode()).index

    def say(self, message: Message, *files: bytes) -> str:
        """Say a message as a cell does; return its hash."""
        data = message.encode()
        self.blobs |= {hash_of(each): each for each in (data, *files)}
        blobs = {"blobs": [hash_of(each) for each in files]} if files else {}
        self.enter(message.type, hash_of(data), **blobs)
        return hash_of(data)

    def withdraw(self, of: Any, item: str, sha256: str) -> None:
        """Say a tombstone, and serve the message no more."""
        del self.blobs[sha256]
        self.say(Tombstone(id=item, of=of))

    def answer(self, handler: Handler) -> None:
        path = handler.path.removeprefix("/log/")
        self.asked.append((path, dict(handler.headers.items())))
        if path in self.lies:
            self.lies[path](handler)
            return
        name = path.removeprefix("blob/")
        file = self.folder / path
        if path.startswith("blob/") and name in self.blobs:
            send(handler, self.blobs[name])
        elif not path.startswith("blob/") and file.is_file():
            send(handler, file.read_bytes())
        else:
            send(handler, b"", 404)


def send(handler: Handler, data: bytes, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def saying(data: bytes, status: int = 200) -> Callable[[Handler], None]:
    """Answers with other bytes."""
    return lambda handler: send(handler, data, status)


def without_end(handler: Handler) -> None:
    """Answers for as long as somebody listens."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        return


def slowly(handler: Handler) -> None:
    """Answers a byte now and then, for ever."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        return


def never(handler: Handler) -> None:
    """Takes the question and says nothing at all."""
    time.sleep(4)


@contextmanager
def another_cell(folder: Path) -> Iterator[AnotherCell]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, address: Any) -> None:
            """Whoever hangs up in the middle has a reason."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            cell.answer(self)

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    with Server(("127.0.0.1", 0), Answers) as server:
        cell = AnotherCell(folder, server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield cell
        finally:
            server.shutdown()
            cell.writer.close()


def ida(**other: Any) -> Profile:
    facts: dict[str, Any] = {"id": IDA, "name": "ida", "display_name": "Ida", "bio": "North", "avatar": None}
    return Profile(**facts | other)


def clip(data: bytes, **other: Any) -> Video:
    facts: dict[str, Any] = {
        "id": CLIP,
        "by": IDA,
        "by_name": "ida",
        "caption": "Northern #lights",
        "language": "en",
        "region": "us",
        "allow": ("duet",),
        "sound_title": "Wind",
        "published_at": 1_767_300_000_000,
        "media": Media(sha256=hash_of(data), bytes=len(data), width=160, height=90, duration_ms=500),
        "captions": (),
    }
    return Video(**facts | other)


def file_of(data: bytes) -> File:
    return File(sha256=hash_of(data), bytes=len(data))
