"""From the first rendition to the whole ladder: what is made of a video while it plays already.

A video in `ready` has a ladder that is `first`, and later `whole`, or `broken` where the rest cannot be made.  All that is
made here appears in one transaction, so nobody sees half of it, and a worker that is killed leaves a video that plays and a job
that begins again.  The lock is that of `processing.py`.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog
from django.db import transaction
from django.db.models import QuerySet

from glaswerk import reel
from glaswerk.cell import blobs
from glaswerk.cell.ids import encode_id
from glaswerk.cell.keeping import keep_blobs
from glaswerk.reel import package, stills
from glaswerk.reel.fingerprint import fingerprint
from glaswerk.videos import outbox
from glaswerk.videos.limits import families, reel_limits
from glaswerk.videos.models import Asset, AssetKind, Fingerprint, Ladder, Rendition, State, Video
from glaswerk.videos.processing import claim, claimed_videos, kept_rendition
from glaswerk.videos.work import work_folder

# Who published a video looks at it for a moment yet, and holds its lock meanwhile.
_PATIENCE_S: Final = 30.0
# In the background a render yields to everything else, so it may stand still for longer.
_BACKGROUND_STALL_S: Final = 900.0
_logger = structlog.get_logger("glaswerk.videos")


@dataclass(frozen=True, slots=True)
class _File:
    """A playable file with its shape, on this machine's disk."""

    path: Path
    width: int
    height: int
    codecs: str
    family: str


@dataclass(frozen=True, slots=True)
class _Made:
    """All that belongs to a video beside its first rendition, not stored yet."""

    renditions: tuple[reel.Rendition, ...]
    files: tuple[_File, ...]
    stills: stills.Stills
    tracks: package.Package
    pictures: bytes


def complete(video_id: int) -> None:
    """Make and publish the rest of one video's ladder; nothing happens where that is done, or the video gone.

    Safe to run twice, at once or in turn.  Raises ReelError where another try may help, and what stops the worker itself.
    """
    with claim(video_id, _PATIENCE_S) as claimed:
        video = _waiting().filter(pk=video_id).first() if claimed else None
        if video is None:
            return
        folder = work_folder() / f"{encode_id(video_id)}-ladder"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True)
            with _first_file(video, folder) as first, blobs.local_original(video.source, folder) as source:
                extend(video, _make(video, source, first, folder))
        except reel.ReelError as error:
            if error.code is reel.Failure.STOPPED:
                # Its worker leaves, and another one goes on: that is no try in vain.
                outbox.complete_later(video_id)
                return
            _logger.warning("ladder not completed", failure=error.code.value, reason=error.detail)
            if error.code.is_worth_a_retry:
                raise
            give_up(video_id)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def give_up(video_id: int) -> bool:
    """Leave a video with its first rendition alone; return whether its ladder was waiting."""
    return _waiting().filter(pk=video_id).update(ladder=Ladder.BROKEN) == 1


def abandoned_ladders() -> list[int]:
    """Return the videos that wait for the rest of their ladder and that no living worker is at."""
    claimed = claimed_videos()
    return [video_id for video_id in _waiting().values_list("pk", flat=True) if video_id not in claimed]


def extend(video: Video, made: "_Made") -> bool:
    """Publish what was made, in one transaction; return False where the video does not wait for it any more."""
    with transaction.atomic():
        keep_blobs()
        # The row's lock keeps its creator from deleting it between this look and the new rows.
        if _waiting().select_for_update().filter(pk=video.pk).first() is None:
            return False
        largest = max(made.files, key=lambda each: each.width * each.height)
        Video.objects.filter(pk=video.pk).update(ladder=Ladder.WHOLE, width=largest.width, height=largest.height)
        Rendition.objects.bulk_create(kept_rendition(video.pk, each) for each in made.renditions)
        files = dict.fromkeys(_store_assets(made))
        Asset.objects.bulk_create(Asset(video_id=video.pk, kind=kind, blob=blob) for kind, blob in files)
        Fingerprint.objects.update_or_create(video_id=video.pk, defaults={"pictures": made.pictures})
        outbox.announce(video.pk)
    return True


def _make(video: Video, source: Path, first: _File, folder: Path) -> _Made:
    limits = replace(reel_limits(), stall_seconds=_BACKGROUND_STALL_S)
    probe = reel.probe(source, limits)
    have = (first.width, first.height, first.family)
    ladder = reel.rungs(probe.width, probe.height, families())
    missing = tuple(rung for rung in ladder if (rung.width, rung.height, rung.family.value) != have)
    renditions: tuple[reel.Rendition, ...] = ()
    if missing:
        made = reel.make_renditions(
            source, probe, folder / "renditions", None, limits, ladder=missing, after=first.path, in_background=True
        )
        renditions = made.renditions
    files = [first]
    files += [_File(each.path, each.width, each.height, each.codecs, each.family.value) for each in renditions]
    # The larger ones first, and of two as large the one that plays everywhere.
    files.sort(key=lambda each: (each.family != reel.Family.H264, -each.width * each.height))
    small = min((each for each in files if each.family == reel.Family.H264), key=lambda each: each.width * each.height)
    return _Made(
        renditions,
        tuple(files),
        stills.make_stills(small.path, small.width, small.height, video.duration_ms, folder, limits),
        package.package([each.path for each in files], "mp4a" in first.codecs, folder, limits),
        fingerprint(small.path, limits),
    )


@contextmanager
def _first_file(video: Video, folder: Path) -> Iterator[_File]:
    """Yield the rendition that plays already."""
    first = Rendition.objects.get(video=video)
    with blobs.local_blob(first.blob, "mp4", folder) as path:
        yield _File(path, first.width, first.height, first.codecs, first.family)


def _store_assets(made: _Made) -> Iterator[tuple[AssetKind, str]]:
    """Store every file, each after those that it names."""
    yield AssetKind.PREVIEW, blobs.store_file(made.stills.preview, "webp")
    sheet = blobs.store_file(made.stills.storyboard.path, "jpg")
    yield AssetKind.STORYBOARD, sheet
    tiles = made.stills.storyboard.webvtt(f"{sheet}.jpg")
    yield AssetKind.TILES, blobs.store_bytes(tiles.encode(), "vtt")
    tracks = [*made.tracks.pictures, *([made.tracks.sound] if made.tracks.sound else [])]
    lists: list[str] = []
    for track in tracks:
        blob = blobs.store_file(track.path, "m4s")
        yield AssetKind.TRACK, blob
        lists.append(blobs.store_bytes(track.playlist(f"{blob}.m4s").encode(), "m3u8"))
        yield AssetKind.PLAYLIST, lists[-1]
    variants = [
        package.Variant(track, f"{name}.m3u8", each.width, each.height, each.codecs)
        for track, name, each in zip(made.tracks.pictures, lists, made.files, strict=False)
    ]
    sound = (made.tracks.sound, f"{lists[-1]}.m3u8") if made.tracks.sound else None
    yield AssetKind.STREAM, blobs.store_bytes(package.master_playlist(variants, sound).encode(), "m3u8")


def _waiting() -> QuerySet[Video]:
    return Video.objects.filter(state=State.READY, ladder=Ladder.FIRST)
