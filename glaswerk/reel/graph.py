"""The filter graph and the encoder settings of a render, as pure functions of a probe.

Only numbers and names from closed sets reach these strings; nothing that a file or a person wrote does.
"""

from collections.abc import Sequence
from typing import Final

from glaswerk.reel.ladder import Family, Rung
from glaswerk.reel.probe import Probe

MAX_FPS: Final = 60
KEYFRAME_SECONDS: Final = 2
AUDIO_RATE: Final = 48_000
AUDIO_BITRATE: Final = 128_000
# The tick of the encoders' clock: a multiple of 24, 25, 30, 50, 60 and of the NTSC rates' 30000.
_TICKS: Final = 90_000
# No group of pictures ends for its length: forced keyframes end them all.
_LONGEST_GROUP: Final = 600
# The number of threads changes an encoder's decisions: a fixed one makes the same bytes on every machine.
_X264: Final = [
    *("-c:v", "libx264", "-preset", "medium", "-tune", "ssim", "-profile:v", "high", "-pix_fmt", "yuv420p"),
    *("-threads:v", "4", "-sc_threshold", "0"),
]
_SVT_AV1: Final = ["-c:v", "libsvtav1", "-preset", "8", "-pix_fmt", "yuv420p10le", "-svtav1-params", "lp=2"]
_CODES: Final = {Family.H264: _X264, Family.AV1: _SVT_AV1}
# The poster is the most typical of this many frames, taken this far apart: the first eight seconds.
_POSTER_FRAMES: Final = 40
_POSTER_STEP_SECONDS: Final = 0.2
# Wide primaries need a conversion that swscale does not do.
_WIDE: Final = frozenset({"bt2020", "smpte431", "smpte432"})


def filter_graph(probe: Probe, ladder: Sequence[Rung], *, with_poster: bool = True, alone: bool = True) -> str:
    """One decode in, one labelled output for each rung and, where wanted, the poster: [v0], [v1], … and [poster].

    `alone` says that the same run does not read the sound of the source as well.

    Every size is made from the next larger one, which costs a fraction of making each from the largest.
    """
    order = sorted(range(len(ladder)), key=lambda number: -ladder[number].width * ladder[number].height)
    top = ladder[order[0]]
    steps = []
    if probe.interlaced:
        steps.append("bwdif=mode=send_frame:deint=interlaced")
    if probe.fps > MAX_FPS + 0.5:
        steps.append(f"fps={MAX_FPS}")
    steps += to_standard_colours(probe, top.width, top.height)
    steps += ["setsar=1", "sidedata=mode=delete"]
    parts = [f"[0:{probe.video_stream}]{_on_common_clock(probe) if alone else ''}{','.join(steps)}[s0]"]
    if with_poster:
        parts.append("[s0]split=2[r0][p]")
        parts.append(poster_graph("p"))
    else:
        parts.append("[s0]null[r0]")
    for place, number in enumerate(order):
        rung = ladder[number]
        is_last = place == len(order) - 1
        size = "null" if place == 0 or _same_size(rung, ladder[order[place - 1]]) else _smaller(rung)
        onward = "" if is_last else f",split=2[r{place + 1}]"
        parts.append(f"[r{place}]{size}{onward}[v{number}]")
    return ";".join(parts)


def poster_graph(label: str) -> str:
    """The most typical picture of the beginning of a rendition: [poster]."""
    step = f"isnan(prev_selected_t)+gte(t-prev_selected_t\\,{_POSTER_STEP_SECONDS})"
    return (
        f"[{label}]select='{step}',thumbnail=n={_POSTER_FRAMES},"
        # JPEG files are always full range and BT.601 (ITU-T T.871).
        "scale=in_color_matrix=bt709:in_range=tv:out_color_matrix=bt601:out_range=pc,format=yuvj420p[poster]"
    )


def _same_size(one: Rung, other: Rung) -> bool:
    return (one.width, one.height) == (other.width, other.height)


def _smaller(rung: Rung) -> str:
    return f"scale={rung.width}:{rung.height}:flags=bicubic,setsar=1"


def _on_common_clock(probe: Probe) -> str:
    """Where the demuxer counts from the first packet that is asked for, let the video keep its distance to the sound."""
    return f"setpts=PTS+{probe.video_delay_ms / 1000:.3f}/TB," if probe.container == "mpegts" else ""


