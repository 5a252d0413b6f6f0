import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.reel import Failure, ReelError
from glaswerk.reel.content import DEMUXERS, demuxer_for

PRETENDERS = {
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "dash": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "shell": b"#!/bin/sh\nrm -rf /\n",
    "srt": b"1\n00:00:00,000 --> 00:00:01,000\nhello\n",
    "ass": b"[Script Info]\nScriptType: v4.00+\n",
    "avisynth": b'AviSource("/etc/passwd")\n',
    "vapoursynth": b"import vapoursynth\n",
    "playlist": b"[playlist]\nFile1=http://127.0.0.1/\n",
    "metadata": b";FFMETADATA1\ntitle=x\n",
    "zip": b"PK\x03\x04" + bytes(60),
    "elf": b"\x7fELF\x02\x01\x01" + bytes(60),
    "wave": b"RIFF\x24\0\0\0WAVEfmt ",
    "mp3": b"ID3\x04\0\0\0\0\0\x0a" + bytes(60),
    "zeroes": bytes(4096),
    "ebml": b"\x1a\x45\xdf\xa3\x84webx",
    "one byte": b"G",
}


@pytest.mark.parametrize("name", PRETENDERS)
def test_what_is_no_video_is_refused(name: str) -> None:
    with pytest.raises(ReelError) as caught:
        demuxer_for(PRETENDERS[name])
    assert caught.value.code is Failure.NOT_A_VIDEO


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", Failure.EMPTY),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Failure.IMAGE),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", Failure.IMAGE),
        (b"GIF89a\x01\0\x01\0", Failure.IMAGE),
        (b"RIFF\x24\0\0\0WEBPVP8 ", Failure.IMAGE),
        (b"\0\0\0\x18ftypheic\0\0\0\0", Failure.IMAGE),
        (b"OggS\0\x02", Failure.UNSUPPORTED_CONTAINER),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Failure.UNSUPPORTED_CONTAINER),
    ],
)
def test_what_another_file_would_cure_is_told_apart(head: bytes, code: Failure) -> None:
    with pytest.raises(ReelError) as caught:
        demuxer_for(head)
    assert caught.value.code is code


@given(st.binary(max_size=600))
def test_any_beginning_is_a_known_demuxer_or_a_refusal(head: bytes) -> None:
    try:
        assert demuxer_for(head) in DEMUXERS
    except ReelError as error:
        assert str(error.code) in str(error)


@given(st.text(min_size=1, max_size=600).map(str.encode))
def test_readable_text_is_never_a_video(head: bytes) -> None:
    # A NUL is what tells the length field of an MP4 box from words.
    if b"\0" not in head and head[4:8] != b"ftyp" and head[:4] not in (b"FLV\x01", b"RIFF"):
        with pytest.raises(ReelError):
            demuxer_for(head)
