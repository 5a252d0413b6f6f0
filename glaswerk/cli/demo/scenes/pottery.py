"""A vessel on the potter's wheel: its profile grows and opens while it turns under warm studio light."""

import math

import numpy as np

from glaswerk.cli.demo.canvas import (
    TAU,
    Film,
    Light,
    Painter,
    Pixels,
    at,
    colours,
    fractal,
    kernel,
    ridge,
    seeded,
    splats,
    step,
    sway,
    tap,
)

LOOKS = (
    # body, glaze, band, wall, window
    ("a8603c", "c88a5a", "7a3f26", "4a3a30", "ffd9a0"),
    ("b8a890", "7fb8a4", "dff0e0", "3c4642", "fff0d0"),
    ("d8cdb8", "1f4f9c", "f4efe2", "46423c", "ffe6c0"),
    ("3a2a22", "1c1512", "d9962f", "5a3a28", "ffc478"),
)
PROFILES = (
    # Radii from foot to rim, as shares of the height of the picture, at the two ends of the loop.
    (
        (0.105, 0.125, 0.130, 0.128, 0.122, 0.118, 0.122, 0.130),
        (0.085, 0.130, 0.178, 0.190, 0.160, 0.098, 0.072, 0.105),
    ),
    (
        (0.080, 0.110, 0.125, 0.128, 0.124, 0.118, 0.114, 0.116),
        (0.070, 0.120, 0.160, 0.185, 0.200, 0.208, 0.214, 0.222),
    ),
    (
        (0.090, 0.150, 0.182, 0.190, 0.178, 0.130, 0.075, 0.066),
        (0.085, 0.110, 0.135, 0.165, 0.190, 0.180, 0.120, 0.092),
    ),
    (
        (0.100, 0.112, 0.114, 0.112, 0.110, 0.112, 0.118, 0.126),
        (0.095, 0.165, 0.200, 0.196, 0.168, 0.138, 0.128, 0.150),
    ),
)
HEIGHTS = ((0.30, 0.44), (0.30, 0.26), (0.38, 0.44), (0.32, 0.36))
TILT = 0.26


@kernel
def _radius(profile: Light, s: float) -> float:
    """Radius at share s of the height (0 foot, 1 rim), Catmull-Rom through the profile's points."""
    n = profile.shape[0] - 1
    u = min(n - 1e-4, max(0.0, s * n))
    k = int(u)
    f = u - k
    p0 = profile[max(0, k - 1)]
    p1 = profile[k]
    p2 = profile[k + 1]
    p3 = profile[min(n, k + 2)]
    return float(p1 + 0.5 * f * (p2 - p0 + f * (2 * p0 - 5 * p1 + 4 * p2 - p3 + f * (3 * (p1 - p2) + p3 - p0))))


