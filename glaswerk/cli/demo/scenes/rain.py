"""A city night seen through a rainy window: lights out of focus, and drops that hold the street upside down."""

import math

import numpy as np
from scipy.ndimage import gaussian_filter

from glaswerk.cli.demo.canvas import Film, Light, Painter, Pixels, colours, fractal, kernel, seeded

LOOKS = (
    # sky, street, and four lights
    ("0c1a3a", "2a1c30", "ffb45a", "ff5a3a", "5ac8ff", "fff0d0"),
    ("1a0c34", "3a1040", "ff4ab0", "7a6aff", "4affe0", "ffd0f0"),
    ("06222a", "10302c", "5affb0", "ffd45a", "ff6a4a", "d8fff0"),
    ("2a1408", "3a2010", "ffc46a", "ff8a2a", "ff4a2a", "fff0c8"),
)


@kernel
def _disc(light: Light, x0: float, y0: float, r: float, tone: Light, gain: float) -> None:
    """Add one light out of focus: a flat disc with a slightly brighter rim, as a fast lens draws it."""
    h, w = light.shape[0], light.shape[1]
    for j in range(max(0, int(y0 - r - 1)), min(h, int(y0 + r + 2))):
        for i in range(max(0, int(x0 - r - 1)), min(w, int(x0 + r + 2))):
            d = math.sqrt((i - x0) ** 2 + (j - y0) ** 2)
            cover = min(1.0, max(0.0, (r - d) * 0.7 + 0.5))
            if cover > 0.0:
                k = gain * cover * (0.72 + 0.45 * (d / r) ** 6)
                for c in range(3):
                    light[j, i, c] += tone[c] * k


@kernel
def _lights(light: Light, base: Light, lamps: Light, phase: float, blur: float) -> None:
    """Paint the street behind the glass with discs `blur` times their own size; cars move, signs breathe."""
    h, w = light.shape[0], light.shape[1]
    for j in range(h):
        for i in range(w):
            for c in range(3):
                light[j, i, c] = base[j, i, c]
    tone = np.empty(3, np.float32)
    for n in range(lamps.shape[0]):
        p = lamps[n]
        x = p[0] * w
        y = p[1] * h
        r = p[2]
        if p[6] != 0.0:
            # Cars come nearer (or go) along the street, whole runs a loop.
            t = (p[7] + phase * p[6]) % 1.0
            deep = t * t
            x = (0.5 + (p[0] - 0.5) * (0.12 + 0.95 * deep)) * w
            y = (0.60 + 0.34 * deep) * h
            r = p[2] * (0.35 + 0.9 * deep)
        gain = 1.0 + 0.25 * math.sin(6.2831853 * (phase * p[8] + p[7]))
        if p[6] != 0.0:
            gain *= min(1.0, 8.0 * t) * min(1.0, 8.0 * (1.0 - t))
        for c in range(3):
            tone[c] = p[3 + c]
        _disc(light, x, y, max(1.0, r * blur), tone, gain / max(0.12, blur * blur) ** 0.5)


@kernel
def _bead(lens: Light, x0: float, y0: float, r: float, stretch: float) -> None:
    """Press one drop into the lens map: (bend x, bend y, cover, light from above), keeping whichever drop is nearer."""
    h, w = lens.shape[0], lens.shape[1]
    for j in range(max(0, int(y0 - r * stretch - 1)), min(h, int(y0 + r * stretch + 2))):
        for i in range(max(0, int(x0 - r - 1)), min(w, int(x0 + r + 2))):
            u = (i - x0) / r
            v = (j - y0) / (r * stretch)
            # Drops hang: heavier below than above.
            u *= 1.0 + 0.22 * (0.5 - v) if v < 0.5 else 1.0
            d2 = u * u + v * v
            if d2 >= 1.0:
                continue
            cover = min(1.0, (1.0 - math.sqrt(d2)) * r * 0.9)
            if cover < lens[j, i, 2] * 0.5:
                continue
            bulge = math.sqrt(1.0 - d2)
            lens[j, i, 0] = -u * (0.35 + 0.65 * (1.0 - bulge))
            lens[j, i, 1] = -v * (0.35 + 0.65 * (1.0 - bulge))
            lens[j, i, 2] = cover
            lens[j, i, 3] = bulge


