"""The tables of videos, one noun a file."""

from glaswerk.videos.models.rendition import Rendition
from glaswerk.videos.models.video import State, Video

__all__ = ["Rendition", "State", "Video"]