@kernel
def _paint(
    light: Light,
    room: Light,
    noise: Light,
    rings: Light,
    tones: Light,
    profile: Light,
    tall: float,
    spin: float,
    glaze: int,
    foot: float,
) -> None:
    h, w = light.shape[0], light.shape[1]
    size = noise.shape[0] * 1.0
    disc = 0.262
    rim = _radius(profile, 1.0)
    base = _radius(profile, 0.0)
    wall = 0.011
    for j in range(h):
        y = (j + 0.5) / h
        for i in range(w):
            x = (i + 0.5) / h - 0.5 * w / h
            for c in range(3):
                light[j, i, c] = room[j, i, c]
            # The wheel head: a disc seen at a tilt, its edge below it, and the shadow of the pot on it.
            ey = (y - foot) / TILT
            rr = math.sqrt(x * x + ey * ey)
            edge = y - foot - TILT * math.sqrt(max(0.0, disc * disc - x * x))
            cover = min(1.0, max(0.0, (disc - rr) * h * 0.6 + 0.5))
            if abs(x) < disc and 0.0 < edge < 0.028:
                shine = 0.05 + 0.5 * math.exp(-((x + 0.12) ** 2) * 90.0) + 0.12 * math.exp(-((x - 0.2) ** 2) * 300.0)
                for c in range(3):
                    light[j, i, c] = (0.4 + 0.6 * tones[4, c]) * 0.28 * shine * (1.0 - edge * 22.0)
            if cover > 0.0:
                turn = math.atan2(ey, x)
                groove = at(rings, rr * 900.0) - 0.5
                wet = tap(noise, (turn - spin) / 6.2831853 * size, rr * 420.0)
                sheen = abs(math.cos(turn - 2.2)) ** 10 + 0.6 * abs(math.cos(turn - 1.1)) ** 22
                dark = step(base - 0.01, base + 0.13, rr + 0.05 * math.cos(turn + 2.6))
                slurry = step(0.45, 0.75, wet) * step(disc, base, rr)
                for c in range(3):
                    metal = (0.35 + 0.65 * tones[4, c]) * (0.10 + 0.06 * groove + 0.32 * sheen)
                    metal += (tones[0, c] * 0.5 - metal) * slurry * 0.7
                    light[j, i, c] += (metal * (0.18 + 0.82 * dark) - light[j, i, c]) * cover
            top = foot - tall
            # The mouth: the far inner wall first, so that the front wall may cover it.
            my = (y - top) / TILT
            mouth = math.sqrt(x * x + my * my)
            inner = min(1.0, max(0.0, (rim - mouth) * h * 0.6 + 0.5))
            if abs(x) > 0.24 or y < top - 0.07 or y > foot + 0.07:
                continue
            s = (foot - y) / tall
            r = 0.0
            z = 0.0
            for _ in range(4):
                r = _radius(profile, min(1.0, max(0.0, s)))
                q = 1.0 - (x / r) ** 2
                z = math.sqrt(max(0.0, q))
                s = (foot - y + TILT * r * z) / tall
            body = min(1.0, max(0.0, (r - abs(x)) * h * 0.6 + 0.5))
            if s > 1.0 or s < 0.0:
                body = 0.0
            if inner > 0.0 and body < 1.0:
                turn = math.atan2(my, x)
                lip = step(rim - wall * 1.6, rim - wall * 0.7, mouth)
                deep = step(0.0, rim, mouth + 0.25 * rim * math.cos(turn - 0.5))
                catch = 0.5 + 0.5 * math.cos(turn + 2.4)
                for c in range(3):
                    clay = tones[1, c] if glaze > 0 else tones[0, c]
                    inside = clay * (0.05 + 0.42 * deep * deep * (0.3 + 0.7 * (1.0 - catch)))
                    rimmed = clay * (0.35 + 0.9 * catch) + 0.25 * catch * catch * tones[4, c]
                    light[j, i, c] += (inside + (rimmed - inside) * lip - light[j, i, c]) * inner
            if body > 0.0:
                nx = min(1.0, max(-1.0, x / r))
                slope = (_radius(profile, min(1.0, s + 0.02)) - _radius(profile, max(0.0, s - 0.02))) / (0.04 * tall)
                ring = at(rings, s * tall * 620.0 + 1.4 * math.sin(math.asin(nx) + spin)) - 0.5
                tall_n = slope * -1.0 + (0.30 if glaze == 0 else 0.08) * ring
                length = math.sqrt(nx * nx + z * z + tall_n * tall_n)
                ax, ay, az = nx / length, -tall_n / length, z / length
                turn = math.asin(nx) + spin
                u = turn / 6.2831853
                clay = tap(noise, u * size, s * tall * 300.0) - 0.5
                key = max(0.0, -0.62 * ax + 0.50 * ay + 0.60 * az)
                fill = max(0.0, 0.85 * ax + 0.1 * ay + 0.3 * az)
                edge_light = (1.0 - az) ** 3
                half = max(0.0, -0.42 * ax + 0.36 * ay + 0.83 * az)
                pattern = 0.0
                gloss = 0.10
                power = 14.0
                mix = 0.0
                if glaze == 0:
                    gloss = 0.22 + 0.25 * clay
                    power = 26.0
                elif glaze == 1:
                    drip = 0.20 + 0.055 * math.sin(turn * 7.0) + 0.03 * math.sin(turn * 13.0 + 1.0) + 0.04 * clay
                    mix = step(drip - 0.012, drip + 0.012, s)
                    pattern = 0.55 * max(0.0, at(rings, s * 130.0) - 0.5) * mix + 0.5 * step(0.93, 0.99, s)
                    gloss, power = 0.95 * mix + 0.08, 110.0
                elif glaze == 2:
                    mix = step(0.24, 0.245, s) * step(0.79, 0.785, s)
                    wave = 0.5 + 0.095 * math.sin(turn * 8.0)
                    leaf = abs(math.sin(turn * 8.0 + 1.5708)) * 0.07
                    vine = step(0.012, 0.006, abs(s - wave)) + step(0.03, 0.012, abs(abs(s - wave) - 0.055 - leaf))
                    dots = step(0.13, 0.09, math.hypot(math.sin(turn * 12.0) * 0.26, (s - 0.72) * 5.0))
                    dots += step(0.13, 0.09, math.hypot(math.sin(turn * 12.0) * 0.26, (s - 0.29) * 5.0))
                    line = (
                        step(0.006, 0.003, abs(s - 0.86))
                        + step(0.006, 0.003, abs(s - 0.18))
                        + step(0.006, 0.003, abs(s - 0.93))
                    )
                    pattern = min(1.0, vine + dots) * mix
                    mix = min(1.0, mix + line)
                    gloss, power = 0.9, 120.0
                else:
                    drip = 0.30 + 0.05 * math.sin(turn * 5.0) + 0.04 * math.sin(turn * 11.0 + 2.0) + 0.05 * clay
                    mix = 1.0
                    pattern = step(0.62, 0.8, s + 0.22 * clay + 0.05 * math.sin(turn * 9.0)) * (0.6 + 1.2 * clay)
                    pattern += step(0.05, 0.0, abs(s - drip)) * 0.35
                    gloss, power = 1.1, 90.0
                spec = gloss * math.pow(half, power) * 2.2
                pane = (
                    step(0.09, 0.05, abs(ax + 0.52))
                    * step(0.02, 0.12, abs(ay - 0.16 + 0.3 * ax))
                    * step(0.5, 0.3, abs(ay - 0.1))
                )
                spec += 0.32 * gloss * pane * (1.0 if glaze > 0 else 0.0)
                shade = 0.30 + 0.70 * step(0.0, 0.10, s)
                for c in range(3):
                    tone = tones[0, c] + (tones[1, c] - tones[0, c]) * mix
                    tone += (tones[2, c] - tone) * min(1.0, max(0.0, pattern))
                    tone *= 1.0 + (0.42 if glaze != 2 else 0.12) * clay + 0.25 * ring * (1.0 if glaze == 0 else 0.2)
                    warm = 0.25 + 0.75 * tones[4, c]
                    value = tone * (0.05 + 1.55 * key * warm + 0.20 * fill * (0.75 + 0.12 * c)) + spec * warm
                    value += edge_light * (0.10 * warm if ax > 0.0 else 0.03)
                    light[j, i, c] += (value * shade - light[j, i, c]) * body


