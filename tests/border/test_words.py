"""What the border says, it says in German too."""

import ast
import gettext
import re
from pathlib import Path

import glaswerk

ROOM = Path(glaswerk.__file__).parent


def catalogues(domain: str) -> list[gettext.GNUTranslations]:
    """Return the German of every room, as pages read it."""
    return [gettext.GNUTranslations(path.open("rb")) for path in ROOM.glob(f"*/locale/de/LC_MESSAGES/{domain}.mo")]


def sentences(files: str) -> set[str]:
    """Return what is given to gettext in Python files."""
    found: set[str] = set()
    for path in ROOM.glob(files):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "gettext_lazy"):
                found |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    return found


def test_german_has_every_sentence() -> None:
    templates = "".join(path.read_text() for path in (ROOM / "border/templates").rglob("*.html"))
    scripts = "".join(path.read_text() for path in (ROOM / "border/static").rglob("*.js"))
    for domain, wanted in (
        (
            "django",
            sentences("border/**/*.py")
            | sentences("*/exporter.py")
            | set(re.findall(r'translate "([^"]+)"', templates)),
        ),
        ("djangojs", set(re.findall(r'gettext\("([^"]+)"', scripts))),
    ):
        known = [each._catalog for each in catalogues(domain)]  # type: ignore[attr-defined]
        assert wanted
        assert not [each for each in wanted if not any(each in one for one in known)]
