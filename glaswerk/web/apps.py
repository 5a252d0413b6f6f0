"""Web: base templates, design, the front door."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The web app."""

    name = "glaswerk.web"
    label = "web"
