"""A stained-glass kaleidoscope: lead and glass drawn once, then folded into a turning rosette lit from behind."""

import math

import numpy as np
from scipy.spatial import cKDTree

from glaswerk.cli.demo.canvas import TAU, Film, Light, Painter, Pixels, colours, fractal, kernel, seeded, tap

LOOKS = (
    (("123b9c", "1f6fd0", "c81f3a", "f2b02a", "f6e3b0", "0d7a6a"), 12),
    (("5b1a8a", "c02a8a", "ff6a5a", "ffb04a", "ffe6c0", "2a2a9a"), 8),
    (("0a5a4a", "12a07a", "8fd05a", "f4e04a", "fff6d0", "0a4f8a"), 10),
    (("8a1420", "d0401f", "f58a1f", "ffd04a", "fff0c8", "1a3a7a"), 16),
)
SIZE = 1024


def _pane(rng: np.random.Generator, tones: Light) -> Light:
    """Draw a periodic sheet of leaded glass, shape (SIZE, SIZE, 4): RGB light and the height of the lead (0..1)."""
    count = 150
    seeds = rng.uniform(0, SIZE, (count, 2))
    for _ in range(3):
        # A few rounds of relaxation make the panes look cut, not shattered.
        probe = rng.uniform(0, SIZE, (24000, 2))
        owner = cKDTree(seeds, boxsize=SIZE).query(probe)[1]
        offset = (probe - seeds[owner] + SIZE / 2) % SIZE - SIZE / 2
        total = np.stack([np.bincount(owner, offset[:, k], count) for k in range(2)], axis=1)
        seeds = (seeds + 0.6 * total / np.maximum(1, np.bincount(owner, minlength=count))[:, None]) % SIZE
    y, x = np.mgrid[0:SIZE:2, 0:SIZE:2]
    points = np.stack([x.ravel(), y.ravel()], axis=1).astype(float)
    distance, cell = cKDTree(seeds, boxsize=SIZE).query(points, k=2)
    gap = (distance[:, 1] - distance[:, 0]).reshape(x.shape)
    pick = rng.choice(len(tones), count, p=[0.24, 0.22, 0.18, 0.16, 0.08, 0.12])
    gain = rng.uniform(0.7, 1.25, count)
    light = (tones[pick] * gain[:, None])[cell[:, 0]].reshape(*x.shape, 3)
    ripple = fractal(rng, SIZE // 2, 1.6, 3)[..., None]
    bevel = np.clip(gap / 34, 0, 1)[..., None]
    lead = np.clip((13 - gap) / 4, 0, 1)[..., None]
    pane = np.concatenate([light * (0.55 + 0.9 * ripple) * (0.55 + 0.45 * bevel), lead], axis=2).astype(np.float32)
    return np.ascontiguousarray(pane)


@kernel
def _paint(
    light: Light,
    pane: Light,
    noise: Light,
    polar: Light,
    folds: int,
    turn: float,
    ox: float,
    oy: float,
    zoom: float,
    beam: float,
    cx: float,
    cy: float,
) -> None:
    h, w = light.shape[0], light.shape[1]
    mask = pane.shape[0] - 1
    wedge = 2.0 * math.pi / folds
    rings = (0.075, 0.27, 0.425, 0.56)
    across = np.empty(w)
    for i in range(w):
        across[i] = math.exp(-(((i + 0.5 - 0.5 * w) / h - cx) ** 2) * 5.0)
    for j in range(h):
        y = (j + 0.5 - 0.5 * h) / h
        down = math.exp(-((y - cy) ** 2) * 5.0)
        for i in range(w):
            x = (i + 0.5 - 0.5 * w) / h
            r = polar[0, j, i]
            a = polar[1, j, i] + turn
            a -= math.floor(a / wedge) * wedge
            near = min(a, wedge - a)
            a = abs(a - 0.5 * wedge)
            # Between two rings the sheet is shifted, so that each ring is cut from other glass.
            ring = 0
            rim = 1.0
            for k in range(4):
                if r > rings[k]:
                    ring = k + 1
                rim = min(rim, abs(r - rings[k]))
            # a is at most half a wedge (0.4), where two terms of the series are exact to a tenth of a pixel.
            a2 = a * a
            u = r * (1.0 - a2 * (0.5 - a2 / 24.0)) * zoom + ox + 71.0 * ring
            v = r * a * (1.0 - a2 / 6.0) * zoom + oy + 37.0 * ring
            p = math.floor(u)
            q = math.floor(v)
            fu = u - p
            fv = v - q
            p &= mask
            q &= mask
            p1 = (p + 1) & mask
            q1 = (q + 1) & mask
            w00 = (1.0 - fu) * (1.0 - fv)
            w10 = fu * (1.0 - fv)
            w01 = (1.0 - fu) * fv
            w11 = fu * fv
            lead = pane[q, p, 3] * w00 + pane[q, p1, 3] * w10 + pane[q1, p, 3] * w01 + pane[q1, p1, 3] * w11
            frame = max(
                min(1.0, max(0.0, (0.0062 - rim) * h * 0.7)),
                min(1.0, max(0.0, (0.0022 - near * r) * h * 0.7)),
            )
            lead = max(lead, frame)
            sun = across[i] * down
            ray = tap(noise, x * 90.0 + beam, y * 30.0) - 0.5
            back = (0.42 + 1.5 * sun) * (1.0 + 0.7 * ray)
            metal = 0.012 + 0.05 * max(0.0, 1.0 - abs(lead - 0.7) * 4.0) * sun
            for c in range(3):
                glass = pane[q, p, c] * w00 + pane[q, p1, c] * w10 + pane[q1, p, c] * w01 + pane[q1, p1, c] * w11
                light[j, i, c] = glass * back * (1.0 - lead) + metal * lead


def paint(variant: int) -> Painter:
    """Return the painter of one rose window; a loop turns it by one fold; see `canvas.Painter`."""
    rng = seeded("glass", variant)
    codes, folds = LOOKS[variant]
    pane = _pane(rng, colours(*codes))
    noise = fractal(rng, 256, 1.5)
    film = Film(432, 768, bloom=0.32, gain=1.25, filmic=True, vignette=0.5)
    start = rng.uniform(0, SIZE // 2, 2)
    y, x = np.mgrid[0 : film.height, 0 : film.width] + 0.5
    x, y = (x - film.width / 2) / film.height, (y - film.height / 2) / film.height
    polar = np.stack([np.hypot(x, y), np.arctan2(y, x)]).astype(np.float32)
    zoom = (560.0, 480.0, 620.0, 520.0)[variant]

    def moment(phase: float) -> Pixels:
        cx, cy = math.cos(TAU * phase), math.sin(TAU * phase)
        _paint(
            film.light,
            pane,
            noise,
            polar,
            folds,
            TAU / folds * phase,
            start[0] + 46 * cx,
            start[1] + 46 * cy,
            zoom,
            256.0 * phase,
            0.13 * cx,
            0.2 * cy,
        )
        return film.develop()

    return moment
