"""Misty ridges behind ridges at first light, the camera drifting so that near ones pass far ones."""

import math

import numpy as np

from glaswerk.cli.demo.canvas import (
    Film,
    Light,
    Painter,
    Pixels,
    at,
    colour,
    fractal,
    kernel,
    ridge,
    seeded,
    step,
    sway,
    tap,
)

LOOKS = (
    # sky top, sky low, sun, far ridge, near ridge, mist
    ("6f8fc4", "ffd3a0", "fff0c8", "c9a9b8", "1d2740", "ffd9bd"),
    ("f08a6c", "ffe0a8", "fffbe0", "e79a86", "4a1f3c", "ffc9a0"),
    ("7fb6c9", "f3ead0", "ffffff", "a9c9cc", "143a3c", "eef3e6"),
    ("8a7cc8", "ffc0d0", "fff0f0", "c39ccf", "241a4a", "ffd2e0"),
)
LAYERS = 8


@kernel
def _paint(
    light: Light,
    lines: Light,
    shift: Light,
    noise: Light,
    tones: Light,
    sun_x: float,
    sun_y: float,
    drift: float,
    rise: float,
) -> None:
    h, w = light.shape[0], light.shape[1]
    n = lines.shape[1]
    layers = lines.shape[0]
    top = np.empty(layers)
    foot = np.empty(layers)
    shade = np.empty(layers)
    for k in range(layers):
        foot[k] = 0.40 + 0.58 * (k / (layers - 1.0)) ** 1.15 - 0.01
        shade[k] = (k / (layers - 1.0)) ** 0.8
    for i in range(w):
        x = i / h
        lit = math.exp(-abs(x - sun_x) * 4.2)
        for k in range(layers):
            near = k / (layers - 1.0)
            y = 0.40 + 0.58 * near**1.15 + rise * (0.2 + 0.8 * near)
            height = 0.10 + 0.13 * math.sin(2.6 * near + 0.4)
            top[k] = (y - height * at(lines[k], (x * (300.0 - 120.0 * near) + shift[k]) % n)) * h
        for j in range(h):
            y = j / h
            depth = -1
            for k in range(layers - 1, -1, -1):
                if j + 0.5 > top[k]:
                    depth = k
                    break
            dx = x - sun_x
            dy = y - sun_y
            d = math.sqrt(dx * dx + dy * dy)
            halo = 0.0
            if depth <= 0:
                halo = 0.34 * math.exp(-d * 5.5) + 0.5 * math.exp(-d * 17.0)
            t = step(0.0, 0.62, y)
            cloud = 0.0
            if depth < 0 and y < 0.42:
                cloud = tap(noise, x * 150.0 + drift * 256.0, y * 620.0) * 0.6
                cloud += tap(noise, x * 420.0 - drift * 256.0, y * 1400.0) * 0.4
                cloud = step(0.5, 0.8, cloud) * step(0.42, 0.1, y) * 0.5
            disc = step(0.047, 0.044, d) * 1.2
            for c in range(3):
                sky = tones[0, c] + (tones[1, c] - tones[0, c]) * t
                sky += (
                    (tones[2, c] - sky) * cloud * 0.6
                    + tones[2, c] * halo * (0.7 if c == 2 else 1.0)
                    + disc * tones[2, c]
                )
                light[j, i, c] = sky
            if depth < 0:
                continue
            # Only the pixel at a layer's rim also needs what lies behind it.
            behind = depth - 1 if j + 0.5 - top[depth] < 1.0 else depth
            for k in range(max(0, behind), depth + 1):
                near = k / (layers - 1.0)
                below = max(0.0, (j + 0.5 - top[k]) / h)
                wisp = tap(
                    noise,
                    x * (260.0 - 90.0 * near) + shift[k] * 0.8 + drift * 256.0 * (1.0 + k % 2),
                    k * 37.0 + y * 420.0,
                )
                # Mist lies level in the valleys, so it is measured from the layer's foot, not from its crest.
                level = y - foot[k] + 0.16 * (wisp - 0.5)
                fog = step(-0.09, 0.12, level) * (0.5 + 0.7 * wisp) * (1.0 - 0.72 * near) * step(0.0, 0.04, below)
                fog = min(0.93, fog)
                crest = 0.30 * lit * (1.0 - near) * max(0.0, 1.0 - below * 10.0)
                cover = min(1.0, max(0.0, j + 0.5 - top[k]))
                for c in range(3):
                    body = tones[3, c] + (tones[4, c] - tones[3, c]) * shade[k]
                    body += (tones[5, c] - body) * fog + tones[2, c] * crest
                    light[j, i, c] += (body - light[j, i, c]) * cover


@kernel
def _birds(light: Light, birds: Light, phase: float, tone: Light) -> None:
    h, w = light.shape[0], light.shape[1]
    for n in range(birds.shape[0]):
        x0 = ((birds[n, 0] + phase) % 1.0 * 1.5 - 0.25) * w
        y0 = (birds[n, 1] - 0.05 * ((birds[n, 0] + phase) % 1.0)) * h
        span = birds[n, 2]
        flap = math.sin(2.0 * math.pi * (phase * birds[n, 3] + birds[n, 0] * 7.0))
        for s in range(-24, 25):
            u = s / 24.0
            a = abs(u)
            x = x0 + u * span
            y = y0 - span * (0.55 * flap * a - 0.35 * math.sin(a * 3.14) * (0.6 + 0.4 * flap))
            r = 0.55 + (1.0 - a) * span * 0.1
            for j in range(max(0, int(y - r)), min(h - 1, int(y + r + 1.0)) + 1):
                for i in range(max(0, int(x - r)), min(w - 1, int(x + r + 1.0)) + 1):
                    q = min(1.0, max(0.0, r + 0.5 - math.sqrt((i - x) ** 2 + (j - y) ** 2))) * 0.5
                    for c in range(3):
                        light[j, i, c] += (tone[c] - light[j, i, c]) * q


def paint(variant: int) -> Painter:
    """Return the painter of one morning in the mountains; see `canvas.Painter`."""
    rng = seeded("mountains", variant)
    tones = np.stack([colour(code) for code in LOOKS[variant]])
    film = Film(360, 640, bloom=0.22, gain=1.0, filmic=False, vignette=0.22)
    lines = np.stack([ridge(rng, 512, 1.30 - 0.02 * k, 2) for k in range(LAYERS)])
    noise = fractal(rng, 256, 1.5)
    start = rng.uniform(0, 512, LAYERS).astype(np.float32)
    sun_x, sun_y = (0.36, 0.2, 0.3, 0.4)[variant], (0.30, 0.27, 0.24, 0.32)[variant]
    speed = np.linspace(3, 46, LAYERS).astype(np.float32) * (1 if variant % 2 else -1)
    birds = np.stack(
        [
            rng.uniform(0.0, 0.16, 9),
            rng.uniform(0.13, 0.25, 9),
            rng.uniform(4, 7.5, 9),
            rng.integers(6, 10, 9),
        ],
        axis=1,
    ).astype(np.float32)

    def moment(phase: float) -> Pixels:
        move = sway(phase)
        _paint(
            film.light,
            lines,
            start + speed * np.float32(move),
            noise,
            tones,
            sun_x,
            sun_y - 0.035 * move,
            phase,
            -0.02 * move,
        )
        _birds(film.light, birds, phase, tones[4])
        return film.develop()

    return moment
