"""The files of a video beside its renditions: what helps to find a place in it, and what makes it an HLS stream."""

from django.db import models

from glaswerk.cell.classes import public
from glaswerk.cell.references import keeps_blob
from glaswerk.videos.models.video import Video


class AssetKind(models.TextChoices):
    """What a file is for."""

    PREVIEW = "preview"
    STORYBOARD = "storyboard"
    # Which part of the storyboard belongs to which time.
    TILES = "tiles"
    # The master playlist, the playlist of one track, and a track itself.
    STREAM = "stream"
    PLAYLIST = "playlist"
    TRACK = "track"


EXTENSIONS = {
    AssetKind.PREVIEW: "webp",
    AssetKind.STORYBOARD: "jpg",
    AssetKind.TILES: "vtt",
    AssetKind.STREAM: "m3u8",
    AssetKind.PLAYLIST: "m3u8",
    AssetKind.TRACK: "m4s",
}


class Asset(models.Model):
    """One file of a video, named by the SHA-256 of its bytes."""

    id = public(models.BigAutoField(primary_key=True))
    video = public(models.ForeignKey(Video, on_delete=models.CASCADE, related_name="assets"))
    kind = public(models.CharField(max_length=10, choices=AssetKind.choices))
    blob = public(keeps_blob(models.CharField(max_length=64, db_index=True), *sorted(set(EXTENSIONS.values()))))

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["video", "kind", "blob"], name="asset_once"),
            models.CheckConstraint(condition=models.Q(kind__in=AssetKind.values), name="asset_kind_known"),
        )
        ordering = ("id",)

    @property
    def extension(self) -> str:
        """The extension under which the file is stored."""
        return EXTENSIONS[AssetKind(self.kind)]
