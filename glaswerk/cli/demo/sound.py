"""Calm musical beds for the clips, synthesised so that they loop: everything is written around a circle of samples.

Tones, echoes and noise wrap from the end of the loop to its beginning; the hall is a circular convolution. Levels follow
ITU-R BS.1770-4: `loudness` is the ungated integrated loudness in LUFS, and `compose` brings each bed to -15 LUFS below
a soft ceiling of -1.2 dBFS.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from glaswerk.cli.demo.canvas import TAU, seeded

RATE = 48_000
LOUDNESS = -15.0
CEILING = 0.87

Wave = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a topic sounds like; levels are relative, chords are semitones above the root."""

    root: float
    chords: tuple[tuple[int, ...], ...]
    pad: float
    bright: float
    lead: str
    notes: int
    lead_level: float
    nature: str = ""
    nature_level: float = 0.0
    beat: str = ""
    hall: float = 1.8


MINOR9 = ((0, 7, 10, 14), (-4, 3, 8, 15))
MAJOR9 = ((0, 7, 11, 16), (-3, 4, 12, 16))
LYDIAN = ((0, 7, 14, 18), (-5, 7, 11, 16))
WARM = ((0, 4, 7, 14), (-7, 5, 9, 16))
DRIVE = ((0, 7, 12, 15), (-4, 3, 8, 12), (-9, 3, 7, 10), (-2, 5, 10, 14))

RECIPES: dict[str, Recipe] = {
    "pottery": Recipe(174.6, WARM, 0.5, 0.35, "kalimba", 16, 0.9, "wheel", 0.20),
    "aurora": Recipe(110.0, LYDIAN, 1.0, 0.30, "bell", 6, 0.45, "wind", 0.22, hall=3.2),
    "marbling": Recipe(146.8, MAJOR9, 0.8, 0.30, "glass", 9, 0.6, "bubbles", 0.30, hall=2.6),
    "ocean": Recipe(130.8, MAJOR9, 0.6, 0.30, "pluck", 8, 0.55, "waves", 0.9, hall=2.2),
    "stainedglass": Recipe(130.8, MAJOR9, 0.7, 0.55, "bell", 12, 0.55, hall=3.0),
    "jellyfish": Recipe(98.0, MINOR9, 1.0, 0.22, "glass", 7, 0.5, "bubbles", 0.45, hall=3.2),
    "mountains": Recipe(146.8, WARM, 0.7, 0.32, "flute", 6, 0.55, "birds", 0.22, hall=2.4),
    "synthwave": Recipe(110.0, DRIVE, 0.6, 0.8, "arp", 32, 0.5, beat="drive", hall=1.2),
    "papercut": Recipe(196.0, WARM, 0.35, 0.25, "musicbox", 16, 0.8, "wind", 0.12, hall=1.8),
    "galaxy": Recipe(82.4, LYDIAN, 1.0, 0.35, "bell", 5, 0.4, "wind", 0.12, hall=3.6),
    "rainynight": Recipe(138.6, MINOR9, 0.6, 0.35, "rhodes", 10, 0.7, "rain", 0.6, beat="soft", hall=1.4),
    "fireworks": Recipe(155.6, MAJOR9, 0.7, 0.45, "pluck", 16, 0.55, "bursts", 0.8, hall=2.6),
}
SCALES = {True: (0, 2, 4, 7, 9), False: (0, 3, 5, 7, 10)}


def _add(bed: Wave, start: float, wave: Wave, pan: float) -> None:
    """Mix a mono sound into the stereo circle from `start` seconds; pan -1 left to 1 right."""
    n = bed.shape[0]
    begin = int(start * RATE) % n
    angle = (pan + 1) * math.pi / 4
    sides = np.array((math.cos(angle), math.sin(angle)))
    done = 0
    while done < len(wave):
        take = min(len(wave) - done, n - begin)
        bed[begin : begin + take] += wave[done : done + take, None] * sides
        done, begin = done + take, 0


def _hiss(rng: np.random.Generator, n: int, low: float, high: float, slope: float) -> Wave:
    """Periodic noise of unit deviation between two frequencies in hertz, its spectrum falling as 1/f**slope."""
    f = np.fft.rfftfreq(n, 1 / RATE)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    gain = 1 / np.maximum(f, 20) ** slope / (1 + (low / np.maximum(f, 1)) ** 4) / (1 + (f / high) ** 4)
    wave: Wave = np.fft.irfft(spectrum * gain, n=n)
    wave /= wave.std()
    return wave


