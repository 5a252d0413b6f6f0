"""How many slates a second does a cell serve over HTTP, and how fast? Prints a table, or JSON with --json.

    glaswerk bench feed --videos 10000 --viewers 1000 --seconds 20

A whole cell of its own is started (PostgreSQL, event log, two web workers, everything else), with synthetic videos and
viewers who have histories.  The load generator runs on the same cores.  The peer answers the same ten videos to
everybody: newest first by the ORM, on the same server, database and machine, in the same run.
"""

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import psycopg

from benchmarks._load import Load, drive
from benchmarks._machine import processor_seconds, report
from glaswerk.cell.config import Cell
from glaswerk.cell.postgres import database_url
from tests.cells import RunningCell, environment, free_port

SETTINGS: Final = """
[feed]
epoch_seconds = 60
[limits]
feed_per_minute = 1000000
events_per_minute = 1000000
new_viewers_per_minute = 1000000
"""
TOPICS: Final = 100
HISTORY: Final = 50

_FILL: Final = (
    """INSERT INTO people_person (id, name, display_name, bio, avatar, email, password, role, language, profiling,
                                  default_visibility, is_active, is_superuser, joined_at)
       SELECT n, 'creator' || n, 'Creator ' || n, '', '', '', '!', 'creator', 'en', true, 'public', true, false, now()
       FROM generate_series(1, 500) n""",
    """INSERT INTO videos_video (id, creator_id, caption, hashtags, mentions, visibility, language, region, sound_title,
                                 state, progress, failure, source, duration_ms, width, height, poster, color,
                                 created_at, published_at, features, ladder)
       SELECT 1000000 + n, 1 + n %% 500, 'A clip about topic ' || n %% %(topics)s, ARRAY['topic' || n %% %(topics)s], '{}',
              'public', 'en', 'eu', 'Original sound', 'ready', 100, '', '', 5000 + n %% 30000, 720, 1280,
              lpad(to_hex(n), 64, '0'), '#224466', now(), now() - n * interval '1 minute', '', 'whole'
       FROM generate_series(1, %(videos)s) n""",
    """INSERT INTO videos_rendition (video_id, blob, width, height, bitrate, size, codecs, family)
       SELECT 1000000 + n, lpad(to_hex(n * 2 + high), 64, 'f'), high * 360, high * 640, 1000000, 1000000, 'avc1.64001e', 'h264'
       FROM generate_series(1, %(videos)s) n, generate_series(1, 2) high""",
    """INSERT INTO feed_statistics (video_id, impressions, finishes, skips, likes, shares, saves, follows, watch_ms,
                                    recent_impressions, recent_finishes, recent_likes, decayed_at)
       SELECT 1000000 + n, 1000, 200 + n %% 400, n %% 300, n %% 50, n %% 10, n %% 10, n %% 5, 1000000, 25600, 5120,
              256 * (n %% 9), (extract(epoch FROM now()) * 1000)::bigint
       FROM generate_series(1, %(videos)s) n""",
    """INSERT INTO feed_watch (viewer, video, first_at, last_at, watched, watched_ms, loops, shared, liked_at, saved_at,
                               refused_at, watched_at)
       SELECT -v, 1000000 + 1 + (v * 7 + h * %(topics)s * (1 + v %% 3)) %% %(videos)s, 1, 1700000000000 + h, true,
              CASE WHEN h %% 4 = 0 THEN 900 ELSE 60000 END, 0, false, 0, 0, 0, 1700000000000 + h
       FROM generate_series(1, %(viewers)s) v, generate_series(1, %(history)s) h ON CONFLICT DO NOTHING""",
)


def fill(cell: RunningCell, videos: int, viewers: int) -> None:
    """Put synthetic videos and watches into the cell's tables."""
    facts = {"videos": videos, "viewers": viewers, "topics": TOPICS, "history": HISTORY}
    with psycopg.connect(database_url(Cell(cell.data))) as connection:
        for statement in _FILL:
            connection.execute(statement, facts)
        connection.execute("ANALYZE")


