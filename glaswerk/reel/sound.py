"""The sound of a source: how loud it is, what it is recognised by, and how it is brought to the loudness of all others.

Loudness is that of EBU R128 (ITU-R BS.1770): measured over the whole, and brought to -14 LUFS by one gain. Where the gain lifts
peaks too high a limiter holds them, and what that takes away is measured and given back. What is silent, or so faint that only its noise
would be heard, is left alone.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from glaswerk.reel.graph import AUDIO_RATE, sound_graph
from glaswerk.reel.limits import Limits
from glaswerk.reel.probe import Probe
from glaswerk.reel.tool import own_file_options, run_ffmpeg, source_options

TARGET_LUFS: Final = -14.0
PEAK_DBTP: Final = -2.0
"""So much below full scale, because encoding moves peaks."""
_FAINT_LUFS: Final = -50.0
_MOST_GAIN_DB: Final = 24.0
_CLOSE_LU: Final = 0.3
_CORRECTIONS: Final = 5
_METERED: Final = ["-map", "[metered]", "-f", "null", "-"]
_PCM: Final = "sound.wav"
_PRINT: Final = "sound.chromaprint"
# Chromaprint hears nothing above this anyway.
_PRINT_RATE: Final = 11_025


@dataclass(frozen=True, slots=True)
class Sound:
    """What was heard. `lufs` is None where nothing could be measured; `gain_db` is what a render applies."""

    path: Path
    """The decoded sound, 48 kHz stereo, in the folder of the render."""
    lufs: float | None
    peak_dbtp: float | None
    gain_db: float
    limited: bool
    chromaprint: bytes
    """Four bytes, most significant first, for about every eighth of a second; empty for less than three seconds."""

    @property
    def filters(self) -> str:
        """What brings the decoded sound to its loudness, as a filter chain."""
        return _levelled(self.gain_db, self.limited)


def listen(source: IO[bytes], probe: Probe, folder: Path, limits: Limits, *, in_background: bool = False) -> Sound:
    """Decode the sound of a source into `folder`, measure it, and find the gain that it needs. Raises ReelError."""
    heard, fingerprint = folder / _PCM, folder / _PRINT
    graph = f"{sound_graph(probe)};[sound]asplit=3[whole][m][p];{_measured('[m]')}"
    graph += f";[p]aresample={_PRINT_RATE},aformat=channel_layouts=mono[print]"
    command = [*source_options(probe, limits), "-filter_complex", graph]
    command += ["-map", "[whole]", "-c:a", "pcm_s16le", "-f", "wav", "-bitexact", f"file:{heard}"]
    command += ["-map", "[print]", "-f", "chromaprint", "-fp_format", "raw", f"file:{fingerprint}"]
    command += _METERED
    meter = _Meter()
    run_ffmpeg(command, limits, folder=folder, source=source, on_line=meter, in_background=in_background)
    heard_print = fingerprint.read_bytes() if fingerprint.exists() else b""
    fingerprint.unlink(missing_ok=True)
    gain, limited = _gain_for(meter.lufs, meter.peak_dbtp)
    for _ in range(_CORRECTIONS if limited else 0):
        again = _Meter()
        command = [*own_file_options(heard, "wav"), "-filter_complex"]
        command += [f"[0:a]{_levelled(gain, limited)}[l];{_measured('[l]')}", *_METERED]
        run_ffmpeg(command, limits, folder=folder, on_line=again, in_background=in_background)
        if again.lufs is None or abs(TARGET_LUFS - again.lufs) <= _CLOSE_LU:
            break
        gain = min(_MOST_GAIN_DB, gain + TARGET_LUFS - again.lufs)
    return Sound(heard, meter.lufs, meter.peak_dbtp, gain, limited, heard_print)


def _gain_for(lufs: float | None, peak_dbtp: float | None) -> tuple[float, bool]:
    """The gain in decibels, and whether the limiter has to hold peaks."""
    if lufs is None or lufs < _FAINT_LUFS:
        return 0.0, False
    gain = min(_MOST_GAIN_DB, TARGET_LUFS - lufs)
    return gain, peak_dbtp is not None and peak_dbtp + gain > PEAK_DBTP


def _levelled(gain_db: float, limited: bool) -> str:
    steps = [f"volume={gain_db:.2f}dB:precision=float"] if gain_db else []
    if limited:
        # Between two samples a peak can be higher than both, so it is held at four times their rate.
        limit = 10 ** (PEAK_DBTP / 20)
        steps.append(f"aresample={4 * AUDIO_RATE}")
        steps.append(f"alimiter=limit={limit:.4f}:attack=5:release=80:level=false")
        steps.append(f"aresample={AUDIO_RATE}")
    return ",".join(steps) or "anull"


def _measured(label: str) -> str:
    """Have the meter's values printed as they come in; the last ones are those of the whole."""
    return f"{label}ebur128=peak=true:metadata=1,ametadata=mode=print:file=-[metered]"


class _Meter:
    """Reads what `_measured` prints."""

    def __init__(self) -> None:
        self.lufs: float | None = None
        self.peak_dbtp: float | None = None

    def __call__(self, line: bytes) -> bool:
        name, _, value = line.partition(b"=")
        try:
            if name == b"lavfi.r128.I":
                # The meter says -70 as long as nothing passed its gate.
                self.lufs = float(value) if float(value) > -70 and math.isfinite(float(value)) else None
            elif name == b"lavfi.r128.true_peak":
                self.peak_dbtp = 20 * math.log10(float(value)) if float(value) > 0 else None
        except ValueError:
            return False
        return line.startswith(b"frame:")


__all__ = ["AUDIO_RATE", "PEAK_DBTP", "TARGET_LUFS", "Sound", "listen"]