@kernel
def _run(lens: Light, clear: Light, runs: Light, phase: float) -> None:
    h = lens.shape[0]
    for n in range(runs.shape[0]):
        p = runs[n]
        t = (phase + p[1]) % 1.0
        # Drops stick and slip: the path is a smooth stair.
        fall = t + 0.035 * math.sin(6.2831853 * (3.0 * t + p[4])) - 0.035 * math.sin(6.2831853 * p[4])
        y = (-0.15 + 1.35 * fall) * h
        x = p[0] + 4.0 * math.sin(y * 0.021 + p[4] * 9.0) + 2.0 * math.sin(y * 0.06 + p[4] * 5.0)
        r = p[2]
        top = max(0, int(y - p[3] * h))
        for j in range(top, min(h, int(y))):
            back = (y - j) / (p[3] * h)
            px = p[0] + 4.0 * math.sin(j * 0.021 + p[4] * 9.0) + 2.0 * math.sin(j * 0.06 + p[4] * 5.0)
            wide = r * (0.75 - 0.4 * back)
            for i in range(max(0, int(px - wide - 2)), min(lens.shape[1], int(px + wide + 3))):
                k = min(1.0, max(0.0, wide - abs(i - px) + 0.5)) * min(1.0, 3.0 * (1.0 - back))
                clear[j, i] = max(clear[j, i], k)
                lens[j, i, 2] *= 1.0 - k
        for s in range(7):
            back = (s + 1.0) / 8.0
            by = math.floor((y - back * p[3] * h) / 19.0) * 19.0 + 7.0 * math.sin(s + p[4] * 30.0)
            if by < y - r:
                bx = p[0] + 4.0 * math.sin(by * 0.021 + p[4] * 9.0) + 2.0 * math.sin(by * 0.06 + p[4] * 5.0)
                _bead(lens, bx, by, 1.2 + r * 0.32 * (1.0 - back), 1.15)
        _bead(lens, x, y, r, 1.35)


@kernel
def _glass(light: Light, far: Light, sharp: Light, lens: Light, clear: Light, fog: Light) -> None:
    """Look through the pane: mist scatters, a wiped trail is clear, a drop shows the sharp street turned over."""
    h, w = light.shape[0], light.shape[1]
    for j in range(h):
        for i in range(w):
            open_ = clear[j, i]
            cover = lens[j, i, 2]
            mist = (0.012 + 0.022 * fog[j & 255, i & 255]) * (1.0 - open_)
            for c in range(3):
                light[j, i, c] = far[j, i, c] + (sharp[j, i, c] * 0.6 + far[j, i, c] * 0.2) * open_ * 0.55 + mist
            if cover > 0.0:
                x = min(w - 1.0, max(0.0, i + lens[j, i, 0] * 105.0))
                y = min(h - 1.0, max(0.0, h * 0.5 + (j - h * 0.5) * 0.35 + lens[j, i, 1] * 150.0))
                bulge = lens[j, i, 3]
                shine = max(0.0, -lens[j, i, 1] - 0.2) * 0.22
                glint = 1.0 if (lens[j, i, 0] + 0.20) ** 2 + (lens[j, i, 1] - 0.22) ** 2 < 0.006 else 0.0
                a = int(x)
                b = int(y)
                for c in range(3):
                    inside = (
                        (sharp[b, a, c] * 0.75 + far[b, a, c] * 0.7) * (0.30 + 0.95 * bulge)
                        + shine * 0.35
                        + glint * 0.6
                    )
                    light[j, i, c] += (inside - light[j, i, c]) * cover


