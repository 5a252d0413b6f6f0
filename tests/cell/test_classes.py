"""Data classes: every column has one, in the code and in the database, and a cell without one does not start."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection, models

from glaswerk.cell.classes import (
    LIBRARY_FIELDS,
    DataClass,
    check_every_field_declares_a_class,
    concrete_fields,
    data_class_of,
    personal,
)

ROOT = Path(__file__).resolve().parents[2]


def test_every_column_of_every_installed_model_declares_a_class() -> None:
    fields = list(concrete_fields())
    undeclared = [f"{field.model._meta.label}.{field.name}" for field in fields if data_class_of(field) is None]
    assert undeclared == []
    labels = {field.model._meta.label for field in fields}
    # The libraries' tables are among them, and so are join tables that nobody wrote down.
    assert {"people.Person", "sessions.Session", "account.EmailAddress", "people.Person_groups"} <= labels
    assert len(fields) > 150
    assert check_every_field_declares_a_class(None) == []


def test_the_list_of_the_libraries_fields_names_nothing_that_is_gone() -> None:
    declared = {(label, name) for label, names in LIBRARY_FIELDS.items() for name in names}
    present = {(field.model._meta.label, field.name) for field in concrete_fields()}
    assert declared - present == set()


def test_what_identifies_a_person_is_never_public() -> None:
    classes = {f"{field.model._meta.label}.{field.name}": data_class_of(field) for field in concrete_fields()}
    assert classes["people.Person.email"] is DataClass.PERSONAL
    assert classes["people.Person.birth_year"] is DataClass.PERSONAL
    assert classes["people.Person.password"] is DataClass.SECRET
    assert classes["sessions.Session.session_key"] is DataClass.SECRET
    assert classes["mfa.Authenticator.data"] is DataClass.SECRET
    assert classes["feed.Watch.watched_ms"] is DataClass.PERSONAL
    assert classes["feed.Statistics.impressions"] is DataClass.COUNT


@pytest.fixture
def careless_model() -> Iterator[type[models.Model]]:
    """A model of which one field declares nothing and one a word that is no class."""

    class Careless(models.Model):
        id = personal(models.BigAutoField(primary_key=True))
        said = personal(models.TextField())
        unsaid = models.TextField()
        misspelt = models.TextField(db_comment="PERSNAL")

        class Meta:
            app_label = "cell"

    yield Careless
    del apps.all_models["cell"]["careless"]
    apps.clear_cache()


def test_a_field_without_a_class_is_found(careless_model: type[models.Model]) -> None:
    errors = check_every_field_declares_a_class(None)
    assert [(error.id, error.msg) for error in errors] == [
        ("glaswerk.E001", "cell.Careless.unsaid declares no data class."),
        ("glaswerk.E001", "cell.Careless.misspelt declares no data class."),
    ]
    assert all(error.is_serious() for error in errors)


def test_the_preparation_and_the_web_refuse_to_start_with_such_a_field(tmp_path: Path) -> None:
    program = """
import os, sys
from django.db import models
from glaswerk.cell.apps import CellConfig
ready = CellConfig.ready
def with_a_careless_model(self):
    ready(self)
    type("Careless", (models.Model,), {"__module__": "careless", "unsaid": models.TextField(),
         "Meta": type("Meta", (), {"app_label": "cell"})})
CellConfig.ready = with_a_careless_model
if sys.argv[1] == "web":
    from glaswerk.web.server import make_app
    make_app()
else:
    from glaswerk.cli.parts import prepare
    prepare()
"""
    environment = {**os.environ, "GLASWERK_DATA": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    for part in ("web", "prepare"):
        done = subprocess.run(
            [sys.executable, "-c", program, part], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1, done.stderr[-2000:]
        assert "cell.Careless.unsaid declares no data class" in done.stderr, done.stderr[-2000:]


@pytest.mark.django_db
def test_the_classes_of_our_own_tables_stand_in_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname, col_description(c.oid, a.attnum) FROM pg_class c"
            " JOIN pg_attribute a ON a.attrelid = c.oid WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r'"
        )
        comments = {(table, column): comment for table, column, comment in cursor.fetchall()}
    ours = [
        field
        for field in concrete_fields()
        if field.model.__module__.startswith("glaswerk.") and field.model._meta.label not in LIBRARY_FIELDS
    ]
    assert len(ours) > 100
    wrong = {
        (field.model._meta.db_table, field.column): comments[field.model._meta.db_table, field.column]
        for field in ours
        if comments[field.model._meta.db_table, field.column] != data_class_of(field)
    }
    assert wrong == {}
