"""How fast a large file arrives, and what of it has to be sent again after the connection broke.

    python -m benchmarks.uploads --mib 256 --rounds 3 --json

The peer is the way that most self-hosted servers take a video: one multipart POST to Django, which stores the body and
then copies it into place.  It is this very server's own `POST /api/videos`, on the same disk and in the same run.  Both
are timed from the first byte sent to the answer, when the file is durable under the SHA-256 of its bytes and its job is
queued.
"""

import argparse
import base64
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx

from benchmarks._machine import report
from tests.cells import SETTINGS, RunningCell

_PIECE: Final = 1 << 20
_TUS: Final = {"Tus-Resumable": "1.0.0"}
_CHUNK: Final = {**_TUS, "Content-Type": "application/offset+octet-stream"}


def content(path: Path, start: int = 0) -> Iterator[bytes]:
    """Read a file piece by piece."""
    with path.open("rb") as file:
        file.seek(start)
        while piece := file.read(_PIECE):
            yield piece


def begin(client: httpx.Client, length: int) -> str:
    """Begin an upload that nothing is made of, so that no render runs beside the next measurement."""
    purpose = f"purpose {base64.b64encode(b'source').decode()}"
    answer = client.post("/api/uploads", headers={**_TUS, "Upload-Length": str(length), "Upload-Metadata": purpose})
    answer.raise_for_status()
    return str(answer.headers["location"])


def send_resumably(client: httpx.Client, path: Path) -> float:
    """Upload a file by tus and return the seconds."""
    started = time.perf_counter()
    length = path.stat().st_size
    place = begin(client, length)
    headers = {**_CHUNK, "Upload-Offset": "0", "Content-Length": str(length)}
    client.patch(place, content=content(path), headers=headers).raise_for_status()
    took = time.perf_counter() - started
    client.delete(place, headers=_TUS).raise_for_status()
    return took


def send_at_once(client: httpx.Client, path: Path) -> float:
    """Upload a file by a form and return the seconds."""
    headers = {"X-CSRFToken": client.cookies["csrftoken"]}
    started = time.perf_counter()
    with path.open("rb") as file:
        answer = client.post("/api/videos", files={"file": ("clip.mp4", file, "video/mp4")}, headers=headers)
    answer.raise_for_status()
    took = time.perf_counter() - started
    client.delete(f"/api/videos/{answer.json()['id']}", headers=headers).raise_for_status()
    return took


def sent_again(cell: RunningCell, client: httpx.Client, path: Path, part: float) -> int:
    """Break the connection when a part of the file was sent; return how many bytes have to be sent again."""
    length = path.stat().st_size
    place = begin(client, length)
    cookies = "; ".join(f"{one.name}={one.value}" for one in client.cookies.jar)
    lines = {**_CHUNK, "Host": "127.0.0.1", "Cookie": cookies, "Upload-Offset": "0", "Content-Length": str(length)}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    sent = 0
    with socket.create_connection(("127.0.0.1", cell.port)) as line:
        line.sendall(f"PATCH {place} HTTP/1.1\r\n{head}\r\n".encode())
        for piece in content(path):
            if sent >= part * length:
                break
            line.sendall(piece)
            sent += len(piece)
    kept, before = 0, -1
    # It goes on writing what had arrived.
    while kept != before:
        time.sleep(0.5)
        before, kept = kept, int(client.head(place, headers=_TUS).headers["upload-offset"])
    client.delete(place, headers=_TUS).raise_for_status()
    return sent - kept


def main() -> None:
    """Measure and report."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--mib", type=int, default=256)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.mp4"
        with path.open("wb") as file:
            for _ in range(chosen.mib):
                file.write(os.urandom(_PIECE))
        with RunningCell.started(Path(folder) / "cell" / "data", SETTINGS) as cell:
            _, client = cell.person("creator")
            client.timeout = httpx.Timeout(300)
            client.get("/upload")
            ours, form = [], []
            for _ in range(chosen.rounds):
                ours.append(send_resumably(client, path))
                form.append(send_at_once(client, path))
            again = sent_again(cell, client, path, 0.6)
    mine, theirs = statistics.median(ours), statistics.median(form)
    report(
        "uploads",
        {
            "seconds": round(mine, 2),
            "MiB a second": round(chosen.mib / mine, 1),
            "time against the form": round(mine / theirs, 2),
            "MiB to send again after a break at 60 %": round(again / _PIECE, 2),
        },
        {
            "form: seconds": round(theirs, 2),
            "form: MiB a second": round(chosen.mib / theirs, 1),
            "form: MiB to send again after a break at 60 %": round(0.6 * chosen.mib, 1),
        },
        chosen.json,
    )


if __name__ == "__main__":
    main()
