"""What apps that come after this one add to the player's page; they enter themselves here when they start.

The feed knows nothing of them but a template, asked for its parts one after the other (`part` is head, keys or body),
and a script module that is loaded before the player's own, so that it can wait for the event `player`.
"""

from dataclasses import dataclass

_extensions: list["Extension"] = []


@dataclass(frozen=True, slots=True)
class Extension:
    """Something more on the player's page."""

    template: str
    script: str


def extend_player(extension: Extension) -> None:
    """Add to the player's page.  Adding the same again changes nothing."""
    if extension not in _extensions:
        _extensions.append(extension)


def extensions() -> tuple[Extension, ...]:
    """Return everything that was added, in the order in which it was."""
    return tuple(_extensions)
