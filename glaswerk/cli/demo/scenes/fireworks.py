"""Fireworks over a river city: rockets, peonies, willows and rings, mirrored in the water."""

import math

import numpy as np

from glaswerk.cli.demo.canvas import (
    Film,
    Light,
    Painter,
    Pixels,
    colours,
    fractal,
    kernel,
    seeded,
    splat,
    tap,
)

LOOKS = (
    # sky top, sky low, and four shell colours
    ("050818", "1a1f4a", "ffb84a", "ff4a6a", "6ad0ff", "fff2d0"),
    ("08041a", "3a1450", "ff5ad0", "b07aff", "ffd86a", "7affd8"),
    ("03101a", "0c3a4a", "5affb0", "ffe27a", "ff7a4a", "c8f4ff"),
    ("120408", "4a1a1a", "ffd27a", "ff8a3a", "fff0d0", "ff4a3a"),
)
SHELLS = 12


@kernel
def _night(light: Light, noise: Light, tones: Light, flash: Light, shore: int) -> None:
    w = light.shape[1]
    for j in range(shore):
        t = (j / shore) ** 1.8
        for i in range(w):
            smoke = tap(noise, i * 0.35, j * 0.5)
            for c in range(3):
                light[j, i, c] = tones[0, c] * 0.8 + tones[1, c] * t * 0.8 + flash[c] * (0.1 + smoke * smoke) * 0.022


@kernel
def _shell(
    light: Light,
    kind: int,
    tone: Light,
    core: Light,
    x0: float,
    y0: float,
    age: float,
    size: float,
    seed: int,
    count: int,
) -> None:
    """Draw one shell `age` seconds after it burst; sparks slow down in air, sink, and leave fading trails."""
    np.random.seed(seed)
    h = light.shape[0]
    life = 2.1 if kind == 1 else 1.55
    if age <= 0.0 or age > life + 0.5:
        return
    flash = math.exp(-age * 9.0) * 2.2
    splat(light, x0, y0, size * h * 0.8, tone[0] * flash * 0.12, tone[1] * flash * 0.12, tone[2] * flash * 0.12)
    drag = 2.6 if kind != 1 else 2.0
    fall = 0.055 if kind != 1 else 0.10
    trail = 0.24 if kind == 0 else (0.75 if kind == 1 else 0.20)
    steps = 12 if kind != 1 else 34
    for n in range(count):
        z = np.random.random() * 2.0 - 1.0
        a = np.random.random() * 6.2831853
        speed = 0.94 + 0.12 * np.random.random()
        own = 0.75 + 0.5 * np.random.random()
        if kind == 2:
            # A ring: all sparks in one tilted plane, with a small ball inside.
            if n % 4:
                z = 0.62 * math.sin(a + seed) + 0.06 * (np.random.random() - 0.5)
                speed *= 1.0
            else:
                speed *= 0.38
        elif kind == 3 and n % 3 == 0:
            speed *= 0.5
        r = math.sqrt(max(0.0, 1.0 - z * z))
        vx = r * math.cos(a) * speed
        vy = (z if kind != 2 else z * 1.0 + 0.25 * r * math.sin(a)) * speed
        inner = (kind == 3 and n % 3 == 0) or (kind == 2 and n % 4 == 0)
        for s in range(steps):
            t = age - trail * s / steps
            if t <= 0.0:
                break
            reach = (1.0 - math.exp(-drag * t)) * size * h
            x = x0 + vx * reach
            y = y0 + vy * reach + fall * h * t * t
            fade = max(0.0, 1.0 - age / (life * own)) ** 1.3 * (1.0 - s / steps) ** 1.5
            if age > life * 0.55 and (n * 7 + int(age * 24.0) * 3) % 5 < 2 and kind != 1:
                fade *= 0.25
            hot = math.exp(-age * 3.2)
            k = 0.85 * fade * (1.0 + 1.2 * hot)
            q = 2.1 if s == 0 else 1.5
            for_white = hot * 0.6
            cr = core[0] if inner else tone[0]
            cg = core[1] if inner else tone[1]
            cb = core[2] if inner else tone[2]
            splat(light, x, y, q, k * (cr + for_white), k * (cg + for_white), k * (cb + for_white))


@kernel
def _rocket(light: Light, x0: float, y0: float, foot: float, age: float, lean: float) -> None:
    """Draw the rising spark in the last second before the burst; `age` is negative."""
    if age < -0.9 or age >= 0.0:
        return
    for s in range(26):
        t = min(0.0, age - s * 0.012)
        if t < -0.9:
            break
        u = -t / 0.9
        y = y0 + (foot - y0) * u**1.7
        x = x0 + lean * u * 60.0 + math.sin(t * 40.0) * 0.7
        k = 0.5 * (1.0 - s / 26.0) ** 1.6
        splat(light, x, y, 1.4, k, k * 0.72, k * 0.40)


