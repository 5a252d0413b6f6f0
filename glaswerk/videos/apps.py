"""Videos: uploads, publishing and media delivery."""

from django.apps import AppConfig


class VideosConfig(AppConfig):
    """The videos app."""

    name = "glaswerk.videos"
    label = "videos"
