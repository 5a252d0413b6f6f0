"""The tables of videos, one noun a file."""

from glaswerk.videos.models.rendition import Rendition
from glaswerk.videos.models.upload import Upload, UploadPurpose, UploadState
from glaswerk.videos.models.video import State, Video

__all__ = ["Rendition", "State", "Upload", "UploadPurpose", "UploadState", "Video"]