def _tone(kind: str, hertz: float, length: float) -> Wave:
    """One struck or blown note, mono, peak about 1."""
    t = np.arange(int(length * RATE)) / RATE
    w = TAU * hertz * t
    if kind == "pluck":
        wave = sum(np.sin(k * w) / k**1.3 * np.exp(-t * (2.2 + 1.3 * k)) for k in range(1, 7))
    elif kind == "kalimba":
        wave = (
            np.sin(w) * np.exp(-t * 4)
            + 0.25 * np.sin(2 * w) * np.exp(-t * 9)
            + 0.30 * np.sin(5.4 * w) * np.exp(-t * 26)
        )
    elif kind == "musicbox":
        wave = (
            np.sin(2 * w) * np.exp(-t * 4.5)
            + 0.35 * np.sin(4.02 * w) * np.exp(-t * 7)
            + 0.18 * np.sin(12.6 * w) * np.exp(-t * 22)
        )
    elif kind == "bell":
        partials = (
            (1.0, 1.0, 1.4),
            (2.0, 0.6, 2.0),
            (2.41, 0.35, 2.6),
            (3.0, 0.3, 3.2),
            (4.52, 0.18, 5.0),
            (5.43, 0.1, 7.0),
        )
        wave = sum(a * np.sin(m * 2 * w) * np.exp(-t * d) for m, a, d in partials) * 0.6
    elif kind == "glass":
        swell = np.minimum(1, t / 0.12)
        wave = swell * (
            np.sin(2 * w) * np.exp(-t * 1.6) + 0.22 * np.sin(4 * w + 0.6 * np.sin(TAU * 4.5 * t)) * np.exp(-t * 2.4)
        )
    elif kind == "flute":
        swell = np.minimum(1, t / 0.16) * np.exp(-t * 1.3)
        vibrato = 0.018 * hertz / 5 * np.sin(TAU * 5 * t) * np.minimum(1, t / 0.5)
        wave = swell * (np.sin(2 * w + vibrato) + 0.18 * np.sin(4 * w + 2 * vibrato) + 0.06 * np.sin(6 * w))
    elif kind == "rhodes":
        wave = np.sin(w + 1.1 * np.exp(-t * 5) * np.sin(w)) * np.exp(-t * 2.0) + 0.22 * np.sin(14 * w) * np.exp(-t * 30)
    elif kind == "arp":
        wave = sum(np.sin(k * w) / k * np.exp(-t * (5 + 1.6 * k)) for k in range(1, 10))
    else:
        raise ValueError(f"there is no instrument called {kind}")
    # A short ramp at both ends keeps the clicks out.
    edge = np.minimum(1, np.minimum(t / 0.003, (t[-1] - t) / 0.03))
    return np.asarray(wave * edge, np.float64)


def _pad(n: int, recipe: Recipe, chords: list[list[float]], rng: np.random.Generator) -> Wave:
    """Slow chords that fade into each other around the circle; stereo, shape (n, 2)."""
    bed = np.zeros((n, 2))
    t = np.arange(n) / RATE
    seconds = n / RATE
    share = seconds / len(chords)
    for k, chord in enumerate(chords):
        # Squared cosines of neighbouring chords sum to one, so the level stays even.
        distance = np.abs((t - (k + 0.5) * share + seconds / 2) % seconds - seconds / 2) / share
        envelope = np.cos(np.clip(distance, 0, 1) * math.pi / 2) ** 2
        active = envelope > 0
        for hertz in chord:
            for side in (0, 1):
                for partial in range(1, 6):
                    gain = recipe.bright ** (partial - 1) / partial**0.5
                    if gain < 0.03:
                        break
                    # Whole cycles a loop: the tone meets itself at the seam.
                    cycles = round(hertz * partial * (1 + (0.0022 if side else -0.0022)) * seconds)
                    slow = 0.8 + 0.2 * np.sin(TAU * (rng.integers(1, 4) * t[active] / seconds + rng.random()))
                    bed[active, side] += (
                        envelope[active] * gain * slow * np.sin(TAU * (cycles * t[active] / seconds + rng.random()))
                    )
    return bed / 4


