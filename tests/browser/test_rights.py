"""Somebody takes everything along, asks to be erased, comes back, and in the end goes for good; on a phone."""

import json
import time
import uuid
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import bagit
import psycopg
import pytest
from playwright.sync_api import expect

from glaswerk.cell import postgres
from glaswerk.cell.config import Cell
from tests.browser.conftest import Visit, sign_in, sign_up
from tests.cells import PASSWORD, SETTINGS, RunningCell

pytestmark = [pytest.mark.browser, pytest.mark.cell]
PATIENCE_S = 240


@pytest.fixture(scope="module")
def stocked_cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCell]:
    """A cell without any clips, because nobody looks at one here."""
    with RunningCell.started(tmp_path_factory.mktemp("rights") / "data", SETTINGS) as cell:
        yield cell


def wait_until_none(cell: RunningCell, question: str, *facts: object) -> None:
    """Wait until the database counts nothing."""
    deadline = time.monotonic() + PATIENCE_S
    with psycopg.connect(postgres.database_url(Cell(cell.data)), autocommit=True) as connection:
        while (row := connection.execute(question, facts).fetchone()) is not None and row[0]:  # type: ignore[arg-type]
            assert time.monotonic() < deadline, question
            time.sleep(0.5)


def test_take_everything_along_leave_come_back_and_go(visit: Visit, stocked_cell: RunningCell, tmp_path: Path) -> None:
    name, client = sign_up(stocked_cell)
    now = datetime.now(UTC).isoformat()
    event = {"id": str(uuid.uuid4()), "kind": "follow", "creator": name, "at": now}
    assert client.post("/api/events", json={"events": [event]}).status_code == 202
    hidden = {"kind": "word", "value": "kanarienvogel"}
    assert client.post("/api/dials/hide", json=hidden).status_code == 200
    page = visit(accept_downloads=True)
    sign_in(page, client)

    page.goto("/me")
    page.get_by_role("link", name="Your data Take everything").click()
    page.get_by_role("button", name="Make an export").click()
    download = page.get_by_role("link", name="Download")
    expect(download).to_be_visible(timeout=PATIENCE_S * 1000)
    page.screenshot(path=tmp_path / "data.png", full_page=True)
    # A session alone does not open it.
    download.click()
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Go on").click()
    saved = tmp_path / "export.zip"
    downloading.value.save_as(saved)
    with zipfile.ZipFile(saved) as opened:
        opened.extractall(tmp_path / "out")
    (folder,) = (tmp_path / "out").iterdir()
    assert bagit.Bag(str(folder)).validate(processes=1)
    assert json.loads((folder / "data/people/account.json").read_text())[0]["name"] == name

    page.goto("/me/data")
    page.get_by_role("link", name="Erase my account").click()
    typed, password = page.get_by_label(f"Type your name, {name}"), page.get_by_label("Password")
    expect(typed.or_(password)).to_be_visible()
    if password.is_visible():
        # It took longer than a proof is good for.
        password.fill(PASSWORD)
        page.get_by_role("button", name="Go on").click()
        expect(typed).to_be_visible()
    page.screenshot(path=tmp_path / "leave.png", full_page=True)
    typed.fill(name)
    page.get_by_role("button", name="Erase my account").click()
    expect(page.get_by_role("heading", name="Your account is hidden")).to_be_visible()
    stranger = stocked_cell.client()
    assert stranger.get(f"/@{name}").status_code == 404

    page.get_by_role("link", name="Sign in").last.click()
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    expect(page.get_by_text("Welcome back. Your account stays")).to_be_visible()
    assert stranger.get(f"/@{name}").status_code == 200

    # For good: what is due goes from the tables first, and then from the log and its archive.
    with psycopg.connect(postgres.database_url(Cell(stocked_cell.data)), autocommit=True) as connection:
        row = connection.execute("SELECT id FROM people_person WHERE name = %s", [name]).fetchone()
        assert row is not None
        connection.execute("UPDATE people_person SET is_active = false WHERE id = %s", row)
        connection.execute(
            "INSERT INTO people_departure (person_id, asked_at, due_at, waits_for) VALUES (%s, now(), now(), '[]')", row
        )
    wait_until_none(stocked_cell, "SELECT count(*) FROM people_person WHERE name = %s", name)
    wait_until_none(stocked_cell, "SELECT count(*) FROM border_erasure")
    wait_until_none(stocked_cell, "SELECT count(*) FROM feed_dials WHERE viewer = %s", row[0])
    stored = [path for path in (stocked_cell.data / "nats").rglob("*") if path.is_file()]
    assert stored and not [path for path in stored if b"kanarienvogel" in path.read_bytes()], "the log has forgotten"
