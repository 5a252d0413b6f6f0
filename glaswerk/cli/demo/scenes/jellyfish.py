"""Jellyfish pulsing upwards through deep water, lit from within, with shafts of light and drifting plankton."""

import math

import numpy as np

from glaswerk.cli.demo.canvas import (
    TAU,
    Film,
    Light,
    Painter,
    Pixels,
    colours,
    fractal,
    kernel,
    seeded,
    splat,
    splats,
    step,
    tap,
)

LOOKS = (
    # water above, water below, bell, heart, arms
    ("1468b8", "020a2a", "7fd8ff", "ff7ac8", "c8a0ff"),
    ("5a1f8a", "0a0324", "ff8ad0", "ffd070", "ff9ab8"),
    ("0a7a80", "011a24", "a8ffe0", "fff0a0", "70ffd0"),
    ("7a1a3a", "10020e", "ffb080", "ff5a5a", "ffd0a0"),
)


@kernel
def _water(light: Light, noise: Light, tones: Light, phase: float) -> None:
    h, w = light.shape[0], light.shape[1]
    size = noise.shape[0] * 1.0
    for j in range(h):
        y = j / h
        deep = step(0.0, 0.95, y)
        for i in range(w):
            x = i / h - 0.28
            # Shafts fan out from a sun far above the surface.
            a = x / (y + 0.35)
            ray = tap(noise, a * 150.0 + size * phase, 20.0) * tap(noise, a * 330.0 - size * phase, 90.0)
            shaft = step(0.16, 0.5, ray) * math.exp(-y * 2.6) * 0.8
            haze = 0.75 + 0.5 * tap(noise, x * 110.0 + 30.0 * math.sin(phase * 6.2831853), y * 90.0)
            for c in range(3):
                base = tones[0, c] * (0.85 * (1.0 - deep) ** 1.6) + tones[1, c] * 1.2
                light[j, i, c] = base * haze + tones[0, c] * shaft + 0.12 * shaft


@kernel
def _bell(
    light: Light,
    noise: Light,
    tones: Light,
    x0: float,
    y0: float,
    size: float,
    beat: float,
    lean: float,
    power: float,
    seed: float,
) -> None:
    """Paint one translucent bell; `beat` runs -1 (relaxed) to 1 (squeezed)."""
    h, w = light.shape[0], light.shape[1]
    wide = size * (1.0 - 0.16 * beat)
    tall = size * (0.80 + 0.13 * beat)
    ca, sa = math.cos(lean), math.sin(lean)
    reach = int(size * 1.5)
    for j in range(max(0, int(y0) - reach), min(h, int(y0) + reach)):
        for i in range(max(0, int(x0) - reach), min(w, int(x0) + reach)):
            dx = i - x0
            dy = j - y0
            u = (dx * ca + dy * sa) / wide
            v = (-dx * sa + dy * ca) / tall
            # The skirt curls in below the widest point and is scalloped.
            skirt = 0.30 + 0.055 * math.cos(u * 19.0 + seed) * (1.0 - 0.4 * abs(u)) - 0.10 * u * u
            if v > skirt + 0.03 or v < -1.05 or abs(u) > 1.05:
                continue
            half = (
                math.sqrt(max(0.0, 1.0 - v * v)) if v < 0.0 else 1.0 - (0.18 + 0.22 * max(0.0, beat)) * (v / 0.3) ** 2
            )
            if abs(u) > half:
                continue
            edge = abs(u) / max(0.02, half)
            rim = edge**6 * 0.9 + math.exp(-(1.0 - min(1.0, math.sqrt(u * u + v * v))) * 14.0) * (
                0.5 if v < 0.0 else 0.0
            )
            hem = math.exp(-abs(v - skirt) * 20.0)
            arc = math.asin(min(1.0, max(-1.0, u / max(0.02, half))))
            rib = 0.5 + 0.5 * math.cos(arc * 22.0 + seed)
            rib = rib**4 * step(-0.95, 0.1, v)
            heart = math.exp(-(u * u * 7.0 + (v + 0.20) ** 2 * 9.0))
            lobes = (0.5 + 0.5 * math.cos(math.atan2(v + 0.22, u) * 4.0 + seed)) * math.exp(
                -((math.hypot(u, (v + 0.22) * 1.2) - 0.26) ** 2) * 90.0
            )
            spot = step(0.6, 0.8, tap(noise, arc * 60.0 + seed * 31.0, v * 70.0)) * step(0.1, -0.6, v)
            soft = step(skirt + 0.03, skirt - 0.02, v)
            for c in range(3):
                glow = tones[2, c] * (0.10 + 0.75 * rim + 0.50 * hem + 0.22 * rib + 0.25 * spot)
                glow += tones[3, c] * (0.75 * heart + 0.9 * lobes)
                light[j, i, c] = light[j, i, c] * (1.0 - 0.25 * soft * power) + glow * power * soft


