"""The people of the demo cell: twelve invented small creators from across Europe, and their generative avatars."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from glaswerk.cli.demo.scenes import SCENES

AVATAR_SIDE = 512


@dataclass(frozen=True, slots=True)
class Creator:
    """One invented creator; `name` is the account name, `seed` (0..3) picks the motif of the avatar."""

    name: str
    display_name: str
    bio: str
    topics: tuple[str, ...]
    seed: int


CREATORS: tuple[Creator, ...] = (
    Creator(
        "tonundfeuer",
        "Ton & Feuer",
        "Keramik aus einer alten Bäckerei in Höhr-Grenzhausen. Jede Schale ein Versuch.",
        ("pottery",),
        2,
    ),
    Creator(
        "nordlicht.ida",
        "Ida Solbakk",
        "Chasing green skies above Tromsø. Thermos, tripod, patience.",
        ("aurora",),
        0,
    ),
    Creator(
        "papier.marmor",
        "Lucia Ferrante",
        "Marbled paper, made the Florentine way. Ein Bad, viele Farben.",
        ("marbling",),
        0,
    ),
    Creator(
        "kap.sued",
        "Jorne Petersen",
        "Segler zwischen Fehmarn und Bornholm. Abends wird gefilmt.",
        ("ocean",),
        2,
    ),
    Creator(
        "glashuette.vera",
        "Vera Anselm",
        "Bleiglas und Rosetten aus Quedlinburg. Licht ist das halbe Material.",
        ("stainedglass",),
        0,
    ),
    Creator(
        "stille.tiefe",
        "Mirko Halász",
        "Slow water, soft animals. Filmed between Rijeka and Vis.",
        ("jellyfish",),
        0,
    ),
    Creator(
        "frueh.oben",
        "Annelie Gruber",
        "Um vier los, um sechs oben. Morgende aus dem Karwendel.",
        ("mountains",),
        1,
    ),
    Creator(
        "nachtspur",
        "Nachtspur",
        "Two synths, one old coupé, no destination. Łódź after midnight.",
        ("synthwave",),
        0,
    ),
    Creator(
        "scherenfein",
        "Brigitte Maurer",
        "Papierschnitt, Schicht für Schicht. Atelier in St. Gallen.",
        ("papercut",),
        2,
    ),
    Creator(
        "sternwarte.oe",
        "Sternwarte Öland",
        "A small dome, a big sky. Kleine Filme aus der Dunkelheit.",
        ("galaxy",),
        1,
    ),
    Creator(
        "regenfenster",
        "Tomasz & Lene",
        "Windows, rain and late trams. Meist Hamburg, manchmal Gdańsk.",
        ("rainynight",),
        0,
    ),
    Creator(
        "funkenflug",
        "Funkenflug",
        "Feuerwerk ist unser Handwerk. Familienbetrieb aus der Wachau.",
        ("fireworks",),
        0,
    ),
)
_BY_TOPIC = {topic: creator for creator in CREATORS for topic in creator.topics}
# The square of each topic's picture (left, top and side as shares of its width and height) that reads best when small.
_MOTIFS: dict[str, tuple[float, float, float, float]] = {
    "pottery": (0.02, 0.33, 0.96, 0.30),
    "aurora": (0.0, 0.27, 1.0, 0.0),
    "marbling": (0.1, 0.3, 0.8, 0.1),
    "ocean": (0.0, 0.34, 1.0, 0.15),
    "stainedglass": (0.03, 0.2356, 0.94, 0.0),
    "jellyfish": (0.08, 0.24, 0.84, 0.25),
    "mountains": (0.0, 0.13, 1.0, 0.3),
    "synthwave": (0.0, 0.27, 1.0, 0.1),
    "papercut": (0.0, 0.15, 1.0, 0.2),
    "galaxy": (0.06, 0.2525, 0.88, 0.3),
    "rainynight": (0.1, 0.35, 0.8, 0.4),
    "fireworks": (0.0, 0.1, 1.0, 0.24),
}


def creator_of(topic: str) -> Creator:
    """Return the creator who posts the clips of a topic; KeyError for a topic that is not in the demo."""
    return _BY_TOPIC[topic]


def render_avatar(creator: Creator, path: Path) -> None:
    """Write a square 512 px picture (PNG or JPEG by suffix): the heart of a frame of the creator's topic, no portrait."""
    left, top, side, phase = _MOTIFS[creator.topics[0]]
    frame = SCENES[creator.topics[0]](creator.seed)(phase)
    height, width = frame.shape[:2]
    box = (left * width, top * height, (left + side) * width, top * height + side * width)
    picture = Image.fromarray(frame).resize((AVATAR_SIDE, AVATAR_SIDE), Image.Resampling.LANCZOS, box=box)
    # A light falling off from the upper left ties the twelve together, as if all hung on one wall.
    y, x = np.mgrid[0:AVATAR_SIDE, 0:AVATAR_SIDE] / AVATAR_SIDE
    shade = (1.06 - 0.22 * np.hypot(x - 0.25, y - 0.2) ** 1.5)[..., None]
    pixels = np.clip(np.asarray(picture, np.float64) * shade, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=90)
