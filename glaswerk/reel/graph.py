"""The filter graph and the encoder settings of a render, as pure functions of a probe.

Only numbers and names from closed sets reach these strings; nothing that a file or a person wrote does.
"""

from collections.abc import Sequence
from typing import Final

from glaswerk.reel.ladder import Rung
from glaswerk.reel.probe import Probe

MAX_FPS: Final = 60
KEYFRAME_SECONDS: Final = 2
AUDIO_RATE: Final = 48_000
# The tick of the encoders' clock: a multiple of 24, 25, 30, 50, 60 and of the NTSC rates' 30000.
_TICKS: Final = 90_000
# The poster is the most typical of this many frames, taken this far apart: the first eight seconds.
_POSTER_FRAMES: Final = 40
_POSTER_STEP_SECONDS: Final = 0.2
# Wide primaries need a conversion that swscale does not do.
_WIDE: Final = frozenset({"bt2020", "smpte431", "smpte432"})


def filter_graph(probe: Probe, ladder: Sequence[Rung]) -> str:
    """One decode in, one labelled output for each rung and the poster: [v0], [a0], [v1], … and [poster]."""
    outputs = len(ladder) + 1
    top = ladder[0]
    steps = []
    if probe.interlaced:
        steps.append("bwdif=mode=send_frame:deint=interlaced")
    if probe.fps > MAX_FPS + 0.5:
        steps.append(f"fps={MAX_FPS}")
    steps += to_standard_colours(probe, top.width, top.height)
    steps += ["setsar=1", "sidedata=mode=delete"]
    labels = "".join(f"[s{number}]" for number in range(outputs))
    parts = [f"[0:{probe.video_stream}]{','.join(steps)},split={outputs}{labels}"]
    parts.append("[s0]null[v0]")
    for number, rung in enumerate(ladder[1:], start=1):
        parts.append(f"[s{number}]scale={rung.width}:{rung.height}:flags=bicubic,setsar=1[v{number}]")
    step = f"isnan(prev_selected_t)+gte(t-prev_selected_t\\,{_POSTER_STEP_SECONDS})"
    parts.append(
        f"[s{outputs - 1}]select='{step}',thumbnail=n={_POSTER_FRAMES},"
        # JPEG files are always full range and BT.601 (ITU-T T.871).
        "scale=in_color_matrix=bt709:in_range=tv:out_color_matrix=bt601:out_range=pc,format=yuvj420p[poster]"
    )
    if probe.audio_stream is not None:
        # FFmpeg cannot fold more than eight channels by itself; their first two are the front by convention.
        fold = "pan=stereo|c0=c0|c1=c1" if probe.audio_channels > 8 else "aformat=channel_layouts=stereo"
        resample = f"aresample={AUDIO_RATE}:async=1:first_pts=0"
        labels = "".join(f"[a{number}]" for number in range(len(ladder)))
        parts.append(f"[0:{probe.audio_stream}]{fold},{resample},asplit={len(ladder)}{labels}")
    return ";".join(parts)


def encoder_options(probe: Probe, rung: Rung, number: int) -> list[str]:
    """The options for one MP4 output, up to its file name."""
    options = ["-map", f"[v{number}]"]
    if probe.audio_stream is not None:
        options += ["-map", f"[a{number}]"]
    options += ["-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn"]
    options += ["-c:v", "libx264", "-preset", "faster", "-profile:v", "high", "-pix_fmt", "yuv420p"]
    options += ["-crf", str(rung.quality)]
    options += ["-maxrate", str(rung.max_bitrate), "-bufsize", str(2 * rung.max_bitrate)]
    # Keyframes go by time and by nothing else, so that they fall together in all renditions.
    options += ["-force_key_frames", f"expr:gte(t,n_forced*{KEYFRAME_SECONDS})"]
    options += ["-g", "600", "-sc_threshold", "0"]
    # Times are kept as they are (variable rate), on a clock fine enough for all of them.
    options += ["-fps_mode", "vfr", "-enc_time_base:v", f"1:{_TICKS}", "-video_track_timescale", str(_TICKS)]
    # The number of threads changes x264's decisions: a fixed one makes the same bytes on every machine.
    options += ["-threads:v", "4", "-flags:v", "+bitexact", "-fflags", "+bitexact"]
    options += ["-color_range", "tv", "-colorspace", "bt709"]
    options += ["-color_primaries", "bt709", "-color_trc", "bt709"]
    if probe.audio_stream is not None:
        options += ["-c:a", "aac", "-profile:a", "aac_low", "-b:a", str(rung.audio_bitrate)]
        options += ["-ac", "2", "-ar", str(AUDIO_RATE), "-flags:a", "+bitexact"]
    return [*options, "-movflags", "+faststart", "-f", "mp4"]


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
