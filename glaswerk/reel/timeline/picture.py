"""The filter graph of the picture.

Only numbers and names from closed sets reach these strings; nothing that a file or a person wrote does.
"""

from collections.abc import Callable
from typing import Final

from glaswerk.reel.graph import to_standard_colours
from glaswerk.reel.timeline.captions import MIDDLE, burnt
from glaswerk.reel.timeline.media import IMAGE, Media
from glaswerk.reel.timeline.model import Backdrop, Clip, Crop, Cut, Fit, Layout, Sticker, Text, Timeline, Track
from glaswerk.reel.timeline.panes import Pane, even, panes, seen
from glaswerk.reel.timeline.plan import Drawing, Input, Piece, Table, frame_at, pieces

_TAGS: Final = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
_CUTS: Final = {
    Cut.DISSOLVE: "fade",
    Cut.FADE: "fadeblack",
    Cut.SLIDE_LEFT: "slideleft",
    Cut.SLIDE_UP: "slideup",
    Cut.WIPE: "wipeleft",
    Cut.CIRCLE: "circleopen",
    Cut.ZOOM: "zoomin",
}
# A backdrop is blurred at a fraction of its size, where a small blur is a large one and costs nothing.
_BLURRED_PART: Final = 12

# Of the frame's height, for captions that are drawn into the picture.
_CAPTIONS_HIGH: Final = 0.3
_DRAWN: Final = ("-f", "image2", "-protocol_whitelist", "file")
_TRANSPARENT: Final = (
    f"scale=flags=accurate_rnd+full_chroma_int:out_color_matrix=bt709:out_range=tv,format=yuva420p,{_TAGS}"
)

OpenInput = Callable[[Input], int]
ClipInput = Callable[[Piece, str], tuple[int, Media, int]]


