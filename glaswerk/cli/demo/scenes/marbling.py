"""Marbled paper: inks folded into each other by domain warping, in a slow closed loop."""

import math

import numpy as np

from glaswerk.cli.demo.canvas import TAU, Film, Light, Painter, Pixels, fractal, kernel, ramp, seeded, tap

LOOKS = (
    [
        (0, "f4ecdc"),
        (0.2, "efe3cb"),
        (0.27, "1d2f5c"),
        (0.42, "2f5f9a"),
        (0.5, "f4ecdc"),
        (0.58, "c9a24a"),
        (0.64, "f0e2c0"),
        (0.78, "16264a"),
        (1, "0d1630"),
    ],
    [
        (0, "06302c"),
        (0.25, "0f6b5a"),
        (0.36, "bfe6cf"),
        (0.41, "e8c766"),
        (0.46, "0b4a44"),
        (0.65, "17907a"),
        (0.76, "f3f0dc"),
        (0.82, "d9a93a"),
        (1, "042521"),
    ],
    [
        (0, "3a0f24"),
        (0.22, "a3304f"),
        (0.36, "f2a6a0"),
        (0.45, "fff1e2"),
        (0.52, "e9b44c"),
        (0.58, "fbe3d3"),
        (0.72, "c84a6a"),
        (0.86, "5a1a3f"),
        (1, "2a0a20"),
    ],
    [
        (0, "fff4e0"),
        (0.2, "ff8f4a"),
        (0.33, "e8384f"),
        (0.42, "fff4e0"),
        (0.5, "15807f"),
        (0.6, "62c4b4"),
        (0.68, "fff4e0"),
        (0.8, "f2b632"),
        (0.9, "1c2b52"),
        (1, "101a38"),
    ],
)


@kernel
def _paint(
    light: Light,
    noise: Light,
    fine: Light,
    table: Light,
    cx: float,
    cy: float,
    zoom: float,
    fold: float,
    bands: float,
) -> None:
    h, w = light.shape[0], light.shape[1]
    top = table.shape[0] - 1
    previous = np.zeros(w)
    for j in range(h):
        left = 0.0
        for i in range(w):
            x = i / h * zoom
            y = j / h * zoom
            ax = tap(noise, x + 9.0 * cx, y + 9.0 * cy) - 0.5
            ay = tap(noise, x + 91.0 - 9.0 * cy, y + 47.0 + 9.0 * cx) - 0.5
            bx = tap(noise, x + fold * ax + 17.0, y + fold * ay + 7.0 * cx) - 0.5
            by = tap(noise, x + fold * ax + 133.0 + 7.0 * cy, y + fold * ay + 71.0) - 0.5
            f = tap(noise, x + fold * 1.25 * bx + 5.0 * cy, y + fold * 1.25 * by + 211.0)
            value = f * bands + 0.6 * bx + 0.25 * (ax + ay)
            t = value - math.floor(value)
            # A triangle wave walks the palette there and back, so that no edge is ever a jump.
            t = 1.0 - abs(2.0 * t - 1.0)
            grain = tap(fine, i * 0.7, j * 0.7) - 0.5
            k = min(1.0, max(0.0, t + 0.03 * grain)) * top
            n = min(top - 1, int(k))
            slope = (value - left) * 5.0 + (value - previous[i]) * 7.0 if i > 0 and j > 0 else 0.0
            left = value
            previous[i] = value
            shade = 1.0 + min(0.3, max(-0.3, slope)) + 0.14 * grain
            for c in range(3):
                ink = table[n, c] + (table[n + 1, c] - table[n, c]) * (k - n)
                light[j, i, c] = ink * shade


def paint(variant: int) -> Painter:
    """Return the painter of one sheet of marbled paper; see `canvas.Painter`."""
    rng = seeded("marbling", variant)
    film = Film(432, 768, bloom=0.0, gain=1.02, filmic=False, vignette=0.25)
    noise = fractal(rng, 256, 2.9, 1)
    fine = fractal(rng, 256, 0.7, 6)
    table = ramp(LOOKS[variant])

    def moment(phase: float) -> Pixels:
        cx, cy = math.cos(TAU * phase), math.sin(TAU * phase)
        zoom, fold, bands = (
            (120.0, 130.0, 3.6),
            (95.0, 160.0, 3.0),
            (110.0, 110.0, 4.4),
            (130.0, 150.0, 3.2),
        )[variant]
        _paint(film.light, noise, fine, table, cx, cy, zoom, fold, bands)
        return film.develop()

    return moment
