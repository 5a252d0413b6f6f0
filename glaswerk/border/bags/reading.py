"""Reading a bag that a cell has made: whole, unaltered and its bringer's own, or not at all."""

import logging
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

import bagit
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _

from glaswerk.border.bags.exporting import PROFILE
from glaswerk.border.bags.json_stream import BadJson, elements
from glaswerk.border.bags.rows import MOST_ROWS, Contents, Row
from glaswerk.border.bags.tiktok import sentence_of
from glaswerk.border.failures import RightsError
from glaswerk.border.models import ImportKind, Outcome
from glaswerk.cell.ids import decode_id
from glaswerk.people.models import Person, Visibility
from glaswerk.social.queries import watchable
from glaswerk.videos.queries import earlier_video

# It tells of every file that it hashes.
logging.getLogger("bagit").setLevel(logging.ERROR)
_PIECE: Final = 1 << 20
_LONGEST_TAG: Final = 16 << 20


def bag_folder(names: list[str]) -> str | None:
    """Return the folder of an archive that is a bag, or None where none is."""
    found = [
        name.removesuffix("bagit.txt")
        for name in names
        if PurePosixPath(name).name == "bagit.txt" and name.count("/") <= 1
    ]
    return found[0] if len(found) == 1 else None


def check_bag(folder: Path) -> dict[str, str]:
    """Return what an unpacked bag says of itself.  Raises RightsError where a byte of it is not as its maker wrote it."""
    if (folder / "fetch.txt").exists():
        raise RightsError(
            "file", _("The bag lacks files that it wants us to fetch elsewhere. Nothing is fetched here.")
        )
    if not (folder / "manifest-sha256.txt").exists():
        raise RightsError("file", _("The bag has no SHA-256 manifest, so that nobody can tell whether it is whole."))
    for tag in folder.glob("*.txt"):
        if tag.stat().st_size > _LONGEST_TAG:
            raise RightsError("file", _("The bag's manifest is longer than any bag's."))
    try:
        bag = bagit.Bag(str(folder))
        bag.validate(processes=1)
        facts = {str(name): str(value) for name, value in bag.info.items() if isinstance(value, str)}
    except (bagit.BagError, ValueError, OSError, KeyError, AttributeError, TypeError):
        raise RightsError(
            "file",
            _(
                "The bag is not whole: a file is missing, was added, or is not the one that was packed. Please download the export again."
            ),
        ) from None
    if facts.get("BagIt-Profile-Identifier") != PROFILE:
        raise RightsError("file", _("This bag was not made by a cell of Glaswerk."))
    return facts


def read_bag(folder: Path, person: Person) -> Contents:
    """Return what an unpacked bag holds for this person.  Raises RightsError, also where it is somebody else's."""
    facts = check_bag(folder)
    data = folder / "data"
    address = facts.get("External-Identifier", "")
    origin, _slash, account = address.partition("/people/")
    check_is_own(data, person, origin, account)
    rows: list[Row] = []
    at_home = origin == settings.PUBLIC_URL
    hashes = _hashes(folder)
    for source in (
        _profile(data),
        _videos(data, person, address, hashes),
        _drafts(data, address),
        _follows(data, person, at_home),
        _marks(data, person, at_home, "like", "social/likes.json"),
        _marks(data, person, at_home, "save", "social/saves.json"),
    ):
        for row in source:
            rows.append(row)
            if len(rows) > MOST_ROWS:
                raise RightsError("file", _("The archive has more than %(count)d entries.") % {"count": MOST_ROWS})
    return Contents(ImportKind.BAG, address[:300], rows)


