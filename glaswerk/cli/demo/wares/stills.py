"""Painting products: vessels that are thrown from a profile, and things that carry a frame of one of the demo's scenes.

A still is a square picture on a plain ground under one soft light from the upper left, so that sixty of them hang
together on one page.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from glaswerk.cli.demo.canvas import Painter, fractal, seeded
from glaswerk.cli.demo.scenes import SCENES

SIDE: Final = 720
GROUNDS: Final = ("e9e4da", "dfe4e3", "e8dfdb", "dde1e8", "e4e2d6")
# Radii from rim to foot as shares of the picture's side; the second figure of each is the vessel's height.
PROFILES: Final[dict[str, tuple[tuple[float, ...], float]]] = {
    "bowl": ((0.300, 0.292, 0.272, 0.240, 0.195, 0.135, 0.110, 0.108), 0.27),
    "dish": ((0.360, 0.345, 0.310, 0.250, 0.170, 0.150), 0.11),
    "cup": ((0.150, 0.148, 0.147, 0.146, 0.144, 0.138, 0.118, 0.108), 0.30),
    "vase": ((0.105, 0.078, 0.082, 0.120, 0.175, 0.195, 0.185, 0.150, 0.110), 0.52),
    "bottle": ((0.052, 0.044, 0.044, 0.050, 0.110, 0.155, 0.160, 0.155, 0.140, 0.120), 0.56),
    "jug": ((0.135, 0.118, 0.112, 0.130, 0.165, 0.180, 0.172, 0.140, 0.118), 0.44),
    "pot": ((0.190, 0.215, 0.228, 0.230, 0.222, 0.200, 0.165, 0.150), 0.33),
}
GLAZES: Final = (
    # body, glaze, line
    ("b5734c", "e6d6bd", "8a4a2c"),
    ("c9bda6", "7fb8a4", "e7f2e8"),
    ("e6dfd0", "2a58a6", "f6f2e8"),
    ("4a3830", "1d1613", "d99a36"),
    ("cfc4b2", "d98f7c", "fbeee6"),
    ("d8d4cb", "f1efe8", "6f7a80"),
)
_TILT: Final = 0.24
_Layer = NDArray[np.float32]


def _rgb(code: str) -> tuple[int, int, int]:
    return int(code[:2], 16), int(code[2:4], 16), int(code[4:], 16)


def _ground(code: str) -> Image.Image:
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    light = 1.07 - 0.24 * np.hypot(x - 0.3, y - 0.25) ** 1.4
    # The table begins where the wall ends, without an edge.
    light *= 1.0 - 0.055 * np.clip((y - 0.66) / 0.12, 0, 1)
    pixels = np.array(_rgb(code), np.float32)[None, None] * light[..., None]
    grain = seeded("ground", 0).normal(0, 1.1, (SIDE, SIDE, 1)).astype(np.float32)
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))


def _shadow(onto: Image.Image, mask: Image.Image, shift: tuple[int, int], blur: float, depth: float) -> None:
    """Darken the ground below a shape."""
    moved = ImageChops.offset(mask, *shift).filter(ImageFilter.GaussianBlur(blur))
    onto.paste((38, 34, 32), mask=moved.point([round(value * depth) for value in range(256)]))


def paint_vessel(kind: str, look: int, ground: int) -> Image.Image:
    """Paint a vessel of a profile in one of the glazes."""
    radii, height = PROFILES[kind]
    body, glaze, line = (np.array(_rgb(code), np.float32) for code in GLAZES[look % len(GLAZES)])
    rng = seeded(kind, look)
    noise = fractal(rng, 256, 1.7)
    middle, top = SIDE / 2, SIDE * (0.76 - height * 0.85)
    tall = SIDE * height
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    across = x - middle

    def radius(s: _Layer) -> _Layer:
        at = np.clip(s, 0, 1) * (len(radii) - 1)
        k = np.clip(at.astype(np.int32), 0, len(radii) - 2)
        t = at - k
        p = np.array([radii[0], *radii, radii[-1]], np.float32)
        # Catmull-Rom through the profile's points.
        a, b, c, d = p[k], p[k + 1], p[k + 2], p[k + 3]
        curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
        return np.asarray(SIDE * curve, np.float32)

    # Seen from a little above, a ring is an ellipse: what stands at a pixel is found by a few steps.
    s = (y - top) / tall
    for _ in range(3):
        r = radius(s)
        depth = np.sqrt(np.clip(1 - (across / r) ** 2, 0, 1))
        s = (y - top - _TILT * r * depth) / tall
    r = radius(s)
    u = np.clip(across / r, -1, 1)
    nz = np.sqrt(1 - u * u)
    slope = (radius(s + 0.01) - radius(s - 0.01)) / (0.02 * tall)
    norm = np.sqrt(1 + slope * slope)
    nx, ny = u / norm, slope / norm
    lit = np.clip(-0.55 * nx + 0.35 * -ny + 0.72 * nz / norm, 0, 1)
    shine = np.clip(-0.44 * nx - 0.18 * ny + 0.88 * nz / norm, 0, 1) ** 46
    angle = np.arcsin(u)
    speckle = noise[(s * 180).astype(np.int32) & 255, (angle * 70).astype(np.int32) & 255]
    run = 0.70 + 0.14 * (noise[40, (angle * 40).astype(np.int32) & 255] - 0.5) * 2
    glazed = np.clip((run - s) * 40, 0, 1)[..., None]
    colour = (
        body * (0.93 + 0.14 * speckle[..., None]) * (1 - glazed) + glaze * (0.95 + 0.10 * speckle[..., None]) * glazed
    )
    ring = np.exp(-(((s - 0.16) * tall / 4.0) ** 2))[..., None]
    colour = colour * (1 - 0.8 * ring) + line * 0.8 * ring
    colour = colour * (0.34 + 0.78 * lit[..., None]) + 255 * (0.10 + 0.42 * glazed) * shine[..., None]
    edge = np.clip(np.minimum(r - np.abs(across), 1) + 0.5, 0, 1)
    inside = edge * np.clip((s + 0.002) * tall, 0, 1) * np.clip((1 - s) * tall + 1, 0, 1)

    # The opening: an ellipse whose far wall catches the light that the near one does not.
    rim = SIDE * radii[0]
    e = np.hypot(across / rim, (y - top) / (_TILT * rim))
    opening = np.clip((1 - e) * rim * _TILT + 0.5, 0, 1)[..., None]
    hollow = (
        glaze * (0.30 + 0.42 * np.clip(0.5 + across / (2.2 * rim) - (y - top) / (2.6 * _TILT * rim), 0, 1))[..., None]
    )
    lip = np.exp(-(((1 - e) * rim * _TILT / 2.2) ** 2))[..., None]
    hollow = hollow * (1 - lip) + (glaze * 0.55 + 255 * 0.38) * lip

    picture = _ground(GROUNDS[ground % len(GROUNDS)])
    foot = Image.new("L", (SIDE, SIDE))
    reach, base = SIDE * radii[-1], top + tall
    ImageDraw.Draw(foot).ellipse(
        (middle - reach * 1.25, base - reach * 0.30, middle + reach * 2.3, base + reach * 0.50), fill=255
    )
    _shadow(picture, foot, (10, 8), 22, 0.42)
    _shadow(picture, foot, (-14, 0), 7, 0.30)
    mask = np.clip(np.maximum(inside, opening[..., 0]), 0, 1)
    pixels = colour * (1 - opening) + hollow * opening
    layer = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    picture.paste(layer, mask=Image.fromarray((mask * 255).astype(np.uint8)))
    return picture


@lru_cache(8)
def _painter(topic: str, variant: int) -> Painter:
    return SCENES[topic](variant)


def _motif(topic: str, variant: int, phase: float, width: int, height: int) -> Image.Image:
    """Return the middle of a scene's frame in the shape that a thing carries."""
    frame = Image.fromarray(_painter(topic, variant)(phase))
    wide = min(frame.width, frame.height * width / height)
    tall = wide * height / width
    left, top = (frame.width - wide) / 2, (frame.height - tall) * 0.42
    box = (left, top, left + wide, top + tall)
    return frame.resize((width, height), Image.Resampling.LANCZOS, box=box)


