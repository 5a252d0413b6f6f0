"""The cover of a rendered timeline: one frame as a JPEG."""

import os
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Final

from glaswerk.reel.child import Confinement, run_confined
from glaswerk.reel.content import DECODER_WHITELIST, FORMAT_WHITELIST
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.limits import Limits
from glaswerk.reel.probe import open_source, probe
from glaswerk.reel.timeline.render import UNFINISHED
from glaswerk.reel.timeline.tool import failure_of, ffmpeg
from glaswerk.reel.unfinished import make_durable, unfinished_folder

_NAME: Final = "cover.jpg"
# The last frame lasts until the end; a moment after it began has no frame of its own.
_BEFORE_THE_END_MS: Final = 100


def save_cover(
    video: str | os.PathLike[str],
    moment_ms: int,
    out: str | os.PathLike[str],
    limits: Limits = Limits(),  # noqa: B008  (frozen)
) -> None:
    """Write the frame of an MP4 of our own that is shown at a moment; after its end, the last one. Raises ReelError.

    `out` appears whole or not at all, and is replaced if it exists.
    """
    target = Path(out)
    facts = probe(video, limits)
    moment_ms = max(0, min(moment_ms, facts.video_duration_ms - _BEFORE_THE_END_MS))
    try:
        with open_source(video) as handle, unfinished_folder(target, UNFINISHED) as part:
            tool = ffmpeg()
            command = [tool, "-hide_banner", "-nostdin", "-y", "-loglevel", "error", "-f", facts.container]
            command += ["-protocol_whitelist", "fd", "-format_whitelist", FORMAT_WHITELIST]
            command += ["-codec_whitelist", DECODER_WHITELIST, "-threads", "1", "-ss", f"{moment_ms / 1000:.3f}"]
            command += ["-fd", "0", "-i", "fd:", "-map", f"0:{facts.video_stream}", "-frames:v", "1"]
            # JPEG files are always full range and BT.601 (ITU-T T.871).
            command += [
                "-vf",
                "scale=in_color_matrix=bt709:in_range=tv:out_color_matrix=bt601:out_range=pc,format=yuvj420p",
            ]
            command += [
                "-map_metadata",
                "-1",
                "-c:v",
                "mjpeg",
                "-q:v",
                "3",
                "-huffman",
                "optimal",
                "-flags:v",
                "+bitexact",
            ]
            command += ["-f", "image2", "-update", "1", f"file:{_NAME}"]
            confinement = Confinement(
                memory_bytes=limits.memory_bytes,
                file_bytes=limits.output_bytes,
                wall_seconds=limits.probe_seconds,
                stall_seconds=limits.probe_seconds,
                read=(tool,),
                write=(str(part),),
            )
            outcome = run_confined(command, confinement, stdin=handle, folder=str(part))
            if outcome.status != 0:
                raise failure_of(outcome)
            if not (part / _NAME).is_file():
                raise ReelError(Failure.UNDECODABLE, "there is no frame at this moment")
            make_durable(part / _NAME)
            (part / _NAME).replace(target)
    except OSError as error:
        code = Failure.DISK_FULL if error.errno in (ENOSPC, EDQUOT) else Failure.UNREADABLE
        raise ReelError(code, error.strerror or type(error).__name__) from error
