"""Border: data classes, the public log, access, peers, sunset and carve-out."""

from django.apps import AppConfig


class BorderConfig(AppConfig):
    """The border app."""

    name = "glaswerk.border"
    label = "border"

    def ready(self) -> None:
        """Have the pictures of other cells' offers delivered, and the offers stand in the feed."""
        from glaswerk.border.peers.own import OFFER_PICTURE_SQL
        from glaswerk.feed.extensions import Extension, extend_player
        from glaswerk.videos.media import open_files

        open_files("webp", OFFER_PICTURE_SQL)
        extend_player(Extension(template="border/in_feed.html", script="border/in_feed.js"))