def paint(variant: int) -> Painter:
    """Return the painter of one rainy night; see `canvas.Painter`."""
    rng = seeded("rain", variant)
    tones = colours(*LOOKS[variant])
    film = Film(360, 640, bloom=0.45, gain=1.02, vignette=0.4)
    w, h = film.width, film.height
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) / np.float32(h)
    glow = np.exp(-((y - 0.58) ** 2) * 16)[..., None]
    street = np.clip((y - 0.58) / 0.4, 0, 1)[..., None]
    base = tones[0] * (0.55 + 0.7 * y[..., None]) + tones[2] * 0.12 * glow + tones[1] * 0.38 * street
    # Towers stand left and right as soft darker blocks.
    for _ in range(9):
        cx, wide, top = rng.uniform(0, 0.56), rng.uniform(0.03, 0.08), rng.uniform(0.08, 0.4)
        block = gaussian_filter(((np.abs(x - cx) < wide) & (y > top) & (y < 0.6)).astype(np.float32), 5)[..., None]
        base = base * (1 - 0.45 * block)
    base = np.ascontiguousarray(base, np.float32)
    count, cars = 96, 14
    lamps = np.zeros((count + cars, 9), np.float32)
    for n in range(count):
        side = rng.choice([-1, 1])
        spread = rng.random() ** 0.7
        lx = 0.5 + side * (0.05 + 0.47 * spread)
        ly = 0.60 - 0.50 * rng.random() ** 1.4 * (0.25 + spread)
        tone = tones[2 + int(rng.choice(4, p=[0.4, 0.22, 0.22, 0.16]))] * rng.uniform(0.10, 0.42)
        lamps[n] = (
            lx,
            ly,
            (rng.uniform(8, 20) + 16 * rng.random() ** 3) * (0.55 + 0.85 * spread),
            *tone,
            0,
            rng.random(),
            rng.integers(0, 3),
        )
    for n in range(cars):
        coming = n % 2 == 0
        tone = (tones[5] if coming else np.array((1.0, 0.05, 0.04), np.float32)) * rng.uniform(0.45, 0.8)
        lx = 0.5 + (-1 if coming else 1) * rng.uniform(0.12, 0.55)
        lamps[count + n] = (
            lx,
            0,
            rng.uniform(17, 25),
            *tone,
            1 if coming else -1,
            (n // 2) / (cars / 2) + rng.uniform(0, 0.08),
            0,
        )
    still = np.zeros((h, w, 4), np.float32)
    for _ in range(520):
        _bead(still, rng.uniform(0, w), rng.uniform(0, h), 1.0 + 3.0 * rng.random() ** 3, rng.uniform(1.0, 1.25))
    for _ in range(72):
        _bead(still, rng.uniform(0, w), rng.uniform(0, h), 4 + 8.5 * rng.random() ** 1.6, rng.uniform(1.0, 1.25))
    runs = np.stack(
        [
            np.linspace(14, w - 14, 12) + rng.uniform(-12, 12, 12),
            rng.random(12),
            rng.uniform(5.5, 10.0, 12),
            rng.uniform(0.25, 0.6, 12),
            rng.random(12),
        ],
        axis=1,
    ).astype(np.float32)
    fog = fractal(rng, 256, 1.2, 2) * tones[2:6].mean(axis=0).mean()
    far, sharp = np.zeros((h, w, 3), np.float32), np.zeros((h, w, 3), np.float32)

    def moment(phase: float) -> Pixels:
        lens, clear = still.copy(), np.zeros((h, w), np.float32)
        _lights(far, base, lamps, phase, 1.0)
        _lights(sharp, base, lamps, phase, 0.30)
        _run(lens, clear, runs, phase)
        _glass(film.light, far, sharp, lens, clear, fog)
        return film.develop()

    return moment
