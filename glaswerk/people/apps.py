"""People: accounts, profiles and roles."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """The people app."""

    name = "glaswerk.people"
    label = "people"