def check_is_own(data: Path, person: Person, origin: str, account: str) -> None:
    """Refuse another person's bag.

    One of the same cell names its account.  One of another cell has a confirmed e-mail address in common with whoever
    brings it.  It guards against a mistake and not against a forger: a bag brings nothing that its bringer could not
    upload and press by hand.
    """
    if origin == settings.PUBLIC_URL:
        own = account == person.public_id
    else:
        theirs = {
            str(each["email"]).lower()
            for each in records(data / "people/addresses.json")
            if each.get("verified") is True and isinstance(each.get("email"), str)
        }
        own = EmailAddress.objects.filter(user=person, verified=True, email__in=theirs).exists()
    if not own:
        raise RightsError(
            "file",
            _(
                "This is somebody else's export. Only their owner can bring it; confirm the same e-mail address here if it is yours."
            ),
            403,
        )


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of one file, one after another; none where there is no such file.  Raises RightsError."""
    if not path.is_file():
        return
    try:
        with path.open("rb") as opened:
            for keys, value in elements(iter(lambda: opened.read(_PIECE), b"")):
                if not keys and isinstance(value, dict):
                    yield value
    except BadJson as error:
        raise RightsError("file", sentence_of(error)) from None


def _profile(data: Path) -> Iterator[Row]:
    for each in records(data / "people/account.json"):
        if "name" in each:
            picture = _inside(data, each.get("picture"))
            facts = {"display_name": _text(each, "display_name"), "bio": _text(each, "bio"), "picture": picture}
            yield Row("profile", "profile", f"@{_text(each, 'name')}"[:300], facts)


def _videos(data: Path, person: Person, address: str, hashes: dict[str, str]) -> Iterator[Row]:
    for each in records(data / "videos/videos.json"):
        key, title = f"video:{address}/{_text(each, 'id')}"[:400], _text(each, "caption")[:300]
        original = _inside(data, each.get("original"))
        if not original:
            yield Row("video", key, title, {}, Outcome.NOT_POSSIBLE, _("The bag does not hold its file."))
        elif earlier_video(person, hashes.get(f"data/{original}", "")) is not None:
            yield Row("video", key, title, {}, Outcome.KNOWN)
        else:
            visibility = _text(each, "visibility")
            facts = {
                "original": original,
                "caption": _text(each, "caption"),
                "visibility": visibility if visibility in Visibility.values else Visibility.PRIVATE,
                **{name: each.get(name) is True for name in ("allow_duet", "allow_stitch", "allow_sound")},
            }
            yield Row("video", key, title, facts)


def _drafts(data: Path, address: str) -> Iterator[Row]:
    for each in records(data / "videos/drafts.json"):
        key, title = f"draft:{address}/{_text(each, 'id')}"[:400], _text(each, "title")[:300]
        sources = each.get("sources")
        listed = sources if isinstance(sources, list) else []
        found = {_text(one, "id"): _inside(data, one.get("file")) for one in listed if isinstance(one, dict)}
        timeline = _inside(data, each.get("timeline"))
        if not timeline or not all(found.values()):
            note = _("It uses a video of somebody else, or a file that the bag does not hold.")
            yield Row("draft", key, title, {}, Outcome.NOT_POSSIBLE, note)
        else:
            yield Row("draft", key, title, {"timeline": timeline, "sources": found})


def _follows(data: Path, person: Person, at_home: bool) -> Iterator[Row]:
    names = {_text(each, "name") for each in records(data / "social/following.json")}
    here = set(
        Person.objects.filter(name__in=names if at_home else (), is_active=True)
        .exclude(pk=person.pk)
        .values_list("name", flat=True)
    )
    for name in sorted(names):
        if name in here:
            yield Row("follow", f"follow:{name}"[:400], f"@{name}"[:300], {"name": name})
        else:
            note = _("Their account is on another cell, or it is gone.")
            yield Row("follow", f"follow:{name}"[:400], f"@{name}"[:300], {}, Outcome.NOT_HERE, note)


def _marks(data: Path, person: Person, at_home: bool, kind: str, file: str) -> Iterator[Row]:
    told = {_text(each, "video"): each for each in records(data / file)}
    ids = {public_id: number for public_id in told if (number := _decoded(public_id)) is not None}
    here: set[int] = set()
    if at_home:
        here = set(watchable(person).filter(Q(pk__in=list(ids.values()))).values_list("pk", flat=True))
    for public_id, each in told.items():
        title = f"@{_text(each, 'creator')}: {_text(each, 'caption')}"[:300]
        if ids.get(public_id) in here:
            yield Row(kind, f"{kind}:{public_id}"[:400], title, {"video": public_id})
        else:
            note = _("The video is on another cell, or it is gone.")
            yield Row(kind, f"{kind}:{public_id}"[:400], title, {}, Outcome.NOT_HERE, note)


def _inside(data: Path, name: Any) -> str:
    """Return the name of a file that lies in the bag's payload, or nothing for any other."""
    if not isinstance(name, str) or not name or len(name) > 500 or "\x00" in name:
        return ""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or not (data / name).is_file():
        return ""
    return name


def _hashes(folder: Path) -> dict[str, str]:
    lines = (folder / "manifest-sha256.txt").read_text("utf-8").splitlines()
    return {path.strip(): digest for digest, _blank, path in (line.partition(" ") for line in lines)}


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _decoded(public_id: str) -> int | None:
    try:
        return decode_id(public_id)
    except ValueError:
        return None
