"""`glaswerk border audit` on a running cell: a whole life through its front door, and nothing private in all that leaves."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest

from glaswerk.border.audit.run import Finding, Report
from glaswerk.cell import postgres
from glaswerk.cell.config import Cell
from glaswerk.cli.border import show
from tests.browser.shopping import DETAILS, ask, write_product
from tests.cells import RunningCell

pytestmark = [pytest.mark.cell, pytest.mark.timeout(600)]
# Two mistakes as they are made: a right too much, and an application that writes what is private where everybody reads.
LEAKS = """
GRANT SELECT (email) ON people_person TO border;
CREATE FUNCTION test_leak() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE people_person SET bio = 'see ' || encode(convert_to(NEW.email, 'UTF8'), 'base64') WHERE id = NEW.user_id;
    RETURN NULL;
END $$;
CREATE TRIGGER test_leak AFTER INSERT ON account_emailaddress FOR EACH ROW EXECUTE FUNCTION test_leak();
"""
MENDED = """
DROP FUNCTION test_leak CASCADE;
REVOKE SELECT (email) ON people_person FROM border;
"""


class Hook(BaseHTTPRequestHandler):
    """A merchant's program, which takes every message."""

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()


def rows(cell: RunningCell, query: str) -> list[Any]:
    with psycopg.connect(postgres.database_url(Cell(cell.data)), autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def selling_cell(live_cell: RunningCell) -> Iterator[RunningCell]:
    """The cell that tests share, with something to buy, and with a merchant whose program is told of every order."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    person, owner = live_cell.person()
    name = f"shop-{person}"
    ask(owner, "POST", "/api/shop/merchants", {**DETAILS, "name": name})
    ask(live_cell.person("operator")[1], "POST", f"/api/shop/merchants/{name}/decision", {"state": "approved"})
    method = {"country": "DE", "name": "Post", "currency": "EUR", "minor": 490}
    ask(owner, "POST", f"/api/shop/merchants/{name}/delivery", method)
    words = {"title": "A vase of green glass", "variants": [{"sku": "V-1", "prices": {"EUR": 1990}}]}
    write_product(owner, name, "vase", words, [5])
    hook = {"url": f"http://127.0.0.1:{server.server_port}/hook", "events": ["order.paid", "order.cancelled"]}
    ask(owner, "POST", f"/api/shop/merchants/{name}/endpoints", hook)
    yield live_cell
    server.shutdown()
    server.server_close()


@pytest.fixture
def leaks(selling_cell: RunningCell) -> Iterator[None]:
    """Make both mistakes, and mend them."""
    rows(selling_cell, LEAKS)
    yield
    rows(selling_cell, MENDED)


def people(cell: RunningCell) -> int:
    return int(rows(cell, "SELECT count(*) FROM people_person")[0][0])


def test_a_whole_life_leaves_nothing_private_behind(selling_cell: RunningCell) -> None:
    before = people(selling_cell)
    # An audit that was killed left somebody.
    left, _client = selling_cell.person()
    note = selling_cell.data / "run" / "audit.names"
    note.write_text(f"{left}\n")
    done = selling_cell.run("border", "audit", "--json", check=False)
    facts = json.loads(done.stdout)
    assert (facts["findings"], facts["controls_missed"], facts["unopened"]) == ([], [], [])
    assert done.returncode == 0, done.stderr
    assert (facts["passes"], facts["found"], facts["skipped"]) == (True, 0, [])
    assert facts["canaries"] > 30
    assert facts["controls_seen"] == facts["controls"] == 7
    # Everything was really looked at: of each way out there is something, and public words came by those that carry words.
    assert all(channel["bytes"] > 0 for channel in facts["channels"].values())
    assert len(facts["channels"]) == 8
    words = ["messages and files for other cells", "pages that strangers see", "rows that the role reads"]
    assert facts["control_names"]["Ada: caption"] == words
    assert "sent to other addresses" in facts["control_names"]["the shop: title of a product"]
    # And nobody is left of them.
    assert (len(facts["erased"]), facts["waiting"], people(selling_cell)) == (2, [], before)
    assert not note.exists()


@pytest.mark.usefixtures("leaks")
def test_mistakes_are_found_and_said(selling_cell: RunningCell) -> None:
    before = people(selling_cell)
    done = selling_cell.run("border", "audit", "--json", check=False)
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["passes"]) == (1, False)
    found = {(one["canary"], one["channel"], one["spelling"].partition(",")[0]) for one in facts["findings"]}
    assert {
        ("Ben: e-mail", "rows that the role reads", "utf-8"),
        ("Ben: e-mail", "rows that the role reads", "base64"),
        ("Ben: e-mail", "pages that strangers see", "base64"),
    } <= found
    assert {one["canary"] for one in facts["findings"]} <= {"Ada: e-mail", "Ada: new e-mail", "Ben: e-mail"}
    assert (facts["found"], len(facts["erased"]), people(selling_cell)) == (len({one[0] for one in found}), 2, before)


def test_it_needs_a_running_cell(tmp_path: Any) -> None:
    resting = RunningCell(tmp_path / "data", 1)
    done = resting.run("border", "audit", check=False)
    assert done.returncode == 1
    assert "the cell is not running" in done.stderr


def test_a_control_that_is_not_seen_fails_the_audit() -> None:
    report = Report(["private"], ["public"], seen={"public": {"public log"}})
    assert report.passes
    assert not Report(["private"], ["public"]).passes
    assert Report(["private"], ["public"]).as_dict()["controls_missed"] == ["public"]
    assert not Report(["private"], ["public"], seen=report.seen, unopened={"a file"}).passes
    finding = Finding("private", "public log", "checkpoint", "utf-8")
    assert Report(["private"], ["public"], {finding}, seen=report.seen).as_dict()["found"] == 1


def test_it_is_read_as_people_like_to_read_it(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(["Ada: [e-mail]", "Ada: street"], ["Ada: name", "Ada: caption"], seen={"Ada: name": {"public log"}})
    report.findings = {Finding("Ada: [e-mail]", "public log", "checkpoint", "base64 in gzip")}
    report.pieces["public log"], report.sizes["public log"] = 3, 12_345
    report.skipped, report.erased, report.waiting = ["order: payments are real here"], ["ada"], ["Ben (@ben): open"]
    show(report.as_dict())
    said = capsys.readouterr().out
    for words in (
        "12,345",
        "FOUND  Ada: [e-mail]: public log, checkpoint (base64 in gzip)",
        "NOT SEEN  Ada: caption, though everybody may know it",
        "Left out: order: payments are real here",
        "2 private canaries, 1 found; 2 public ones, 1 seen.",
        "Erased: @ada.",
        "Still to be erased: Ben (@ben): open",
    ):
        assert words in said
