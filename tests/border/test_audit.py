"""`glaswerk border audit` on a running cell: a whole life through its front door, and nothing private in all that leaves."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from glaswerk.cell import postgres
from glaswerk.cell.config import Cell
from tests.browser.shopping import DETAILS, ask, write_product
from tests.cells import RunningCell

pytestmark = [pytest.mark.cell, pytest.mark.timeout(600)]


def rows(cell: RunningCell, query: str) -> list[Any]:
    with psycopg.connect(postgres.database_url(Cell(cell.data)), autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def selling_cell(live_cell: RunningCell) -> RunningCell:
    """The cell that tests share, with something to buy."""
    _, owner = live_cell.person()
    name = f"shop-{owner.cookies['sessionid'][:8]}"
    ask(owner, "POST", "/api/shop/merchants", {**DETAILS, "name": name})
    ask(live_cell.person("operator")[1], "POST", f"/api/shop/merchants/{name}/decision", {"state": "approved"})
    method = {"country": "DE", "name": "Post", "currency": "EUR", "minor": 490}
    ask(owner, "POST", f"/api/shop/merchants/{name}/delivery", method)
    words = {"title": "A vase of green glass", "variants": [{"sku": "V-1", "prices": {"EUR": 1990}}]}
    write_product(owner, name, "vase", words, [5])
    return live_cell


@pytest.fixture
def leak(live_cell: RunningCell) -> Iterator[None]:
    """Somebody lets the role read where people's mails go, and which words of theirs are drafts."""
    rows(live_cell, "GRANT SELECT (email) ON people_person TO border; GRANT SELECT (agent) ON people_person TO border")
    yield


def test_a_whole_life_leaves_nothing_private_behind(selling_cell: RunningCell) -> None:
    people = rows(selling_cell, "SELECT count(*) FROM people_person")
    done = selling_cell.run("border", "audit", "--json", check=False)
    facts = json.loads(done.stdout)
    assert (facts["findings"], facts["controls_missed"], facts["unopened"]) == ([], [], [])
    assert done.returncode == 0, done.stderr
    assert (facts["passes"], facts["found"]) == (True, 0)
    assert facts["canaries"] > 30
    assert facts["controls_seen"] == facts["controls"] == 7
    assert facts["skipped"] == []
    # They were looked for in everything that there is.
    assert all(facts["channels"][name]["bytes"] > 0 for name in facts["channels"] if name != "sent to other addresses")
    assert facts["control_names"]["Ada: caption"] == [
        "messages and files for other cells",
        "pages that strangers see",
        "rows that the role reads",
    ]
    # And nobody is left of them.
    assert (len(facts["erased"]), facts["waiting"]) == (2, [])
    assert rows(selling_cell, "SELECT count(*) FROM people_person") == people
