"""Northern lights over mountains, with stars above and a still lake below."""

import math

import numpy as np

from glaswerk.cli.demo.canvas import (
    TAU,
    Film,
    Light,
    Painter,
    Pixels,
    colour,
    fractal,
    kernel,
    ridge,
    seeded,
    splats,
    step,
    tap,
)

LOOKS = (
    ("0a1230", "12384a", "3dff9a", "a24bff"),
    ("0b0d2c", "2a2750", "45ffd0", "ff4fa0"),
    ("06162b", "0f3d52", "7dff6a", "35b8ff"),
    ("12092e", "3a1f55", "58ffb0", "ff5a6a"),
)


@kernel
def _sky(light: Light, stars: Light, twinkle: float, top: Light, low: Light, shore: int) -> None:
    for j in range(shore):
        t = (j / shore) ** 1.5
        for i in range(light.shape[1]):
            s = stars[j, i, 0] * (0.75 + 0.25 * twinkle) + stars[j, i, 1] * (0.75 - 0.25 * twinkle)
            for c in range(3):
                light[j, i, c] = top[c] * 0.5 + (low[c] * 0.8 - top[c] * 0.5) * t + s


@kernel
def _curtain(
    light: Light,
    noise: Light,
    cx: float,
    cy: float,
    base: float,
    reach: float,
    power: float,
    foot: Light,
    head: Light,
    shore: int,
) -> None:
    h, w = light.shape[0], light.shape[1]
    size = noise.shape[0]
    for i in range(w):
        x = i / h
        fold = tap(noise, x * 95.0 + cx * 14.0, size * 0.31 + base * 977.0 + cy * 14.0) - 0.5
        foot_y = (base + 0.34 * fold + 0.05 * (tap(noise, x * 420.0 - cy * 9.0, base * 511.0 + cx * 9.0) - 0.5)) * h
        # The coarse and the fine rays slide against each other, which is what makes a curtain look like cloth.
        broad = tap(noise, x * 210.0 + fold * 190.0 + cy * 22.0, base * 333.0 + cx * 11.0)
        fine = tap(noise, x * 900.0 + fold * 700.0 - cx * 30.0, base * 123.0 + cy * 8.0)
        ray = step(0.28, 0.85, broad) * (0.35 + 1.1 * step(0.2, 0.85, fine))
        length = reach * h * (0.35 + 0.9 * broad)
        for j in range(shore):
            up = foot_y - j
            if up < -0.03 * h:
                break
            glow = math.exp(-max(0.0, up) / length) * step(-0.03 * h, 0.015 * h, up) * ray * power
            if glow < 0.002:
                continue
            tint = step(0.0, 2.1 * length, up)
            edge = math.exp(-abs(up) / (0.02 * h)) * 0.6
            for c in range(3):
                light[j, i, c] += glow * (foot[c] + (head[c] - foot[c]) * tint + edge * (foot[c] + 0.25))


