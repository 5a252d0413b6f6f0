"""A video as a telephone makes it: with the place where it was taken, XMP, and words about its owner."""

import subprocess
import uuid
from pathlib import Path
from typing import Final

import imageio_ffmpeg

from glaswerk.border.audit.canaries import AuditFailed, Canaries, place_on_earth
from glaswerk.canary import Detector, spelled

_XMP: Final = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac")
_SECONDS: Final = "1.5"


def make_clip(folder: Path, canaries: Canaries, owner: str) -> Path:
    """Write an MP4 whose metadata are canaries.  Raises AuditFailed where they are not in it."""
    place = canaries.private("place in the uploaded video (udta/©xyz)", owner, place_on_earth())
    xmp = canaries.private("XMP in the uploaded video", owner)
    words = {name: canaries.private(f"{name} in the uploaded video", owner) for name in ("comment", "title", "artist")}
    path = folder / f"{canaries.private('name of the uploaded file', owner)}.mp4"
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y"),
        *("-f", "lavfi", "-i", f"testsrc2=size=360x640:rate=12:duration={_SECONDS}"),
        *("-f", "lavfi", "-i", f"sine=frequency=330:duration={_SECONDS}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
        *(part for name, word in words.items() for part in ("-metadata", f"{name}={word}")),
        str(path),
    ]
    subprocess.run(command, check=True, timeout=120)
    data = _with_place(path.read_bytes(), place)
    packet = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>{xmp}</dc:creator></x:xmpmeta>'.encode()
    data += _box(b"uuid", _XMP.bytes + packet)
    for word in (place, xmp, *words.values()):
        if not Detector(spelled("it", word)).search(data).found:
            raise AuditFailed("the video of the audit does not hold what it is to hold")
    path.write_bytes(data)
    return path


def _box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def _with_place(data: bytes, place: str) -> bytes:
    """Add `udta/©xyz` to the movie's box, which ffmpeg writes last, so that no offset changes."""
    at = 0
    while data[at + 4 : at + 8] != b"moov":
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size >= len(data):
            raise AuditFailed("ffmpeg wrote a file without a movie")
        at += size
    text = place.encode()
    # The length of the text, and its language: und.
    udta = _box(b"udta", _box(b"\xa9xyz", len(text).to_bytes(2, "big") + b"\x55\xc4" + text))
    return data[:at] + _box(b"moov", data[at + 8 :] + udta)
