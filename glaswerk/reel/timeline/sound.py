"""The filter graph of the sound: every track a sequence as long as the whole, stepped back where it ducks, and added up."""

import math
from collections.abc import Callable
from typing import Final

from glaswerk.reel.timeline.media import Media
from glaswerk.reel.timeline.model import Clip, Timeline, Track
from glaswerk.reel.timeline.plan import RATE, SAMPLES_PER_MS, Piece, pieces

# A ducked track steps back within a syllable, and comes back after a breath.
_DUCK_ATTACK_MS, _DUCK_RELEASE_MS = 20, 400
_DUCK_THRESHOLD: Final = 0.01
# What the compressor leaves of music behind a voice of ordinary loudness.
_SQUEEZED_TO: Final = 0.05
_CEILING: Final = 0.97
_FORMAT: Final = f"aformat=sample_fmts=fltp:sample_rates={RATE}:channel_layouts=stereo"

ClipInput = Callable[[Piece, str], tuple[int, Media, int]]
Heard = Callable[[Clip], bool]


class Sound:
    """Builds the graph; `is_heard` says which clips have a sound at all."""

    def __init__(self, timeline: Timeline, open_clip: ClipInput, is_heard: Heard) -> None:
        self._timeline = timeline
        self._open_clip = open_clip
        self._is_heard = is_heard
        self._parts: list[str] = []
        self._labels = 0
        self._samples = timeline.duration_ms * SAMPLES_PER_MS

    def graph(self) -> str:
        timeline = self._timeline
        partner = (timeline.partner,) if timeline.partner is not None else ()
        speaking = [track for track in (timeline.main, *partner, *timeline.voice) if self._has_sound(track)]
        music = [track for track in timeline.music if self._has_sound(track)]
        if not speaking and not music:
            return ""
        voices = [
            self._track(track) for track in speaking if not (track.duck and track.name not in ("main", "partner"))
        ]
        voices += [self._track(track) for track in speaking if track.duck and track.name not in ("main", "partner")]
        ducked = [track for track in music if track.duck and voices]
        mixed = self._mixed(voices) if voices else ""
        if ducked:
            keys = [self._label() for _ in ducked]
            spoken = self._label()
            self._parts.append(f"[{mixed}]asplit={len(ducked) + 1}[{spoken}]" + "".join(f"[{key}]" for key in keys))
            mixed = spoken
        else:
            keys = []
        labels = [mixed] if mixed else []
        for track in music:
            label = self._track(track)
            if track in ducked:
                label = self._ducked(label, keys[ducked.index(track)], track.duck_db)
            labels.append(label)
        end = f"alimiter=limit={_CEILING}:level=false:latency=true,{self._exactly(self._samples)}"
        self._parts.append(f"[{self._mixed(labels)}]{end}[a]")
        return ";".join(self._parts)

    def _has_sound(self, track: Track) -> bool:
        return track.volume > 0 and any(isinstance(item, Clip) and self._is_heard(item) for item in track.items)

    def _label(self) -> str:
        self._labels += 1
        return f"s{self._labels}"

    def _filter(self, chain: str, *sources: str) -> str:
        label = self._label()
        self._parts.append("".join(f"[{source}]" for source in sources) + f"{chain}[{label}]")
        return label

    def _mixed(self, labels: list[str]) -> str:
        if len(labels) == 1:
            return labels[0]
        return self._filter(f"amix=inputs={len(labels)}:duration=longest:normalize=0", *labels)

    def _ducked(self, label: str, key: str, decibels: float) -> str:
        # The squeezed part falls to nearly nothing; with what is let past unsqueezed it is the floor that was asked for.
        squeezed = min(1.0, (1 - 10 ** (-decibels / 20)) / (1 - _SQUEEZED_TO))
        times = f"attack={_DUCK_ATTACK_MS}:release={_DUCK_RELEASE_MS}"
        return self._filter(
            f"sidechaincompress=threshold={_DUCK_THRESHOLD}:ratio=20:{times}:mix={squeezed:.4f}", label, key
        )

    def _track(self, track: Track) -> str:
        whole, together = "", 0
        waiting: list[str] = []
        for piece in pieces(track):
            first, last = self._span(piece)
            if first >= self._samples:
                break
            label = self._piece(piece, last - first)
            if piece.joined is not None and together > first:
                whole = self._joined(whole, waiting)
                waiting = []
                whole = self._filter(f"acrossfade=ns={together - first}:c1=qsin:c2=qsin", whole, label)
            else:
                waiting.append(label)
            together = last
        whole = self._joined(whole, waiting)
        volume = f"volume={track.volume:.4f}," if track.volume != 1 else ""
        return self._filter(f"{volume}{self._exactly(self._samples)}", whole)

    def _span(self, piece: Piece) -> tuple[int, int]:
        return (piece.start_ms - piece.before_ms) * SAMPLES_PER_MS, (piece.end_ms + piece.after_ms) * SAMPLES_PER_MS

    def _joined(self, whole: str, waiting: list[str]) -> str:
        labels = ([whole] if whole else []) + waiting
        if len(labels) == 1:
            return labels[0]
        return self._filter(f"concat=n={len(labels)}:v=0:a=1", *labels)

    def _piece(self, piece: Piece, samples: int) -> str:
        clip = piece.item
        if not isinstance(clip, Clip) or not self._is_heard(clip):
            return self._filter(f"anullsrc=r={RATE}:cl=stereo,{_FORMAT},atrim=end_sample={samples},asetpts=N/SR/TB")
        number, media, held_ms = self._open_clip(piece, "audio")
        # FFmpeg cannot fold more than eight channels by itself; their first two are the front by convention.
        steps = ["pan=stereo|c0=c0|c1=c1"] if media.audio_channels > 8 else ["aformat=channel_layouts=stereo"]
        steps += [f"aresample={RATE}:async=1:first_pts=0", _FORMAT, *_tempo(clip.speed)]
        if held_ms:
            steps.append(f"adelay={held_ms}:all=1")
        steps.append(self._exactly(samples))
        if clip.volume != 1:
            steps.append(f"volume={clip.volume:.4f}")
        # A clip may have been trimmed to less than its fades.
        fade_in = min(clip.fade_in_ms, clip.duration_ms)
        fade_out = min(clip.fade_out_ms, clip.duration_ms - fade_in)
        if fade_in:
            steps.append(f"afade=t=in:st={piece.before_ms / 1000:.3f}:d={fade_in / 1000:.3f}:curve=qsin")
        if fade_out:
            start = piece.before_ms + clip.duration_ms - fade_out
            steps.append(f"afade=t=out:st={start / 1000:.3f}:d={fade_out / 1000:.3f}:curve=qsin")
        return self._filter(",".join(steps), f"{number}:{media.audio_stream}")

    def _exactly(self, samples: int) -> str:
        """As long as asked for, to the sample."""
        return f"apad=whole_len={samples},atrim=end_sample={samples},asetpts=N/SR/TB"


def _tempo(speed: float) -> list[str]:
    """Another speed at the same pitch. The filter goes down to a half, so slower takes two of it."""
    if speed == 1:
        return []
    stages = 1 if speed >= 0.5 else 2
    return [f"atempo={math.pow(speed, 1 / stages):.6f}"] * stages
