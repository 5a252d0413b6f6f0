"""Social: follows, likes, saves, comments and blocks."""

from django.apps import AppConfig


class SocialConfig(AppConfig):
    """The social app."""

    name = "glaswerk.social"
    label = "social"