def _placed(picture: Image.Image, thing: Image.Image, mask: Image.Image, at: tuple[int, int], lift: int) -> None:
    """Put a thing onto the ground, with the shadow of something that lies `lift` above it."""
    whole = Image.new("L", picture.size)
    whole.paste(mask, at)
    _shadow(picture, whole, (lift, lift + 4), lift * 1.4 + 2, 0.46)
    _shadow(picture, whole, (2, 3), 3, 0.34)
    picture.paste(thing, at, mask)


def _sheen(thing: Image.Image, strength: float) -> Image.Image:
    """Let the light fall off across a flat thing."""
    pixels = np.asarray(thing, np.float32)
    y, x = np.mgrid[0 : thing.height, 0 : thing.width].astype(np.float32)
    fall = 1 + strength * (0.5 - (x / thing.width + y / thing.height) / 2)
    return Image.fromarray(np.clip(pixels * fall[..., None], 0, 255).astype(np.uint8))


def _full(thing: Image.Image) -> Image.Image:
    return Image.new("L", thing.size, 255)


def _print(motif: Callable[[int, int], Image.Image], ground: int) -> Image.Image:
    picture = _ground(GROUNDS[ground % len(GROUNDS)])
    wood = ("5a4634", "1f2022", "d8c3a0")[ground % 3]
    frame = Image.new("RGB", (428, 556), "#" + wood)
    ImageDraw.Draw(frame).rectangle((13, 13, 414, 542), fill="#f7f4ec")
    frame.paste(_sheen(motif(314, 442), 0.10), (57, 57))
    ImageDraw.Draw(frame).rectangle((13, 13, 414, 542), outline="#00000030", width=1)
    frame = _sheen(frame, 0.12)
    _placed(picture, frame, _full(frame), (146, 76), 16)
    return picture


