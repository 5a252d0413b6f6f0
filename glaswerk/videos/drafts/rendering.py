"""The first step of a video that was cut in a studio: its timeline becomes an original, and then it goes every video's way.

Whoever is at the video holds its lock (`processing.claim`), so nobody else renders it.  A worker that is killed leaves
the video without an original, and the next one begins again.
"""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import orjson
import structlog
from django.db import transaction

from glaswerk.cell import blobs
from glaswerk.cell.ids import encode_id
from glaswerk.cell.keeping import keep_blobs
from glaswerk.people.models import Person
from glaswerk.reel import ReelError, timeline
from glaswerk.reel.timeline.cover import save_cover
from glaswerk.videos.drafts.documents import Use, cover_ms, uses_of
from glaswerk.videos.failures import CutError, CutFailure
from glaswerk.videos.limits import reel_limits
from glaswerk.videos.models import Cut, Source, State, Video
from glaswerk.videos.reuse import may_reuse
from glaswerk.videos.sounds.queries import usable_sounds

_logger = structlog.get_logger("glaswerk.videos")


def make_original(video_id: int, work: Path, progress: Callable[[int], None]) -> str | None:
    """Render the cut of a video in `processing` and return the SHA-256 of its new original.

    None where there is no such video any more.  Raises CutError, ReelError and OSError, and then nothing has changed.
    """
    cut = Cut.objects.select_related("video__creator").filter(pk=video_id).first()
    if cut is None:
        return None
    uses = uses_of(orjson.loads(cut.timeline))
    folder = work / f"{encode_id(video_id)}.cut"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        out = folder / "cut.mp4"
        with ExitStack() as files:
            paths = _paths(cut.video.creator, cut, uses, folder, files)
            try:
                timeline.render(timeline.parse(cut.timeline), paths, out, progress, reel_limits())
            except timeline.TimelineError as error:
                raise CutError(CutFailure.INVALID, error.field) from error
        with transaction.atomic():
            keep_blobs()
            original = blobs.store_original(out)
            if not Video.objects.filter(pk=video_id, state=State.PROCESSING, source="").update(source=original):
                return None
        return original
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cover_of(video_id: int, original: Path, folder: Path) -> Path | None:
    """Return the frame that was chosen as the cover of a cut, as a JPEG in the folder; None where none was chosen.

    It is taken from the rendered original, so that whoever goes on after a killed worker finds the same one.
    """
    cut = Cut.objects.select_related("video").filter(pk=video_id).first()
    moment = cover_ms(orjson.loads(cut.timeline)) if cut is not None else None
    if moment is None:
        return None
    out = folder / "cover.jpg"
    try:
        save_cover(original, moment, out, reel_limits())
    except ReelError as error:
        # A video without its cover has a typical frame instead, which is better than no video.
        _logger.warning("cover not taken", failure=error.code.value, reason=error.detail)
        return None
    return out


def _paths(person: Person, cut: Cut, uses: list[Use], folder: Path, files: ExitStack) -> dict[str, Path]:
    """Return where everything lies that a cut is made from, if it still may be used, until `files` is closed.

    What lies in a store elsewhere is fetched into the folder.  Raises CutError, and StorageError.
    What was allowed when the draft was published may have been withdrawn while the cut was waiting.
    """
    sources = {each.public_id: each for each in Source.objects.filter(draft=cut.draft_id).select_related("of_video")}
    sounds = usable_sounds(person, {use.id for use in uses if use.kind == "sound"})
    paths: dict[str, Path] = {}
    for use in uses:
        if use.kind == "sound":
            if use.id not in sounds:
                raise CutError(CutFailure.WITHDRAWN, "sound")
            paths[f"sound:{use.id}"] = files.enter_context(blobs.local_blob(sounds[use.id].blob, "m4a", folder))
            continue
        source = sources.get(use.id)
        if source is None:
            raise CutError(CutFailure.SOURCE_MISSING)
        if source.reuse:
            if source.of_video is None or not may_reuse(person, source.of_video_id, source.reuse):
                raise CutError(CutFailure.WITHDRAWN, source.reuse)
            paths[f"source:{use.id}"] = files.enter_context(blobs.local_original(source.of_video.source, folder))
        else:
            paths[f"source:{use.id}"] = files.enter_context(blobs.local_original(source.original, folder))
    return paths
