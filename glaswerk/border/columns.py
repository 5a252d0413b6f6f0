"""Every column of the database with its class: what the models say, what the database says, and whether both agree."""

from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.db import connection
from django.utils.translation import gettext_lazy as _

from glaswerk.border.role import ROLE, TABLES_WITHOUT_MODELS, column_of
from glaswerk.cell.classes import data_class_of
from glaswerk.people.encrypted import encrypted_fields

# What the data of an app is for, as people read it.
PURPOSES: Final[dict[str, Any]] = {
    "account": _("To reach you by e-mail, and to let you in by it."),
    "admin": _("To know which operator changed what."),
    "auth": _("Nothing: the roles of this cell decide. The library brings the tables along."),
    "border": _("To show who looked at personal data, and to let nothing else out."),
    "cell": _("To keep the public log, and to count requests so that nobody can flood the cell."),
    "contenttypes": _("Nothing: the library brings the table along."),
    "feed": _("To choose what you see next, to explain it, and to let you check it."),
    "mfa": _("To let you in with a second step."),
    "money": _("To pay and to be paid, and to keep the books that the law asks for."),
    "people": _("To have an account, and what it shows of you."),
    "procrastinate": _("To do later what need not be done at once, such as preparing videos."),
    "sessions": _("To keep you signed in."),
    "shop": _("To sell, to send, to take back, and to keep the invoices that the law asks for."),
    "social": _("To follow, to like, to save and to talk."),
    "videos": _("To keep your videos and drafts, to prepare them and to show them."),
}
_COLUMNS: Final = """
SELECT c.relname, a.attname, col_description(c.oid, a.attnum), has_column_privilege(%s, c.oid, a.attnum, 'SELECT')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
ORDER BY c.relname, a.attnum
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.  `declared` is what the code says and `commented` what the database does; both empty where nothing is said."""

    app: str
    table: str
    column: str
    declared: str
    commented: str
    is_encrypted: bool
    leaves: bool

    @property
    def agrees(self) -> bool:
        """Whether code and database say the same, and the border lets it out exactly where it is public."""
        return self.declared != "" and self.declared == self.commented and self.leaves == (self.declared == "PUBLIC")

    @property
    def purpose(self) -> str:
        """What it is for."""
        return str(PURPOSES.get(self.app, ""))

    def as_dict(self) -> dict[str, Any]:
        """The column for a file."""
        return {
            "app": self.app,
            "table": self.table,
            "column": self.column,
            "class": self.declared,
            "class_in_database": self.commented,
            "encrypted_per_person": self.is_encrypted,
            "leaves_the_cell": self.leaves,
            "agrees": self.agrees,
            "purpose": self.purpose,
        }


def all_columns() -> list[Column]:
    """Return every column that is in the database, and every one that a model has and the database has not.  One query."""
    declared: dict[tuple[str, str], tuple[str, str, bool]] = {}
    for model in apps.get_models(include_auto_created=True):
        encrypted = {column_of(field) for field in encrypted_fields(model)}
        for field in model._meta.concrete_fields:
            said = str(data_class_of(field) or "")
            key = (model._meta.db_table, column_of(field))
            declared[key] = (model._meta.app_label, said, key[1] in encrypted)
    found = []
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [ROLE])
        for table, column, comment, leaves in cursor.fetchall():
            outside = ("cell", str(TABLES_WITHOUT_MODELS.get(table, "")), False)
            app, said, is_encrypted = declared.pop((table, column), outside)
            found.append(Column(app, table, column, said, comment or "", is_encrypted, leaves))
    found += [
        Column(app, table, column, said, "", is_encrypted, leaves=False)
        for (table, column), (app, said, is_encrypted) in declared.items()
    ]
    return sorted(found, key=lambda one: (one.app, one.table))