def _notebook(motif: Callable[[int, int], Image.Image], ground: int) -> Image.Image:
    picture = _ground(GROUNDS[ground % len(GROUNDS)])
    cover = _sheen(motif(400, 540), 0.22)
    draw = ImageDraw.Draw(cover)
    draw.rectangle((0, 0, 46, 540), fill="#" + ("2b3440", "5b2b2b", "28453b", "3b3350", "4a3a22")[ground % 5])
    draw.line((47, 0, 47, 540), fill="#00000055", width=2)
    mask = Image.new("L", cover.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 399, 539), 12, fill=255)
    pages = Image.new("RGB", (404, 540), "#f4efe2")
    _placed(picture, pages, mask.resize(pages.size), (170, 98), 14)
    picture.paste(cover, (160, 88), mask)
    band = Image.new("RGB", (12, 548), "#1d1d20")
    _placed(picture, band, _full(band), (500, 84), 3)
    return picture


def _cards(motif: Callable[[int, int], Image.Image], ground: int) -> Image.Image:
    picture = _ground(GROUNDS[ground % len(GROUNDS)])
    for turn, at in ((-11, (92, 150)), (7, (262, 120)), (-2, (176, 190))):
        card = Image.new("RGB", (330, 440), "#fbf9f3")
        card.paste(motif(302, 412), (14, 14))
        card = _sheen(card, 0.14)
        mask = _full(card).rotate(turn, expand=True, resample=Image.Resampling.BICUBIC)
        _placed(picture, card.rotate(turn, expand=True, resample=Image.Resampling.BICUBIC), mask, at, 9)
    return picture


def _cushion(motif: Callable[[int, int], Image.Image], ground: int) -> Image.Image:
    picture = _ground(GROUNDS[ground % len(GROUNDS)])
    side = 500
    y, x = (np.mgrid[0:side, 0:side].astype(np.float32) / side - 0.5) * 2
    # Full in the middle, pulled in between the corners.
    reach = np.maximum(np.abs(x) * (1 + 0.10 * (1 - y * y)), np.abs(y) * (1 + 0.10 * (1 - x * x)))
    mask = Image.fromarray((np.clip((1 - reach) * 120, 0, 1) * 255).astype(np.uint8))
    full = np.clip((1 - x**2) * (1 - y**2), 0, 1) ** 0.45
    folds = 0.05 * np.sin(9 * (x + y)) * (1 - full) + 0.05 * np.sin(8 * (x - y) + 1) * (1 - full)
    light = 0.60 + 0.44 * full - 0.10 * (x + y) / 2 + folds
    pixels = np.asarray(motif(side, side), np.float32) * light[..., None]
    weave = seeded("weave", 1).normal(0, 3.0, (side, side, 1)).astype(np.float32)
    thing = Image.fromarray(np.clip(pixels + weave, 0, 255).astype(np.uint8))
    _placed(picture, thing, mask, (110, 112), 24)
    return picture


