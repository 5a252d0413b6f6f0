"""Renditions: how long a ladder takes, how many bytes a quality costs, and how soon the first rendition plays.

`glaswerk bench codec --media DIR [--seconds N] [--only ladder,bytes,first] --json`
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._machine import report
from benchmarks._vmaf import Recipe, bytes_at, encode, ffmpeg
from glaswerk import reel
from glaswerk.reel.graph import encoder_options, file_options, filter_graph, sound_graph, sound_options

KINDS = {".mp4", ".mkv", ".mov", ".webm"}
PHONE_SECONDS = 15
# Of PeerTube: `veryfast`, a maximum rate that is the target of the resolution, and keyframes every two seconds.
PEERTUBE_RATES = {360: 780_000, 432: 1_000_000, 480: 1_300_000, 540: 1_700_000, 720: 2_800_000, 1080: 5_200_000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--media", type=Path, required=True, help="folder of clips")
    parser.add_argument("--seconds", type=float, default=8.0, help="so much of every clip is encoded for the bytes")
    parser.add_argument("--only", default="ladder,bytes,first", help="which parts to measure")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    clips = sorted(path for path in options.media.iterdir() if path.suffix in KINDS)
    if not clips:
        parser.error(f"--media: there is no clip in {options.media}")
    wanted = set(options.only.split(","))
    figures: dict[str, Any] = {}
    peers: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="glaswerk-codec-") as name:
        folder = Path(name)
        phone = _phone_clip(max(clips, key=lambda path: path.stat().st_size), folder)
        if "ladder" in wanted:
            _measure_ladder(phone, folder, figures, peers)
        if "first" in wanted:
            _measure_first(phone, folder, figures)
        if "bytes" in wanted:
            _measure_bytes(clips, options.seconds, folder, figures, peers)
    report("codec", figures, peers, options.json)


def _phone_clip(source: Path, folder: Path) -> Path:
    """Fifteen seconds, upright, 1080 x 1920 at 30 frames a second and 17 Mbit/s with stereo: what a phone records."""
    path = folder / "phone.mp4"
    ffmpeg(
        *("-stream_loop", "3", "-i", source, "-f", "lavfi", "-i", "anoisesrc=color=pink:amplitude=0.2:seed=1"),
        *("-t", str(PHONE_SECONDS), "-map", "0:v", "-map", "1:a"),
        *("-vf", "fps=30,crop=ih*9/16:ih,scale=1080:1920:flags=lanczos,noise=alls=4:allf=t,format=yuv420p"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "17M", "-g", "30", "-c:a", "aac", "-b:a", "192k"),
        path,
    )
    return path


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds by the clock, and seconds of processors, of this process' children."""
    before, started = os.times(), time.monotonic()
    work()
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - started, spent


def _measure_ladder(phone: Path, folder: Path, figures: dict[str, Any], peers: dict[str, Any]) -> None:
    probe = reel.probe(phone)
    ladder = reel.rungs(probe.width, probe.height)
    first = reel.first_rung(ladder)
    made = reel.make_renditions(phone, probe, folder / "warm", ladder=(first,))

    def at_once() -> None:
        reel.make_renditions(phone, probe, folder / "whole")

    def as_served() -> None:
        reel.make_renditions(phone, probe, folder / "first", ladder=(first,))
        rest = tuple(rung for rung in ladder if rung != first)
        reel.make_renditions(phone, probe, folder / "rest", ladder=rest, after=made.renditions[0].path)

    def one_by_one() -> None:
        # The same settings; loudness is taken as known, and nothing is confined or verified, which favours the peer.
        for rung in ladder:
            graph = f"{filter_graph(probe, (rung,), with_poster=False, alone=False)};{sound_graph(probe, alone=False)}"
            command = ["-i", phone, "-filter_complex", graph, *encoder_options(rung, 0), "-map", "[sound]"]
            ffmpeg(*command, *sound_options(), *file_options(), folder / f"peer-{rung.name}.mp4")

    peer, peer_cpu = _timed(one_by_one)
    whole, whole_cpu = _timed(at_once)
    served, served_cpu = _timed(as_served)
    figures |= {
        "ladder of a 15 s phone clip, s": round(whole, 2),
        "ladder of a 15 s phone clip, processor s": round(whole_cpu, 2),
        "first rendition and then the rest, s": round(served, 2),
        "first rendition and then the rest, processor s": round(served_cpu, 2),
        "ladder against one run a rendition": round(whole / peer, 3),
        "ladder against one run a rendition, processor": round(whole_cpu / peer_cpu, 3),
        "first and rest against one run a rendition": round(served / peer, 3),
        "first and rest against one run a rendition, processor": round(served_cpu / peer_cpu, 3),
    }
    peers |= {"one ffmpeg a rendition, s": round(peer, 2), "one ffmpeg a rendition, processor s": round(peer_cpu, 2)}


