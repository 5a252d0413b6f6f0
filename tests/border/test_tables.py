"""Every table and every folder of a cell is named by whoever says what becomes of it, in the dark and with a new owner."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from glaswerk.border.carve import inventory
from glaswerk.border.carve.failures import CarveRefused
from glaswerk.border.carve.inventory import KEPT, KEYS_TABLE, LEFT, LEFT_FILES, LOADED, Way, buckets_of, way_of
from glaswerk.border.sunset.still import MOVING, MOVING_COLUMNS, is_still, own_connection
from glaswerk.cell.config import Cell

pytestmark = pytest.mark.django_db
_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
_REFERENCES = """
SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""


def asked(query: str) -> "list[tuple[Any, ...]]":
    with own_connection(settings.CELL) as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]


def unnamed(tables: set[str]) -> set[str]:
    """The tables of which nobody has said how they are handed over."""
    found = set()
    for table in tables:
        try:
            way_of(table)
        except CarveRefused:
            found.add(table)
    return found


def named(patterns: Any, table: str) -> bool:
    return any(table.startswith(one[:-1]) if one.endswith("*") else table == one for one in patterns)


def test_every_table_is_named_once_and_no_name_is_of_a_table_that_is_not() -> None:
    tables = {name for (name,) in asked(_TABLES)}
    assert unnamed(tables) == set()
    lists: list[Any] = [LEFT, KEPT, (KEYS_TABLE,), [f"{app}_{name}" for app, names in LOADED.items() for name in names]]
    for table in tables:
        assert sum(named(patterns, table) for patterns in lists) == 1, table
    for patterns in (*lists, MOVING, MOVING_COLUMNS):
        for one in patterns:
            assert any(named((one,), table) for table in tables), one
    # The test can fail.
    assert unnamed({"shop_novelty", "novelty", "shop_order"}) == {"shop_novelty", "novelty"}


def test_a_table_that_nobody_named_is_not_handed_over_by_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    with own_connection(settings.CELL) as connection:
        whole = {table.name for table, _ in inventory.handed_tables(connection)}
        less = {**LOADED, "social": tuple(one for one in LOADED["social"] if one != "follow")}
        monkeypatch.setattr(inventory, "LOADED", less)
        with pytest.raises(CarveRefused, match="social_follow"):
            inventory.handed_tables(connection)
    assert {"social_follow", "people_access", "shop_touch", "money_commission"} <= whole
    assert not whole & {"border_spoken", "django_session", "border_change"}


def test_nothing_that_is_handed_over_refers_to_what_is_not() -> None:
    ways = {name: way_of(name) for (name,) in asked(_TABLES)}
    references = asked(_REFERENCES)
    dangling = [
        (one, other)
        for one, other in references
        if ways[one] in (Way.LOADED, Way.KEYS) and ways[other] not in (Way.LOADED, Way.KEYS)
    ]
    assert dangling == []
    # What refers to the old log's records is there, and does not go into the new cell.
    assert {one for one, other in references if other == "cell_record"} == {"people_access", "border_spoken"}


def test_whatever_counts_by_itself_belongs_to_a_table_or_need_not_go_on() -> None:
    """A counter that no table owns is not handed over."""
    loose = asked(
        "SELECT c.relname FROM pg_class c WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace AND NOT EXISTS"
        " (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))"
    )
    # It only tells two changes apart, and changes are left.
    assert loose == [("border_change_version",)]


@pytest.mark.parametrize(
    "table",
    [
        *(
            "shop_plan",
            "shop_planrate",
            "shop_touch",
            "shop_earning",
            "money_commission",
            "shop_endpoint",
            "shop_delivery",
        ),
        *(
            "shop_token",
            "shop_review",
            "shop_notice",
            "people_datakey",
            "people_departure",
            "border_import",
            "border_peer",
        ),
        *(
            "border_erasure",
            "border_arrival",
            "border_cosignature",
            "border_spoken",
            "border_movehalf",
            "feed_policyrecord",
        ),
    ],
)
def test_what_people_and_shops_have_stays_in_the_dark(table: str) -> None:
    assert is_still(table)


def test_every_folder_of_a_cell_is_named(tmp_path: Path) -> None:
    cell = Cell(tmp_path / "cell")
    cell.make_folders()
    folders = {value for value in vars(cell).values() if isinstance(value, Path) and value.parent == cell.data}
    folders -= {cell.config_path}
    handed = list(buckets_of(cell).values())
    nothing_said = {
        folder.name
        for folder in folders
        if folder.name not in LEFT_FILES and not any(folder in (one, *one.parents) for one in handed)
    }
    assert nothing_said == set()
    assert {"media", "archive", "epochs", "tlog"} <= {one.name for one in handed}
    assert cell.uploads / "originals" in handed
