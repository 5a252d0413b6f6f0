"""A demo of three topics, three clips each, one clip that sells and a dozen viewers, filled by the very functions that fill the real one.

Run as a program with GLASWERK_DATA and GLASWERK_PORT of a running cell; `--stop-after N` ends it, as Ctrl-C would, when
N clips are published.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
from PIL import Image

from glaswerk.cli.demo.cast import Creator
from glaswerk.cli.demo.clips import Clip
from glaswerk.cli.demo.wares.goods import Ware

# No shop has anything for these, so the cap on commerce keeps none of their clips from a slate.
TOPICS = ("synthwave", "rainynight", "fireworks")
SELLING = "pottery"
COLORS = {"synthwave": "0x106040", "rainynight": "0x103060", "fireworks": "0x702060", SELLING: "0x704020"}
CLIPS = tuple(
    Clip(f"{topic}-{n}", topic, n, f"{topic} {n}", f"Clip {n} #{topic}", (topic,), "en", 1.5, "Tone")
    for topic, n in (*((topic, n) for topic in TOPICS for n in range(1, 4)), (SELLING, 1))
)


def paint_clip(clip: Clip, path: Path) -> None:
    """Write a plain coloured film with a tone."""
    part = path.with_name(path.name + ".part")
    subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y"),
            *("-f", "lavfi", "-i", f"color={COLORS[clip.topic]}:s=90x160:r=10:d={clip.seconds}"),
            *("-f", "lavfi", "-i", f"sine={220 * clip.variant}:d={clip.seconds}"),
            *("-pix_fmt", "yuv420p", "-f", "mp4", str(part)),
        ],
        check=True,
    )
    part.replace(path)


def paint_avatar(creator: Creator, path: Path) -> None:
    """Write a plain picture."""
    Image.new("RGB", (64, 64), COLORS[creator.topics[0]].replace("0x", "#")).save(path)


def paint_ware(ware: Ware, number: int) -> Image.Image:
    """Return a plain picture."""
    return Image.new("RGB", (32, 32), (number * 4, 90, 140))


def main() -> None:
    """Fill the cell."""
    from glaswerk.cli.attach import setup_django

    setup_django()
    from rich.console import Console

    from glaswerk.cell.config import current_cell
    from glaswerk.cli.demo import stage, studio

    if "--stop-after" in sys.argv:
        left = int(sys.argv[sys.argv.index("--stop-after") + 1])
        advance = stage.Display.advance

        def counted(display: stage.Display, step: str, number: int = 1) -> None:
            nonlocal left
            advance(display, step, number)
            left -= step == studio.PUBLISHING
            if left == 0:
                os.kill(os.getpid(), signal.SIGINT)

        stage.Display.advance = counted  # type: ignore[method-assign]
    production = stage.Production(CLIPS, paint_clip, paint_avatar, paint_ware, viewers=12)
    stage.fill(current_cell(), production, Console(stderr=True))


if __name__ == "__main__":
    main()
