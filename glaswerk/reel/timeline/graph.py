"""From a timeline and the facts about its sources to everything that ffmpeg is told. A pure function."""

from collections.abc import Mapping
from typing import Final

from glaswerk.reel.probe import Probe
from glaswerk.reel.timeline.media import AUDIO, IMAGE, Media, whitelists
from glaswerk.reel.timeline.model import MIN_MS, Clip, Layout, Timeline, TimelineError, Track, length
from glaswerk.reel.timeline.picture import Picture
from glaswerk.reel.timeline.plan import Graph, Input, Piece
from glaswerk.reel.timeline.sound import Sound

# Containers round the lengths of their tracks; a trim may end so much after the media does.
FORGIVEN_MS: Final = 120
# What is read beyond a trim, so that the last frame is surely there.
_BEYOND_MS: Final = 120
_MANY_CLIPS: Final = 16
_MOST_PIXELS: Final = 100 * 1920 * 1088
"""Of all clips together: each keeps some pictures of its source in memory while the video is made."""


def graph(timeline: Timeline, media: Mapping[str, Media | Probe]) -> Graph:
    """Plan a render. `media` has the facts about every source of the timeline, by its reference. Raises TimelineError."""
    return _Plan(timeline, media).graph()


class _Plan:
    """Collects the inputs that picture and sound ask for."""

    def __init__(self, timeline: Timeline, media: Mapping[str, Media | Probe]) -> None:
        self._timeline = timeline
        self._media = {name: Media.of(each) if isinstance(each, Probe) else each for name, each in media.items()}
        self._inputs: list[Input] = []
        clips = sum(isinstance(item, Clip) for track in timeline.tracks for item in track.items)
        # Each clip is a decoder; with many of them one thread for each is enough.
        self._threads = 1 if clips > _MANY_CLIPS else 2

    def graph(self) -> Graph:
        timeline = self._timeline
        if not any(isinstance(item, Clip) for item in timeline.main.items):
            raise TimelineError("main", "is empty; add a clip.")
        if timeline.duration_ms < MIN_MS:
            raise TimelineError(
                "main", f"lasts {timeline.duration_ms} ms; a video has at least {MIN_MS}. Add something to it."
            )
        if (timeline.layout == Layout.SINGLE) != (timeline.partner is None):
            if timeline.partner is None:
                raise TimelineError("partner", f"is missing; the layout {timeline.layout} shows another's video.")
            raise TimelineError("metadata.glaswerk.layout", "is single, and there is a partner; choose another layout.")
        for track in timeline.tracks:
            self._check(track)
        self._check_pixels()
        picture = Picture(timeline, self._open, self._open_clip)
        video = picture.graph()
        audio = Sound(timeline, self._open_clip, self._is_heard).graph()
        return Graph(
            inputs=tuple(self._inputs),
            drawings=tuple(picture.drawings),
            tables=tuple(picture.tables.values()),
            video=video,
            audio=audio,
            arguments=tuple(_encoder(timeline, picture.frames, bool(audio))),
            width=timeline.width,
            height=timeline.height,
            frames=picture.frames,
            duration_ms=timeline.duration_ms,
        )

    def _check(self, track: Track) -> None:
        """Every clip has a source that can do what the clip wants, and is long enough for it."""
        for number, item in enumerate(track.items):
            if not isinstance(item, Clip):
                continue
            place = f"{track.name}[{number}]"
            media = self._media.get(item.source)
            if media is None:
                raise TimelineError(
                    f"{place}.media_reference", f"{item.source} is missing; add the source again or remove the clip."
                )
            is_picture = track.name in ("main", "partner")
            if is_picture and media.kind == AUDIO:
                raise TimelineError(
                    f"{place}.media_reference", "is only a sound; put it into the track music or voice."
                )
            if not is_picture and media.audio_stream is None:
                raise TimelineError(f"{place}.media_reference", "has no sound; remove the clip.")
            end = item.start_ms + round(item.duration_ms * item.speed)
            if media.kind != IMAGE and end > media.duration_ms + FORGIVEN_MS:
                said = f"uses the source up to {end} ms, and it lasts {media.duration_ms} ms; shorten the clip."
                raise TimelineError(f"{place}.source_range", said)

    def _check_pixels(self) -> None:
        shown = [track for track in (self._timeline.main, self._timeline.partner) if track is not None]
        clips = [self._media[item.source] for track in shown for item in track.items if isinstance(item, Clip)]
        if sum(each.width * each.height for each in clips) > _MOST_PIXELS:
            said = f"There are {len(clips)} clips of large sources, more than can be cut at once; use fewer of them, or smaller sources."
            raise TimelineError("tracks", said)

    def _is_heard(self, clip: Clip) -> bool:
        return clip.volume > 0 and self._media[clip.source].audio_stream is not None

    def _open(self, wanted: Input) -> int:
        self._inputs.append(wanted)
        return len(self._inputs) - 1

    def _open_clip(self, piece: Piece, what: str) -> tuple[int, Media, int]:
        """The input's number, its media, and how long before its first picture it has to be held."""
        clip = piece.item
        assert isinstance(clip, Clip)
        media = self._media[clip.source]
        formats, decoders = whitelists(media.container)
        options = ["-f", media.container, "-protocol_whitelist", "fd", "-format_whitelist", formats]
        options += ["-codec_whitelist", decoders, "-vn" if what == "audio" else "-an", "-sn", "-dn"]
        if what == "video":
            options += ["-threads", str(self._threads)]
        held = 0
        if media.kind != IMAGE:
            # Before the trim there is as much as there is; the rest of what a transition wants stands still.
            reach = min(piece.before_ms, int(clip.start_ms / clip.speed))
            held = piece.before_ms - reach
            start = clip.start_ms - round(reach * clip.speed)
            span = round((reach + length(clip) + piece.after_ms) * clip.speed) + _BEYOND_MS
            options += (["-ss", f"{start / 1000:.3f}"] if start else []) + ["-t", f"{span / 1000:.3f}"]
        return self._open(Input(clip.source, tuple(options))), media, held


def _encoder(timeline: Timeline, frames: int, sounds: bool) -> list[str]:
    """A result that is encoded once more for those who watch: fast, and better than what comes after it can show."""
    options = ["-map", "[v]", *(["-map", "[a]"] if sounds else [])]
    options += ["-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn", "-frames:v", str(frames)]
    options += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "17", "-profile:v", "high", "-pix_fmt", "yuv420p"]
    options += ["-g", str(2 * timeline.fps), "-threads:v", "4", "-flags:v", "+bitexact", "-fflags", "+bitexact"]
    options += ["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    if sounds:
        options += ["-c:a", "aac", "-b:a", "192k", "-ac", "2", "-flags:a", "+bitexact"]
    return [*options, "-movflags", "+faststart", "-f", "mp4"]
