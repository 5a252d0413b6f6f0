"""A neon drive towards a striped sun: the grid runs below, wire mountains stand on both sides, palms pass."""

import math

import numpy as np
from PIL import Image, ImageDraw

from glaswerk.cli.demo.canvas import (
    Film,
    Light,
    Painter,
    Pixels,
    colours,
    fractal,
    kernel,
    seeded,
    splats,
    step,
)

LOOKS = (
    # sky top, sky low, sun top, sun foot, grid, ridge
    ("12062e", "a0208a", "ffe65a", "ff2a8a", "ff3ad0", "38e0ff"),
    ("020c2a", "0a6aa0", "fff6b0", "ff7a3a", "2af0ff", "ff5ad0"),
    ("1a0410", "c03a2a", "fff0a0", "ff5a1f", "ffb02a", "ff3a6a"),
    ("04121a", "1a7a6a", "f4ffb0", "3affb0", "6aff9a", "b07aff"),
)
ROWS = 14


@kernel
def _sky(
    light: Light,
    stars: Light,
    tones: Light,
    noise: Light,
    sun_y: float,
    size: float,
    horizon: int,
    phase: float,
) -> None:
    h, w = light.shape[0], light.shape[1]
    for j in range(horizon):
        y = j / h
        t = (j / horizon) ** 2.6
        band = 1.0 - (y - (sun_y - size)) / (2.0 * size)
        for i in range(w):
            x = (i + 0.5 - 0.5 * w) / h
            d = math.sqrt(x * x + (y - sun_y) * (y - sun_y))
            # Slits cut the lower half, wider towards the foot, and slide down slowly.
            k = (1.0 - band) * 11.0 - phase * 2.0
            slit = step(0.54, 0.60, abs((k - math.floor(k)) - 0.5) * 2.0 + 0.62 * band - 0.08)
            if band > 0.56:
                slit = 1.0
            disc = step(size, size - 0.004, d) * slit
            halo = math.exp(-max(0.0, d - size) * 9.0) * 0.20
            for c in range(3):
                sun = tones[3, c] + (tones[2, c] - tones[3, c]) * min(1.0, max(0.0, band * 1.25 - 0.1))
                sky = tones[0, c] * 0.8 + tones[1, c] * t * 0.42 + stars[j, i, c] * (1.0 - t)
                sky += tones[3, c] * halo
                light[j, i, c] = sky + (sun * 0.92 - sky) * disc


@kernel
def _ground(light: Light, tones: Light, horizon: int, phase: float, rows: int) -> None:
    """Cast each pixel of the lower part on the plane and draw the lines of the grid with their own glow."""
    h, w = light.shape[0], light.shape[1]
    for j in range(horizon, h):
        d = (j + 0.5 - horizon) / h
        z = 0.20 / d
        # One pixel's height on the plane, so that far lines fade instead of flickering.
        dz = 0.20 / (d * d) / h
        dx = 5.2 * z / h / 0.20 * 0.20
        fade = math.exp(-z * 0.07)
        for i in range(w):
            x = (i + 0.5 - 0.5 * w) / h * z * 5.2 * 0.95
            u = x + 0.5
            v = z * 1.5 + phase * rows
            a = abs(u - math.floor(u) - 0.5) * -1.0 + 0.5
            b = abs(v - math.floor(v) - 0.5) * -1.0 + 0.5
            la = max(0.020, dx * 0.9)
            lb = max(0.020, dz * 1.5 * 0.9)
            line = math.exp(-((a / la) ** 2)) * min(1.0, 0.02 / la * 1.6) + math.exp(-((b / lb) ** 2)) * min(
                1.0, 0.02 / lb * 1.6
            )
            soft = math.exp(-a * 11.0) * 0.07 + math.exp(-b * 11.0) * 0.07
            shine = math.exp(-abs((i - 0.5 * w) / h) * 9.0) * math.exp(-d * 5.0) * 0.30
            for c in range(3):
                floor = tones[0, c] * 0.22 + tones[3, c] * shine + tones[1, c] * 0.10 * math.exp(-d * 9.0)
                light[j, i, c] = floor + tones[4, c] * (line * 1.25 + soft) * (0.18 + 0.82 * fade)
    for i in range(w):
        for k in range(-2, 3):
            glow = math.exp(-k * k * 0.6) * 0.8
            for c in range(3):
                light[horizon + k, i, c] += tones[4, c] * glow


