"""Avatars: whatever picture comes in, a square WebP of 512 pixels without metadata goes out."""

from io import BytesIO
from typing import IO, Final

from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageCms, ImageOps

MAX_BYTES: Final = 8 << 20
MAX_PIXELS: Final = 50_000_000
SIDE: Final = 512
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
# Pillow raises all of these for broken pictures, depending on the format and on where the damage is.
_BROKEN: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    Image.DecompressionBombError,
)


class AvatarError(Exception):
    """The picture cannot be used; the message is for its owner."""


def make_avatar(file: IO[bytes]) -> bytes:
    """Return a 512 x 512 WebP of the picture's middle, upright, in sRGB, without any metadata.

    The format is told by content and must be JPEG, PNG or WebP.  Raises AvatarError.
    """
    data = file.read(MAX_BYTES + 1)
    if not data:
        raise AvatarError(_("This file is empty. Please choose another picture."))
    if len(data) > MAX_BYTES:
        raise AvatarError(_("This picture is larger than 8 MB. Please choose a smaller one."))
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as picture:
            # The size stands in the header, so that a bomb is refused before a single pixel is unpacked.
            if picture.width * picture.height > MAX_PIXELS:
                raise AvatarError(_("This picture has more than 50 million pixels. Please choose a smaller one."))
            # JPEG can unpack itself at a fraction of its size; the other formats ignore this.
            picture.draft("RGB", (2 * SIDE, 2 * SIDE))
            return _square(picture)
    except _BROKEN:
        raise AvatarError(_("This file is not a picture that we can read. JPEG, PNG and WebP work.")) from None


def _square(picture: Image.Image) -> bytes:
    upright = ImageOps.exif_transpose(picture)
    profile = picture.info.get("icc_profile")
    has_alpha = "A" in upright.getbands() or "transparency" in upright.info
    fitted = ImageOps.fit(
        upright.convert("RGBA" if has_alpha else "RGB"), (SIDE, SIDE), method=Image.Resampling.LANCZOS
    )
    if profile and upright.mode in ("RGB", "RGBA"):
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            ImageCms.profileToProfile(fitted, source, ImageCms.createProfile("sRGB"), inPlace=True)
        except (ImageCms.PyCMSError, OSError):
            pass  # A broken colour profile costs some colour, never the picture.
    # A fresh image takes the pixels only: no EXIF, no GPS, no profile, no comment.
    bare = Image.frombytes(fitted.mode, fitted.size, fitted.tobytes())
    out = BytesIO()
    bare.save(out, "WEBP", quality=84, method=4)
    return out.getvalue()