class Picture:
    """Builds the graph: labels are counted, inputs are opened through `open_input` and `open_clip`."""

    def __init__(self, timeline: Timeline, open_input: OpenInput, open_clip: ClipInput) -> None:
        self._timeline = timeline
        self._fps = timeline.fps
        self._open = open_input
        self._open_clip = open_clip
        self._parts: list[str] = []
        self._labels = 0
        self.drawings: list[Drawing] = []
        self.tables: dict[tuple[str, int], Table] = {}
        self.frames = frame_at(timeline.duration_ms, timeline.fps)

    def graph(self) -> str:
        own, other = panes(self._timeline)
        label = self._sequence(self._timeline.main, own)
        if other is not None and self._timeline.partner is not None:
            label = self._together(label, own, self._sequence(self._timeline.partner, other), other)
        for track in self._timeline.overlays:
            for piece in pieces(track):
                if isinstance(piece.item, Text | Sticker):
                    label = self._overlaid(label, piece, piece.item)
        if self._timeline.burn_captions:
            label = self._captioned(label)
        self._parts.append(f"[{label}]null[v]")
        return ";".join(self._parts)

    def _label(self) -> str:
        self._labels += 1
        return f"p{self._labels}"

    def _filter(self, chain: str, *sources: str) -> str:
        label = self._label()
        self._parts.append("".join(f"[{source}]" for source in sources) + f"{chain}[{label}]")
        return label

    def _sequence(self, track: Track, pane: Pane) -> str:
        """A track from its beginning to the whole's end, in its pane's size."""
        whole, together = "", 0
        waiting: list[str] = []
        for piece in pieces(track):
            first, last = self._frames(piece)
            if last <= first or first >= self.frames:
                continue
            label = self._piece(piece, pane, first, last)
            overlap = 0
            if piece.joined is not None and (whole or waiting):
                overlap = together - first
            if overlap > 0 and piece.joined is not None:
                whole = self._joined(whole, waiting)
                waiting = []
                cut = f"xfade=transition={_CUTS[piece.joined.kind]}"
                duration, offset = overlap / self._fps, first / self._fps
                # The offset is a frame's own time; a little less makes sure that rounding does not skip it.
                chain = f"{cut}:duration={duration:.6f}:offset={max(0.0, offset - 0.25 / self._fps):.6f}"
                whole = self._filter(f"{chain},{self._steady()}", whole, label)
            else:
                waiting.append(label)
            together = last
        whole = self._joined(whole, waiting) if whole or waiting else self._colour(pane, self.frames)
        # A track that ends early stands still, and one that goes on is cut.
        if together == self.frames:
            return whole
        return self._filter(f"tpad=stop=-1:stop_mode=clone,trim=end_frame={self.frames}", whole)

    def _frames(self, piece: Piece) -> tuple[int, int]:
        first = frame_at(piece.start_ms - piece.before_ms, self._fps)
        return first, frame_at(piece.end_ms + piece.after_ms, self._fps)

    def _joined(self, whole: str, waiting: list[str]) -> str:
        labels = ([whole] if whole else []) + waiting
        if len(labels) == 1:
            return labels[0]
        return self._filter(f"concat=n={len(labels)}:v=1:a=0,{self._steady()}", *labels)

    def _steady(self) -> str:
        """Say again what a join forgets: the frame rate and its clock."""
        return f"settb=1/{self._fps},fps={self._fps}"

    def _colour(self, pane: Pane, frames: int) -> str:
        """A pause: the background."""
        size = f"{pane.width}x{pane.height}"
        return self._filter(
            f"color=c=0x{self._timeline.background[1:]}:s={size}:r={self._fps}:d={(frames + 1) / self._fps:.6f},"
            f"{_bt709()},trim=end_frame={frames},setsar=1,settb=1/{self._fps}"
        )

    def _piece(self, piece: Piece, pane: Pane, first: int, last: int) -> str:
        if not isinstance(piece.item, Clip):
            return self._colour(pane, last - first)
        clip = piece.item
        number, media, held_ms = self._open_clip(piece, "video")
        held = frame_at(held_ms, self._fps)
        view = seen(clip, pane, media.width, media.height)
        stream = media.probe.video_stream if media.probe is not None else 0
        steps = ["bwdif=mode=send_frame:deint=interlaced"] if media.probe and media.probe.interlaced else []
        if clip.speed != 1 and media.kind != IMAGE:
            steps.append(f"setpts=PTS/{clip.speed:.6f}")
        steps.append(f"fps=fps={self._fps}:start_time=0")
        if view.crop != Crop(x=0.0, y=0.0, width=1.0, height=1.0):
            steps.append(_cropped(view.crop))
        steps += _standard(media, view.width, view.height)
        steps += ["setsar=1", "sidedata=mode=delete"]
        if clip.look and clip.look_strength > 0:
            steps += self._look(clip.look, clip.look_strength)
        label = self._filter(",".join(steps), f"{number}:{stream}")
        if clip.fit == Fit.CONTAIN and (view.width, view.height) != (pane.width, pane.height):
            label = self._contained(clip, label, pane, view.width, view.height)
        start = f"tpad=start={held}:start_mode=clone," if held else ""
        length = f"tpad=stop=-1:stop_mode=clone,trim=end_frame={last - first},setpts=PTS-STARTPTS,settb=1/{self._fps}"
        return self._filter(start + length, label)

    def _look(self, look: str, strength: float) -> list[str]:
        percent = max(1, round(strength * 100))
        name = f"{look}-{percent}.cube"
        self.tables[(look, percent)] = Table(name, look, percent / 100)
        return [
            "scale=flags=bicubic+accurate_rnd+full_chroma_int:in_color_matrix=bt709:in_range=tv:out_range=pc,format=gbrp",
            f"lut3d=file={name}:interp=tetrahedral",
            _bt709(),
        ]

    def _contained(self, clip: Clip, label: str, pane: Pane, width: int, height: int) -> str:
        x, y = even((pane.width - width) / 2, least=0), even((pane.height - height) / 2, least=0)
        if clip.backdrop == Backdrop.PLAIN:
            colour = f"0x{self._timeline.background[1:]}"
            return self._filter(f"pad={pane.width}:{pane.height}:{x}:{y}:color={colour}", label)
        front, back = self._label(), self._label()
        self._parts.append(f"[{label}]split=2[{front}][{back}]")
        # As much of the picture as has the pane's shape, small, blurred, and large again.
        wide, high = (
            min(width, even(height * pane.width / pane.height)),
            min(height, even(width * pane.height / pane.width)),
        )
        small = f"{even(pane.width / _BLURRED_PART)}:{even(pane.height / _BLURRED_PART)}"
        blurred = self._filter(
            f"crop={wide}:{high},scale={small}:flags=area,gblur=sigma=2,scale={pane.width}:{pane.height}:flags=bicubic,setsar=1",
            back,
        )
        return self._filter(f"overlay=x={x}:y={y}:format=yuv420", blurred, front)

    def _together(self, own: str, own_pane: Pane, other: str, other_pane: Pane) -> str:
        if self._timeline.layout == Layout.DUET_TOP:
            return self._filter("vstack=inputs=2", own, other)
        if self._timeline.layout == Layout.PIP:
            return self._filter(f"overlay=x={own_pane.x}:y={own_pane.y}:format=yuv420", other, own)
        both = self._filter("hstack=inputs=2", own, other)
        if own_pane.height == self._timeline.height:
            return both
        colour = f"0x{self._timeline.background[1:]}"
        return self._filter(f"pad={self._timeline.width}:{self._timeline.height}:0:{own_pane.y}:color={colour}", both)

    def _overlaid(self, label: str, piece: Piece, item: Text | Sticker) -> str:
        first, last = frame_at(piece.start_ms, self._fps), min(self.frames, frame_at(piece.end_ms, self._fps)) - 1
        if last < first:
            return label
        name = f"overlay-{len(self.drawings)}.png"
        self.drawings.append(Drawing(name, item))
        number = self._open(Input("", (*_DRAWN, "-pattern_type", "none"), name))
        drawn = self._filter(_TRANSPARENT, f"{number}:0")
        x, y = f"main_w*{item.x:.6f}-overlay_w/2", f"main_h*{item.y:.6f}-overlay_h/2"
        # The picture of a drawing stays after its one frame; the numbers are those of the frames below it.
        when = f"between(n,{first},{last})"
        return self._filter(f"overlay=x='{x}':y='{y}':eval=init:format=yuv420:enable='{when}'", label, drawn)

    def _captioned(self, label: str) -> str:
        """All captions as one stream of pictures of one size, each shown from its moment on."""
        shown = [each for each in burnt(self._timeline) if each[0] < self._timeline.duration_ms]
        if not shown:
            return label
        canvas = self._timeline.width, even(self._timeline.height * _CAPTIONS_HIGH)
        for number, (_, text) in enumerate(shown):
            self.drawings.append(Drawing(f"caption-{number}.png", text, canvas))
        number = self._open(Input("", (*_DRAWN, "-framerate", "1", "-start_number", "0"), "caption-%d.png"))
        moments = _chosen([start for start, _ in shown], 0)
        drawn = self._filter(f"settb=1/1000,setpts='{moments}',{_TRANSPARENT}", f"{number}:0")
        y = f"main_h*{MIDDLE}-overlay_h/2"
        return self._filter(f"overlay=x=0:y='{y}':eval=init:format=yuv420", label, drawn)


