"""Feed: joins the ranking engine to the rest."""

from django.apps import AppConfig


class FeedConfig(AppConfig):
    """The feed app."""

    name = "glaswerk.feed"
    label = "feed"
