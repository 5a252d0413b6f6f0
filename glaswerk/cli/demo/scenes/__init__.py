"""The twelve topics of the demo reels, one module a topic, each with `paint(variant) -> canvas.Painter`."""

from collections.abc import Callable

from glaswerk.cli.demo.canvas import Painter
from glaswerk.cli.demo.scenes import (
    aurora,
    fireworks,
    galaxy,
    glass,
    jellyfish,
    marbling,
    mountains,
    ocean,
    papercut,
    pottery,
    rain,
    synthwave,
)

SCENES: dict[str, Callable[[int], Painter]] = {
    "pottery": pottery.paint,
    "aurora": aurora.paint,
    "marbling": marbling.paint,
    "ocean": ocean.paint,
    "stainedglass": glass.paint,
    "jellyfish": jellyfish.paint,
    "mountains": mountains.paint,
    "synthwave": synthwave.paint,
    "papercut": papercut.paint,
    "galaxy": galaxy.paint,
    "rainynight": rain.paint,
    "fireworks": fireworks.paint,
}
"""Painters by topic; variants are 0 to 3."""
