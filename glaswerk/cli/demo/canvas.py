"""The painter's tools that every scene shares: periodic noise, sampling, glow, and the way from light to pixels.

Scenes paint linear light into float32 arrays of shape (height, width, 3) and hand them to `Film.develop`, which adds
bloom, a vignette and a filmic curve and returns uint8 RGB. All randomness comes from `seeded`, so a clip is the same
bytes each time.
"""

import math
import zlib
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Light: TypeAlias = NDArray[np.float32]
Pixels: TypeAlias = NDArray[np.uint8]
Painter: TypeAlias = Callable[[float], Pixels]
"""Paints the moment `phase` (0..1 of the loop) as uint8 RGB of shape (height, width, 3); phase 1 equals phase 0."""

TAU = 2.0 * math.pi
F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a scalar loop with numba, cached on disk so that only the first run of a machine pays for it."""
    return cast(F, numba.njit(cache=True, fastmath=True, nogil=True, error_model="numpy")(function))


def seeded(topic: str, variant: int) -> np.random.Generator:
    """Return the random source of one clip; independent of Python's hash seed."""
    return np.random.default_rng([zlib.crc32(topic.encode()), variant])


def colour(code: str, gain: float = 1.0) -> Light:
    """Linear light (gamma 2, as `Film` undoes it) of an sRGB hex code such as "ff8800", times `gain`; shape (3,)."""
    rgb = np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / np.float32(255)
    return (rgb * rgb * np.float32(gain)).astype(np.float32)


def colours(*codes: str) -> Light:
    """Stack of `colour`, shape (n, 3)."""
    return np.stack([colour(code) for code in codes])


def ramp(stops: list[tuple[float, str]], size: int = 512) -> Light:
    """Lookup table of linear light between hex codes at positions 0..1, mixed in gamma space; shape (size, 3)."""
    at = np.linspace(0, 1, size)
    where = [position for position, _ in stops]
    mixed = [np.interp(at, where, [float(np.sqrt(colour(code)[c])) for _, code in stops]) ** 2 for c in range(3)]
    return np.stack(mixed, axis=1).astype(np.float32)


def fractal(rng: np.random.Generator, size: int, slope: float, low: int = 1) -> Light:
    """Periodic fractal noise, shape (size, size), spectrum 1/f**slope from `low` cycles up, about 0..1 around 0.5."""
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]) * size
    spectrum = np.fft.rfft2(rng.standard_normal((size, size)))
    gain = np.where(f >= low, 1.0 / np.maximum(f, 1e-9) ** slope, 0.0)
    field = np.fft.irfft2(spectrum * gain, s=(size, size))
    scaled: Light = np.clip(0.5 + field / (field.std() * 5.2), 0.0, 1.0).astype(np.float32)
    return scaled


def ridge(rng: np.random.Generator, size: int, slope: float, low: int = 1) -> Light:
    """Periodic fractal line, shape (size,), scaled to exactly 0..1."""
    f = np.fft.rfftfreq(size) * size
    gain = np.where(f >= low, 1.0 / np.maximum(f, 1e-9) ** slope, 0.0)
    line = np.fft.irfft(np.fft.rfft(rng.standard_normal(size)) * gain, n=size)
    scaled: Light = ((line - line.min()) / (line.max() - line.min())).astype(np.float32)
    return scaled


def sway(phase: float) -> float:
    """A camera move that leaves and comes back without a jolt: 0 at phase 0, 1 at phase 0.5."""
    return 0.5 - 0.5 * math.cos(TAU * phase)


@kernel
def tap(texture: Light, u: float, v: float) -> float:
    """Sample a square power-of-two texture at texel (u, v), bilinear and periodic."""
    mask = texture.shape[0] - 1
    fu = math.floor(u)
    fv = math.floor(v)
    a = u - fu
    b = v - fv
    i = int(fu) & mask
    j = int(fv) & mask
    i1 = (i + 1) & mask
    j1 = (j + 1) & mask
    top = texture[j, i] + (texture[j, i1] - texture[j, i]) * a
    low = texture[j1, i] + (texture[j1, i1] - texture[j1, i]) * a
    return float(top + (low - top) * b)


@kernel
def at(line: Light, u: float) -> float:
    """Sample a periodic line of any length at position u, linear."""
    n = line.shape[0]
    fu = math.floor(u)
    i = int(fu) % n
    return float(line[i] + (line[(i + 1) % n] - line[i]) * (u - fu))


@kernel
def step(a: float, b: float, x: float) -> float:
    """Smooth step from 0 at a to 1 at b (a may be greater than b)."""
    t = (x - a) / (b - a)
    t = min(1.0, max(0.0, t))
    return t * t * (3.0 - 2.0 * t)


@kernel
def splat(light: Light, x: float, y: float, radius: float, r: float, g: float, b: float) -> None:
    """Add a soft round point of light; radius in pixels, where its brightness has reached zero."""
    x0 = max(0, math.ceil(x - radius))
    x1 = min(light.shape[1] - 1, math.floor(x + radius))
    y0 = max(0, math.ceil(y - radius))
    y1 = min(light.shape[0] - 1, math.floor(y + radius))
    k = 1.0 / (radius * radius)
    for j in range(y0, y1 + 1):
        for i in range(x0, x1 + 1):
            w = 1.0 - ((i - x) * (i - x) + (j - y) * (j - y)) * k
            if w > 0.0:
                w *= w
                light[j, i, 0] += r * w
                light[j, i, 1] += g * w
                light[j, i, 2] += b * w