@kernel
def _range(light: Light, tones: Light, crest: Light, facet: Light, horizon: int) -> None:
    """Stand the dark mountains on the horizon: a neon rim on the crest, and fainter ribs that run down from it."""
    for i in range(light.shape[1]):
        for j in range(horizon):
            up = horizon - j - 0.5
            if up > crest[i] + 7.0:
                continue
            cover = min(1.0, max(0.0, crest[i] - up + 0.5))
            rim = math.exp(-((up - crest[i]) ** 2) * 0.35) + 0.22 * math.exp(-abs(up - crest[i]) * 0.22)
            rib = facet[j, i] * (0.15 + 0.85 * up / max(1.0, crest[i])) * cover
            for c in range(3):
                body = tones[0, c] * 0.30 + tones[1, c] * 0.10 * math.exp(-up * 0.05)
                light[j, i, c] += (body - light[j, i, c]) * cover
                light[j, i, c] += tones[5, c] * (0.9 * rim + 0.42 * rib)


@kernel
def _palm(light: Light, cover: Light, tones: Light, x0: float, y0: float, tall: float, flip: bool, fog: float) -> None:
    """Stand a palm's silhouette on (x0, y0), rim-lit by the sun; `fog` mixes it into the horizon's colour."""
    h, w = light.shape[0], light.shape[1]
    ch, cw = cover.shape[0], cover.shape[1]
    wide = tall * cw / ch
    for j in range(max(0, int(y0 - tall)), min(h, int(y0))):
        v = (j - y0 + tall) / tall * (ch - 1)
        for i in range(max(0, int(x0 - 0.5 * wide)), min(w, int(x0 + 0.5 * wide))):
            u = (i - x0 + 0.5 * wide) / wide * (cw - 1)
            if flip:
                u = cw - 1 - u
            a = int(u)
            b = int(v)
            if a < 0 or b < 0 or a >= cw - 1 or b >= ch - 1:
                continue
            f = u - a
            g = v - b
            q = (cover[b, a] * (1 - f) + cover[b, a + 1] * f) * (1 - g) + (
                cover[b + 1, a] * (1 - f) + cover[b + 1, a + 1] * f
            ) * g
            for c in range(3):
                tone = tones[0, c] * 0.25 + tones[1, c] * 0.5 * fog
                light[j, i, c] += (tone - light[j, i, c]) * q


def _mountains(rng: np.random.Generator, w: int, h: int, horizon: int) -> tuple[Light, Light]:
    """Fold a low-polygon range that opens in the middle: crest heights in pixels (w,), and its drawn ribs (h, w)."""
    knots = np.arange(0, w + 28, 13) + rng.uniform(-3, 3, len(range(0, w + 28, 13)))
    aside = np.clip(np.abs(knots - w / 2) / (w / 2) - 0.30, 0, 1)
    peaks = (
        aside**0.8 * h * 0.15 * (0.35 + 0.9 * rng.random(len(knots))) * np.where(np.arange(len(knots)) % 2, 1.0, 0.55)
    )
    crest = np.interp(np.arange(w), knots, peaks)
    picture = Image.new("L", (w * 2, h * 2), 0)
    draw = ImageDraw.Draw(picture)
    for k, (x, tall) in enumerate(zip(knots, peaks, strict=True)):
        for foot in (-13, -3, 7, 15):
            draw.line(
                (x * 2, (horizon - tall) * 2, (x + foot + rng.uniform(-3, 3)) * 2, horizon * 2),
                fill=200,
                width=2,
            )
        if k + 1 < len(knots):
            draw.line(
                (x * 2, (horizon - tall * 0.45) * 2, knots[k + 1] * 2, (horizon - peaks[k + 1] * 0.45) * 2),
                fill=160,
                width=2,
            )
    facet = np.asarray(picture.resize((w, h), Image.Resampling.LANCZOS), np.float32) / np.float32(255)
    return crest.astype(np.float32), facet


