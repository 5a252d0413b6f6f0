"""From a timeline and its sources to one MP4, by one run of ffmpeg in a confined child. The file appears whole or not at all."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Final

from glaswerk.reel.child import Confinement, run_confined
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.limits import Limits
from glaswerk.reel.probe import open_source, probe
from glaswerk.reel.timeline.drawing import draw
from glaswerk.reel.timeline.graph import graph
from glaswerk.reel.timeline.media import Media, inspect
from glaswerk.reel.timeline.model import Timeline, TimelineError
from glaswerk.reel.timeline.plan import Graph
from glaswerk.reel.timeline.tool import failure_of, ffmpeg
from glaswerk.reel.unfinished import make_durable, unfinished_folder

UNFINISHED: Final = ".timeline-part"
_RESULT: Final = "timeline.mp4"
# A result may miss its length by two frames of sound and one of picture: what the codecs add at the ends.
_FORGIVEN_MS: Final = 150

# Every clip has some threads.
_STACK_BYTES: Final = 2 << 20

Progress = Callable[[int], None]


def render(
    timeline: Timeline,
    sources: Mapping[str, Path],
    out: str | os.PathLike[str],
    progress: Progress | None = None,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
    media: Mapping[str, Media] | None = None,
) -> Graph:
    """Render into the file `out`, which is replaced if it exists. The parent of `out` must exist.

    `sources` has the file of every source, by its whole reference ("source:ab12") or by the id alone ("ab12"). `media` has what is known of
    them already; the others are looked into. `progress` gets rising percentages, and 100 when the file is in place; what it raises stops
    the render and passes on. Raises TimelineError where the timeline and its sources do not fit, and ReelError where the work fails.
    """
    target = Path(out)
    report = _Rising(progress)
    report(0)
    paths = _paths(timeline, sources)
    known = {name: facts for name, facts in (media or {}).items() if name in timeline.sources}
    unknown = {source: path for source, path in paths.items() if source not in known}
    # Each is looked into by a child of its own, so they need not wait for one another.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        looked = {source: pool.submit(_inspected, source, path, limits) for source, path in unknown.items()}
        known |= {source: found.result() for source, found in looked.items()}
    plan = graph(timeline, known)
    try:
        with unfinished_folder(target, UNFINISHED) as part:
            draw(plan, part)
            _run(plan, paths, part, report, limits)
            result = part / _RESULT
            _verify(plan, result, limits)
            make_durable(result)
            result.replace(target)
    except OSError as error:
        code = Failure.DISK_FULL if error.errno in (ENOSPC, EDQUOT) else Failure.UNREADABLE
        raise ReelError(code, error.strerror or type(error).__name__) from error
    report(100)
    return plan


class _Rising:
    """Passes on percentages that are news."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._last = -1

    def __call__(self, percent: int) -> None:
        if percent > self._last:
            self._last = percent
            if self._progress is not None:
                self._progress(percent)


def _paths(timeline: Timeline, sources: Mapping[str, Path]) -> dict[str, Path]:
    found = {}
    for source in timeline.sources:
        path = sources.get(source, sources.get(source.partition(":")[2]))
        if path is not None:
            # What is missing is for the plan to say, which knows where it is used.
            found[source] = Path(path)
    return found


def _inspected(source: str, path: Path, limits: Limits) -> Media:
    try:
        return inspect(path, limits)
    except ReelError as error:
        if error.code == Failure.UNREADABLE:
            raise TimelineError(
                "media_reference", f"{source} is missing; add the source again or remove its clips."
            ) from None
        raise


def _run(plan: Graph, paths: Mapping[str, Path], part: Path, report: Progress, limits: Limits) -> None:
    tool = ffmpeg()
    command = [tool, "-hide_banner", "-nostdin", "-y", "-loglevel", "error", "-nostats"]
    command += ["-progress", "pipe:1", "-stats_period", "0.25"]
    with ExitStack() as files:
        descriptors = []
        for each in plan.inputs:
            command += [*each.options]
            if each.source:
                # Opened once for each input: two readers of one descriptor would share its position.
                handle = files.enter_context(open_source(paths[each.source]))
                descriptors.append(handle.fileno())
                command += ["-max_pixels", str(limits.max_pixels), "-fd", str(handle.fileno()), "-i", "fd:"]
            else:
                command += ["-i", f"file:{each.drawing}"]
        command += ["-filter_complex", plan.video]
        if plan.audio:
            command += ["-filter_complex", plan.audio]
        command += [*plan.arguments, f"file:{_RESULT}"]
        confinement = Confinement(
            memory_bytes=limits.memory_bytes,
            file_bytes=limits.output_bytes,
            wall_seconds=limits.wall_seconds,
            stall_seconds=limits.stall_seconds,
            stack_bytes=_STACK_BYTES,
            read=(tool,),
            write=(str(part),),
        )
        reading = _ProgressReading(plan.duration_ms, report)
        outcome = run_confined(command, confinement, on_line=reading, folder=str(part), descriptors=descriptors)
    if outcome.status != 0:
        raise failure_of(outcome)


class _ProgressReading:
    """Understands the lines of `-progress`, and tells standing still from going on."""

    def __init__(self, duration_ms: int, report: Progress) -> None:
        self._duration_us = max(1, duration_ms * 1000)
        self._report = report
        self._seen: dict[bytes, bytes] = {}

    def __call__(self, line: bytes) -> bool:
        name, _, value = line.partition(b"=")
        if name not in (b"frame", b"out_time_us", b"total_size"):
            return False
        advanced = self._seen.get(name) != value
        self._seen[name] = value
        if name == b"out_time_us" and value.lstrip(b"-").isdigit():
            self._report(min(99, max(0, int(value) * 100 // self._duration_us)))
        return advanced


def _verify(plan: Graph, result: Path, limits: Limits) -> None:
    """Read the result back and compare it with the plan. Raises ReelError."""
    if not result.is_file() or result.stat().st_size == 0:
        raise ReelError(Failure.UNDECODABLE, "the result is missing")
    facts = probe(result, limits)
    if (facts.width, facts.height, facts.has_audio) != (plan.width, plan.height, bool(plan.audio)):
        raise ReelError(Failure.UNDECODABLE, "the result has another shape than asked for")
    if abs(facts.video_duration_ms - plan.duration_ms) > _FORGIVEN_MS:
        raise ReelError(Failure.TRUNCATED, f"{facts.video_duration_ms} of {plan.duration_ms} ms were made")
