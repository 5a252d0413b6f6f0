"""The sound of a video that plays, taken out once, so that others can use it.

A video that uses somebody's sound, or that shows somebody else's video, has none of its own: what is heard in it is not
its creator's to give on.
"""

import shutil
from typing import Final

import structlog
from django.db import transaction
from django.db.models import QuerySet

from glaswerk import reel
from glaswerk.cell import blobs
from glaswerk.cell.ids import encode_id
from glaswerk.cell.keeping import keep_blobs
from glaswerk.reel import material
from glaswerk.videos import outbox
from glaswerk.videos.limits import reel_limits
from glaswerk.videos.models import Rendition, Sound, State, Video
from glaswerk.videos.work import work_folder

# AAC as codecs strings name it.
_AUDIO: Final = "mp4a"
_logger = structlog.get_logger("glaswerk.videos")


def take_sound(video_id: int) -> None:
    """Give a video that plays its own sound, if there is something to hear.  Safe to run twice.

    A video whose sound cannot be taken out plays all the same, so this raises nothing but what a lost database does.
    """
    if not _silent().filter(pk=video_id).exists():
        return
    rendition = Rendition.objects.filter(video_id=video_id, codecs__contains=_AUDIO).order_by("-height").first()
    if rendition is None:
        return
    folder = work_folder() / f"{encode_id(video_id)}.sound"
    try:
        folder.mkdir(exist_ok=True)
        with blobs.local_blob(rendition.blob, "mp4", folder) as path:
            made = material.extract_sound(path, folder, reel_limits())
        _keep(video_id, made)
    except (reel.ReelError, OSError) as error:
        _logger.warning("sound not taken", failure=type(error).__name__, reason=getattr(error, "detail", ""))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def without_sound(limit: int) -> list[int]:
    """Return videos whose sound was not taken out yet, the newest first: those from before there were sounds, and those
    whose worker was killed."""
    heard = Rendition.objects.filter(codecs__contains=_AUDIO).values("video")
    return list(_silent().filter(pk__in=heard).order_by("-published_at").values_list("pk", flat=True)[:limit])


def _silent() -> QuerySet[Video]:
    return Video.objects.filter(state=State.READY, sound__isnull=True, own_sound__isnull=True, credits__isnull=True)


def _keep(video_id: int, made: material.ExtractedSound) -> None:
    with transaction.atomic():
        keep_blobs()
        blob = blobs.store_file(made.path, "m4a")
        # The row's lock keeps the video from being deleted, or given a sound by another worker, in between.
        video = Video.objects.select_for_update().filter(pk=video_id, state=State.READY, sound__isnull=True).first()
        if video is None or Sound.objects.filter(video=video).exists():
            outbox.discard_later([f"{blob}.m4a"])
            return
        sound = Sound.objects.create(
            title=video.sound_title or encode_id(video_id),
            owner_id=video.creator_id,
            video=video,
            blob=blob,
            duration_ms=made.duration_ms,
            peaks=made.peaks,
        )
        Video.objects.filter(pk=video_id).update(sound=sound)
        outbox.announce(video_id)