def sound_graph(probe: Probe, *, alone: bool = True) -> str:
    """The sound of a source as 48 kHz stereo from time zero on: [sound].

    `alone` says that the same run does not read the picture of the source as well.
    """
    # FFmpeg cannot fold more than eight channels by itself; their first two are the front by convention.
    fold = "pan=stereo|c0=c0|c1=c1" if probe.audio_channels > 8 else "aformat=channel_layouts=stereo"
    delay = f"asetpts=PTS+{probe.audio_delay_ms / 1000:.3f}/TB," if alone and probe.container == "mpegts" else ""
    return f"[0:{probe.audio_stream}]{delay}{fold},aresample={AUDIO_RATE}:async=1:first_pts=0[sound]"


def encoder_options(rung: Rung, number: int) -> list[str]:
    """The options for the picture of one MP4 output."""
    options = ["-map", f"[v{number}]", "-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn"]
    options += _CODES[rung.family]
    options += ["-crf", str(rung.quality)]
    options += ["-maxrate", str(rung.max_bitrate), "-bufsize", str(2 * rung.max_bitrate)]
    # Keyframes go by time and by nothing else, so that they fall together in all renditions.
    options += ["-force_key_frames", f"expr:gte(t,n_forced*{KEYFRAME_SECONDS})", "-g", str(_LONGEST_GROUP)]
    # Times are kept as they are (variable rate), on a clock fine enough for all of them.
    options += ["-fps_mode", "vfr", "-enc_time_base:v", f"1:{_TICKS}", "-video_track_timescale", str(_TICKS)]
    options += ["-flags:v", "+bitexact", "-fflags", "+bitexact"]
    options += ["-color_range", "tv", "-colorspace", "bt709"]
    return [*options, "-color_primaries", "bt709", "-color_trc", "bt709"]


def sound_options() -> list[str]:
    """The options for encoding sound."""
    options = ["-c:a", "aac", "-profile:a", "aac_low", "-b:a", str(AUDIO_BITRATE)]
    return [*options, "-ac", "2", "-ar", str(AUDIO_RATE), "-flags:a", "+bitexact", "-fflags", "+bitexact"]


def file_options() -> list[str]:
    """The options that make an MP4 file whose index comes first."""
    return ["-movflags", "+faststart", "-f", "mp4"]


def poster_options() -> list[str]:
    """The options for the JPEG output, up to its file name."""
    options = ["-map", "[poster]", "-map_metadata", "-1", "-frames:v", "1", "-c:v", "mjpeg", "-q:v", "4"]
    options += ["-huffman", "optimal", "-threads:v", "1", "-flags:v", "+bitexact"]
    return [*options, "-f", "image2", "-update", "1"]


def to_standard_colours(probe: Probe, width: int, height: int) -> list[str]:
    """Scale to the top size and arrive at 8-bit 4:2:0 BT.709 in video range."""
    range_in = "pc" if probe.full_range or probe.colour_matrix == "rgb" else "tv"
    tags = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    if probe.colour_matrix != "rgb" and (probe.hdr or probe.colour_primaries in _WIDE):
        transfer = probe.colour_transfer if probe.colour_transfer != "unknown" else "bt709"
        primaries = probe.colour_primaries if probe.colour_primaries != "unknown" else "bt2020"
        matrix = {"unknown": "bt709" if primaries != "bt2020" else "bt2020nc"}.get(
            probe.colour_matrix, probe.colour_matrix
        )
        source = f"range={range_in}:color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}"
        # Scaling comes first: tone mapping works on floats and costs by the pixel.
        steps = [f"setparams={source}", f"zscale=w={width}:h={height}:f=bicubic:t=linear:npl=203"]
        steps += ["format=gbrpf32le", "zscale=p=bt709"]
        if probe.hdr:
            steps.append("tonemap=tonemap=mobius:desat=0:peak=10")
        return [*steps, "zscale=t=bt709:m=bt709:r=tv:d=error_diffusion", "format=yuv420p", tags]
    matrix = probe.colour_matrix
    if matrix == "unknown":
        # Players guess by the height as well: standard definition is BT.601.
        matrix = "bt709" if min(probe.coded_width, probe.coded_height) >= 720 else "smpte170m"
    matrix_in = "" if matrix == "rgb" else f"in_color_matrix={_SWSCALE_MATRICES.get(matrix, 'bt709')}:"
    exact = "bicubic+accurate_rnd+full_chroma_int"
    scale = f"scale={width}:{height}:flags={exact}:{matrix_in}in_range={range_in}"
    return [f"{scale}:out_color_matrix=bt709:out_range=tv", "format=yuv420p", tags]


_SWSCALE_MATRICES: Final = {
    "bt709": "bt709",
    "bt470bg": "bt601",
    "smpte170m": "bt601",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
    "bt2020c": "bt2020",
}
