"""What `glaswerk demo` prints when it is ready, and the files that say how far the content is."""

from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from glaswerk.cell.config import Cell

PASSWORD: Final = "clear-as-glass"  # noqa: S105 - printed at every start, and usable on the loopback only.
VIEWER: Final = "demo"
CREATOR: Final = "nordlicht.ida"
MODERATOR: Final = "demo.moderator"
OPERATOR: Final = "demo.operator"
MERCHANT: Final = "demo.merchant"
ACCOUNTS: Final = (
    (VIEWER, "viewer", "watches, likes, comments and buys; nothing seen yet"),
    (CREATOR, "creator", "has four clips, and uploads more"),
    (MERCHANT, "viewer", "owns the shop Ton & Feuer; its console is at /merchant"),
    (MODERATOR, "moderator", "may take down what does not belong here"),
    (OPERATOR, "operator", "may open /admin/"),
)


def folder(cell: Cell) -> Path:
    """Return the folder that the demo keeps in the cell; where it is missing, the demo has never touched the cell."""
    return cell.data / "demo"


def accounts_mark(cell: Cell) -> Path:
    """Return the file that exists as soon as the demo accounts do."""
    return folder(cell) / "accounts"


def content_mark(cell: Cell) -> Path:
    """Return the file that exists as soon as all of the content does; it is written last."""
    return folder(cell) / "complete"


def welcome(cell: Cell, console: Console, creator: str = CREATOR) -> None:
    """Print the address, the accounts and what to try next; `creator` is the one who is at home here."""
    console.print(f"\n[bold]Glaswerk is ready: {cell.public_url}[/]\n", highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    for name, role, can in ACCOUNTS:
        table.add_row(f"[bold]{creator if name == CREATOR else name}[/]", role, can)
    console.print(table)
    console.print(f"  The password of all five: [bold]{PASSWORD}[/]\n", highlight=False)
    steps = (
        "Open the address, watch two clips of one topic to their end and swipe on: the very next clips follow you.",
        'Open "Why this video?" in a clip\'s menu: every point of its score, with no remainder.',
        f"Sign in as {creator} and upload a clip of your own at {cell.public_url}/upload.",
        f"Touch the product in a pottery clip and buy it; then sign in as {MERCHANT} and send it off.",
    )
    console.print("  Try next:", highlight=False)
    for number, step in enumerate(steps, 1):
        console.print(f"  {number}. {step}", highlight=False, soft_wrap=True)
    console.print("\n  Ctrl-C stops the cell; everything is kept.\n", highlight=False)


def welcome_without_demo(cell: Cell, console: Console) -> None:
    """Print the address of a cell whose own content the demo leaves alone."""
    console.print(
        f"\n[bold]Glaswerk is ready: {cell.public_url}[/]\n\n  This cell has videos of its own, so no demo content and no"
        " demo accounts were added.\n  `--data DIR` makes a demo beside it.\n",
        highlight=False,
        soft_wrap=True,
    )
