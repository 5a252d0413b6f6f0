"""Avatars: ordinary pictures, and those that mean harm."""

import struct
import zlib
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from glaswerk.cell.config import Cell
from glaswerk.people.avatars import MAX_BYTES, AvatarError, make_avatar
from glaswerk.people.models import Person


def picture(kind: str, size: tuple[int, int] = (90, 60), **options: object) -> bytes:
    """Return a picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", size, (255, 0, 0))
    image.paste((0, 0, 255), (size[0] // 2, 0, *size))
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side: int = 20_000) -> bytes:
    """Return a PNG of a few bytes that claims side x side pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_accepted_kind_becomes_a_square_webp(kind: str) -> None:
    with Image.open(BytesIO(make_avatar(BytesIO(picture(kind))))) as avatar:
        assert (avatar.format, avatar.size) == ("WEBP", (512, 512))


def test_the_middle_is_kept() -> None:
    with Image.open(BytesIO(make_avatar(BytesIO(picture("PNG", (900, 300)))))) as avatar:
        left, right = avatar.convert("RGB").getpixel((100, 256)), avatar.convert("RGB").getpixel((412, 256))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > 200 > 60 > left[2]
    assert right[2] > 200 > 60 > right[0]


def test_a_phone_held_sideways_is_set_upright_and_its_place_is_forgotten() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera lay on its side.
    exif[0x010F] = "SECRETCAMERA"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    data = picture("JPEG", (600, 600), exif=exif.tobytes(), comment=b"SECRETCOMMENT", quality=95)
    assert b"SECRETCAMERA" in data
    made = make_avatar(BytesIO(data))
    assert b"SECRET" not in made
    assert b"EXIF" not in made
    with Image.open(BytesIO(made)) as avatar:
        assert not avatar.getexif()
        top, bottom = avatar.convert("RGB").getpixel((256, 60)), avatar.convert("RGB").getpixel((256, 450))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 200
    assert bottom[2] > 200


def test_transparency_survives() -> None:
    image = Image.new("RGBA", (64, 64), (0, 255, 0, 0))
    out = BytesIO()
    image.save(out, "PNG")
    with Image.open(BytesIO(make_avatar(BytesIO(out.getvalue())))) as avatar:
        assert avatar.mode == "RGBA"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16", "RGBA"])
def test_every_colour_mode_is_understood(mode: str) -> None:
    out = BytesIO()
    Image.new(mode, (33, 70)).save(out, "JPEG" if mode == "CMYK" else "PNG")
    with Image.open(BytesIO(make_avatar(BytesIO(out.getvalue())))) as avatar:
        assert avatar.size == (512, 512)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HOSTILE = {
    "empty": b"",
    "svg": SVG,
    "text": b"just a text, " * 50,
    "html": b"<!doctype html><script>alert(1)</script>",
    "bomb": bomb(),
    "bomb below Pillow's own limit": bomb(7_200),
    "cut png": picture("PNG", (400, 400))[:200],
    "cut jpeg": picture("JPEG", (400, 400))[:300],
    "cut webp": picture("WEBP", (400, 400))[:60],
    "jpeg head only": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "png head only": b"\x89PNG\r\n\x1a\n",
    "bad png checksum": picture("PNG")[:20] + b"\xff" * 30 + picture("PNG")[50:],
    "gif": picture("GIF"),
    "bmp": picture("BMP"),
    "tiff": picture("TIFF"),
    "too large": b"\x89PNG\r\n\x1a\n" + b"\0" * MAX_BYTES,
    "zip": b"PK\x03\x04" + b"\0" * 100,
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_and_broken_files_are_refused(name: str) -> None:
    with pytest.raises(AvatarError):
        make_avatar(BytesIO(HOSTILE[name]))


@pytest.mark.django_db
def test_an_uploaded_picture_becomes_the_avatar(as_anna: Client, anna: Person, cell: Cell) -> None:
    upload = SimpleUploadedFile("me.svg", picture("JPEG"), "image/svg+xml")
    answer = as_anna.post("/me/profile", {"display_name": "Anna", "bio": "", "avatar": upload})
    assert answer.status_code == 302
    anna.refresh_from_db()
    assert anna.avatar_url == f"/media/{anna.avatar}.webp"
    stored = cell.media / anna.avatar[:2] / f"{anna.avatar}.webp"
    with Image.open(stored) as avatar:
        assert (avatar.format, avatar.size) == ("WEBP", (512, 512))
    as_anna.post("/me/profile", {"display_name": "Anna", "bio": "", "remove_avatar": "on"})
    anna.refresh_from_db()
    assert (anna.avatar, anna.avatar_url) == ("", "")
    assert not stored.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["empty", "svg", "bomb", "text", "too large"])
def test_a_refused_picture_says_why_and_changes_nothing(as_anna: Client, anna: Person, cell: Cell, name: str) -> None:
    upload = SimpleUploadedFile("me.png", HOSTILE[name], "image/png")
    answer = as_anna.post("/me/profile", {"display_name": "Changed", "bio": "", "avatar": upload})
    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {"avatar"}
    anna.refresh_from_db()
    assert (anna.avatar, anna.display_name) == ("", "")
    assert not [path for path in cell.media.rglob("*") if path.is_file()]