def _measure_first(phone: Path, folder: Path, figures: dict[str, Any]) -> None:
    def first_rendition() -> None:
        probe = reel.probe(phone)
        first = reel.first_rung(reel.rungs(probe.width, probe.height))
        reel.make_renditions(phone, probe, folder / "playable", ladder=(first,))

    seconds, spent = _timed(first_rendition)
    figures |= {
        "original stored to first rendition verified, 15 s clip, s": round(seconds, 2),
        "original stored to first rendition verified, processor s": round(spent, 2),
        "first rendition, times the clip's length": round(seconds / PHONE_SECONDS, 3),
    }


def _ours(family: reel.Family) -> Recipe:
    def options(factor: float) -> list[str]:
        rung = reel.Rung(0, 0, 0, 100_000_000, family)
        words = encoder_options(rung, 0)
        # Everything but the labels of the graph, and another quality.
        words = [*words[words.index("-c:v") :]]
        words[words.index("-crf") + 1] = f"{factor:g}"
        for name in ("-maxrate", "-bufsize"):
            at = words.index(name)
            del words[at : at + 2]
        return words

    return options


def _measure_bytes(
    clips: list[Path], seconds: float, folder: Path, figures: dict[str, Any], peers: dict[str, Any]
) -> None:
    """At the quality that a peer's recipe gives a clip in its own size, how many of the peer's bytes do ours take?"""
    totals: dict[str, float] = {}
    for clip in clips:
        probe = reel.probe(clip)
        width, height = probe.width // 2 * 2, probe.height // 2 * 2
        reference = folder / "reference.mkv"
        scale = f"scale={width}:{height}:out_range=tv,setsar=1,format=yuv420p"
        ffmpeg(
            *("-i", clip, "-t", str(seconds), "-an", "-vf", scale, "-fps_mode", "passthrough"),
            *("-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", reference),
        )
        rate = next((rate for edge, rate in PEERTUBE_RATES.items() if edge >= min(width, height)), 5_200_000)
        group = str(round(2 * probe.fps))
        recipes = {
            "PeerTube": [
                *("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-maxrate", str(rate)),
                *("-bufsize", str(2 * rate), "-g", group, "-bf", "16", "-b_strategy", "1", "-pix_fmt", "yuv420p"),
            ],
            "Loops": ["-c:v", "libx264", "-preset", "slow", "-crf", "23", "-pix_fmt", "yuv420p"],
        }
        for peer, options in recipes.items():
            theirs = encode(reference, options, folder)
            peers[f"{peer}, {clip.stem}, bytes at VMAF {theirs.vmaf:.1f}"] = theirs.bytes
            totals[peer] = totals.get(peer, 0) + 1
            for family, factors in (
                (reel.Family.H264, (17, 20, 23, 26, 29, 32, 36)),
                (reel.Family.AV1, (16, 22, 28, 34, 40, 46, 52, 58)),
            ):
                size, off = bytes_at(reference, _ours(family), theirs.vmaf, factors, folder)
                key = f"{family.value} against {peer}"
                figures[f"{key}, {clip.stem}"] = round(size / theirs.bytes, 3)
                figures[f"{key}, {clip.stem}, VMAF off by at most"] = round(off, 2)
                totals[key] = totals.get(key, 0.0) + size / theirs.bytes
    for family in reel.Family:
        for peer in ("PeerTube", "Loops"):
            key = f"{family.value} against {peer}"
            figures[f"{key}, mean of clips"] = round(totals[key] / totals[peer], 3)


if __name__ == "__main__":
    main()
