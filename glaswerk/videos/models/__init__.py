"""The tables of videos, one noun a file."""

from glaswerk.videos.models.asset import Asset, AssetKind
from glaswerk.videos.models.credit import Credit, Reuse
from glaswerk.videos.models.draft import Cut, Draft, Source, SourceKind, SourceState
from glaswerk.videos.models.fingerprint import Fingerprint
from glaswerk.videos.models.rendition import Family, Rendition
from glaswerk.videos.models.sound import Sound
from glaswerk.videos.models.track import CaptionTrack
from glaswerk.videos.models.upload import Upload, UploadPurpose, UploadState
from glaswerk.videos.models.video import Ladder, State, Video
from glaswerk.videos.models.worker import Work, Worker

__all__ = [
    "Asset",
    "AssetKind",
    "CaptionTrack",
    "Credit",
    "Cut",
    "Draft",
    "Family",
    "Fingerprint",
    "Ladder",
    "Rendition",
    "Reuse",
    "Sound",
    "Source",
    "SourceKind",
    "SourceState",
    "State",
    "Upload",
    "UploadPurpose",
    "UploadState",
    "Video",
    "Work",
    "Worker",
]
