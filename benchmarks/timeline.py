"""How fast is a timeline rendered? Prints a table, or JSON with --json.

    python -m benchmarks.timeline --json

A short video as people make them: five clips of phones in two shapes, each with its sound, three of the cuts with a transition, a look, a
clip at another speed, two texts, a sticker, and music that steps back behind the clips, at 720 x 1280 and 30 frames a second. Measured is
the time from the document to the finished file, against the length of the video: at 2 it is made in half of the time that it plays.

The peer makes the same video in the way of scripts: every clip becomes a file of its own first, with the very same settings of the
encoder, and a second run joins the files, crosses them, lays the texts over them and mixes the sound. It is given the pictures of the
texts, and its time for looking into the sources and for planning is not counted.
"""

import argparse
import resource
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from benchmarks._machine import report
from glaswerk.reel.timeline import (
    Clip,
    Gap,
    Graph,
    Sticker,
    Text,
    Timeline,
    Track,
    Transition,
    dump,
    graph,
    inspect,
    parse,
    render,
)
from glaswerk.reel.timeline.drawing import draw
from glaswerk.reel.timeline.model import Cut, TextStyle

SECONDS = 3
_CLIP_SECONDS = 5
_SHAPES = ("1080x1920", "1920x1080", "1080x1920", "1080x1920", "1920x1080")


def sources(folder: Path) -> dict[str, Path]:
    """Five moving clips with grain, as a phone's are, and a sound."""
    made = {}
    for number, shape in enumerate(_SHAPES):
        picture = f"testsrc2=s={shape}:r=30:d={_CLIP_SECONDS + number / 10},noise=alls=8:allf=t"
        sound = f"anoisesrc=d={_CLIP_SECONDS}:c=pink:a=0.2:seed={number}"
        path = folder / f"clip-{number}.mp4"
        _ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *("-c:v", "libx264", "-preset", "ultrafast"), *("-b:v", "12M", "-pix_fmt", "yuv420p", "-g", "30", "-c:a", "aac"), path)  # fmt: skip
        made[f"source:{number}"] = path
    path = folder / "music.m4a"
    _ffmpeg("-f", "lavfi", "-i", "sine=f=220:d=30", "-c:a", "aac", path)
    made["sound:music"] = path
    return made


def draft() -> Timeline:
    """Five clips of three seconds."""
    clips = [Clip(source=f"source:{each}", start_ms=700, duration_ms=SECONDS * 1000) for each in range(5)]
    clips[1] = replace(clips[1], look="golden")
    clips[3] = replace(clips[3], speed=1.4, start_ms=300)
    texts = (
        Gap(500),
        Text(text="Five clips, one video", duration_ms=4000, y=0.2, style=TextStyle.BOX),
        Text(text="größer\nund schneller", duration_ms=5000, y=0.7, size=0.06, style=TextStyle.OUTLINE),
    )
    main = (
        clips[0],
        Transition(Cut.DISSOLVE, 250, 250),
        clips[1],
        Transition(Cut.SLIDE_LEFT, 250, 250),
        clips[2],
        clips[3],
        Transition(Cut.ZOOM, 250, 250),
        clips[4],
    )
    music = Track(
        name="music", duck=True, items=(Clip(source="sound:music", start_ms=0, duration_ms=5 * SECONDS * 1000),)
    )
    return Timeline(
        main=Track(name="main", items=main),
        overlays=(
            Track(name="overlays", items=texts),
            Track(name="overlays-2", items=(Gap(6000), Sticker(sticker="heart", duration_ms=4000, x=0.8, y=0.4))),
        ),
        music=(music,),
    )


