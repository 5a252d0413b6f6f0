"""The very same encodes as CMAF for HLS (RFC 8216): no frame is encoded again.

Each picture and the sound become a track of their own, one file of segments that a playlist addresses by byte ranges.  Segments begin at the
keyframes, which all renditions share, so that a player may go from one to another at any of them.  Playlists name files by addresses
that the caller gives, because files are named by their content only when they are stored.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.graph import KEYFRAME_SECONDS
from glaswerk.reel.limits import Limits
from glaswerk.reel.tool import own_file_options, run_ffmpeg

_SEGMENT: Final = re.compile(r"#EXTINF:([\d.]+),\n#EXT-X-BYTERANGE:(\d+)@(\d+)\n")
_MAP: Final = re.compile(r'#EXT-X-MAP:URI="[^"]*",BYTERANGE="(\d+)@(\d+)"')


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a track's file."""

    seconds: float
    length: int
    offset: int


@dataclass(frozen=True, slots=True)
class Track:
    """One picture or the sound: a file that begins with its initialisation, and its segments."""

    path: Path
    initialisation: int
    """How many bytes of the file's beginning every segment needs."""
    segments: tuple[Segment, ...]

    @property
    def peak_bitrate(self) -> int:
        """Bits per second of the largest segment, as RFC 8216 asks for."""
        return max(round(each.length * 8 / max(each.seconds, 0.001)) for each in self.segments)

    @property
    def average_bitrate(self) -> int:
        """Bits per second over the whole."""
        seconds = sum(each.seconds for each in self.segments)
        return round(sum(each.length for each in self.segments) * 8 / max(seconds, 0.001))

    def playlist(self, address: str) -> str:
        """The media playlist of the track whose file is at `address`."""
        longest = max(1, *(round(each.seconds) for each in self.segments)) if self.segments else 1
        lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{longest}", "#EXT-X-PLAYLIST-TYPE:VOD"]
        lines += ["#EXT-X-INDEPENDENT-SEGMENTS"]
        lines += [f'#EXT-X-MAP:URI="{address}",BYTERANGE="{self.initialisation}@0"']
        for each in self.segments:
            lines += [f"#EXTINF:{each.seconds:.6f},", f"#EXT-X-BYTERANGE:{each.length}@{each.offset}", address]
        return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


@dataclass(frozen=True, slots=True)
class Package:
    """The tracks of a video: a picture for each rendition in their order, and the sound, which they share."""

    pictures: tuple[Track, ...]
    sound: Track | None


@dataclass(frozen=True, slots=True)
class Variant:
    """A picture as the master playlist names it."""

    track: Track
    address: str
    """Where its media playlist is."""
    width: int
    height: int
    codecs: str
    """Those of picture and sound, as the rendition has them."""


def package(renditions: Sequence[Path], has_audio: bool, folder: Path, limits: Limits) -> Package:
    """Take the renditions of one video apart into tracks, into `folder`, which exists.  Raises ReelError."""
    names = [f"picture-{number}" for number in range(len(renditions))]
    command: list[str] = []
    for path in renditions:
        command += own_file_options(path)
    for number, name in enumerate(names):
        command += ["-map", f"{number}:v", *_track_options(folder, name)]
    if has_audio:
        command += ["-map", "0:a", *_track_options(folder, "sound")]
    run_ffmpeg(command, limits, folder=folder, read=list(renditions), in_background=True)
    tracks = [_read(folder, name) for name in [*names, *(["sound"] if has_audio else [])]]
    return Package(tuple(tracks[: len(names)]), tracks[-1] if has_audio else None)


def master_playlist(variants: Sequence[Variant], sound: tuple[Track, str] | None) -> str:
    """The playlist that names all variants, and the sound with the address of its media playlist."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    group, extra_peak, extra_average = "", 0, 0
    if sound is not None:
        track, address = sound
        lines.append(
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",'
            f'URI="{address}"'
        )
        group, extra_peak, extra_average = ',AUDIO="sound"', track.peak_bitrate, track.average_bitrate
    for each in variants:
        peak, average = each.track.peak_bitrate + extra_peak, each.track.average_bitrate + extra_average
        lines.append(
            f"#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},"
            f'RESOLUTION={each.width}x{each.height},CODECS="{each.codecs}"{group}'
        )
        lines.append(each.address)
    return "\n".join(lines) + "\n"


def _track_options(folder: Path, name: str) -> list[str]:
    options = [
        "-map_metadata",
        "-1",
        "-c",
        "copy",
        "-fflags",
        "+bitexact",
        "-f",
        "hls",
        "-hls_time",
        str(KEYFRAME_SECONDS),
    ]
    options += ["-hls_playlist_type", "vod", "-hls_segment_type", "fmp4", "-hls_flags", "single_file"]
    options += ["-hls_segment_options", "movflags=+cmaf", "-hls_segment_filename", f"{folder}/{name}.m4s"]
    return [*options, f"{folder}/{name}.m3u8"]


def _read(folder: Path, name: str) -> Track:
    """Read the playlist that ffmpeg wrote beside a track."""
    path, listed = folder / f"{name}.m4s", folder / f"{name}.m3u8"
    text = listed.read_text()
    listed.unlink()
    found = _MAP.search(text)
    segments = tuple(Segment(float(each[1]), int(each[2]), int(each[3])) for each in _SEGMENT.finditer(text))
    end = segments[-1].offset + segments[-1].length if segments else -1
    if found is None or int(found[2]) != 0 or end != path.stat().st_size:
        raise ReelError(Failure.UNDECODABLE, "a track is not whole")
    return Track(path, int(found[1]), segments)