@kernel
def _city(
    light: Light,
    roofs: Light,
    windows: Light,
    noise: Light,
    tones: Light,
    flash: Light,
    phase: float,
    shore: int,
) -> None:
    h, w = light.shape[0], light.shape[1]
    for i in range(w):
        for j in range(shore):
            y = shore - j
            if y < roofs[i]:
                cover = min(1.0, roofs[i] - y)
                for c in range(3):
                    wall = tones[1, c] * 0.10 + flash[c] * 0.012
                    light[j, i, c] += (wall + windows[j, i, c] - light[j, i, c]) * cover
    for j in range(shore, h):
        d = (j - shore) / (h - shore)
        for i in range(w):
            ripple = tap(noise, i * (0.9 - 0.5 * d), 70.0 * math.log(0.03 + d) + noise.shape[0] * phase) - 0.5
            y = min(shore - 1.0, max(0.0, shore - 1.0 - (j - shore) * 1.7 + ripple * h * 0.13 * (0.15 + d)))
            x = min(w - 1.0, max(0.0, i + ripple * 16.0 * d))
            a = int(x)
            b = int(y)
            b1 = min(shore - 1, b + 2)
            for c in range(3):
                mirror = 0.5 * (light[b, a, c] + light[b1, a, c])
                light[j, i, c] = mirror * (0.62 - 0.30 * d) + tones[1, c] * 0.03


def paint(variant: int) -> Painter:
    """Return the painter of one show; shells late in the loop burn on into its beginning; see `canvas.Painter`."""
    rng = seeded("fireworks", variant)
    tones = colours(*LOOKS[variant])
    film = Film(360, 640, bloom=0.85, gain=1.1, vignette=0.3)
    w, h = film.width, film.height
    shore = int(h * 0.80)
    noise = fractal(rng, 256, 1.4, 2)
    roofs = np.full(w, 5.0, np.float32)
    windows = np.zeros((h, w, 3), np.float32)
    x = 0
    while x < w:
        wide = int(rng.integers(9, 30))
        tall = float(rng.uniform(14, 46) + 34 * (rng.random() < 0.18))
        roofs[x : x + wide] = tall
        if rng.random() < 0.25:
            roofs[min(w - 1, x + wide // 2)] = tall + 14
        for wy in range(4, int(tall) - 3, 4):
            for wx in range(2, wide - 2, 4):
                if rng.random() < 0.38 and x + wx + 1 < w:
                    warm = np.array((1.0, 0.62, 0.28) if rng.random() < 0.8 else (0.6, 0.8, 1.0), np.float32)
                    windows[shore - wy - 2 : shore - wy, x + wx : x + wx + 2] = warm * np.float32(
                        rng.uniform(0.08, 0.5)
                    )
        x += wide
    seconds = 6.0
    kinds = (
        (0, 3, 1, 2, 0, 1, 3, 0, 2),
        (3, 2, 0, 3, 1, 2, 0, 3, 0),
        (1, 0, 3, 0, 2, 1, 0, 3, 1),
        (1, 1, 0, 1, 3, 1, 0, 1, 2),
    )[variant]
    shells = [
        (
            kinds[n % 9],
            float((n + rng.uniform(-0.15, 0.15)) / SHELLS * seconds),
            float(w * (0.5 + (0.30 if n % 2 else -0.26) * rng.uniform(0.25, 1.0))),
            float(h * rng.uniform(0.17, 0.42)),
            float(rng.uniform(0.19, 0.25) * (1.35 if n % 4 == 0 else 1.0)),
            tones[2 + int(rng.integers(0, 4))],
            tones[2 + int(rng.integers(0, 4))],
        )
        for n in range(SHELLS)
    ]

    def moment(phase: float) -> Pixels:
        now = phase * seconds
        ages = [(now - shell[1] + 1.2) % seconds - 1.2 for shell in shells]
        flash = np.zeros(3, np.float32)
        for age, shell in zip(ages, shells, strict=True):
            if age > 0:
                flash += shell[5] * np.float32(math.exp(-age * 2.0) * 1.6)
        _night(film.light, noise, tones, flash, shore)
        for n, (age, (kind, _, sx, sy, size, tone, core)) in enumerate(zip(ages, shells, strict=True)):
            _rocket(film.light, sx, sy, shore - 4.0, age, (-1) ** n * 0.4)
            _shell(film.light, kind, tone, core, sx, sy, age, size, 1000 * variant + n, 260 if kind != 1 else 150)
        _city(film.light, roofs, windows, noise, tones, flash, phase, shore)
        return film.develop()

    return moment
