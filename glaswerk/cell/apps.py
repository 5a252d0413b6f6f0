"""The cell as a Django app: it has no tables, it holds the checks that guard the start-up."""

from django.apps import AppConfig
from django.core.checks import register

from glaswerk.cell.classes import check_every_field_declares_a_class


class CellConfig(AppConfig):
    """Registers the data-class check."""

    name = "glaswerk.cell"
    label = "cell"

    def ready(self) -> None:
        """Register the check under its own tag, so that every process can run just this one at start-up."""
        register(check_every_field_declares_a_class, "data_classes")