def _chosen(values: list[int], first: int) -> str:
    """An expression that has the value number N of a list. Halving keeps it shallow."""
    if len(values) == 1:
        return str(values[0])
    half = len(values) // 2
    return f"if(lt(N,{first + half}),{_chosen(values[:half], first)},{_chosen(values[half:], first + half)})"


def _cropped(crop: Crop) -> str:
    size = f"w='max(2,iw*{crop.width:.6f})':h='max(2,ih*{crop.height:.6f})'"
    return f"crop={size}:x='iw*{crop.x:.6f}':y='ih*{crop.y:.6f}'"


def _standard(media: Media, width: int, height: int) -> list[str]:
    """Scale, and arrive at 8-bit 4:2:0 BT.709 in video range."""
    if media.probe is not None:
        return to_standard_colours(media.probe, width, height)
    # A picture says itself what its colours are.
    return [
        f"scale={width}:{height}:flags=bicubic+accurate_rnd+full_chroma_int:out_color_matrix=bt709:out_range=tv",
        "format=yuv420p",
        _TAGS,
    ]


def _bt709() -> str:
    return (
        f"scale=flags=bicubic+accurate_rnd+full_chroma_int:out_color_matrix=bt709:out_range=tv,format=yuv420p,{_TAGS}"
    )
