"""TikTok's own archive ("Download your data", JSON), as it was and as it is.

The names of its parts have changed over the years, and so has their writing (`Link`, `link`, `VideoLink`).  So a list is
known by the last names that lead to it, without regard to case and blanks.  The archive holds no videos: only addresses
on TikTok, which nothing here asks for anything.
"""

from collections.abc import Callable, Iterable
from typing import Final

from django.utils.translation import gettext as _

from glaswerk.border.bags.json_stream import BadJson, Path, elements
from glaswerk.border.bags.rows import MOST_ROWS, Contents, Row
from glaswerk.border.failures import RightsError
from glaswerk.border.models import ImportKind, Outcome
from glaswerk.people.models import Person
from glaswerk.people.names import clean_shown_text

FILE_NAMES: Final = ("user_data_tiktok.json", "user_data.json")
_PROFILE: Final = "profilemap"
_NAMES: Final = ("username", "user", "nickname")
_LINKS: Final = ("link", "videolink", "url")
_POSTED: Final = ("videos", "posts")
Make = Callable[[dict[str, str], Person], Row]


def read_tiktok(pieces: Iterable[bytes], person: Person) -> Contents:
    """Return what an archive holds.  Raises RightsError where it is none."""
    profile: dict[str, str] = {}
    rows: list[Row] = []
    seen: set[str] = set()
    known = False
    try:
        for path, value in elements(pieces):
            names = tuple(_plain(name) for name in path)
            known = known or bool({"activity", "youractivity", "profile", "profileandsettings"} & {*names[:1]})
            if _PROFILE in names[:-1] or (names[-2:-1] == ("profileinformation",)):
                if isinstance(value, str):
                    profile[names[-1]] = value
                continue
            make = _maker(names)
            if make is None or not isinstance(value, dict):
                continue
            facts = {_plain(str(key)): str(each) for key, each in value.items() if isinstance(each, (str, int))}
            row = make(facts, person)
            if row.key in seen:
                continue
            seen.add(row.key)
            rows.append(row)
            if len(rows) > MOST_ROWS:
                raise RightsError("file", _("The archive has more than %(count)d entries.") % {"count": MOST_ROWS})
    except BadJson as error:
        raise RightsError("file", sentence_of(error)) from None
    if not known:
        raise RightsError(
            "file", _("This JSON is no archive of TikTok. Choose “JSON” when you ask TikTok for your data.")
        )
    account = profile.get("username", "")
    if any(profile.get(name) for name in ("username", "nickname", "biodescription")):
        facts = {"display_name": profile.get("nickname", "") or account, "bio": profile.get("biodescription", "")}
        rows.insert(
            0, Row("profile", "profile", account[:300], {key: clean_shown_text(each) for key, each in facts.items()})
        )
    return Contents(ImportKind.TIKTOK, f"tiktok.com/@{account}"[:300], rows)


def _maker(names: Path) -> Make | None:
    """Return how an element of a list becomes a row, or None for lists that nobody brings along."""
    last, before = (*names[::-1], "", "")[:2]
    if last == "itemfavoritelist":
        return _like
    if last == "favoritevideolist":
        return _save
    if last in ("following", "followinglist"):
        return _follow
    if last in ("fanslist", "followerlist"):
        return _follower
    if last == "videolist" and before in _POSTED:
        return _post
    if last == "commentslist":
        return _comment
    return None


def _like(facts: dict[str, str], person: Person) -> Row:
    return _elsewhere("like", facts)


def _save(facts: dict[str, str], person: Person) -> Row:
    return _elsewhere("save", facts)


def _elsewhere(kind: str, facts: dict[str, str]) -> Row:
    link = _first(facts, _LINKS)
    note = _("The video is on TikTok, and not on this cell.")
    return Row(kind, f"{kind}:{link}"[:400], link[:300], {"at": facts.get("date", "")}, Outcome.NOT_HERE, note)


def _follow(facts: dict[str, str], person: Person) -> Row:
    name = _first(facts, _NAMES)
    found = Person.objects.filter(name=name.lower(), is_active=True).exclude(pk=person.pk).first()
    if found is None:
        note = _("Nobody here has this name.")
        return Row("follow", f"follow:{name}"[:400], name[:300], {}, Outcome.NOT_HERE, note)
    note = _("Somebody here has this name. Whether it is the same person, only you can tell.")
    return Row("follow", f"follow:{name}"[:400], name[:300], {"name": found.name}, Outcome.WAITING, note)


def _follower(facts: dict[str, str], person: Person) -> Row:
    name = _first(facts, _NAMES)
    note = _("Only they can decide to follow you here.")
    return Row("follower", f"follower:{name}"[:400], name[:300], {}, Outcome.NOT_POSSIBLE, note)


def _post(facts: dict[str, str], person: Person) -> Row:
    link = _first(facts, _LINKS)
    title = " · ".join(filter(None, (facts.get("date", ""), facts.get("title", ""))))
    note = _("TikTok's archive holds no files. Save the video from TikTok, and upload it here.")
    return Row(
        "video", f"video:{facts.get('date', '')}:{link}"[:400], (title or link)[:300], {}, Outcome.NOT_POSSIBLE, note
    )


def _comment(facts: dict[str, str], person: Person) -> Row:
    text, date = facts.get("comment", ""), facts.get("date", "")
    note = _("It stands under a video on TikTok.")
    return Row("comment", f"comment:{date}:{text}"[:400], text[:300], {}, Outcome.NOT_POSSIBLE, note)


def _first(facts: dict[str, str], names: tuple[str, ...]) -> str:
    return next((facts[name] for name in names if facts.get(name)), "")


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def sentence_of(error: BadJson) -> str:
    """Return what is wrong with a JSON text, for who brought it."""
    sentences = {
        "deep": _("The JSON is nested deeper than any archive is. It was not read."),
        "large": _("Something in the JSON is longer than any archive has it. It was not read."),
        "twice": _("The JSON has the same name twice in one place, so that it could mean two things. It was not read."),
        "encoding": _("The JSON is no UTF-8 text. Please bring the file as you got it."),
    }
    return sentences.get(error.reason, _("The file is no JSON, or it is cut off. Please bring it as you got it."))
