"""What the pages about the border say: every column as it is now, and the log as it stands."""

import csv
import io
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from glaswerk.border.columns import PURPOSES, all_columns
from glaswerk.cell import recorder
from glaswerk.cell.classes import concrete_fields
from glaswerk.cell.entries import EntryKind
from glaswerk.cell.public_log import log_signer
from glaswerk.cell.records import record

pytestmark = pytest.mark.django_db


def test_every_column_is_listed_with_its_class_and_purpose(client: Client) -> None:
    columns = all_columns()
    assert [one for one in columns if not one.agrees or not one.purpose] == []
    listed = {(one.table, one.column) for one in columns}
    assert {(field.model._meta.db_table, field.column) for field in concrete_fields()} <= listed
    assert {one.app for one in columns} <= set(PURPOSES)
    answer = client.get("/transparency/data.json").json()["columns"]
    assert len(answer) == len(columns)
    street = next(one for one in answer if (one["table"], one["column"]) == ("shop_address", "street"))
    assert (street["class"], street["encrypted_per_person"], street["leaves_the_cell"]) == ("PERSONAL", True, False)
    rows = list(csv.DictReader(io.StringIO(client.get("/transparency/data.csv").content.decode())))
    assert [row["column"] for row in rows] == [one["column"] for one in answer]
    page = client.get("/transparency/data").content.decode()
    assert "people_person" in page and "disagrees" not in page


@pytest.mark.parametrize(
    "change",
    [
        "COMMENT ON COLUMN people_person.email IS 'PUBLIC'",
        "COMMENT ON COLUMN people_person.email IS NULL",
        "GRANT SELECT (email) ON people_person TO border",
        "ALTER TABLE people_person ADD COLUMN email2 text",
        "CREATE TABLE people_secret (id int)",
    ],
)
def test_it_says_so_where_code_and_database_disagree(client: Client, change: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(change)
    (wrong,) = [one for one in all_columns() if not one.agrees]
    assert wrong.table in ("people_person", "people_secret")
    assert "disagrees" in client.get("/transparency/data").content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_page_of_the_border_is_the_log(client: Client, tmp_path: Any) -> None:
    assert client.get("/transparency/border").status_code == 200
    with transaction.atomic():
        record(EntryKind.POLICY, {"sha256": "5" * 64, "policy": "ranking", "reason": "Fewer <b>repeats</b>."})
        record(EntryKind.EPOCH, {"sha256": "6" * 64, "policy": "5" * 64, "videos": 3})
    recorder.record_once(settings.CELL)
    with transaction.atomic():
        record(EntryKind.EPOCH, {"sha256": "7" * 64, "policy": "5" * 64, "videos": 4})
    page = client.get("/transparency/border").content.decode()
    for word in (
        "6" * 64,
        "7" * 64,
        "Fewer &lt;b&gt;repeats&lt;/b&gt;.",
        log_signer(settings.CELL).key.text.replace("+", "+"),
    ):
        assert word in page
    assert "<b>repeats" not in page
    assert "glaswerk log verify" in page and "None so far." in page
