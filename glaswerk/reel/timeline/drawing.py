"""What a plan wants drawn and written before ffmpeg runs: pictures of texts and stickers, and tables of colours."""

from pathlib import Path

from PIL import Image

from glaswerk.reel.timeline import looks, stickers, words
from glaswerk.reel.timeline.model import Sticker, Text
from glaswerk.reel.timeline.plan import Drawing, Graph


def draw(graph: Graph, folder: Path) -> None:
    """Write the files into `folder`, under the names that the graph gives them."""
    for drawing in graph.drawings:
        # A file that is read once need not be small.
        _picture(drawing, graph.width, graph.height).save(folder / drawing.name, "PNG", compress_level=1)
    for table in graph.tables:
        (folder / table.name).write_text(looks.cube(table.look, table.strength))


def _picture(drawing: Drawing, width: int, height: int) -> Image.Image:
    if drawing.item is None:
        image = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    elif isinstance(drawing.item, Text):
        image = words.picture(drawing.item, width, height)
    else:
        image = sticker(drawing.item, height)
    if drawing.canvas is None:
        return image
    canvas = Image.new("RGBA", drawing.canvas, (0, 0, 0, 0))
    place = (canvas.width - image.width) // 2, (canvas.height - image.height) // 2
    canvas.alpha_composite(image, (max(0, place[0]), max(0, place[1])), (max(0, -place[0]), max(0, -place[1])))
    return canvas


def sticker(item: Sticker, height: int) -> Image.Image:
    image = stickers.picture(item.sticker, max(8, round(item.size * height)))
    if item.rotation:
        image = image.rotate(-item.rotation, resample=Image.Resampling.BICUBIC, expand=True)
    return image