def _nature(bed: Wave, kind: str, level: float, rng: np.random.Generator) -> None:
    n = bed.shape[0]
    seconds = n / RATE
    t = np.arange(n) / n
    if kind in ("wind", "waves", "rain", "wheel"):
        low, high, slope = {
            "wind": (160, 900, 0.9),
            "waves": (90, 4200, 0.55),
            "rain": (900, 11000, 0.25),
            "wheel": (60, 500, 0.9),
        }[kind]
        turns = {"wind": 1, "waves": 2, "rain": 1, "wheel": 7}[kind]
        for side in (0, 1):
            swell = 0.5 - 0.5 * np.cos(TAU * (turns * t - 0.04 * side))
            shape = {
                "wind": 0.35 + 0.65 * swell,
                "waves": 0.18 + 0.82 * swell**2.2,
                "rain": 0.8 + 0.2 * swell,
                "wheel": 0.6 + 0.4 * swell,
            }[kind]
            bed[:, side] += 0.16 * level * shape * _hiss(rng, n, low, high, slope)
    if kind in ("rain", "wheel"):
        for _ in range(int(seconds * (26 if kind == "rain" else 3))):
            span = np.arange(int(0.012 * RATE)) / RATE
            drop = np.sin(TAU * rng.uniform(1800, 5200) * span) * np.exp(-span * 420)
            _add(bed, rng.uniform(0, seconds), 0.10 * level * rng.random() * drop, rng.uniform(-0.9, 0.9))
    if kind == "bubbles":
        for _ in range(int(seconds * 5)):
            span = np.arange(int(0.09 * RATE)) / RATE
            pitch = rng.uniform(340, 900)
            bubble = (
                np.sin(TAU * (pitch * span + pitch * 4 * span**2)) * np.exp(-span * 50) * np.minimum(1, span / 0.004)
            )
            _add(
                bed,
                rng.uniform(0, seconds),
                0.22 * level * rng.uniform(0.2, 1) * bubble,
                rng.uniform(-0.8, 0.8),
            )
    if kind == "birds":
        for _ in range(int(seconds * 0.9)):
            at, pitch, pan = rng.uniform(0, seconds), rng.uniform(2400, 3900), rng.uniform(-0.9, 0.9)
            for k in range(int(rng.integers(2, 5))):
                span = np.arange(int(0.11 * RATE)) / RATE
                slide = TAU * (pitch * span + rng.uniform(-2600, 3200) * span**2)
                _add(bed, at + 0.15 * k, 0.16 * level * np.sin(slide) * np.sin(math.pi * span / 0.11) ** 2, pan)
    if kind == "bursts":
        for k in range(int(seconds * 0.9)):
            at, pan = (k + rng.uniform(0.1, 0.9)) * seconds / int(seconds * 0.9), rng.uniform(-0.7, 0.7)
            span = np.arange(int(1.4 * RATE)) / RATE
            thud = np.sin(TAU * (62 * span - 14 * span**2)) * np.exp(-span * 7) * 0.8
            crackle = (
                (rng.random(len(span)) < 0.004 * np.exp(-span * 1.2))
                * rng.uniform(-1, 1, len(span))
                * np.minimum(1, span * 3)
            )
            crackle = np.convolve(crackle, np.exp(-np.arange(60) / 9), "same")
            rumble = lfilter([0.02], [1, -0.98], rng.standard_normal(len(span))) * np.exp(-span * 3.2)
            _add(
                bed,
                at,
                0.5 * level * np.minimum(1, span / 0.004) * (thud + 1.4 * rumble + 0.5 * crackle),
                pan,
            )


def _beat(bed: Wave, kind: str, bars: int, root: float, chords: list[list[float]], rng: np.random.Generator) -> None:
    seconds = bed.shape[0] / RATE
    step = seconds / (bars * 16)
    span = np.arange(int(0.32 * RATE)) / RATE
    kick = np.sin(TAU * (46 * span + 4.2 * (1 - np.exp(-span * 32)))) * np.exp(-span * 11) * np.minimum(1, span / 0.002)
    hat_span = np.arange(int(0.06 * RATE)) / RATE
    hat = np.diff(rng.standard_normal(len(hat_span) + 1)) * np.exp(-hat_span * 90) * 0.4
    snare = 0.5 * np.sin(TAU * 190 * span) * np.exp(-span * 22) + 0.32 * rng.standard_normal(len(span)) * np.exp(
        -span * 17
    )
    for k in range(bars * 16):
        in_bar = k % 16
        if kind == "drive":
            if in_bar % 4 == 0:
                _add(bed, k * step, 0.60 * kick, 0)
            if in_bar in (4, 12):
                _add(bed, k * step, 0.30 * snare, 0.05)
            if in_bar % 2 == 0:
                chord = chords[int(k / (bars * 16) * len(chords))]
                _add(bed, k * step, 0.30 * _tone("arp", chord[0] / (2 if chord[0] > 60 else 1), step * 1.8), 0)
        elif in_bar in (0, 7, 10):
            _add(bed, k * step, (0.42 if in_bar != 7 else 0.22) * kick, 0)
        if kind == "soft" and in_bar in (4, 12):
            _add(bed, k * step, 0.13 * snare, -0.1)
        if in_bar % 4 == 2 or (kind == "drive" and in_bar % 2 == 0):
            _add(bed, k * step + (0.012 if kind == "soft" else 0), 0.05 * hat, 0.35)