def _palm_cover(rng: np.random.Generator) -> Light:
    """Cut one palm, shape (512, 384), 0..1."""
    picture = Image.new("L", (768, 1024), 0)
    draw = ImageDraw.Draw(picture)
    top = (400.0, 250.0)
    for s in range(200):
        t = s / 199
        x, y = 350 + 50 * t**1.6, 1024 - 774 * t
        r = 15 - 6 * t + (2.5 if s % 8 < 4 else 0) + 16 * max(0, 0.06 - t) * 10
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    for n in range(13):
        angle = -math.pi * 0.5 + (n - 6) * 0.33 + rng.uniform(-0.1, 0.1)
        length = rng.uniform(270, 350)
        past = top
        for s in range(1, 60):
            t = s / 59
            x = top[0] + math.cos(angle) * length * t
            y = top[1] + math.sin(angle) * length * t * 0.75 + 205 * t * t
            draw.line((*past, x, y), fill=255, width=int(9 * (1 - t)) + 3)
            leaf = 92 * math.sin(math.pi * min(1, t * 0.95 + 0.12)) ** 0.8
            direction = math.atan2(y - past[1], x - past[0])
            for sign in (-1, 1):
                bend = direction + sign * 0.95
                draw.line(
                    (x, y, x + math.cos(bend) * leaf, y + math.sin(bend) * leaf * 0.8 + leaf * 0.3),
                    fill=255,
                    width=4,
                )
            past = (x, y)
    return np.asarray(picture.resize((384, 512), Image.Resampling.LANCZOS), np.float32) / np.float32(255)


def paint(variant: int) -> Painter:
    """Return the painter of one drive; a loop runs over whole rows of the grid; see `canvas.Painter`."""
    rng = seeded("synthwave", variant)
    tones = colours(*LOOKS[variant])
    film = Film(432, 768, bloom=0.5, gain=1.0, vignette=0.4)
    w, h = film.width, film.height
    horizon = int(h * (0.56, 0.60, 0.52, 0.58)[variant])
    size = (0.175, 0.15, 0.2, 0.165)[variant]
    sun_y = horizon / h - size * (0.72, 0.95, 0.62, 0.85)[variant]
    noise = fractal(rng, 64, 1.5)
    stars = np.zeros((h, w, 3), np.float32)
    points = np.zeros((260, 6), np.float32)
    points[:, 0], points[:, 1], points[:, 2] = (
        rng.uniform(0, w, 260),
        rng.uniform(0, horizon, 260),
        rng.uniform(0.9, 1.5, 260),
    )
    points[:, 3:] = (rng.random(260) ** 4)[:, None] * (0.5 + 0.5 * tones[5])
    splats(stars, points)
    crest, facet = _mountains(rng, w, h, horizon)
    cover = _palm_cover(rng)
    pairs = 4

    def moment(phase: float) -> Pixels:
        light = film.light
        _sky(light, stars, tones, noise, sun_y, size, horizon, phase)
        _ground(light, tones, horizon, phase, ROWS)
        _range(light, tones, crest, facet, horizon)
        # Far palms first, so that near ones stand in front.
        places = sorted(((n / pairs - phase) % 1.0 * 16 + 0.6, n) for n in range(pairs))[::-1]
        for z, n in places:
            scale = 1.0 / z
            side = 1 if n % 2 else -1
            _palm(
                light,
                cover,
                tones,
                0.5 * w + side * 0.60 * scale * h,
                horizon + 0.33 * scale * h,
                1.05 * scale * h,
                side < 0,
                min(1.0, z / 14),
            )
        return film.develop()

    return moment
