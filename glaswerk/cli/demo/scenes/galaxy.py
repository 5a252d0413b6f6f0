"""A spiral galaxy turning: gas and dust in log-polar noise, and sixty thousand stars along its arms."""

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
    splats,
    step,
    tap,
)

LOOKS = (
    # core, arm, outer, nebula, arms, pitch, tilt, roll
    (("fff0d0", "8fb4ff", "3a4fd0", "ff5a9a"), 2, 2.9, 0.95, -0.5),
    (("ffe0b0", "ffb070", "a03a7a", "59d0ff"), 2, 2.3, 0.72, 0.6),
    (("e8fff6", "6fe8d8", "1d6a9a", "b070ff"), 3, 3.0, 0.5, 0.2),
    (("fff6e8", "d0a8ff", "4a2fb0", "ff8a50"), 2, 3.6, 1.12, -0.9),
)


@kernel
def _gas(
    light: Light,
    noise: Light,
    sky: Light,
    tones: Light,
    arms: int,
    pitch: float,
    squash: float,
    roll: float,
    scale: float,
    spin: float,
) -> None:
    h, w = light.shape[0], light.shape[1]
    size = noise.shape[0] * 1.0
    ca, sa = math.cos(roll), math.sin(roll)
    for j in range(h):
        for i in range(w):
            x = (i - 0.5 * w) / h
            y = (j - 0.5 * h) / h
            u = (x * ca + y * sa) / scale
            v = (-x * sa + y * ca) / (scale * squash)
            r2 = u * u + v * v
            r = math.sqrt(r2) + 1e-4
            # The bulge is a ball, so it is not squashed as much as the disc.
            b2 = (x * x + y * y) / (scale * scale)
            core = 0.055 / (0.012 + b2 * 3.0 + r2 * 2.0)
            falloff = math.exp(-r * 2.7) * step(1.25, 0.55, r)
            value = sky[j, i, 0]
            for c in range(3):
                light[j, i, c] = sky[j, i, c]
            if falloff > 0.0005:
                turn = math.atan2(v, u) + spin
                wind = turn - pitch * math.log(r)
                a = arms * wind / 6.283185307 * size
                cloud = 0.6 * tap(noise, a, math.log(r) * 60.0) + 0.4 * tap(noise, a * 3.0, math.log(r) * 190.0)
                arm = 0.5 + 0.5 * math.cos(arms * wind + 2.2 * (cloud - 0.5))
                arm2 = arm * arm
                dust = 0.5 + 0.5 * math.cos(arms * wind + 0.95 + 2.8 * (cloud - 0.5))
                dust = dust * dust * dust * dust * step(0.02, 0.2, r) * step(0.25, 0.6, cloud)
                bright = falloff * (0.16 + 2.3 * arm2 * arm * (0.25 + 1.5 * step(0.3, 0.8, cloud)))
                mix = step(0.08, 0.7, r)
                pink = arm2 * step(0.56, 0.82, cloud) * falloff * 1.5
                for c in range(3):
                    tone = tones[1, c] + (tones[2, c] - tones[1, c]) * mix
                    value = bright * tone * 2.0 + pink * tones[3, c] * 1.5
                    light[j, i, c] += value * (1.0 - 0.85 * dust)
            for c in range(3):
                light[j, i, c] += tones[0, c] * core * 0.16


@kernel
def _stars(light: Light, stars: Light, squash: float, roll: float, scale: float, spin: float) -> None:
    h, w = light.shape[0], light.shape[1]
    ca, sa = math.cos(roll), math.sin(roll)
    for n in range(stars.shape[0]):
        turn = stars[n, 1] - spin
        u = stars[n, 0] * math.cos(turn) * scale
        v = (stars[n, 0] * math.sin(turn) * squash + stars[n, 2]) * scale
        x = (u * ca - v * sa) * h + 0.5 * w
        y = (u * sa + v * ca) * h + 0.5 * h
        i = math.floor(x)
        j = math.floor(y)
        if i < 0 or j < 0 or i >= w - 1 or j >= h - 1:
            continue
        a = x - i
        b = y - j
        for c in range(3):
            s = stars[n, 3 + c]
            light[j, i, c] += s * (1.0 - a) * (1.0 - b)
            light[j, i + 1, c] += s * a * (1.0 - b)
            light[j + 1, i, c] += s * (1.0 - a) * b
            light[j + 1, i + 1, c] += s * a * b


def paint(variant: int) -> Painter:
    """Return the painter of one galaxy; a loop turns it by exactly one arm, so it closes; see `canvas.Painter`."""
    rng = seeded("galaxy", variant)
    codes, arms, pitch, tilt, roll = LOOKS[variant]
    tones = colours(*codes)
    film = Film(360, 640, bloom=0.5, gain=1.0, vignette=0.45)
    noise = fractal(rng, 256, 1.25)
    count = 9000
    r = np.abs(rng.normal(0, 0.42, count)) ** 1.1 + 0.01
    spread = rng.normal(0, 0.24, count) + (rng.random(count) < 0.35) * rng.uniform(-2, 2, count)
    turn = spread + pitch * np.log(r)
    glow = (rng.pareto(2.1, count).clip(0, 9) * 0.14 + 0.03)[:, None]
    mix = np.clip(r / 0.7, 0, 1)[:, None]
    tint = (tones[0] * (1 - mix) + tones[1] * mix) * glow + 0.25 * glow
    one = np.concatenate([r[:, None], turn[:, None], rng.normal(0, 0.012, (count, 1)), tint], axis=1)
    # Each arm carries the same stars, which is what lets a turn by one arm end where it began.
    copies = []
    for k in range(arms):
        copy = one.copy()
        copy[:, 1] += TAU * k / arms
        copies.append(copy)
    stars = np.concatenate(copies).astype(np.float32)
    sky = np.full((film.height, film.width, 3), (0.0012, 0.0012, 0.004), np.float32)
    back = np.zeros((420, 6), np.float32)
    back[:, 0], back[:, 1] = rng.uniform(0, film.width, 420), rng.uniform(0, film.height, 420)
    back[:, 2] = 0.85 + (rng.random(420) < 0.04) * 0.9
    back[:, 3:] = (rng.pareto(1.5, 420).clip(0, 7) * 0.14)[:, None] * rng.uniform(0.7, 1.0, (420, 3))
    splats(sky, back)

    def moment(phase: float) -> Pixels:
        spin = -TAU / arms * phase
        breathe = math.sin(TAU * phase)
        squash = math.cos(tilt + 0.05 * breathe)
        scale = (0.56, 0.56, 0.47, 0.66)[variant] * (1 - 0.05 * math.cos(TAU * phase))
        _gas(film.light, noise, sky, tones, arms, pitch, squash, roll, scale, spin)
        _stars(film.light, stars, squash, roll, scale, spin)
        return film.develop()

    return moment
