"""The code's own rules, run as tests: lint, format, types, layers, migrations, and nothing that names a machine."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_PROGRAMS = Path(sys.executable).parent
COMMANDS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "layers": ["lint-imports"],
}
# Assembled, so that this file passes its own test.
_REGISTRIES = "|".join(
    ("pypi" + r"\.org", "pythonhosted" + r"\.org", "registry" + r"\.npmjs", "registry" + r"\.yarnpkg")
)
_MACHINE = re.compile(rf"{_REGISTRIES}|(?<![\w.$/])/(?:work|root|home/\w+)/|index-url\s*=|/tmp/[a-z]{{2}}/")


def _run(*command: str, **variables: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command[:3])}:\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("rule", COMMANDS)
def test_the_code_keeps_the_rule(rule: str, tmp_path: Path) -> None:
    program, *words = COMMANDS[rule]
    _run(str(_PROGRAMS / program), *words, GLASWERK_DATA=str(tmp_path / "cell"))


@pytest.mark.django_db
def test_the_migrations_are_those_of_the_models() -> None:
    from django.core.management import call_command

    # It leaves with a status where a model has moved on without its migration.
    call_command("makemigrations", check=True, dry_run=True, verbosity=3)


def test_no_file_names_a_registry_or_a_place_on_a_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file() or path.stat().st_size > 2 << 20:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [
            f"{name}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), 1)
            if _MACHINE.search(line)
        ]
    assert found == []
    assert _MACHINE.search("see /work" + "/main") is not None
