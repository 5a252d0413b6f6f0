"""Looks: tables of colours, computed here and nowhere stored.

Each look is a few steps of grading in the display's own values, from 0 to 1: lift, gamma and gain by channel, contrast about the middle,
saturation, and a tint of shadows and lights. Greys stay in order: no look turns a light grey darker than a dark one.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

SIZE: Final = 33
"""Points along each axis of a table."""
_LUMA: Final = np.array([0.2126, 0.7152, 0.0722])
_Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How colours change, and what that is called in English and in German."""

    en: str
    de: str
    gamma: _Three = (1.0, 1.0, 1.0)
    gain: _Three = (1.0, 1.0, 1.0)
    lift: _Three = (0.0, 0.0, 0.0)
    contrast: float = 1.0
    saturation: float = 1.0
    shadows: _Three = (0.0, 0.0, 0.0)
    lights: _Three = (0.0, 0.0, 0.0)


LOOKS: Final[dict[str, Look]] = {
    "warm": Look(en="Warm", de="Warm", gain=(1.06, 1.0, 0.9), gamma=(1.04, 1.0, 0.96), saturation=1.05),
    "cool": Look(en="Cool", de="Kühl", gain=(0.92, 1.0, 1.06), gamma=(0.96, 1.0, 1.05)),
    "golden": Look(
        en="Golden hour", de="Goldene Stunde", gain=(1.08, 1.0, 0.82), lights=(0.05, 0.03, -0.05), saturation=1.1
    ),
    "teal": Look(
        en="Teal", de="Petrol", contrast=1.08, shadows=(-0.05, 0.03, 0.05), lights=(0.05, 0.01, -0.05), saturation=1.08
    ),
    "dusk": Look(
        en="Dusk", de="Dämmerung", gain=(0.94, 0.88, 1.02), shadows=(0.02, -0.02, 0.08), lights=(0.04, 0.0, 0.02)
    ),
    "rose": Look(en="Rose", de="Rosé", gain=(1.04, 0.96, 1.0), lift=(0.04, 0.02, 0.03), saturation=0.92),
    "mint": Look(en="Mint", de="Minze", gain=(0.95, 1.03, 0.99), lift=(0.02, 0.04, 0.03), saturation=0.95),
    "vivid": Look(en="Vivid", de="Kräftig", contrast=1.12, saturation=1.35),
    "fade": Look(
        en="Faded", de="Verblasst", contrast=0.84, lift=(0.06, 0.06, 0.065), gain=(0.97, 0.96, 0.94), saturation=0.75
    ),
    "film": Look(
        en="Film",
        de="Film",
        contrast=1.1,
        lift=(0.03, 0.03, 0.035),
        shadows=(-0.01, 0.0, 0.03),
        lights=(0.03, 0.02, -0.02),
        saturation=0.9,
    ),
    "noir": Look(en="Noir", de="Noir", contrast=1.3, saturation=0.0),
    "sepia": Look(
        en="Sepia", de="Sepia", contrast=0.96, saturation=0.0, shadows=(0.05, 0.01, -0.03), lights=(0.07, 0.02, -0.1)
    ),
}
"""By name, in the order of a menu."""


def colours(name: str, strength: float = 1.0, size: int = SIZE) -> NDArray[np.float64]:
    """[size³, 3] from 0 to 1: what becomes of each point of the colour cube, red fastest. At strength 0 nothing changes."""
    look = LOOKS[name]
    axis = np.linspace(0.0, 1.0, size)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    before = np.stack([red.ravel(), green.ravel(), blue.ravel()], axis=1)
    value = np.clip(before * look.gain, 0, 1) ** (1 / np.array(look.gamma))
    value = np.array(look.lift) + value * (1 - np.array(look.lift))
    value = 0.5 + (value - 0.5) * look.contrast
    luma = (value @ _LUMA)[:, None]
    value = luma + (value - luma) * look.saturation
    # The tints fade out towards the other end and towards black and white themselves.
    shade = np.clip(luma, 0, 1)
    value = (
        value
        + np.array(look.shadows) * 4 * shade * (1 - shade) ** 2
        + np.array(look.lights) * 4 * shade**2 * (1 - shade)
    )
    after: NDArray[np.float64] = before + (np.clip(value, 0, 1) - before) * strength
    return after


@lru_cache(maxsize=64)
def table(name: str, strength: float = 1.0, size: int = SIZE) -> bytes:
    """The same in bytes, three a point, for a texture of size x size x size."""
    return np.rint(colours(name, strength, size) * 255).astype(np.uint8).tobytes()


@lru_cache(maxsize=64)
def cube(name: str, strength: float = 1.0) -> str:
    """The same as a .cube file."""
    rows = "\n".join("%.6f %.6f %.6f" % tuple(row) for row in colours(name, strength).tolist())  # noqa: UP031  (fast)
    return f"LUT_3D_SIZE {SIZE}\n{rows}\n"
