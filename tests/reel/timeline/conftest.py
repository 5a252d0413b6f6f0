"""Tiny sources, made once a session."""

from pathlib import Path

import pytest

from tests.reel.conftest import Clip

_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10")
_AAC = ("-c:a", "aac")
_RECORDED = ("-deadline", "realtime", "-cpu-used", "8", "-g", "200", "-f", "webm", "-live", "1")
_BT2020 = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=none"
_PQ = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-x265-params", _BT2020, "-tag:v", "hvc1")


@pytest.fixture(scope="session")
def sources(clip: Clip) -> dict[str, Path]:
    """Two seconds each: three colours with tones, a slow grey ramp, a silent one, one on its side, a picture, two sounds."""

    def coloured(name: str, colour: str, frequency: int, size: str = "96x64", rate: int = 25) -> Path:
        picture = ("-f", "lavfi", "-i", f"color=c={colour}:s={size}:r={rate}:d=2")
        sound = ("-f", "lavfi", "-i", f"sine=frequency={frequency}:duration=2,volume=4")
        return clip(f"{name}.mp4", *picture, *sound, *_H264, *_AAC)

    ramp = "color=c=black:s=64x96:r=50:d=2,format=yuv420p,geq=lum='16+T*100':cb=128:cr=128"
    upright = clip("upright.mp4", "-f", "lavfi", "-i", "color=c=0x3060c0:s=96x64:r=30:d=2", *_H264)
    turned = clip("turned.mp4", "-display_rotation", "90", "-i", upright, "-c", "copy")
    return {
        "source:red": coloured("red", "0xc02020", 440),
        "source:green": coloured("green", "0x20a020", 880, "64x96", 30),
        "source:blue": coloured("blue", "0x2020c0", 1760, "120x68", 24),
        "source:ramp": clip("ramp.mp4", "-f", "lavfi", "-i", ramp, *_H264),
        "source:turned": turned,
        # As a browser records it: no index, and no length in the header.
        "source:recorded": clip("recorded.webm", "-f", "lavfi", "-i", ramp, "-c:v", "libvpx", *_RECORDED),
        "source:hdr": clip("hdr.mp4", "-f", "lavfi", "-i", "color=c=0x949494:s=64x96:r=25:d=1", *_PQ),
        "source:picture": clip("still.png", "-f", "lavfi", "-i", "color=c=0xd0d020:s=64x64", "-frames:v", "1"),
        "sound:tone": clip("tone.m4a", "-f", "lavfi", "-i", "sine=frequency=3000:duration=2,volume=4", *_AAC),
        "source:said": clip(
            "said.webm", "-f", "lavfi", "-i", "sine=frequency=600:duration=1,volume=4", "-c:a", "libopus"
        ),
    }