@kernel
def _land(
    light: Light,
    far: Light,
    near: Light,
    trees: Light,
    noise: Light,
    foot: Light,
    low: Light,
    phase: float,
    shore: int,
) -> None:
    h, w = light.shape[0], light.shape[1]
    for i in range(w):
        for j in range(shore):
            y = shore - j
            if y < far[i]:
                cover = min(1.0, far[i] - y)
                # Snow lies below the crest in streaks that follow the fall of the slope, more of it on one side.
                slope = far[min(w - 1, i + 4)] - far[max(0, i - 4)]
                fall = (far[i] - y) / (0.075 * h)
                streak = tap(noise, i * 2.2 + 0.6 * y, y * 0.7)
                snow = step(0.75, 0.25, fall * (0.35 + 1.1 * streak)) * (0.45 + 0.55 * step(-6.0, 6.0, slope))
                mist = 0.25 + 0.75 * math.exp(-y / (0.035 * h))
                for c in range(3):
                    rock = low[c] * (0.20 + 0.5 * mist) + (foot[c] * 0.4 + 0.18) * (0.008 + 0.16 * snow)
                    light[j, i, c] += (rock - light[j, i, c]) * cover
            if y < near[i]:
                cover = min(1.0, near[i] - y)
                for c in range(3):
                    rock = low[c] * 0.09 + foot[c] * 0.004 * (1.0 + 3.0 * tap(noise, i * 1.3, y * 1.3))
                    light[j, i, c] += (rock - light[j, i, c]) * cover
            if y < trees[i]:
                cover = min(1.0, trees[i] - y)
                for c in range(3):
                    light[j, i, c] += (low[c] * 0.02 - light[j, i, c]) * cover
    for j in range(shore, h):
        d = (j - shore) / (h - shore)
        depth = 0.012 / (0.02 + d)
        for i in range(w):
            ripple = tap(noise, i * 0.35 * (0.3 + depth), 60.0 * math.log(0.02 + d) + noise.shape[0] * phase) - 0.5
            y = shore - 1 - (j - shore) * 1.25 + ripple * h * 0.05 * (0.25 + d)
            y = min(float(shore - 1), max(0.0, y))
            x = min(w - 1.0, max(0.0, i + ripple * 9.0 * d))
            a = int(x)
            b = int(y)
            for c in range(3):
                light[j, i, c] = light[b, a, c] * (0.62 - 0.25 * d) + low[c] * 0.05


def paint(variant: int) -> Painter:
    """Return the painter of one aurora; see `canvas.Painter`."""
    rng = seeded("aurora", variant)
    top, low, foot, head = (colour(code) for code in LOOKS[variant])
    film = Film(360, 640, bloom=0.55, gain=0.95, vignette=0.4)
    w, h = film.width, film.height
    shore = int(h * (0.76, 0.7, 0.8, 0.73)[variant])
    noise = fractal(rng, 256, 1.55)
    stars = np.zeros((h, w, 3), np.float32)
    count = 620
    sky = np.zeros((count, 6), np.float32)
    sky[:, 0], sky[:, 1] = rng.uniform(0, w, count), rng.uniform(0, shore, count)
    sky[:, 2] = rng.uniform(0.8, 1.25, count) + (rng.random(count) < 0.05) * 0.8
    bright = rng.pareto(1.6, count).clip(0, 6) * 0.28
    sky[:, 3], sky[:, 4] = bright * (rng.random(count) < 0.5), 0
    sky[:, 4] = np.where(sky[:, 3] > 0, 0, bright)
    splats(stars, sky)
    columns = np.arange(w) / w
    far = (0.06 + 0.17 * np.interp(columns * 700 % 1024, np.arange(1024), ridge(rng, 1024, 1.1, 2))) * h
    near = (0.015 + 0.10 * np.interp(columns * 600 % 1024, np.arange(1024), ridge(rng, 1024, 1.35, 2)) ** 1.5) * h
    trees = np.full(w, 0.004 * h)
    for _ in range(64):
        centre = (0.5 + 0.5 * rng.choice([-1, 1]) * (1 - rng.random() ** 1.6 * 0.75)) * w
        tall = h * rng.uniform(0.02, 0.055)
        distance = np.abs(np.arange(w) - centre)
        trees = np.maximum(
            trees,
            tall * (1 - distance / (tall * 0.27)) + 1.6 * np.sin(np.arange(w) * 2.1) * (distance < tall * 0.22),
        )
    crests = [line.astype(np.float32) for line in (far, near, trees)]
    strips = [
        (rng.uniform(0.30, 0.40), 0.16, 0.75),
        (rng.uniform(0.44, 0.52), 0.13, 0.95),
        (rng.uniform(0.56, 0.62), 0.08, 0.45),
    ]

    def moment(phase: float) -> Pixels:
        cx, cy = math.cos(TAU * phase), math.sin(TAU * phase)
        _sky(film.light, stars, math.sin(TAU * 3 * phase), top, low, shore)
        for base, reach, power in strips:
            _curtain(film.light, noise, cx, cy, base, reach, power, foot, head, shore)
        _land(film.light, crests[0], crests[1], crests[2], noise, foot, low, phase, shore)
        return film.develop()

    return moment
