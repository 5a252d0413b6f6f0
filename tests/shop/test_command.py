"""`glaswerk shop`: catalogues in and out at the command line."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from glaswerk.cli import shop as command
from glaswerk.shop.models import Product

from .conftest import MakeMerchant

pytestmark = pytest.mark.django_db
Run = Callable[..., Result]
GOOD = "Handle,Title,Variant Price\na,A,1.00\nb,B,2.00\n"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command; the servers of the test run are already there."""
    monkeypatch.setattr(command, "attached_cell", nullcontext)

    def run(*words: object) -> Result:
        return CliRunner().invoke(command.app, [str(word) for word in words])

    return run


def test_a_file_is_imported_and_exported(run: Run, make_merchant: MakeMerchant, tmp_path: Path) -> None:
    make_merchant("glas")
    file = tmp_path / "in.csv"
    file.write_text(GOOD)
    result = run("import", file, "--merchant", "Glas", "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["created"], facts["changed"], facts["refused"], facts["notes"]) == (2, 0, 0, [])
    assert facts["rows"][1] == {"line": 3, "handle": "b", "outcome": "created", "field": "", "reason": ""}
    assert run("export", tmp_path / "out.csv", "--merchant", "glas").exit_code == 0
    again = json.loads(run("import", tmp_path / "out.csv", "--merchant", "glas", "--json").stdout)
    assert (again["created"], again["changed"], again["refused"]) == (0, 2, 0)


def test_what_is_refused_is_named_by_line_and_field(run: Run, make_merchant: MakeMerchant, tmp_path: Path) -> None:
    make_merchant("glas")
    file = tmp_path / "in.csv"
    file.write_text(GOOD + "c,C,gratis\n")
    result = run("import", file, "--merchant", "glas")
    assert result.exit_code == 1
    assert "2 products created, 0 changed, 1 refused." in result.stdout
    assert "line 4, Variant Price:" in result.stdout
    assert Product.objects.count() == 2


def test_what_cannot_be_read_changes_nothing(run: Run, make_merchant: MakeMerchant, tmp_path: Path) -> None:
    make_merchant("glas")
    file = tmp_path / "in.csv"
    file.write_bytes(GOOD.encode("utf-16"))
    for words, sentence in (
        (("import", file, "--merchant", "glas"), "UTF-16"),
        (("import", tmp_path / "none.csv", "--merchant", "glas"), "cannot be read"),
        (("import", file, "--merchant", "nobody"), "no merchant 'nobody'"),
    ):
        result = run(*words)
        assert (result.exit_code, sentence in result.output) == (2, True), result.output
    assert not Product.objects.exists()