@kernel
def _threads(
    light: Light,
    tones: Light,
    x0: float,
    y0: float,
    size: float,
    beat: float,
    lean: float,
    power: float,
    seed: float,
    phase: float,
) -> None:
    """Trail the tentacles and the frilled arms below a bell, swaying as waves that run down them."""
    ca, sa = math.cos(lean), math.sin(lean)
    for n in range(22):
        f = n / 21.0 * 2.0 - 1.0
        frill = abs(f) < 0.35
        length = size * (
            (2.5 + 0.9 * math.sin(n * 7.3 + seed)) if not frill else (2.0 + 0.5 * math.sin(n * 3.1 + seed))
        )
        steps = int(length / 1.3)
        for s in range(steps):
            t = s / steps
            wave = math.sin(6.2831853 * (phase * 2.0 - t * 1.15) + f * 1.6 + seed) * (0.04 + 0.30 * t)
            wave += math.sin(6.2831853 * (phase * 3.0 - t * 2.6) + n * 2.1) * 0.06 * t
            u = f * (0.86 - 0.14 * beat) * (1.0 - 0.30 * t) * size * (0.55 if frill else 1.0) + wave * size
            v = 0.20 * size + t * length
            x = x0 + u * ca - v * sa
            y = y0 + u * sa + v * ca
            fade = (1.0 - t) ** 1.3 * power
            if frill:
                ruffle = 0.5 + 0.5 * math.sin(t * 46.0 + n * 2.0 - phase * 12.5663706)
                r = size * (0.035 + 0.085 * ruffle * (1.0 - t))
                k = 0.075 * fade
                splat(light, x, y, max(1.0, r), tones[4, 0] * k, tones[4, 1] * k, tones[4, 2] * k)
            else:
                k = 0.22 * fade
                splat(light, x, y, 1.15, tones[2, 0] * k, tones[2, 1] * k, tones[2, 2] * k)


def paint(variant: int) -> Painter:
    """Return the painter of one swarm; see `canvas.Painter`."""
    rng = seeded("jellyfish", variant)
    tones = colours(*LOOKS[variant])
    film = Film(360, 640, bloom=0.6, gain=1.05, vignette=0.35)
    w, h = film.width, film.height
    noise = fractal(rng, 256, 1.5, 2)
    layout = (
        ((0.30, 0.22, 24, 0.3), (0.80, 0.50, 32, 0.45), (0.46, 0.40, 82, 1.0)),
        ((0.72, 0.17, 28, 0.4), (0.22, 0.66, 40, 0.55), (0.60, 0.45, 70, 0.95), (0.15, 0.25, 20, 0.3)),
        ((0.5, 0.12, 20, 0.3), (0.25, 0.22, 44, 0.65), (0.75, 0.30, 52, 0.75), (0.40, 0.58, 62, 0.95)),
        ((0.82, 0.20, 26, 0.4), (0.44, 0.36, 98, 1.0)),
    )[variant]
    motes = rng.uniform(0, 1, (150, 6)).astype(np.float32)
    near = rng.random(150) < 0.1

    def moment(phase: float) -> Pixels:
        light = film.light
        _water(light, noise, tones, phase)
        points = np.zeros((150, 6), np.float32)
        points[:, 0] = ((motes[:, 0] + 0.03 * np.sin(TAU * (phase + motes[:, 2]))) % 1) * w
        points[:, 1] = (
            (motes[:, 1] - phase * np.where(motes[:, 3] < 0.4, 1, 0) + 0.02 * np.sin(TAU * (phase + motes[:, 4]))) % 1
        ) * h
        points[:, 2] = np.where(near, 5 + 6 * motes[:, 5], 0.9 + motes[:, 5])
        flicker = 0.5 + 0.5 * np.sin(TAU * (2 * phase + motes[:, 4]))
        points[:, 3:] = (tones[2] * 0.6 + 0.2) * (np.where(near, 0.05, 0.38 * motes[:, 2] ** 2) * flicker)[:, None]
        splats(light, points)
        for n, (x, y, size, power) in enumerate(layout):
            beat = math.sin(TAU * (2 * phase + 0.31 * n))
            # A squeeze pushes the animal up, the pause lets it sink, so a loop ends where it began.
            px = x * w + 9 * math.sin(TAU * (phase + 0.2 * n)) * size / 60
            py = (
                y * h
                - size * 0.20 * math.sin(TAU * (2 * phase + 0.31 * n) - 1.1)
                - size * 0.25 * math.sin(TAU * phase + n)
            )
            lean = 0.16 * math.sin(TAU * (phase + 0.37 * n)) + (0.12 if n % 2 else -0.1)
            _threads(light, tones, px, py, size, beat, lean, power * 0.9, 1.7 * n, phase)
            _bell(light, noise, tones, px, py, size, beat, lean, power, 1.7 * n)
        return film.develop()

    return moment
