"""Border: data classes, the public log, access, people's rights, peers, sunset and carve-out."""

from django.apps import AppConfig
from django.core.checks import register


class BorderConfig(AppConfig):
    """The border app."""

    name = "glaswerk.border"
    label = "border"

    def ready(self) -> None:
        """Check exports at start-up; have the pictures of other cells' offers delivered, and the offers stand in the feed."""
        from glaswerk.border.exporters import check_exporters
        from glaswerk.border.peers.own import OFFER_PICTURE_SQL
        from glaswerk.feed.extensions import Extension, extend_player
        from glaswerk.videos.media import open_files

        open_files("webp", OFFER_PICTURE_SQL)
        extend_player(Extension(template="border/in_feed.html", script="border/in_feed.js"))
        # Beside the check of data classes, so that every process runs it.
        register(check_exporters, "data_classes")
