"""The forty-eight demo clips: what each is called and how it is rendered to an MP4 file with sound."""

import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from glaswerk.cli.demo.cast import Creator, creator_of
from glaswerk.cli.demo.scenes import SCENES
from glaswerk.cli.demo.sound import RATE, compose
from glaswerk.cli.demo.words import LINES

FPS = 24
LENGTHS = (5.0, 4.0, 4.5, 4.0)


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip; `caption` already ends in its hashtags, `hashtags` has them bare with the topic's first, `language` is "en" or "de"."""

    slug: str
    topic: str
    variant: int
    title: str
    caption: str
    hashtags: tuple[str, ...]
    language: str
    seconds: float
    sound_title: str

    @property
    def creator(self) -> Creator:
        """The creator who posts it."""
        return creator_of(self.topic)


def _clips() -> tuple[Clip, ...]:
    clips = []
    for topic in SCENES:
        for variant, line in enumerate(LINES[topic]):
            hashtags = (topic, *line.more)
            clips.append(
                Clip(
                    slug=f"{topic}-{variant + 1}",
                    topic=topic,
                    variant=variant,
                    title=line.title,
                    caption=f"{line.text} {' '.join('#' + tag for tag in hashtags)}",
                    hashtags=hashtags,
                    language=line.language,
                    seconds=LENGTHS[variant],
                    sound_title=line.sound,
                )
            )
    return tuple(clips)


CLIPS: tuple[Clip, ...] = _clips()
"""Grouped by topic, so that a process that takes four in a row compiles one scene only."""


def render_clip(clip: Clip, path: Path, width: int = 720, height: int = 1280) -> None:
    """Render a clip to `path` as H.264/AAC MP4, fast-start, 24 frames a second, 48 kHz stereo.

    The same clip gives the same bytes on the same machine. Runs one encoder thread, because callers render several
    clips at once. Raises RuntimeError with the encoder's last words if it fails; `path` then does not exist.
    """
    painter = SCENES[clip.topic](clip.variant)
    frames = round(clip.seconds * FPS)
    first = painter(0.0)
    part = path.with_name(path.name + ".part")
    with tempfile.TemporaryDirectory(prefix="glaswerk-demo-") as folder:
        sound = Path(folder) / "sound.wav"
        with wave.open(str(sound), "wb") as out:
            out.setnchannels(2)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(compose(clip.topic, clip.variant, clip.seconds).tobytes())
        # Going to YUV before scaling costs a third of scaling RGB and looks the same, as chroma stays whole until the end.
        scale = f"scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,scale={width}:{height}:flags=lanczos"
        command = [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"),
            *(
                "-f",
                "rawvideo",
                "-pix_fmt",
                "rgb24",
                "-s",
                f"{first.shape[1]}x{first.shape[0]}",
                "-r",
                str(FPS),
                "-i",
                "pipe:0",
            ),
            *("-i", str(sound)),
            *("-vf", scale),
            *(
                "-c:v",
                "libx264",
                "-preset",
                "superfast",
                "-crf",
                "19",
                "-pix_fmt",
                "yuv420p",
                "-threads",
                "1",
            ),
            *(
                "-colorspace",
                "bt709",
                "-color_primaries",
                "bt709",
                "-color_trc",
                "bt709",
                "-color_range",
                "tv",
            ),
            *(
                "-c:a",
                "aac",
                "-b:a",
                "128k",
                "-fflags",
                "+bitexact",
                "-map_metadata",
                "-1",
                "-movflags",
                "+faststart",
            ),
            *("-f", "mp4", str(part)),
        ]
        errors = Path(folder) / "errors.txt"
        with errors.open("wb") as complaints:
            encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=complaints)
            assert encoder.stdin is not None
            try:
                for k in range(frames):
                    encoder.stdin.write((first if k == 0 else painter(k / frames)).tobytes())
                encoder.stdin.close()
            except BrokenPipeError:
                # The encoder has died; its exit status and its complaint below say why.
                pass
            finally:
                status = encoder.wait()
        if status != 0:
            part.unlink(missing_ok=True)
            raise RuntimeError(f"could not encode {clip.slug}: {errors.read_text(errors='replace')[-400:].strip()}")
    part.replace(path)
