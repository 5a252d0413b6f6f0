"""Which demuxer a file gets, decided by its first bytes and by nothing else.

FFmpeg's own guess is never used: it would follow playlists, scripts and subtitle files to other files and
addresses, and it listens to file names.
"""

from typing import Final

from glaswerk.reel.failures import Failure, ReelError

HEAD_BYTES: Final = 4096
"""How much of a file's beginning `demuxer_for` needs."""

DEMUXERS: Final = ("mov", "matroska", "mpegts", "avi", "flv")
"""FFmpeg names of the demuxers in use: MP4 and QuickTime, Matroska and WebM, MPEG-TS, AVI, Flash Video."""

FORMAT_WHITELIST: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,avi,flv"
"""The same demuxers as FFmpeg's `format_whitelist` wants them, so that none of them can open another."""

VIDEO_CODECS: Final = frozenset(
    [
        "h264",
        "hevc",
        "vp8",
        "vp9",
        "av1",
        "mpeg4",
        "mpeg2video",
        "mpeg1video",
        "h263",
        "mjpeg",
        "prores",
        "ffv1",
        "theora",
        "flv1",
        "vp6f",
        "msmpeg4v3",
        "dvvideo",
    ]
)
AUDIO_CODECS: Final = frozenset(
    [
        "aac",
        "mp3",
        "mp2",
        "ac3",
        "eac3",
        "opus",
        "vorbis",
        "flac",
        "alac",
        "amr_nb",
        "amr_wb",
        "pcm_s16le",
        "pcm_s16be",
        "pcm_s24le",
        "pcm_s24be",
        "pcm_s32le",
        "pcm_s32be",
        "pcm_f32le",
        "pcm_u8",
        "pcm_mulaw",
        "pcm_alaw",
        "adpcm_ima_qt",
    ]
)
DECODER_WHITELIST: Final = ",".join(
    sorted(
        VIDEO_CODECS
        | AUDIO_CODECS
        | {
            "libdav1d",
            "libaom-av1",
            "libvpx",
            "libvpx-vp9",
            "flv",
            "mp3float",
            "libopus",
            "libvorbis",
            "amrnb",
            "amrwb",
        }
        | {"libopencore_amrnb", "libopencore_amrwb", "msmpeg4"}
    )
)
"""Codec names and the names of their decoders: no other decoder is opened, in any stream of the file."""

_IMAGE_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis"})
_IMAGE_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"\0\0\1\0")
_MOV_ATOMS = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_OTHER_VIDEO = (
    (b"OggS", "Ogg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media"),
    (b"\x00\x00\x01\xba", "MPEG program stream"),
    (b"\x06\x0e\x2b\x34", "MXF"),
    (b".RMF", "RealMedia"),
)


def demuxer_for(head: bytes) -> str:
    """The demuxer for a file that begins with `head` (its first HEAD_BYTES bytes, or all of them if fewer).

    Raises ReelError: EMPTY, IMAGE, UNSUPPORTED_CONTAINER or NOT_A_VIDEO.
    """
    if not head:
        raise ReelError(Failure.EMPTY, "the file has no bytes")
    if not any(head):
        raise ReelError(Failure.NOT_A_VIDEO, "the file begins with zeroes only")
    if head[4:8] == b"ftyp":
        if head[8:12] in _IMAGE_BRANDS:
            raise ReelError(Failure.IMAGE, "a HEIF or AVIF picture")
        return "mov"
    if (head[4:8] in _MOV_ATOMS and head[:2] == b"\0\0") or (head[4:8] == b"mdat" and head[:4] == b"\0\0\0\1"):
        return "mov"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        if b"matroska" in head[:96] or b"webm" in head[:96]:
            return "matroska"
        raise ReelError(Failure.NOT_A_VIDEO, "an EBML document that is not Matroska")
    if head[:4] == b"RIFF":
        if head[8:12] == b"AVI ":
            return "avi"
        if head[8:12] == b"WEBP":
            raise ReelError(Failure.IMAGE, "a WebP picture")
        raise ReelError(Failure.NOT_A_VIDEO, "a RIFF file that is not AVI")
    if head[:4] == b"FLV\x01":
        return "flv"
    # A transport stream has a sync byte at every packet, 188 bytes apart, or 192 with time codes.
    for first, step in ((0, 188), (4, 192)):
        marks = head[first::step]
        if len(marks) >= 3 and set(marks) == {0x47}:
            return "mpegts"
    if head.startswith(_IMAGE_MAGIC):
        raise ReelError(Failure.IMAGE, "a picture")
    for magic, name in _OTHER_VIDEO:
        if head.startswith(magic):
            raise ReelError(Failure.UNSUPPORTED_CONTAINER, name)
    raise ReelError(Failure.NOT_A_VIDEO, "text" if _is_text(head) else "unknown content")


def _is_text(head: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)