def cookies(cell: RunningCell, viewers: int) -> list[bytes]:
    """Return the signed cookies of the viewers -1, -2, …, made with the cell's own key."""
    code = (
        "import sys; from glaswerk.cli.attach import setup_django; setup_django()\n"
        "from django.core.signing import Signer; from glaswerk.cell.ids import encode_id\n"
        f"signer = Signer(salt='glaswerk.viewer')\nfor n in range(1, {viewers} + 1): print(signer.sign(encode_id(n)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(cell.data), capture_output=True, check=True)
    return done.stdout.split()


def requests(port: int, keys: list[bytes]) -> Iterator[bytes]:
    """Yield requests of the viewers in random order, for ever."""
    order = random.Random(1)
    while True:
        cookie = order.choice(keys)
        yield b"GET /api/feed?limit=10 HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncookie: viewer=%s\r\n\r\n" % (port, cookie)


def spent(cell: RunningCell) -> dict[str, float]:
    """Return the processor seconds of every part of the cell so far."""
    return {name: processor_seconds(pid) for name, pid in cell.children().items()}


def measure_peer(cell: RunningCell, seconds: float, connections: int) -> Load:
    """Serve the newest videos by the ORM from the same database, and measure that."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--workers", "2"]
    peer = subprocess.Popen(
        [*command, "--no-ws", "--workers-kill-timeout", "3", "benchmarks._newest_first:application"],
        env={**environment(cell.data), "DJANGO_SETTINGS_MODULE": "glaswerk.cell.settings"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            try:
                if httpx.get(f"http://127.0.0.1:{port}/api/feed", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        line = b"GET /api/feed HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n\r\n" % port
        drive("127.0.0.1", port, itertools.repeat(line), 2, connections)
        return drive("127.0.0.1", port, itertools.repeat(line), seconds, connections)
    finally:
        peer.send_signal(signal.SIGTERM)
        peer.wait(30)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=10_000)
    parser.add_argument("--viewers", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    os.environ.pop("DATABASE_URL", None)
    with tempfile.TemporaryDirectory() as folder, RunningCell.started(Path(folder) / "data", SETTINGS) as cell:
        fill(cell, chosen.videos, chosen.viewers)
        epoch = cell.json("feed", "cut")["epoch"]
        while httpx.get(f"{cell.url}/api/feed", trust_env=False).json()["epoch"] != epoch:
            time.sleep(0.2)
        keys = cookies(cell, chosen.viewers)
        drive("127.0.0.1", cell.port, requests(cell.port, keys), 5, chosen.connections)
        before, own = spent(cell), time.process_time()
        load = drive("127.0.0.1", cell.port, requests(cell.port, keys), chosen.seconds, chosen.connections)
        own = time.process_time() - own
        work = {name: seconds - before[name] for name, seconds in spent(cell).items()} | {"load_generator": own}
        one = drive("127.0.0.1", cell.port, requests(cell.port, keys), min(chosen.seconds, 5), 1)
        peer = measure_peer(cell, min(chosen.seconds, 10), chosen.connections)
    figures = {
        "videos": chosen.videos,
        "viewers": chosen.viewers,
        "connections": chosen.connections,
        "slates_per_s": round(load.per_second, 1),
        "ratio_to_newest_first": round(load.per_second / peer.per_second, 2),
        "p50_ms": round(load.percentile_ms(50), 2),
        "p99_ms": round(load.percentile_ms(99), 2),
        "alone_p50_ms": round(one.percentile_ms(50), 2),
        "alone_p99_ms": round(one.percentile_ms(99), 2),
        "statuses": load.statuses,
        # What one slate costs all processors together, and where: the inverse of their sum is the most a core could serve.
        "cpu_ms_per_slate": {
            name: round(1000 * seconds / max(1, load.statuses.get(200, 0)), 3) for name, seconds in work.items()
        },
    }
    peers = {
        "newest_first_per_s": round(peer.per_second, 1),
        "newest_first_p50_ms": round(peer.percentile_ms(50), 2),
        "newest_first_p99_ms": round(peer.percentile_ms(99), 2),
        "newest_first_statuses": peer.statuses,
    }
    report("feed", figures, peers, chosen.json)


if __name__ == "__main__":
    main()