def _room(rng: np.random.Generator, w: int, h: int, tones: Light, foot: float) -> Light:
    """Paint the studio out of focus: wall, window light, a shelf with pots, the bench; shape (h, w, 3)."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) / np.float32(h)
    x = x - 0.5 * w / h
    lamp = np.exp(-((x + 0.22) ** 2 * 7 + (y - 0.2) ** 2 * 5))[..., None]
    room = tones[3] * (0.16 + 1.5 * lamp * (0.4 + 0.6 * tones[4]))
    for shelf, count in ((0.185, 5), (0.37, 6)):
        board = np.exp(-(((y - shelf) / 0.009) ** 2))[..., None]
        room = room * (1 - 0.7 * board)
        for _ in range(count):
            cx, r, tall = rng.uniform(-0.28, 0.28), rng.uniform(0.022, 0.045), rng.uniform(0.05, 0.10)
            pinch = r * (1 - 0.45 * np.sin(np.clip((shelf - y) / tall, 0, 1) * rng.uniform(2, 5)) ** 2)
            inside = (
                1
                / (1 + np.exp(np.clip((np.abs(x - cx) - pinch) / 0.005, -60, 60)))
                / (1 + np.exp(np.clip((shelf - tall - y) / 0.005, -60, 60)))
                / (1 + np.exp(np.clip((y - shelf) / 0.004, -60, 60)))
            )
            side = np.clip(0.6 - (x - cx) / r * 0.6, 0.12, 1.2)[..., None]
            tone = tones[rng.integers(0, 3)] * 0.34 + 0.02
            room = room + (tone * side * (0.25 + 1.5 * lamp) - room) * inside[..., None]
    bench = np.clip((y - (foot - 0.05)) / 0.012, 0, 1)[..., None]
    wood = (
        np.array((0.10, 0.055, 0.03), np.float32)
        * (0.4 + 1.0 * np.exp(-((x + 0.1) ** 2 * 8 + (y - foot) ** 2 * 14)))[..., None]
    )
    room = room + (wood - room) * bench
    light = np.ascontiguousarray(room, np.float32)
    points = np.zeros((26, 6), np.float32)
    points[:, 0], points[:, 1] = rng.uniform(0, w, 26), rng.uniform(0, 0.5 * h, 26)
    points[:, 2] = rng.uniform(8, 26, 26)
    points[:, 3:] = tones[4] * rng.uniform(0.01, 0.05, (26, 1))
    splats(light, points)
    return light


def paint(variant: int) -> Painter:
    """Return the painter of one pot; the wheel makes whole turns a loop; see `canvas.Painter`."""
    rng = seeded("pottery", variant)
    tones = colours(*LOOKS[variant])
    film = Film(360, 640, bloom=0.28, gain=1.5, filmic=True, vignette=0.5)
    noise = fractal(rng, 256, 1.5, 2)
    rings = ridge(rng, 512, 0.55, 12)
    foot = 0.80
    room = _room(rng, film.width, film.height, tones, foot)
    start, end = (np.array(profile, np.float32) for profile in PROFILES[variant])

    def moment(phase: float) -> Pixels:
        grow = sway(phase)
        grow = grow * grow * (3 - 2 * grow)
        wobble = 1.0 + 0.006 * math.sin(TAU * 14 * phase)
        profile = ((start + (end - start) * np.float32(grow)) * np.float32(wobble)).astype(np.float32)
        low, high = HEIGHTS[variant]
        _paint(
            film.light,
            room,
            noise,
            rings,
            tones,
            profile,
            low + (high - low) * grow,
            TAU * 7 * phase,
            variant,
            foot,
        )
        return film.develop()

    return moment
