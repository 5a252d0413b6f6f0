"""Moving from one store to another: everything arrives, a stopped copy goes on, and the switch is one line."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from typer.testing import CliRunner

from glaswerk.cell import blobs, moving
from glaswerk.cell.blobs import Blob
from glaswerk.cell.config import Cell, ConfigError, default_text, parse_config
from glaswerk.cli import storage as command
from glaswerk.people.models import Person
from tests.s3 import S3, use_storage

from .conftest import blob_bytes, published, stored_blobs
from .test_blob_store import damage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two_stores(cell: Cell, s3: S3, monkeypatch: pytest.MonkeyPatch, clean_jobs: None) -> Cell:
    """A cell that keeps its files in folders, and knows of a bucket."""
    s3.write_key(cell)
    section = use_storage(cell, s3.section(kind="local"))
    lines = [f"{name} = {json.dumps(value)}" for name, value in section.model_dump().items()]
    cell.config_path.write_text("# Our cell.\n[storage]\n" + "\n".join(lines) + "\n\n[web]\nport = 8001\n")
    monkeypatch.setattr(command, "attached_cell", lambda: nullcontext(cell))
    return cell


def _names(cell: Cell, kind: str) -> set[str]:
    return {str(stored.blob) for page in blobs.store_of(cell, kind).pages() for stored in page}


def _run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(command.app, [*arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_there_and_back(two_stores: Cell, ada: Person, clip: Path, tmp_path: Path) -> None:
    published(ada, clip)
    names = stored_blobs()
    contents = {name: blob_bytes(name, tmp_path) for name in names}
    status, output, _ = _run("move", "--to", "s3", "--json")
    facts = json.loads(output)
    assert (status, facts["files"], facts["copied"], facts["switched"]) == (0, len(names), len(names), True)
    # The rest of the file is as it was.
    text = two_stores.config_path.read_text()
    assert 'kind = "s3"' in text
    assert text.startswith("# Our cell.\n[storage]\n")
    assert text.endswith("[web]\nport = 8001\n")

    moved = Cell(two_stores.data)
    use_storage(two_stores, moved.config.storage)
    assert moved.config.storage.kind == "s3"
    assert {name: blob_bytes(name, tmp_path) for name in stored_blobs()} == contents
    assert _run("check", "--json")[0] == 0
    assert "kept there already" in _run("move", "--to", "s3")[2]

    # The old store is as it was, so nothing needs to come back but what is new.
    fresh = blobs.store_bytes(b"stored in the bucket", "jpg")
    facts = json.loads(_run("move", "--to", "local", "--json")[1])
    assert (facts["files"], facts["copied"], facts["switched"]) == (len(names) + 1, 1, True)
    use_storage(two_stores, Cell(two_stores.data).config.storage)
    assert stored_blobs() == names | {f"{fresh}.jpg"}


def test_a_stopped_copy_goes_on(two_stores: Cell) -> None:
    names = {f"{blobs.store_bytes(b'%d' % number, 'jpg')}.jpg" for number in range(6)}

    class StoppedError(Exception):
        pass

    def stop(seen: int, size: int) -> None:
        if seen == 4:
            raise StoppedError

    with pytest.raises(StoppedError):
        moving.copy_blobs(two_stores, "s3", stop)
    assert len(_names(two_stores, "s3")) == 4
    assert len(moving.missing_blobs(two_stores, "s3")) == 2
    moved = moving.copy_blobs(two_stores, "s3")
    assert (moved.blobs, moved.copied) == (6, 2)
    assert _names(two_stores, "s3") == names
    assert moving.missing_blobs(two_stores, "s3") == []
    assert list((two_stores.uploads / "work").iterdir()) == []


def test_nothing_is_switched_while_the_cell_runs(two_stores: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.store_bytes(b"a", "jpg")
    before = two_stores.config_path.read_text()
    monkeypatch.setattr(command, "is_running", lambda cell: True)
    status, output, _ = _run("move", "--to", "s3")
    assert status == 0
    assert "nothing is switched yet" in output
    assert two_stores.config_path.read_text() == before
    assert len(_names(two_stores, "s3")) == 1


def test_a_damaged_file_stops_the_move(two_stores: Cell) -> None:
    sha = blobs.store_bytes(b"whole", "jpg")
    damage(Blob(sha, "jpg"), b"holes")
    before = two_stores.config_path.read_text()
    status, _, errors = _run("move", "--to", "s3")
    assert status == 1
    assert f"{sha}.jpg is damaged" in errors
    assert two_stores.config_path.read_text() == before
    assert _names(two_stores, "s3") == set()


def test_a_move_to_what_is_not_set_up(two_stores: Cell) -> None:
    section = two_stores.config.storage
    before = two_stores.config_path.read_text()
    use_storage(two_stores, section.model_copy(update={"bucket": ""}))
    status, _, errors = _run("move", "--to", "s3")
    assert status == 1
    assert "storage.bucket" in errors
    use_storage(two_stores, section)
    (two_stores.keys / "s3").unlink()
    blobs._store.cache_clear()
    status, _, errors = _run("move", "--to", "s3")
    assert status == 1
    assert "There are no credentials" in errors
    assert two_stores.config_path.read_text() == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[web]\nport = 8001",
        "[storage]\n",
        "[storage]",
        '[storage]\nbucket = "cell"\n',
        '[storage]\nkind = "local"\nbucket = "cell"\n',
        '[web]\nport = 1\n[storage]  # ours\n# kind = "local"  # what it is\n  bucket = "cell"\n[feed]\n# kind = 3\n',
        '[storage]\n# kind = "s3"\nbucket = "cell"\nkind = "local" # now\n',
        default_text(),
    ],
)
def test_one_line_is_changed(text: str) -> None:
    changed = moving.with_kind(text, "local")
    assert parse_config(changed).storage == parse_config(text).storage.model_copy(update={"kind": "local"})
    bucket = 'bucket = "cell"\n'
    changed = moving.with_kind(
        text if 'bucket = "cell"' in text else text.replace("[storage]", f"[storage]\n{bucket}"), "s3"
    )
    if "[storage]" in text:
        assert parse_config(changed).storage.kind == "s3"
        gone = set(text.splitlines()) - set(changed.splitlines())
        assert all("kind" in line for line in gone)


def test_a_file_that_says_it_another_way_is_left_alone(two_stores: Cell) -> None:
    text = "storage.kind = 'local'\nstorage.bucket = 'cell'\n"
    two_stores.config_path.write_text(text)
    with pytest.raises(ConfigError):
        moving.switch(two_stores, "s3")
    assert two_stores.config_path.read_text() == text
    assert [path.name for path in two_stores.data.glob(".cell.toml*")] == []


# The other commands


@pytest.mark.usefixtures("storage")
def test_gc_and_check_say_what_they_found(cell: Cell, ada: Person, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from glaswerk.cell import keeping

    monkeypatch.setattr(command, "attached_cell", lambda: nullcontext(cell))
    published(ada, clip)
    used = stored_blobs()
    garbage = f"{blobs.store_bytes(b'garbage', 'jpg')}.jpg"
    status, output, _ = _run("check", "--json")
    facts = json.loads(output)
    assert (status, facts["ok"], facts["unreferenced"]) == (0, True, [garbage])
    facts = json.loads(_run("gc", "--json")[1])
    assert (facts["young"], facts["removed"]) == (1, [])
    collect = keeping.collect
    monkeypatch.setattr(keeping, "collect", lambda grace, dry_run: collect(timedelta(0), dry_run=dry_run))
    facts = json.loads(_run("gc", "--dry-run", "--json")[1])
    assert (facts["removed"], facts["removed_bytes"], facts["dry_run"]) == ([garbage], 7, True)
    assert stored_blobs() == used | {garbage}
    assert json.loads(_run("gc", "--json")[1])["removed"] == [garbage]
    assert stored_blobs() == used
    damage(Blob.parse(sorted(used)[0]), b"bad")
    status, output, _ = _run("check")
    assert status == 1
    assert "Damaged" in output
    assert json.loads(_run("check", "--no-read", "--json")[1])["ok"]
