"""Border: data classes, the public log, access, people's rights, peers, sunset and carve-out."""

from django.apps import AppConfig
from django.core.checks import register


class BorderConfig(AppConfig):
    """The border app."""

    name = "glaswerk.border"
    label = "border"

    def ready(self) -> None:
        """Register the check of exports beside those of data classes, so that every process runs it at start-up."""
        from glaswerk.border.exporters import check_exporters

        register(check_exporters, "data_classes")
