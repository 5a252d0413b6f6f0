"""How pages show persons, what they wrote, and how many of something there are."""

import re
import unicodedata
from typing import Final

from django import template
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, pgettext

from glaswerk.cell.blobs import blob_url
from glaswerk.people.models import Person
from glaswerk.people.names import NAME_PATTERN
from glaswerk.videos.captions import find_hashtags, find_mentions, fold_hashtag

register = template.Library()

_THOUSAND: Final = 1_000
_EXACT_BELOW: Final = 10_000
_MILLION: Final = 1_000_000
_SIGN: Final = re.compile("[#@]")
_NAME: Final = re.compile(NAME_PATTERN, re.IGNORECASE | re.ASCII)


@register.simple_tag
def avatar(person: Person, size: str = "") -> SafeString:
    """Draw a person's picture, or the first letter of their name.  Beside the name, so that it needs no words."""
    if person.avatar:
        return format_html(
            '<span class="avatar {}"><img src="{}" alt="" loading="lazy" decoding="async"></span>',
            size,
            blob_url(person.avatar, "webp"),
        )
    return format_html('<span class="avatar {}" aria-hidden="true">{}</span>', size, person.shown_name[0])


@register.filter
def compact(number: int) -> str:
    """Return a count as people read it: exact below 10,000, then in thousands and millions with one decimal."""
    if number < _EXACT_BELOW:
        return number_format(number, use_l10n=True, force_grouping=True)
    # Cut, not rounded: nobody is shown a like that was not given.
    if number < _MILLION:
        tenths = number * 10 // _THOUSAND / 10
        return pgettext("thousands", "%sK") % number_format(tenths, 0 if tenths >= 100 else 1)
    return pgettext("millions", "%sM") % number_format(number * 10 // _MILLION / 10, 1)


@register.filter
def linked(text: str) -> SafeString:
    """Return a text as HTML, escaped, its hashtags and mentions as links."""
    parts: list[str] = []
    position = 0
    for sign in _SIGN.finditer(text):
        word = _word_at(text, sign.start())
        if not word:
            continue
        view, argument = ("hashtag", fold_hashtag(word[1:])) if word[0] == "#" else ("profile", word[1:].lower())
        parts.append(escape(text[position : sign.start()]))
        parts.append(format_html('<a href="{}">{}</a>', reverse(view, args=[argument]), word))
        position = sign.start() + len(word)
    parts.append(escape(text[position:]))
    return SafeString("".join(parts))


@register.simple_tag
def listed(people: list[Person], others: int) -> SafeString:
    """Return the names of people as links in one phrase: "a, b and 3 others"."""
    links = [
        format_html('<a class="name" href="{}">{}</a>', reverse("profile", args=[one.name]), one.shown_name)
        for one in people
    ]
    if others:
        links.append(escape(ngettext("%(count)d other", "%(count)d others", others) % {"count": others}))
    if len(links) == 1:
        return links[0]
    return format_html(gettext("{names} and {last}"), names=SafeString(", ".join(links[:-1])), last=links[-1])


def _word_at(text: str, start: int) -> str:
    """Return the hashtag or mention whose sign is at `start`; empty where the parser of captions reads none there."""
    if text[start] == "#":
        end = start + 1
        while end < len(text) and (text[end] == "_" or unicodedata.category(text[end])[0] in "LMN"):
            end += 1
        read = find_hashtags
    else:
        name = _NAME.match(text, start + 1)
        end = name.end() if name else start
        read = find_mentions
    # The characters on both sides decide too: an address with a fragment has no hashtag, an e-mail no mention.
    return text[start:end] if end > start and read(text[max(0, start - 1) : end + 1]) else ""