def _pane(motif: Callable[[int, int], Image.Image], ground: int) -> Image.Image:
    picture = _ground(GROUNDS[ground % len(GROUNDS)])
    side = 460
    thing = motif(side, side)
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((2, 2, side - 3, side - 3), fill=255)
    ImageDraw.Draw(thing).ellipse((2, 2, side - 3, side - 3), outline="#2b2a2c", width=13)
    # Glass throws its colours onto the wall beside it.
    cast, where = Image.new("RGB", picture.size), Image.new("L", picture.size)
    cast.paste(thing, (172, 190))
    where.paste(mask.point([value * 2 // 5 for value in range(256)]), (172, 190))
    picture.paste(cast.filter(ImageFilter.GaussianBlur(30)), mask=where.filter(ImageFilter.GaussianBlur(24)))
    draw = ImageDraw.Draw(picture)
    draw.line((360, 0, 250, 150), fill="#4a4744", width=3)
    draw.line((360, 0, 470, 150), fill="#4a4744", width=3)
    _placed(picture, thing, mask, (130, 124), 7)
    return picture


def _mug(motif: Callable[[int, int], Image.Image], ground: int) -> Image.Image:
    picture = _ground(GROUNDS[ground % len(GROUNDS)])
    wide, tall, lift = 290, 330, 34
    left, top = 190, 200
    handle = Image.new("L", picture.size)
    draw = ImageDraw.Draw(handle)
    draw.ellipse((left + wide - 62, top + 66, left + wide + 118, top + 276), fill=255)
    draw.ellipse((left + wide - 30, top + 102, left + wide + 78, top + 240), fill=0)
    y, x = np.mgrid[0 : tall + 2 * lift, 0:wide].astype(np.float32)
    u = (x + 0.5) / wide * 2 - 1
    bend = lift * np.sqrt(np.clip(1 - u * u, 0, 1))
    v = (y - lift - bend) / tall
    source = np.asarray(motif(520, tall), np.float32)
    column = np.clip((np.arcsin(np.clip(u, -1, 1)) / math.pi + 0.5) * 519, 0, 519).astype(np.int32)
    row = np.clip(v * (tall - 1), 0, tall - 1).astype(np.int32)
    lit = 0.46 + 0.66 * np.clip(-0.5 * u + 0.78 * np.sqrt(np.clip(1 - u * u, 0, 1)), 0, 1)
    shine = np.exp(-(((u + 0.52) / 0.07) ** 2)) * 52
    skin = source[row, column]
    plain = (v < 0.06) | (v > 0.95)
    skin = np.where(plain[..., None], np.float32(240), skin)
    pixels = skin * lit[..., None] + shine[..., None]
    body = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    mask = Image.fromarray((((v >= 0) & (v <= 1)) * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))
    floor = Image.new("L", picture.size)
    ImageDraw.Draw(floor).ellipse((left - 4, top + tall - 40, left + wide + 110, top + tall + 44), fill=255)
    _shadow(picture, floor, (10, 0), 20, 0.44)
    _shadow(picture, handle, (6, 8), 8, 0.25)
    picture.paste((228, 226, 221), mask=handle)
    at = (left, top - lift)
    picture.paste(body, at, mask)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((left, top - lift, left + wide - 1, top + lift), fill="#f3f1ec")
    draw.ellipse((left + 9, top - lift + 7, left + wide - 10, top + lift - 3), fill="#8d8780")
    draw.ellipse((left + 16, top - lift + 14, left + wide - 17, top + lift - 2), fill="#4b2f22")
    return picture


_CARRIERS: Final[dict[str, Callable[[Callable[[int, int], Image.Image], int], Image.Image]]] = {
    "print": _print,
    "notebook": _notebook,
    "cards": _cards,
    "cushion": _cushion,
    "pane": _pane,
    "mug": _mug,
}


def paint_still(shape: str, topic: str, look: int, number: int) -> Image.Image:
    """Paint a product: a vessel in one of its glazes, or a thing that carries a frame of a topic's scene."""
    if shape in PROFILES:
        return paint_vessel(shape, look, number)
    # Neighbours carry other moments of the same scene.
    phases = iter(((number * 0.37) % 1, (number * 0.37 + 0.3) % 1, (number * 0.37 + 0.6) % 1))
    last = 0.0

    def motif(width: int, height: int) -> Image.Image:
        nonlocal last
        last = next(phases, last)
        return _motif(topic, look % 4, last, width, height)

    return _CARRIERS[shape](motif, number)
