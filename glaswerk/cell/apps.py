"""The cell as a Django app: it has no tables, it holds the checks that guard the start-up."""

from django.apps import AppConfig
from django.core.checks import register

from glaswerk.cell.classes import check_every_field_declares_a_class
from glaswerk.cell.references import check_every_hash_declares_what_it_keeps


class CellConfig(AppConfig):
    """Registers the checks of what columns declare."""

    name = "glaswerk.cell"
    label = "cell"

    def ready(self) -> None:
        """Register the checks under a tag of their own, so that every process can run just these at start-up."""
        register(check_every_field_declares_a_class, "data_classes")
        register(check_every_hash_declares_what_it_keeps, "data_classes")
