"""Texts drawn as pictures. What a person wrote becomes pixels here, so that it never comes near a filter or a command.

The measures are those of docs/timeline.md, so that a preview can draw the same.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

from glaswerk.reel.timeline import fonts
from glaswerk.reel.timeline.model import Align, Text, TextStyle

LINE: Final = 1.25
BASELINE: Final = 0.99
"""Of a line below its top, in em: capitals are in the middle of their line."""
WIDEST: Final = 0.9
_SIDE, _ABOVE, _CORNER = 0.35, 0.2, 0.25
_OUTLINE, _GLOW, _SHADOW, _DROP = 0.08, 0.25, 0.08, 0.04
_SHADOW_PART: Final = 0.6
# The picture of a text is never higher than this many frames: more could not be seen.
_FRAMES_HIGH: Final = 2
_BACKGROUNDS: Final = {TextStyle.BOX: "#000000b0", TextStyle.OUTLINE: "#000000"}

# Fonts have nothing for these, and the one that ends a paragraph cannot even be laid out.
_CONTROLS: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")

Colour = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    """Characters that one font draws; without a font, boxes."""

    text: str
    face: fonts.Face | None
    drawn: bool
    width: float


def picture(text: Text, width: int, height: int, folder: str = str(fonts.FOLDER)) -> Image.Image:
    """The text for a frame of `width` x `height`, transparent around it, turned. Its middle is the place that the text names."""
    em = max(4, round(text.size * height))
    lines = [_runs(line, em, folder) for line in _wrapped(text.text, em, width * WIDEST, folder)]
    lines = lines[: max(1, int(_FRAMES_HIGH * height / (LINE * em)))]
    widths = [sum(run.width for run in line) for line in lines]
    # Room on every side for what a style puts around the letters.
    margin = round(em * (max(_SIDE, _GLOW * 2) + 0.1))
    inner = max(1, round(max(widths)))
    size = inner + 2 * margin, round(len(lines) * LINE * em) + 2 * margin
    letters = Image.new("L", size, 0)
    coloured = Image.new("RGBA", size, (0, 0, 0, 0))
    outline = Image.new("L", size, 0) if text.style == TextStyle.OUTLINE else None
    for number, (line, line_width) in enumerate(zip(lines, widths, strict=True)):
        free = inner - line_width
        x = margin + {Align.LEFT: 0.0, Align.CENTER: free / 2, Align.RIGHT: free}[text.align]
        y = margin + (number * LINE + BASELINE) * em
        for run in line:
            _draw(run, x, y, em, letters, outline, coloured)
            x += run.width
    image = _styled(text, em, letters, outline, margin)
    image.alpha_composite(coloured)
    if text.rotation:
        image = image.rotate(-text.rotation, resample=Image.Resampling.BICUBIC, expand=True)
    return image


def _draw(
    run: _Run, x: float, y: float, em: int, letters: Image.Image, outline: Image.Image | None, coloured: Image.Image
) -> None:
    pen = ImageDraw.Draw(letters)
    if not run.drawn:
        for number, _ in enumerate(fonts.clusters(run.text)):
            left = x + number * em * 0.7 + em * 0.08
            box = (left, y - em * 0.7, left + em * 0.54, y)
            pen.rectangle(box, outline=255, width=max(1, round(em * 0.06)))
        return
    if run.face is not None and run.face.strike:
        _paste_strike(run, x, y, em, coloured)
        return
    opened = fonts.font(run.face, em)
    pen.text((x, y), run.text, font=opened, fill=255, anchor="ls")
    if outline is not None:
        width = max(1, round(em * _OUTLINE))
        ImageDraw.Draw(outline).text((x, y), run.text, font=opened, fill=255, anchor="ls", stroke_width=width)


def _paste_strike(run: _Run, x: float, y: float, em: int, coloured: Image.Image) -> None:
    """Pictures of a colour font, brought from their one size to the one that is wanted."""
    opened = fonts.font(run.face, em)
    box = opened.getbbox(run.text)
    drawn = Image.new("RGBA", (max(1, int(box[2])), max(1, int(box[3]))), (0, 0, 0, 0))
    ImageDraw.Draw(drawn).text((0, 0), run.text, font=opened, embedded_color=True)
    scale = run.width / max(1.0, opened.getlength(run.text))
    drawn = drawn.resize((max(1, round(drawn.width * scale)), max(1, round(drawn.height * scale))))
    top = round(y - drawn.height * 0.85)
    coloured.alpha_composite(drawn, (max(0, round(x)), max(0, top)))


def _styled(text: Text, em: int, letters: Image.Image, outline: Image.Image | None, margin: int) -> Image.Image:
    image = Image.new("RGBA", letters.size, (0, 0, 0, 0))
    colour = _rgba(text.color)
    background = _rgba(text.background or _BACKGROUNDS.get(text.style, "#000000"))
    if text.style == TextStyle.BOX:
        box = [
            margin - em * _SIDE,
            margin - em * _ABOVE,
            image.width - margin + em * _SIDE,
            image.height - margin + em * _ABOVE,
        ]
        ImageDraw.Draw(image).rounded_rectangle(box, radius=em * _CORNER, fill=background)
    elif outline is not None:
        image.alpha_composite(_filled(background, outline))
    elif text.style == TextStyle.NEON:
        glow = letters.filter(ImageFilter.GaussianBlur(em * _GLOW / 2))
        for part in (glow, glow, letters.filter(ImageFilter.GaussianBlur(em * _GLOW / 5))):
            image.alpha_composite(_filled(colour, part))
        colour = (*((each + 2 * 255) // 3 for each in colour[:3]), colour[3])
    else:
        shadow = ImageChops.offset(letters, 0, max(1, round(em * _DROP)))
        shadow = shadow.filter(ImageFilter.GaussianBlur(em * _SHADOW / 2))
        image.alpha_composite(_filled((0, 0, 0, round(255 * _SHADOW_PART)), shadow))
    image.alpha_composite(_filled(colour, letters))
    return image


def _filled(colour: Colour, mask: Image.Image) -> Image.Image:
    """A colour that is as opaque as the mask says."""
    image = Image.new("RGBA", mask.size, (*colour[:3], 255))
    image.putalpha(mask.point(lambda value: value * colour[3] // 255))
    return image


def _rgba(colour: str) -> Colour:
    found = ImageColor.getrgb(colour)
    return found if len(found) == 4 else (*found, 255)


def _wrapped(text: str, em: int, widest: float, folder: str) -> list[str]:
    """Lines that fit, broken between words, and within a word that is wider than a line."""
    lines = []
    for paragraph in _CONTROLS.sub(" ", text).split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if _width(longer, em, folder) <= widest:
                line = longer
                continue
            if line:
                lines.append(line)
            line = ""
            for cluster in fonts.clusters(word):
                if line and _width(line + cluster, em, folder) > widest:
                    lines.append(line)
                    line = ""
                line += cluster
        lines.append(line)
    return lines


def _width(line: str, em: int, folder: str) -> float:
    return sum(run.width for run in _runs(line, em, folder))


@lru_cache(maxsize=1024)
def _runs(line: str, em: int, folder: str) -> tuple[_Run, ...]:
    """The line in pieces that one font can draw."""
    pieces: list[tuple[str, fonts.Face | None, bool]] = []
    for cluster in fonts.clusters(line):
        face, drawn = fonts.face_for(cluster, folder), fonts.is_drawn_at_all(cluster, folder)
        if cluster.isspace() and pieces and pieces[-1][2]:
            face, drawn = pieces[-1][1:]
        if pieces and pieces[-1][1:] == (face, drawn):
            pieces[-1] = (pieces[-1][0] + cluster, face, drawn)
        else:
            pieces.append((cluster, face, drawn))
    return tuple(_Run(text, face, drawn, _advance(text, face, drawn, em)) for text, face, drawn in pieces)


def _advance(text: str, face: fonts.Face | None, drawn: bool, em: int) -> float:
    if not drawn:
        return em * 0.7 * sum(1 for _ in fonts.clusters(text))
    length = float(fonts.font(face, em).getlength(text))
    # The one size of such a font is not that of its file's em.
    return length * em * 1.17 / 136 if face is not None and face.strike else length
