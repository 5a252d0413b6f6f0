"""Draws the app's icons: `python -m glaswerk.web.draw_icons` writes the PNG files beside `icon.svg`."""

from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

FOLDER: Final = Path(__file__).parent / "static" / "web"
INK: Final = (12, 14, 18, 255)
ACCENT: Final = (18, 181, 166, 255)
LIGHT: Final = (255, 255, 255, 255)
# Drawing larger and shrinking gives smooth edges.
OVERSAMPLE: Final = 4


def draw(size: int, maskable: bool) -> Image.Image:
    """Draw the mark, a pane with light on it, `size` pixels wide.

    A maskable icon fills its square with ink and keeps the mark within the inner 80 % that every mask leaves.
    """
    edge = size * OVERSAMPLE
    image = Image.new("RGBA", (edge, edge), INK if maskable else (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    if not maskable:
        pen.rounded_rectangle((0, 0, edge - 1, edge - 1), radius=edge * 0.225, fill=INK)
    unit = edge * (0.6 if maskable else 0.68) / 24
    start = (edge - 24 * unit) / 2

    def at(place: float) -> float:
        return start + place * unit

    stroke = round(2.1 * unit)
    frame = (at(1.5), at(1.5), at(22.5), at(22.5))
    pen.rounded_rectangle(frame, radius=6 * unit, outline=ACCENT, width=stroke)
    for line in ((7.0, 16.2, 16.2, 7.0), (12.8, 17.6, 17.6, 12.8)):
        x1, y1, x2, y2 = (at(place) for place in line)
        pen.line((x1, y1, x2, y2), fill=LIGHT, width=stroke)
        for x, y in ((x1, y1), (x2, y2)):
            pen.ellipse((x - stroke / 2, y - stroke / 2, x + stroke / 2, y + stroke / 2), fill=LIGHT)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def main() -> None:
    """Write all sizes."""
    for size in (192, 512):
        draw(size, maskable=False).save(FOLDER / f"icon-{size}.png", optimize=True)
        draw(size, maskable=True).save(FOLDER / f"maskable-{size}.png", optimize=True)


if __name__ == "__main__":
    main()