def _hall(bed: Wave, length: float, rng: np.random.Generator) -> Wave:
    """Add a circular reverberation tail of `length` seconds (-60 dB)."""
    n = bed.shape[0]
    t = np.arange(n) / RATE
    wet = np.empty_like(bed)
    for side in (0, 1):
        tail = lfilter([0.30], [1, -0.70], rng.standard_normal(n)) * np.exp(-6.9 * t / length) * np.minimum(1, t / 0.02)
        tail /= math.sqrt(float(np.sum(tail * tail)))
        wet[:, side] = np.fft.irfft(np.fft.rfft(bed[:, side]) * np.fft.rfft(tail), n=n)
    return bed + 0.55 * wet


def loudness(sound: NDArray[np.floating]) -> float:
    """Ungated integrated loudness of a stereo sound of shape (n, 2), full scale 1.0, in LUFS (ITU-R BS.1770-4 at 48 kHz)."""
    shelf = (
        [1.53512485958697, -2.69169618940638, 1.19839281085285],
        [1.0, -1.69065929318241, 0.73248077421585],
    )
    cut = ([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621])
    weighted = lfilter(*cut, lfilter(*shelf, np.asarray(sound, np.float64), axis=0), axis=0)
    return -0.691 + 10 * math.log10(max(1e-12, float(np.mean(weighted**2, axis=0).sum())))


def compose(topic: str, variant: int, seconds: float) -> NDArray[np.int16]:
    """Return the bed of one clip: 48 kHz, 16 bit, shape (samples, 2), with short fades at both ends."""
    recipe = RECIPES[topic]
    rng = seeded(f"sound of {topic}", variant)
    n = round(seconds * RATE)
    shift = (0, 3, -2, 5)[variant]
    root = recipe.root * 2 ** (shift / 12)
    order = recipe.chords if variant % 2 == 0 else recipe.chords[::-1]
    chords = [[root * 2 ** (semitone / 12) for semitone in chord] for chord in order]
    bed = recipe.pad * _pad(n, recipe, chords, rng)
    major = 3 not in {s % 12 for s in recipe.chords[0]} and 10 not in {s % 12 for s in recipe.chords[0]}
    scale: Callable[[int], float] = lambda k: root * 2 ** (k // 5 + SCALES[major][k % 5] / 12)  # noqa: E731
    count = recipe.notes
    degree = int(rng.integers(3, 7))
    for k in range(count):
        # A walk on the pentatonic scale that leans back to the middle, with rests for breath.
        degree += int(rng.choice([-2, -1, 1, 2])) - (1 if degree > 8 else 0) + (1 if degree < 2 else 0)
        if recipe.lead != "arp" and rng.random() < 0.18 and k:
            continue
        if recipe.lead == "arp":
            chord = chords[k * len(chords) // count]
            pitch = chord[(0, 2, 3, 2, 1, 3, 2, 3)[k % 8]] * (2 if k % 4 != 3 else 4)
        else:
            pitch = scale(degree)
        loud = recipe.lead_level * rng.uniform(0.6, 1.0) * (1.15 if k % 4 == 0 else 1.0)
        slack = 0.0 if recipe.lead == "arp" else float(rng.uniform(0, 0.012))
        _add(
            bed,
            k * seconds / count + slack,
            0.34 * loud * _tone(recipe.lead, pitch, 0.7 if recipe.lead == "arp" else 2.6),
            float(rng.uniform(-0.6, 0.6)),
        )
    bed = _hall(bed, recipe.hall, rng)
    if recipe.beat:
        _beat(bed, recipe.beat, 4 if recipe.beat == "drive" else 2, root, chords, rng)
    if recipe.nature:
        _nature(bed, recipe.nature, recipe.nature_level, rng)
    bed -= bed.mean(axis=0)
    t = np.arange(n) / RATE
    fade = np.clip(np.minimum(t / 0.12, (t[-1] - t) / 0.22), 0, 1)
    bed *= (fade * fade * (3 - 2 * fade))[:, None]
    # The ceiling takes some loudness away, so two rounds settle on the target.
    for _ in range(2):
        bed *= 10 ** ((LOUDNESS - loudness(bed)) / 20)
        bed = CEILING * np.tanh(bed / CEILING)
    return np.round(bed * 32767).astype(np.int16)