class Spent:
    """Wall seconds and processor seconds, those of children too, while it is open and not paused."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0

    def __enter__(self) -> "Spent":
        self._began = self._now()
        return self

    def __exit__(self, *error: object) -> None:
        wall, processor = self._now()
        self.wall += wall - self._began[0]
        self.processor += processor - self._began[1]

    @staticmethod
    def _now() -> tuple[float, float]:
        used = [resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return time.perf_counter(), sum(each.ru_utime + each.ru_stime for each in used)


def ours(text: str, files: dict[str, Path], out: Path) -> Spent:
    with Spent() as spent:
        render(parse(text), files, out)
    return spent


def by_hand(timeline: Timeline, files: dict[str, Path], folder: Path) -> Spent:
    """Every clip to a file, then the files to a video. What each file holds is what a transition needs of it, too."""
    media = {name: inspect(path) for name, path in files.items()}
    whole = graph(timeline, media)
    draw(whole, folder)
    spent = Spent()
    made: dict[str, Path] = {}
    for number, item in enumerate(timeline.main.items):
        if not isinstance(item, Clip):
            continue
        around = timeline.main.items[max(0, number - 1) : number + 2]
        handles = [each for each in around if isinstance(each, Transition)]
        before = sum(each.before_ms for each in handles if number and each is timeline.main.items[number - 1])
        after = sum(each.after_ms for each in handles) - sum(
            each.after_ms for each in handles if number and each is timeline.main.items[number - 1]
        )
        start = item.start_ms - round(before * item.speed)
        longer = replace(item, start_ms=start, duration_ms=item.duration_ms + before + after)
        alone = graph(replace(timeline, main=Track(name="main", items=(longer,)), overlays=(), music=()), media)
        made[f"source:{number}"] = folder / f"part-{number}.mp4"
        with spent:
            _run(alone, files, made[f"source:{number}"], folder)
    parts = tuple(
        replace(item, source=f"source:{number}", start_ms=_before(timeline, number), speed=1.0, look="")
        if isinstance(item, Clip)
        else item
        for number, item in enumerate(timeline.main.items)
    )
    joined = replace(timeline, main=Track(name="main", items=parts))
    made["sound:music"] = files["sound:music"]
    plan = graph(joined, {name: inspect(path) for name, path in made.items()})
    with spent:
        _run(plan, made, folder / "by-hand.mp4", folder)
    return spent


def _before(timeline: Timeline, number: int) -> int:
    item = timeline.main.items[number - 1] if number else None
    return item.before_ms if isinstance(item, Transition) else 0


def _run(plan: Graph, files: dict[str, Path], out: Path, folder: Path) -> None:
    words: list[str | Path] = []
    for each in plan.inputs:
        options = ["file" if word == "fd" else word for word in each.options]
        words += [*options, "-i", files[each.source] if each.source else each.drawing]
    words += ["-filter_complex", plan.video]
    if plan.audio:
        words += ["-filter_complex", plan.audio]
    _ffmpeg(*words, *plan.arguments, out, folder=folder)


def _ffmpeg(*words: str | Path, folder: Path | None = None) -> None:
    tool = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([tool, "-nostdin", "-loglevel", "error", "-y", *map(str, words)], check=True, cwd=folder)


def _figures(runs: list[Spent], length: float) -> dict[str, Any]:
    """The best run. Where other work keeps the machine busy, the processor seconds say more than the wall's."""
    wall, processor = min(each.wall for each in runs), min(each.processor for each in runs)
    return {
        "render_seconds": round(wall, 2),
        "processor_seconds": round(processor, 2),
        "times_real_time": round(length / wall, 2),
        "times_real_time_on_two_idle_cores": round(length / (processor / 2), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how fast a timeline is rendered.")
    parser.add_argument("--runs", type=int, default=3, help="the best of so many counts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    timeline = draft()
    length = timeline.duration_ms / 1000
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        files = sources(folder)
        text = dump(timeline)
        # In turns, so that neither has the quieter machine.
        own: list[Spent] = []
        hand: list[Spent] = []
        for _ in range(options.runs):
            own.append(ours(text, files, folder / "out.mp4"))
            hand.append(by_hand(timeline, files, folder))
        size = (folder / "out.mp4").stat().st_size
    figures: dict[str, Any] = {"video_seconds": length, **_figures(own, length), "bytes": size}
    peers = {"clip by clip, then joined": _figures(hand, length)}
    best, other = figures["render_seconds"], peers["clip by clip, then joined"]["render_seconds"]
    figures["against the peer"] = round(best / other, 2)
    report("timeline", figures, peers, options.json)


if __name__ == "__main__":
    main()
