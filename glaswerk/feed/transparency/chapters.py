"""The chapters of the page about the policy: their titles, what they say before the numbers, and how to check it all."""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from glaswerk.feed.transparency.page import Description, Row

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Chapter:
    """One section: its name in the address, its words, and its keys of the policy."""

    name: str
    title: Text
    intro: tuple[Text, ...]
    rows: list[Row]
    lines: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """Something to type, and what it shows."""

    words: Text
    line: str


FILTERS: Final[dict[str, Text]] = {
    "withdrawn": _("What was taken down or deleted, from that moment on."),
    "blocked": _("What is by somebody whom you block, or who blocks you."),
    "followers_only": _("What is for followers, unless you are one."),
    "own": _("Your own videos, in your own feed."),
    "hidden": _("What carries a word, a hashtag, a sound or a name that you hide."),
    "seen": _("What you have seen already."),
}
"""What is never shown, by the engine's name of the filter, in the order in which filters are asked."""

_CHAPTERS: Final[dict[str, tuple[Text, tuple[Text, ...]]]] = {
    "weights": (
        _("What the feed is for"),
        (
            _(
                "Every video gets a value: the odds of each action, times the weight of that action. The weights say what a "
                "feed is for, so they are set by people and never learned. How long a video was looked at counts; clicks do not."
            ),
        ),
    ),
    "heads": (
        _("How likely each action is"),
        (
            _(
                "The odds start from an average video. Every signal then moves them: to the right in favour, to the left "
                "against. The numbers say what a signal does at full strength; “Why this video?” shows how strong it was."
            ),
            _(
                "Once this cell has learned from its own viewers, curves take the place of these numbers. They are "
                "part of every state of the feed, and the weights above stay as they are."
            ),
        ),
    ),
    "history": (
        _("What your own watching says"),
        (
            _(
                "Only what you finish, leave, like, save, share and refuse counts. The newest counts most, and it counts "
                "in the very next feed."
            ),
        ),
    ),
    "fading": (_("How it fades"), ()),
    "everybody": (
        _("What everybody's watching says"),
        (_("The same for all viewers. Counts are smoothed and grow old, so that neither luck nor fame lasts."),),
    ),
    "sources": (
        _("Who proposes videos"),
        (
            _(
                "Before anything is weighed, each of these proposes at most so many videos. Then all of them are weighed alike."
            ),
        ),
    ),
    "filters": (
        _("What is never shown"),
        (_("These rules are asked first, one after the other. No value can outweigh them."),),
    ),
    "spacing": (
        _("No monotony"),
        (_("What resembles a video just before it moves back. “Why this video?” shows by how much."),),
    ),
    "exploration": (
        _("A promise to newcomers"),
        (
            _(
                "Every video is shown to a first audience. If it holds their attention, a larger one follows. Which video "
                "gets such a place is drawn by lot among the least seen, and the draw can be repeated by anyone."
            ),
        ),
    ),
    "commercial": (
        _("What sells something"),
        (_("What is paid for is marked. Your dial can lower the limit, down to nothing at all; nobody can raise it."),),
    ),
    "dials": (
        _("Your dials"),
        (
            _(
                "A dial goes from −2 to +2. In the middle it adds nothing; each step adds or takes this much, for you alone."
            ),
        ),
    ),
    "version": (
        _("This policy and its history"),
        (
            _(
                "The policy is a text of which every state of the feed keeps a copy, so that nobody can change it unseen. To "
                "change it takes an operator with a name, a reason in words, and a new state of the feed."
            ),
        ),
    ),
    "check": (
        _("Check it yourself"),
        (
            _(
                "Nobody has to believe this page. Every feed that you were shown can be downloaded with everything that "
                "it was made from, and made again on your own computer, by a program that shares nothing with this one."
            ),
        ),
    ),
}
_KEYS: Final = {"filters": "seen", "version": "form"}
"""Chapters whose keys are those of a section with another name."""


def chapters(described: Description) -> list[Chapter]:
    """Return the page's chapters in their order, with the rows of a policy."""
    return [
        Chapter(
            name,
            title,
            intro,
            described.rows.get(_KEYS.get(name, name), []),
            tuple(FILTERS.values()) if name == "filters" else (),
        )
        for name, (title, intro) in _CHAPTERS.items()
    ]


def commands(address: str) -> list[Command]:
    """Return what to type in order to check this cell, whose public address is `address`."""
    return [
        Command(
            _("The hash above is that of the policy's text, byte for byte:"),
            f'curl -s {address}/api/policy | python3 -c "import sys, json, hashlib; '
            'print(hashlib.sha256(json.load(sys.stdin)["text"].encode()).hexdigest())"',
        ),
        Command(
            _("Make one of your feeds again, with a page of plain Python; download the feed first:"),
            "python3 tools/verify_slate.py SLATE.bundle",
        ),
        Command(
            _("Operators: make recorded feeds again, and count those that come out the same, byte for byte:"),
            "glaswerk feed audit --sample 1000 --json",
        ),
        Command(
            _("Operators: who changed the policy, when and why, and what a new one would say:"),
            "glaswerk feed policy history --json\nglaswerk feed policy check FILE",
        ),
    ]
