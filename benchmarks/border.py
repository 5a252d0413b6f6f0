"""How long until what is published in one cell plays in another? Prints a table, or JSON with --json.

    python benchmarks/border.py --rounds 5

Two whole cells on this machine follow each other. The clock starts when the first cell has the whole file, and stops when
the second one hands out the first bytes of a file that it made itself; it is asked four times a second. The peer is the
first cell alone: from the same moment until the video plays there.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg

from benchmarks._machine import report
from tests.cells import SETTINGS, RunningCell

PATIENCE_S = 600.0


def film(path: Path, number: int, seconds: int, width: int, height: int) -> Path:
    """Make a clip that is different from all others."""
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y"),
            *("-f", "lavfi", "-i", f"testsrc2=size={width}x{height}:rate=24:duration={seconds}"),
            *("-f", "lavfi", "-i", f"sine=frequency={220 + 20 * number}:duration={seconds}"),
            *("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)),
        ],
        check=True,
    )
    return path


def until(found: Callable[[], Any]) -> float:
    """Wait until something is there, and return how many seconds that took."""
    begin = time.perf_counter()
    while not found():
        if time.perf_counter() - begin > PATIENCE_S:
            raise SystemExit("it did not come about")
        time.sleep(0.25)
    return time.perf_counter() - begin


def plays(cell: RunningCell, client: httpx.Client, person: str, caption: str) -> bool:
    """Whether a stranger gets the first bytes of this video from this cell."""
    page = client.get(f"/@{person}")
    if page.status_code != 200 or caption not in page.text:
        return False
    found = client.get("/api/feed", params={"limit": 50, "creator": person, "again": 1}).json()["slots"]
    video = next((slot["video"] for slot in found if slot["video"]["caption"] == caption), None)
    if video is None or not video["renditions"]:
        return False
    answer = client.get(video["renditions"][0]["url"], headers={"Range": "bytes=0-15"})
    return answer.status_code == 206 and b"ftyp" in answer.content


def main() -> None:
    """Measure and report."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=6, help="of a clip")
    options.add_argument("--width", type=int, default=540)
    options.add_argument("--height", type=int, default=960)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    here, there = [], []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with (
            RunningCell.started(folder / "us", f'{SETTINGS}\n[cell]\nregion = "us"\n') as us,
            RunningCell.started(folder / "eu", f'{SETTINGS}\n[cell]\nregion = "eu"\n') as eu,
        ):
            eu.run("peer", "add", us.url, "--key", us.run("log", "key").stdout.strip(), "--name", "us", "--private")
            name, author = us.person("creator", "ida")
            near, far = us.client(), eu.client()
            for number in range(chosen.rounds):
                clip = film(folder / "clip.mp4", number, chosen.seconds, chosen.width, chosen.height)
                caption = f"Clip {number}"
                answer = author.post(
                    "/api/videos",
                    data={"caption": caption, "visibility": "public"},
                    files={"file": ("clip.mp4", clip.read_bytes(), "video/mp4")},
                    headers={"X-CSRFToken": author.cookies["csrftoken"]},
                )
                answer.raise_for_status()
                begin = time.perf_counter()
                until(lambda caption=caption: plays(us, near, name, caption))
                here.append(time.perf_counter() - begin)
                until(lambda caption=caption: plays(eu, far, f"{name}@us", caption))
                there.append(time.perf_counter() - begin)
    report(
        "border",
        {
            "publish in one cell, playable in the other: median s": round(statistics.median(there), 1),
            "publish in one cell, playable in the other: worst s": round(max(there), 1),
            "of it after it played in the first: median s": round(
                statistics.median(b - a for a, b in zip(here, there, strict=True)), 1
            ),
            "asked s": 90,
            "aimed at s": 15,
        },
        {"the first cell alone: median s": round(statistics.median(here), 1)},
        chosen.json,
    )


if __name__ == "__main__":
    main()
