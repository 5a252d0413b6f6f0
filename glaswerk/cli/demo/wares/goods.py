"""The sixty things that the demo's shops sell."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Ware:
    """A product; `shape`, `topic` and `look` say how it is painted, `steps` what each choice costs more, in cents."""

    shop: str
    handle: str
    title: str
    text: str
    kind: str
    shape: str
    topic: str
    look: int
    minor: int
    units: int
    option: str = ""
    choices: tuple[str, ...] = ()
    steps: tuple[int, ...] = ()
    sale_percent: int = 0
    weight_g: int = 600


_SIZES: Final = ("30 × 40 cm", "50 × 70 cm")
_FORMATS: Final = ("A6", "A5")


def _pottery() -> tuple[Ware, ...]:
    rows = (
        ("tea-bowl-celadon", "Tea bowl, celadon", "bowl", 1, 3400, 14, "Bowls", 0),
        ("tea-bowl-cobalt", "Tea bowl, cobalt", "bowl", 2, 3600, 9, "Bowls", 0),
        ("tea-bowl-tenmoku", "Tea bowl, tenmoku", "bowl", 3, 3900, 2, "Bowls", 0),
        ("serving-dish", "Serving dish", "dish", 1, 5200, 6, "Plates", 15),
        ("dish-cream", "Shallow dish, cream", "dish", 0, 4400, 0, "Plates", 0),
        ("beaker-cobalt", "Beaker, cobalt", "cup", 2, 2200, 30, "Cups", 0),
        ("beaker-blush", "Beaker, blush", "cup", 4, 2200, 24, "Cups", 20),
        ("vase-night", "Vase, night", "vase", 3, 7800, 3, "Vases", 0),
        ("vase-celadon", "Vase, celadon", "vase", 1, 7200, 5, "Vases", 0),
        ("bottle-blush", "Bottle vase, blush", "bottle", 4, 6400, 4, "Vases", 0),
        ("jug-white", "Milk jug, white", "jug", 5, 4800, 11, "Cups", 0),
        ("planter", "Planter", "pot", 1, 5600, 8, "Bowls", 0),
    )
    text = (
        "Stoneware, thrown on the wheel and fired with wood. No two are the same: the line where the glaze ends is"
        " where the flame turned.\n\nFit for the dishwasher, and for every day."
    )
    return tuple(
        Ware("ton-und-feuer", handle, title, text, kind, shape, "pottery", look, minor, units, sale_percent=sale, weight_g=900,
             option="Size" if shape == "cup" else "", choices=("small", "large") if shape == "cup" else (),
             steps=(0, 600) if shape == "cup" else ())
        for handle, title, shape, look, minor, units, kind, sale in rows
    )  # fmt: skip


def _paper() -> tuple[Ware, ...]:
    rows = (
        ("notebook-indigo", "Notebook, indigo and gold", "notebook", "marbling", 0, 2400, 40, "Notebooks", 0),
        ("notebook-malachite", "Notebook, malachite", "notebook", "marbling", 1, 2400, 32, "Notebooks", 0),
        ("notebook-rose", "Notebook, rose", "notebook", "marbling", 2, 2400, 3, "Notebooks", 0),
        ("notebook-ember", "Notebook, ember", "notebook", "marbling", 3, 2600, 18, "Notebooks", 25),
        ("cards-marbled", "Cards, marbled", "cards", "marbling", 0, 1400, 60, "Cards", 0),
        ("cards-malachite", "Cards, malachite", "cards", "marbling", 1, 1400, 55, "Cards", 0),
        ("cards-winter", "Cards, winter wood", "cards", "papercut", 0, 1600, 48, "Cards", 0),
        ("cards-valley", "Cards, valley", "cards", "papercut", 1, 1600, 0, "Cards", 0),
        ("papercut-deer", "Papercut, first snow", "print", "papercut", 0, 8900, 4, "Prints", 0),
        ("papercut-moon", "Papercut, high moon", "print", "papercut", 2, 8900, 2, "Prints", 0),
        ("papercut-forest", "Papercut, deep wood", "print", "papercut", 3, 9400, 5, "Prints", 10),
        ("sheet-marbled", "Marbled sheet, framed", "print", "marbling", 2, 7400, 7, "Prints", 0),
    )
    text = (
        "Each sheet is drawn from its own bath of colour and dried on the line; what you see is one of them, and yours"
        " will be its sibling.\n\nPaper from a mill on Lake Garda, 120 g, free of acid."
    )
    return tuple(
        Ware("papier-marmor", handle, title, text, kind, shape, topic, look, minor, units, sale_percent=sale, weight_g=300,
             option="Format" if shape == "notebook" else "", choices=_FORMATS if shape == "notebook" else (),
             steps=(0, 700) if shape == "notebook" else ())
        for handle, title, shape, topic, look, minor, units, kind, sale in rows
    )  # fmt: skip


def _glass() -> tuple[Ware, ...]:
    rows = (
        ("rose-window-blue", "Rose window, blue", "pane", 0, 12900, 5, "Glass", 0),
        ("rose-window-amber", "Rose window, amber", "pane", 1, 12900, 4, "Glass", 0),
        ("rose-window-garden", "Rose window, garden", "pane", 2, 13900, 1, "Glass", 0),
        ("rose-window-dusk", "Rose window, dusk", "pane", 3, 13900, 3, "Glass", 15),
        ("mug-rosette", "Mug, rosette", "mug", 0, 1900, 36, "Cups", 0),
        ("mug-amber", "Mug, amber light", "mug", 1, 1900, 28, "Cups", 0),
        ("mug-garden", "Mug, garden", "mug", 2, 1900, 0, "Cups", 0),
        ("cards-rosettes", "Cards, rosettes", "cards", 0, 1200, 80, "Cards", 0),
        ("cards-dusk", "Cards, dusk", "cards", 3, 1200, 64, "Cards", 0),
        ("print-rosette", "Rosette, a drawing", "print", 2, 6900, 9, "Prints", 0),
        ("notebook-rosette", "Notebook, rosette", "notebook", 0, 2200, 22, "Notebooks", 0),
        ("cushion-rosette", "Cushion, rosette", "cushion", 1, 4900, 12, "Cushions", 20),
    )
    text = (
        "Mouth-blown glass from Lohr, cut and leaded in Quedlinburg; what is printed shows windows that hang there."
        "\n\nHang it where the sun comes by, and give it an afternoon."
    )
    return tuple(
        Ware("glashuette-vera", handle, title, text, kind, shape, "stainedglass", look, minor, units, sale_percent=sale,
             option="Size" if shape == "pane" else "", choices=("20 cm", "30 cm") if shape == "pane" else (),
             steps=(0, 6000) if shape == "pane" else ())
        for handle, title, shape, look, minor, units, kind, sale in rows
    )  # fmt: skip


def _skies() -> tuple[Ware, ...]:
    rows = (
        ("print-green-curtains", "Green curtains", "print", "aurora", 0, 4900, 26, "Prints", 0),
        ("print-rose-aurora", "Aurora in rose", "print", "aurora", 1, 4900, 17, "Prints", 0),
        ("print-tall-light", "Tall light over the lake", "print", "aurora", 2, 5400, 3, "Prints", 0),
        ("print-red-pillars", "Red pillars", "print", "aurora", 3, 5400, 12, "Prints", 20),
        ("print-first-ridge", "First ridge", "print", "mountains", 0, 4500, 20, "Prints", 0),
        ("print-blue-hour", "Above the fog", "print", "mountains", 1, 4500, 0, "Prints", 0),
        ("print-spiral", "Spiral", "print", "galaxy", 1, 5900, 15, "Prints", 0),
        ("print-cluster", "Far islands", "print", "galaxy", 0, 5900, 8, "Prints", 0),
        ("cards-aurora", "Cards, northern nights", "cards", "aurora", 0, 1300, 90, "Cards", 0),
        ("cards-mountains", "Cards, mornings", "cards", "mountains", 2, 1300, 75, "Cards", 0),
        ("notebook-sky", "Notebook, dark sky", "notebook", "galaxy", 2, 2100, 30, "Notebooks", 0),
        ("mug-aurora", "Mug, minus nineteen", "mug", "aurora", 1, 1800, 2, "Cups", 0),
    )
    text = (
        "A pigment print on cotton paper, framed in ash or oak. It shows one night, and its date stands on the back."
        "\n\nThe frame comes with glass that does not mirror."
    )
    return tuple(
        Ware("nordlicht-drucke", handle, title, text, kind, shape, topic, look, minor, units, sale_percent=sale, weight_g=1500,
             option="Size" if shape == "print" else "", choices=_SIZES if shape == "print" else (),
             steps=(0, 4000) if shape == "print" else ())
        for handle, title, shape, topic, look, minor, units, kind, sale in rows
    )  # fmt: skip


def _sea() -> tuple[Ware, ...]:
    rows = (
        ("cushion-noon", "Cushion, noon off Bornholm", "cushion", "ocean", 3, 4600, 16, "Cushions", 0),
        ("cushion-evening", "Cushion, evening", "cushion", "ocean", 0, 4600, 14, "Cushions", 15),
        ("cushion-dusk", "Cushion, last light", "cushion", "ocean", 1, 4600, 2, "Cushions", 0),
        ("cushion-jellyfish", "Cushion, slow water", "cushion", "jellyfish", 0, 4900, 9, "Cushions", 0),
        ("print-sail", "One sail", "print", "ocean", 2, 5200, 7, "Prints", 0),
        ("print-medusa", "Medusa", "print", "jellyfish", 1, 5600, 6, "Prints", 0),
        ("print-deep", "Forty metres", "print", "jellyfish", 2, 5600, 0, "Prints", 0),
        ("mug-jellyfish", "Mug, jellyfish", "mug", "jellyfish", 1, 1700, 45, "Cups", 0),
        ("mug-horizon", "Mug, horizon", "mug", "ocean", 0, 1700, 38, "Cups", 0),
        ("notebook-log", "Logbook", "notebook", "ocean", 3, 2300, 25, "Notebooks", 0),
        ("cards-sea", "Cards, weather", "cards", "ocean", 1, 1100, 70, "Cards", 10),
        ("cards-jellyfish", "Cards, below", "cards", "jellyfish", 3, 1100, 58, "Cards", 0),
    )
    text = (
        "Printed with water-based colours on organic cotton, heavy paper or porcelain, in a workshop that looks out"
        " onto the strait.\n\nPacked in paper, sent by bicycle and post."
    )
    return tuple(
        Ware("kap-sued", handle, title, text, kind, shape, topic, look, minor, units, sale_percent=sale,
             option="Colour of the back" if shape == "cushion" else "", choices=("sand", "navy", "white") if shape == "cushion" else (),
             steps=(0, 0, 0) if shape == "cushion" else ())
        for handle, title, shape, topic, look, minor, units, kind, sale in rows
    )  # fmt: skip


WARES: Final = (*_pottery(), *_paper(), *_glass(), *_skies(), *_sea())
