"""Timelines for the tests: one that has a bit of everything, and strategies that make others."""

from typing import Any

from hypothesis import strategies as st

from glaswerk.reel.timeline import Caption, Clip, Gap, Media, Sticker, Text, Timeline, Track, Transition
from glaswerk.reel.timeline.looks import LOOKS
from glaswerk.reel.timeline.model import Align, Backdrop, Crop, Cut, Fit, Layout, TextStyle
from glaswerk.reel.timeline.stickers import STICKERS

HOSTILE = "':[v];movie=/etc/passwd,%{pts}\\\n$(id) `id` \" -i x|y <b> &amp; 漢字 \u202e 😀"
"""What would be something else in a shell, a filter graph, a caption file or a page."""


def video(seconds: float = 60, width: int = 160, height: int = 120, sound: bool = True) -> Media:
    """The facts about a video that need not exist."""
    stream, channels = (1, 2) if sound else (None, 0)
    return Media(
        kind="video",
        container="mov",
        duration_ms=round(seconds * 1000),
        width=width,
        height=height,
        audio_stream=stream,
        audio_channels=channels,
    )


def everything() -> Timeline:
    """One of each kind of thing."""
    own = Track(
        name="main",
        volume=0.9,
        items=(
            Clip(source="source:a", start_ms=100, duration_ms=1000, speed=0.7, look="warm", id="first"),
            Transition(Cut.ZOOM, 200, 100),
            Clip(source="source:b", start_ms=0, duration_ms=900, fade_in_ms=100, fade_out_ms=200, stitched_from="v1"),
            Gap(333),
            Clip(
                source="below/c.mp4",
                start_ms=0,
                duration_ms=900,
                fit=Fit.CONTAIN,
                backdrop=Backdrop.BLUR,
                crop=Crop(x=0.0, y=0.25, width=0.5, height=0.75),
            ),
        ),
    )
    return Timeline(
        name="Größer",
        width=720,
        height=1280,
        main=own,
        layout=Layout.PIP,
        partner=Track(name="partner", video="v2", items=(Clip(source="source:p", start_ms=0, duration_ms=2000),)),
        overlays=(
            Track(name="overlays", items=(Gap(100), Text(text=HOSTILE, duration_ms=500, style=TextStyle.BOX))),
            Track(name="overlays-2", items=(Sticker(sticker="star", duration_ms=400, rotation=-10.0),)),
        ),
        music=(Track(name="music", duck=True, items=(Clip(source="sound:m", start_ms=0, duration_ms=3000),)),),
        voice=(Track(name="voice", items=(Gap(50), Clip(source="source:v", start_ms=0, duration_ms=100))),),
        captions=(Caption(0, 500, "a"), Caption(500, 900, "b <c>")),
        cover_ms=700,
    )


def _number(least: float, most: float) -> Any:
    """Numbers as a document holds them: with at most six places."""
    return st.integers(round(least * 1000), round(most * 1000)).map(lambda value: value / 1000)


_fraction = _number(0, 1)
_duration = st.integers(100, 4000)


def clips(sources: Any) -> Any:
    return st.builds(
        Clip,
        source=sources,
        start_ms=st.integers(0, 5000),
        duration_ms=_duration,
        speed=_number(0.3, 3),
        volume=_number(0, 2),
        fade_in_ms=st.integers(0, 50),
        fade_out_ms=st.integers(0, 50),
        look=st.sampled_from(["", *LOOKS]),
        look_strength=_fraction,
        fit=st.sampled_from(Fit),
        backdrop=st.sampled_from(Backdrop),
        crop=st.none()
        | st.builds(Crop, x=_number(0, 0.4), y=_number(0, 0.4), width=_number(0.1, 0.6), height=_number(0.1, 0.6)),
        id=st.text("abc-_9", max_size=8),
    )


@st.composite
def sequences(draw: Any, sources: Any) -> tuple[Any, ...]:
    """The items of a main track: transitions lie only where they may."""
    items: list[Any] = []
    for clip in draw(st.lists(clips(sources), min_size=1, max_size=5)):
        if items and isinstance(items[-1], Clip) and draw(st.booleans()):
            items.append(Transition(draw(st.sampled_from(Cut)), draw(st.integers(1, 50)), draw(st.integers(1, 50))))
        elif items and draw(st.booleans()):
            items.append(Gap(draw(st.integers(1, 3000))))
        items.append(clip)
    return tuple(items)


_sources = st.sampled_from(["source:a", "source:b", "c/d.mp4"])
_words = (
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co")) | st.just("\n"), min_size=1, max_size=40)
    .filter(lambda text: text.strip() and text.count("\n") < 15)
    .map(lambda text: HOSTILE[:20] + text)
)
_colour = st.sampled_from(["#ffffff", "#12b5a6", "#00000080"])


@st.composite
def overlays(draw: Any) -> tuple[Track, ...]:
    tracks = []
    for number in range(draw(st.integers(0, 2))):
        text = st.builds(
            Text,
            text=_words,
            duration_ms=_duration,
            x=_fraction,
            y=_fraction,
            size=_number(0.01, 0.2),
            color=_colour,
            background=st.just("") | _colour,
            align=st.sampled_from(Align),
            style=st.sampled_from(TextStyle),
            rotation=_number(-360, 360),
        )
        sticker = st.builds(
            Sticker, sticker=st.sampled_from(list(STICKERS)), duration_ms=_duration, size=_number(0.02, 1)
        )
        items = draw(st.lists(text | sticker | st.builds(Gap, _duration), min_size=1, max_size=4))
        tracks.append(Track(name="overlays" if number == 0 else f"overlays-{number + 1}", items=tuple(items)))
    return tuple(tracks)


@st.composite
def timelines(draw: Any, sources: Any = _sources) -> Timeline:
    layout = draw(st.sampled_from(Layout))
    partner = None
    if layout != Layout.SINGLE:
        partner = Track(name="partner", items=draw(sequences(sources)))
    music = ()
    if draw(st.booleans()):
        items = (Gap(draw(_duration)), draw(clips(sources)))
        music = (Track(name="music", items=items, duck=draw(st.booleans()), duck_db=draw(_number(0, 40))),)
    return Timeline(
        name=draw(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)),
        width=draw(st.integers(32, 400)) * 2,
        height=draw(st.integers(32, 400)) * 2,
        fps=draw(st.sampled_from([24, 25, 30, 60])),
        main=Track(name="main", items=draw(sequences(sources)), volume=draw(_number(0, 2))),
        layout=layout,
        partner=partner,
        overlays=draw(overlays()),
        music=music,
        cover_ms=draw(st.integers(0, 5000)),
    )
