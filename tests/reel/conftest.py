"""Clips for the tests, made by the same ffmpeg that the renders use and kept for the session."""

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import pytest

Clip = Callable[..., Path]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """`clip("name.mp4", *arguments)`: the file that ffmpeg makes of the arguments, made once a session."""
    folder = tmp_path_factory.mktemp("clips")
    tool = imageio_ffmpeg.get_ffmpeg_exe()

    def make(name: str, *arguments: str | Path) -> Path:
        made_of = hashlib.sha256(repr(arguments).encode()).hexdigest()[:12]
        path = folder / made_of / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            command = [tool, "-nostdin", "-loglevel", "error", "-y", *map(str, arguments), str(path)]
            subprocess.run(command, check=True, timeout=60)
        return path

    return make


@pytest.fixture(scope="session")
def plain(clip: Clip) -> Path:
    """Two seconds of 400x300 at 25 frames per second, H.264 with mono AAC, the index at the front."""
    return clip(
        "plain.mp4",
        *("-f", "lavfi", "-i", "testsrc2=size=400x300:rate=25:duration=2"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=2"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "1"),
        *("-movflags", "+faststart", "-metadata", "location=+52.5200+013.4050/", "-metadata", "title=Secret"),
    )
