"""A forest cut from paper: layer behind layer with real shadows, snow or leaves falling between them."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from glaswerk.cli.demo.canvas import (
    TAU,
    Film,
    Light,
    Painter,
    Pixels,
    colours,
    fractal,
    kernel,
    ridge,
    seeded,
    sway,
)

LOOKS = (
    # sky at the edge, sky at the moon, farthest paper, nearest paper, moon, flakes
    ("8fb8dc", "eaf6ff", "cfe4f4", "123a63", "fffdf2", "ffffff"),
    ("e8935a", "ffe9b0", "f6b96e", "5a1a24", "fff6dc", "ffb03a"),
    ("4a3a8a", "b79ae0", "8a76c8", "150d38", "fff2d8", "e8e0ff"),
    ("9fd0b0", "f4fbe0", "bfe0b8", "0c3a34", "fffef0", "fff3f8"),
)
LAYERS = 6
MARGIN = 64
DEPTH = 9


def _pine(draw: ImageDraw.ImageDraw, x: float, y: float, tall: float, rng: np.random.Generator) -> None:
    wide, tiers = tall * rng.uniform(0.20, 0.26), int(rng.integers(4, 7))
    draw.rectangle((x - tall * 0.018, y - tall * 0.2, x + tall * 0.018, y + tall * 0.3), fill=255)
    for k in range(tiers):
        low, high = y - tall * (0.08 + 0.80 * k / tiers), y - tall * (0.08 + 0.80 * (k + 1.65) / tiers)
        half = wide * (1 - 0.82 * k / tiers)
        draw.polygon(
            [
                (x, max(high, y - tall)),
                (x - half, low),
                (x - half * 0.35, low - tall * 0.035),
                (x, low + tall * 0.01),
                (x + half * 0.35, low - tall * 0.035),
                (x + half, low),
            ],
            fill=255,
        )


def _birch(draw: ImageDraw.ImageDraw, x: float, y: float, tall: float, rng: np.random.Generator) -> None:
    def limb(x: float, y: float, angle: float, length: float, thick: float) -> None:
        ex, ey = x + math.sin(angle) * length, y - math.cos(angle) * length
        draw.line((x, y, ex, ey), fill=255, width=max(2, int(thick)))
        draw.ellipse((ex - thick / 2, ey - thick / 2, ex + thick / 2, ey + thick / 2), fill=255)
        if length > tall * 0.045:
            for _ in range(2 if length > tall * 0.09 else 3):
                limb(ex, ey, angle + rng.uniform(-0.62, 0.62), length * rng.uniform(0.62, 0.8), thick * 0.66)
        else:
            r = tall * rng.uniform(0.012, 0.022)
            draw.ellipse((ex - r, ey - r, ex + r, ey + r), fill=255)

    draw.line((x, y + tall * 0.2, x, y), fill=255, width=int(tall * 0.045))
    limb(x, y, rng.uniform(-0.06, 0.06), tall * 0.30, tall * 0.04)


def _deer(draw: ImageDraw.ImageDraw, x: float, y: float, s: float) -> None:
    outline = [
        (-48, -52),
        (-40, -60),
        (10, -60),
        (22, -66),
        (32, -92),
        (28, -99),
        (34, -98),
        (38, -104),
        (42, -98),
        (56, -90),
        (55, -85),
        (44, -84),
        (38, -62),
        (32, -46),
        (31, 0),
        (26, 0),
        (24, -38),
        (20, -36),
        (20, 0),
        (15, 0),
        (13, -38),
        (-26, -36),
        (-32, -24),
        (-30, 0),
        (-35, 0),
        (-38, -24),
        (-42, -26),
        (-44, 0),
        (-49, 0),
        (-48, -34),
        (-50, -46),
        (-56, -44),
    ]
    draw.polygon([(x + px * s, y + py * s) for px, py in outline], fill=255)
    for side in (-1.0, 1.0):
        beam = [(36, -102), (34 + 7 * side, -114), (37 + 15 * side, -126), (34 + 13 * side, -140)]
        draw.line([(x + px * s, y + py * s) for px, py in beam], fill=255, width=max(2, int(3.4 * s)), joint="curve")
        for (ax, ay), (bx, by) in ((beam[1], (30 + 17 * side, -120)), (beam[2], (37 + 23 * side, -138))):
            draw.line((x + ax * s, y + ay * s, x + bx * s, y + by * s), fill=255, width=max(2, int(2.8 * s)))


def _sheet(rng: np.random.Generator, variant: int, k: int, w: int, h: int) -> tuple[Light, Light]:
    """Cut one sheet; returns its cover and the shadow it throws, both of shape (h, w + 2 * MARGIN), 0..1."""
    wide, scale = w + 2 * MARGIN, 2
    near = k / (LAYERS - 1)
    picture = Image.new("L", (wide * scale, h * scale), 0)
    draw = ImageDraw.Draw(picture)
    x = np.arange(0, wide + 1)
    hill = ridge(rng, 512, 1.9, 1)
    ground = h * (0.54 + 0.42 * near - 0.09 * np.interp(x * 0.5 % 512, np.arange(512), hill))
    draw.polygon(
        [(float(a) * scale, float(b) * scale) for a, b in zip(x, ground, strict=True)]
        + [(wide * scale, h * scale), (0, h * scale)],
        fill=255,
    )
    if k < LAYERS - 1:
        count = int(11 - 5 * near)
        for n in range(count):
            spread = (n // 2 + rng.uniform(0.1, 0.8)) / ((count + 1) // 2)
            tx = wide * (0.5 + (0.13 + 0.05 * near + 0.32 * spread) * (1 if n % 2 else -1))
            # The middle stays open, so that the eye can walk to the moon.
            tall = h * (0.13 + 0.27 * near) * rng.uniform(0.75, 1.15) * (0.7 + 0.5 * spread)
            ty = float(np.interp(tx, x, ground)) + 6
            tree = _birch if variant in (1, 3) and (n + k) % 3 else _pine
            tree(draw, tx * scale, ty * scale, tall * scale, rng)
        if k == 2:
            dx = wide * (0.44, 0.56, 0.5, 0.46)[variant]
            _deer(draw, dx * scale, (float(np.interp(dx, x, ground)) + 2) * scale, 0.78 * scale)
    else:
        for side in (0, 1):
            for n in range(3):
                _pine(
                    draw,
                    (MARGIN * 0.6 + n * 34 if not side else wide - MARGIN * 0.6 - n * 34) * scale,
                    h * 1.02 * scale,
                    h * rng.uniform(0.36, 0.62) * (1 - 0.25 * n) * scale,
                    rng,
                )
    cover = picture.resize((wide, h), Image.Resampling.LANCZOS)
    shadow = cover.filter(ImageFilter.GaussianBlur(3.0 + 6.0 * near))
    return np.asarray(cover, np.float32) / np.float32(255), np.asarray(shadow, np.float32) / np.float32(255)


@kernel
def _lay(
    light: Light,
    cover: Light,
    shadow: Light,
    fibre: Light,
    tone: Light,
    rim: Light,
    shift: float,
    depth: float,
) -> None:
    """Lay one sheet over the picture, `shift` pixels to the side, its shadow falling up and to the right behind it."""
    h, w = light.shape[0], light.shape[1]
    base = math.floor(shift)
    f = np.float32(shift - base)
    g = np.float32(1.0) - f
    down = int(depth)
    for j in range(h):
        sj = min(h - 1, j + down)
        for i in range(w):
            a = i + base
            c0 = cover[j, a] * g + cover[j, a + 1] * f
            if c0 < 0.999:
                s = a - down if a >= down else 0
                dark = np.float32(1.0) - np.float32(0.58) * (shadow[sj, s] * g + shadow[sj, s + 1] * f)
            else:
                dark = np.float32(1.0)
            if c0 > 0.0:
                # A cut edge facing the light shows the thickness of the paper.
                up = cover[max(0, j - 1), a] * g + cover[max(0, j - 1), a + 1] * f
                lip = max(np.float32(0.0), c0 - up)
                grain = np.float32(0.93) + np.float32(0.14) * fibre[j & 255, a & 255]
                fall = np.float32(1.0) + np.float32(0.25) * np.float32(j) / np.float32(h) - np.float32(0.12)
            else:
                lip = grain = fall = np.float32(0.0)
            for c in range(3):
                back = light[j, i, c] * dark
                paper = tone[c] * grain * fall + (rim[c] - tone[c]) * lip * np.float32(0.5)
                light[j, i, c] = back + (paper - back) * c0


@kernel
def _fall(light: Light, flakes: Light, phase: float, tone: Light, drift: float) -> None:
    h, w = light.shape[0], light.shape[1]
    for n in range(flakes.shape[0]):
        y = ((flakes[n, 1] + phase * flakes[n, 3]) % 1.0 * 1.1 - 0.05) * h
        x = (
            (
                flakes[n, 0]
                + drift * flakes[n, 2] * 0.004
                + 0.03 * math.sin(6.2831853 * (phase * flakes[n, 3] + flakes[n, 4]))
            )
            % 1.0
            * w
        )
        r = flakes[n, 2]
        for j in range(max(0, int(y - r - 1)), min(h - 1, int(y + r + 2)) + 1):
            for i in range(max(0, int(x - r - 1)), min(w - 1, int(x + r + 2)) + 1):
                q = min(1.0, max(0.0, r + 0.5 - math.sqrt((i - x) ** 2 + (j - y) ** 2)))
                s = min(1.0, max(0.0, r + 1.5 - math.sqrt((i - x - 1.5) ** 2 + (j - y - 2.0) ** 2)))
                for c in range(3):
                    light[j, i, c] *= 1.0 - 0.14 * s * (1.0 - q)
                    light[j, i, c] += (tone[c] - light[j, i, c]) * q * 0.95


def paint(variant: int) -> Painter:
    """Return the painter of one paper forest; see `canvas.Painter`."""
    rng = seeded("papercut", variant)
    edge, heart, far, near, moon, flake = colours(*LOOKS[variant])
    film = Film(432, 768, bloom=0.07, gain=1.0, filmic=False, vignette=0.3)
    w, h = film.width, film.height
    fibre = fractal(rng, 256, 0.8, 4)
    sheets = [_sheet(rng, variant, k, w, h) for k in range(LAYERS)]
    # Mixing in gamma space keeps the middle sheets as clean as the outer two.
    tones = [
        ((np.sqrt(far) * (1 - k / (LAYERS - 1)) + np.sqrt(near) * (k / (LAYERS - 1))) ** 2).astype(np.float32)
        for k in range(LAYERS)
    ]
    flakes = [
        np.stack(
            [
                rng.random(26),
                rng.random(26),
                rng.uniform(0.7, 1.2, 26) + 0.62 * k,
                rng.integers(1, 3, 26) * (1 if k < 3 else 2),
                rng.random(26),
            ],
            axis=1,
        ).astype(np.float32)
        for k in range(LAYERS)
    ]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) / np.float32(h)
    mx, my, mr = (
        (0.29, 0.27, 0.3, 0.26)[variant],
        (0.27, 0.33, 0.25, 0.3)[variant],
        (0.085, 0.115, 0.075, 0.1)[variant],
    )
    d = np.hypot(x - np.float32(mx), y - np.float32(my))
    # The sky is paper too: rings cut wider and wider around the moon.
    ring = np.clip(np.floor((d - mr) / 0.085) / 6, 0, 1)
    inside = (d - mr) / 0.085 - np.floor((d - mr) / 0.085)
    sky = (np.sqrt(heart) + (np.sqrt(edge) - np.sqrt(heart)) * ring[..., None]) ** 2
    sky = sky * (1 - 0.20 * np.exp(-(1 - inside) * 7) * (ring < 1))[..., None]
    full = np.clip((mr - d) * h, 0, 1)[..., None]
    back = np.ascontiguousarray(sky + (moon * 1.05 - sky) * full, np.float32)

    def moment(phase: float) -> Pixels:
        move = sway(phase) - 0.5
        film.light[:] = back
        for k in range(LAYERS):
            shift = MARGIN + move * (4 + 13 * k) * (1 if variant % 2 else -1) + 2.0 * math.sin(TAU * phase) * k / LAYERS
            _lay(film.light, *sheets[k], fibre, tones[k], moon, shift, DEPTH * (0.4 + 0.8 * k / LAYERS))
            _fall(film.light, flakes[k], phase, flake, move * 10)
        return film.develop()

    return moment
