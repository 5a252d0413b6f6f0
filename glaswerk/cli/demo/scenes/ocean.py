"""The sun going down over open water, its glitter path rolling towards the viewer."""

import math

import numpy as np

from glaswerk.cli.demo.canvas import Film, Light, Painter, Pixels, colour, fractal, kernel, seeded, step, tap

LOOKS = (
    # sky top, sky middle, horizon, sun, water
    ("2a3f7a", "d9687a", "ffb45e", "ffe2a0", "0c2a4a"),
    ("1f6f8f", "f3b58a", "ffe0a0", "fff3cf", "0a4a5c"),
    ("35205f", "b8407f", "ff7a4a", "ffc070", "1a1440"),
    ("0a1638", "24407a", "7fa6d8", "f2f6ff", "06122a"),
)


@kernel
def _paint(
    light: Light,
    noise: Light,
    tones: Light,
    sun_x: float,
    sun_y: float,
    sun_size: float,
    phase: float,
    horizon: int,
) -> None:
    h, w = light.shape[0], light.shape[1]
    size = noise.shape[0] * 1.0
    for j in range(horizon):
        y = j / horizon
        high = 1.0 / (1.06 - y)
        for i in range(w):
            x = i / h
            d = math.sqrt((x - sun_x) ** 2 + (j / h - sun_y) ** 2)
            # Clouds lie on a plane overhead, so they shrink towards the horizon.
            u, v = (x - 0.28) * 46.0 * high, 90.0 * high
            cloud = 0.65 * tap(noise, u + size * phase, v) + 0.35 * tap(noise, u * 3.1 + size * phase, v * 3.1)
            cloud = step(0.47, 0.74, cloud) * step(1.0, 0.8, y)
            near = 0.11 / (0.11 + d)
            glow = 0.8 * near * near
            disc = step(sun_size, sun_size * 0.94, d) * 1.6
            mid = step(0.0, 0.72, y)
            low = step(0.5, 1.0, y)
            for c in range(3):
                sky = tones[0, c] + (tones[1, c] - tones[0, c]) * mid
                sky += (tones[2, c] - sky) * low
                lit = tones[2, c] * (0.42 + 1.5 * near) + tones[1, c] * 0.25
                sky += (lit - sky) * cloud * 0.62
                light[j, i, c] = sky + tones[3, c] * (glow + disc * (1.0 - 0.55 * cloud))
    for j in range(horizon, h):
        d = (j - horizon + 0.7) / (h - horizon)
        far = 1.0 / (d + 0.012)
        calm = 1.0 / (1.0 + 0.05 * far)
        for i in range(w):
            x = (i / h - sun_x) * far
            z = far * 6.0
            # Two swells of different length roll in whole periods a loop; their sum tilts the water.
            one = tap(noise, x * 30.0 + 40.0, z * 11.0 + size * phase)
            two = tap(noise, x * 80.0 + size * phase, z * 29.0 + size * 2.0 * phase)
            three = tap(noise, x * 190.0 - size * phase, z * 73.0 + size * 3.0 * phase)
            tilt = (one - 0.5) * 0.9 + (two - 0.5) * 0.9 * calm + (three - 0.5) * 0.8 * calm * calm
            away = abs(i / h - sun_x + 0.05 * (two - 0.5)) / (0.018 + 0.16 * d + 0.05 * (one - 0.3))
            path = math.exp(-away * away * 0.8)
            spark = step(0.06, 0.34, tilt + 0.08 * path) * path * (1.0 - 0.45 * d)
            fresnel = 0.16 + 0.62 * math.exp(-d * 3.2)
            lift = min(1.0, max(0.0, 0.75 - d * 0.8 + tilt * 1.5))
            for c in range(3):
                sky = tones[1, c] + (tones[2, c] - tones[1, c]) * lift
                sky += (tones[0, c] - sky) * min(0.8, d * 0.95)
                water = tones[4, c] * (0.55 + 0.9 * max(0.0, tilt + 0.35))
                value = water + (sky - water) * min(1.0, max(0.0, fresnel * (0.85 + 1.1 * tilt)))
                light[j, i, c] = value + tones[3, c] * (spark * 1.9 + 0.10 * path)
    for i in range(w):
        for c in range(3):
            light[horizon, i, c] = 0.5 * (light[horizon - 1, i, c] + light[horizon + 1, i, c])


@kernel
def _boat(light: Light, x0: float, y0: float, size: float, lean: float, tone: Light) -> None:
    """Draw a small sailing boat in silhouette, 3 x 3 samples a pixel, and its broken reflection."""
    h, w = light.shape[0], light.shape[1]
    for j in range(max(0, int(y0 - size)), min(h, int(y0 + size * 0.75))):
        for i in range(max(0, int(x0 - size)), min(w, int(x0 + size))):
            hit = 0.0
            for s in range(9):
                x = (i + (s % 3) / 3.0 - x0) / size
                y = (y0 - j - (s // 3) / 3.0) / size
                k = 1.0
                if y < 0.0:
                    y = -y * 1.4
                    x += 0.05 * math.sin(y * 40.0 + lean * 30.0)
                    k = 0.45
                x -= lean * y
                main = 0.09 < y < 0.9 and -0.03 - 0.34 * (0.9 - y) ** 0.85 < x < -0.025
                jib = 0.09 < y < 0.78 and 0.01 < x < 0.01 + 0.38 * (0.78 - y)
                hull = 0.0 <= y < 0.075 and abs(x) < 0.3 + 0.9 * y
                mast = y < 0.93 and abs(x + 0.008) < 0.008
                if main or jib or hull or mast:
                    hit += k / 9.0
            for c in range(3):
                light[j, i, c] += (tone[c] * 0.25 - light[j, i, c]) * hit


def paint(variant: int) -> Painter:
    """Return the painter of one evening at sea; see `canvas.Painter`."""
    rng = seeded("ocean", variant)
    tones = np.stack([colour(code) for code in LOOKS[variant]])
    film = Film(360, 640, bloom=0.4, gain=0.95, filmic=True, vignette=0.3)
    noise = fractal(rng, 256, 1.35, 2)
    horizon = int(film.height * (0.50, 0.42, 0.56, 0.47)[variant])
    sun_x = (0.28, 0.38, 0.2, 0.3)[variant]
    height = (0.055, 0.13, 0.02, 0.25)[variant]
    size = (0.052, 0.043, 0.075, 0.032)[variant]
    boat = (0.72, 0.25, 0.76, 0.3)[variant]

    def moment(phase: float) -> Pixels:
        rock = math.sin(2 * math.pi * phase)
        _paint(film.light, noise, tones, sun_x, horizon / film.height - height, size, phase, horizon)
        _boat(
            film.light,
            (boat + 0.012 * rock) * film.width,
            horizon + 7.0 + 0.8 * rock,
            (46.0, 30.0, 62.0, 38.0)[variant],
            0.05 * rock,
            tones[4],
        )
        return film.develop()

    return moment
