"""Border: data classes, the public log, access, peers, sunset and carve-out."""

from django.apps import AppConfig


class BorderConfig(AppConfig):
    """The border app."""

    name = "glaswerk.border"
    label = "border"