@kernel
def splats(light: Light, points: Light) -> None:
    """Add many soft points; rows of `points` are (x, y, radius, r, g, b) in pixels and linear light."""
    for n in range(points.shape[0]):
        p = points[n]
        splat(light, p[0], p[1], p[2], p[3], p[4], p[5])


@kernel
def _shrink(light: Light, small: Light) -> None:
    for j in range(small.shape[0]):
        for i in range(small.shape[1]):
            for c in range(3):
                total = np.float32(0.0)
                for b in range(4):
                    for a in range(4):
                        total += light[4 * j + b, 4 * i + a, c]
                small[j, i, c] = total * np.float32(0.0625)


@kernel
def _soften(source: Light, rows: Light, target: Light, stride: int) -> None:
    """One à-trous pass: the binomial 1-2-1 in both directions with taps `stride` apart."""
    h, w = source.shape[0], source.shape[1]
    for j in range(h):
        for i in range(w):
            a = max(0, i - stride)
            b = min(w - 1, i + stride)
            for c in range(3):
                rows[j, i, c] = (
                    np.float32(0.25) * (source[j, a, c] + source[j, b, c]) + np.float32(0.5) * source[j, i, c]
                )
    for j in range(h):
        a = max(0, j - stride)
        b = min(h - 1, j + stride)
        for i in range(w):
            for c in range(3):
                target[j, i, c] = np.float32(0.25) * (rows[a, i, c] + rows[b, i, c]) + np.float32(0.5) * rows[j, i, c]


@kernel
def _expose(
    light: Light,
    glow: Light,
    dither: Light,
    out: Pixels,
    bloom: float,
    gain: float,
    filmic: bool,
    vignette: float,
) -> None:
    h, w = light.shape[0], light.shape[1]
    gh, gw = glow.shape[0], glow.shape[1]
    one = np.float32(1.0)
    for j in range(h):
        v = (j + 0.5) / 4.0 - 0.5
        j0 = min(gh - 1, max(0, math.floor(v)))
        j1 = min(gh - 1, j0 + 1)
        fv = np.float32(min(1.0, max(0.0, v - j0)))
        ny = (j + 0.5) / h - 0.5
        for i in range(w):
            u = (i + 0.5) / 4.0 - 0.5
            i0 = min(gw - 1, max(0, math.floor(u)))
            i1 = min(gw - 1, i0 + 1)
            fu = np.float32(min(1.0, max(0.0, u - i0)))
            nx = (i + 0.5) / w - 0.5
            shade = np.float32(gain * (1.0 - vignette * (nx * nx + ny * ny) * 1.6))
            noise = dither[j & 63, i & 63]
            for c in range(3):
                top = glow[j0, i0, c] + (glow[j0, i1, c] - glow[j0, i0, c]) * fu
                low = glow[j1, i0, c] + (glow[j1, i1, c] - glow[j1, i0, c]) * fu
                x = (light[j, i, c] + np.float32(bloom) * (top + (low - top) * fv)) * shade
                x = max(np.float32(0.0), x)
                if filmic:
                    x = (
                        x
                        * (np.float32(2.51) * x + np.float32(0.03))
                        / (x * (np.float32(2.43) * x + np.float32(0.59)) + np.float32(0.14))
                    )
                x = math.sqrt(min(one, x)) * np.float32(255.0) + noise
                out[j, i, c] = np.uint8(min(np.float32(255.0), max(np.float32(0.0), x)))


class Film:
    """Turns linear light of one size into pixels; keeps its buffers, so one `Film` serves one clip."""

    def __init__(
        self,
        width: int,
        height: int,
        bloom: float = 0.3,
        gain: float = 1.0,
        filmic: bool = True,
        vignette: float = 0.35,
    ) -> None:
        if width % 4 or height % 4:
            raise ValueError("a film's sides must be multiples of four")
        self.width, self.height = width, height
        self.light: Light = np.zeros((height, width, 3), np.float32)
        self._small: list[Light] = [np.zeros((height // 4, width // 4, 3), np.float32) for _ in range(4)]
        # A fixed dither of about one level hides the bands that 8 bits leave in a long gradient.
        self._dither: Light = np.random.default_rng(7).uniform(-0.4, 1.4, (64, 64)).astype(np.float32)
        self._bloom, self._gain, self._filmic, self._vignette = bloom, gain, filmic, vignette

    def develop(self) -> Pixels:
        """Return a new uint8 RGB frame, shape (height, width, 3), of what was painted into `light`."""
        small, rows, soft, glow = self._small
        out: Pixels = np.empty((self.height, self.width, 3), np.uint8)
        if self._bloom > 0:
            _shrink(self.light, small)
            _soften(small, rows, soft, 1)
            _soften(soft, rows, small, 2)
            glow[:] = small * np.float32(0.5)
            _soften(small, rows, soft, 4)
            glow += soft * np.float32(0.3)
            _soften(soft, rows, small, 8)
            glow += small * np.float32(0.2)
        _expose(self.light, glow, self._dither, out, self._bloom, self._gain, self._filmic, self._vignette)
        return out
