"""What apps that come after this one add to the player's page and to profiles; they enter themselves here when they start.

Of the player, the feed knows nothing of them but a template, asked for its parts one after the other (`part` is head, keys or body),
and a script module that is loaded before the player's own, so that it can wait for the event `player`.  On a profile,
it is a tab, if there is something behind it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from glaswerk.people.models import Person

_extensions: list["Extension"] = []
_tabs: list["ProfileTab"] = []


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


@dataclass(frozen=True, slots=True)
class ProfileTab:
    """One more tab of a profile: the name of its view, which takes a person's name; its label, icon, and for whom it is."""

    view: str
    label: Callable[[], str]
    icon: str
    has_some: Callable[[Person], bool]


def extend_profile(tab: ProfileTab) -> None:
    """Add a tab to profiles.  Adding the same view again changes nothing."""
    if all(one.view != tab.view for one in _tabs):
        _tabs.append(tab)


def profile_tabs(person: Person) -> list[ProfileTab]:
    """Return the tabs that were added and have something to show of a person."""
    return [one for one in _tabs if one.has_some(person)]
