"""What the videos app holds about a person."""

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from asgiref.sync import async_to_sync
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.blobs import Blob, current_store
from glaswerk.people.models import Person
from glaswerk.people.rights import Carried, Exporter, Record, category, facts
from glaswerk.videos import outbox
from glaswerk.videos.models import Asset, CaptionTrack, Credit, Draft, Rendition, Sound, Source, Upload, Video
from glaswerk.videos.models.draft import SourceKind
from glaswerk.videos.tus import disk

_MADE: Final = "It is made from the original, and can be made from it again."
_PROXIES: Final = {SourceKind.VIDEO: "mp4", SourceKind.AUDIO: "m4a"}
# How the files begin that people upload, and what such a file is called.
_BEGINNINGS: Final = (
    (4, b"ftypqt", "mov"), (4, b"ftypM4A", "m4a"), (4, b"ftyp", "mp4"), (0, b"\x1aE\xdf\xa3", "webm"),
    (0, b"\xff\xd8\xff", "jpg"), (0, b"\x89PNG", "png"), (8, b"WEBP", "webp"), (8, b"WAVE", "wav"), (8, b"AVI ", "avi"),
    (0, b"OggS", "ogg"), (0, b"ID3", "mp3"), (0, b"GIF8", "gif"),
)  # fmt: skip


class VideosExporter(Exporter):
    """Videos with their originals, captions and sounds; drafts with what they are cut from."""

    app = "videos"
    excluded: ClassVar = {
        "videos.Rendition": _MADE,
        "videos.Asset": _MADE,
        "videos.Fingerprint": _MADE,
        "videos.Work": "It says which worker is at a video just now.",
        "videos.Worker": "It is a process of the cell.",
    }

    @category(_("Your videos"), "videos.Video", "videos.CaptionTrack", "videos.Cut")
    def videos(self, person: Person) -> Iterable[Record]:
        """Every video in every state, with its words, its original, its captions and the cut that it was made from."""
        found = Video.objects.filter(creator=person).prefetch_related("tracks", "credits").select_related("cut")
        for video in found.order_by("pk").iterator(chunk_size=200):
            cut = getattr(video, "cut", None)
            yield {
                **facts(video, "creator", "features", "source", "poster"),
                "original": _original_path(video) if video.source else None,
                "captions": [_caption_path(video, track) for track in video.tracks.all()],
                "credits": [facts(credit, "video", "of_person") for credit in video.credits.all()],
                "timeline": None if cut is None else _cut_path(video),
            }

    @category(_("Your sounds"), "videos.Sound")
    def sounds(self, person: Person) -> Iterable[Record]:
        """The sounds of the person's videos, which others may use."""
        for sound in Sound.objects.filter(owner=person).order_by("pk").iterator():
            yield {**facts(sound, "owner", "blob", "peaks"), "file": _sound_path(sound)}

    @category(_("Where you are credited"), "videos.Credit")
    def credits(self, person: Person) -> Iterable[Record]:
        """Videos of others that were made with something of this person's."""
        return (facts(each, "of_person") for each in Credit.objects.filter(of_person=person).order_by("pk").iterator())

    @category(_("Your drafts"), "videos.Draft", "videos.Source")
    def drafts(self, person: Person) -> Iterable[Record]:
        """Drafts with their timelines and sources."""
        for draft in (
            Draft.objects.filter(owner=person).prefetch_related("sources").order_by("pk").iterator(chunk_size=50)
        ):
            yield {
                **facts(draft, "owner", "timeline"),
                "timeline": _draft_path(draft),
                "sources": [
                    {
                        **facts(source, "draft", "original", "proxy", "poster", "peaks"),
                        "file": _source_path(source) if source.original else None,
                    }
                    for source in draft.sources.all()
                ],
            }

    @category(_("Your uploads"), "videos.Upload")
    def uploads(self, person: Person) -> Iterable[Record]:
        """Uploads that are under way or were made lately."""
        return (facts(each, "owner", "sha") for each in Upload.objects.filter(owner=person).order_by("pk").iterator())

    def files(self, person: Person) -> Iterable[Carried]:
        """Originals, captions, sounds and timelines; renditions are left out, because they are made from originals."""
        videos = Video.objects.filter(creator=person).prefetch_related("tracks").select_related("cut").order_by("pk")
        for video in videos.iterator(chunk_size=200):
            if video.source:
                yield Carried(_original_path(video), Blob(video.source))
            for track in video.tracks.all():
                yield Carried(_caption_path(video, track), Blob(track.blob, "vtt"))
            cut = getattr(video, "cut", None)
            if cut is not None:
                yield Carried(_cut_path(video), data=cut.timeline.encode())
        for sound in Sound.objects.filter(owner=person).order_by("pk").iterator():
            yield Carried(_sound_path(sound), Blob(sound.blob, "m4a"))
        for draft in (
            Draft.objects.filter(owner=person).prefetch_related("sources").order_by("pk").iterator(chunk_size=50)
        ):
            yield Carried(_draft_path(draft), data=draft.timeline.encode())
            for source in draft.sources.all():
                if source.original:
                    yield Carried(_source_path(source), Blob(source.original))

    def erase(self, person: Person) -> list[str]:
        """Delete videos, drafts and uploads, and take the person's name from where others keep it."""
        names = list(_stored(person))
        # The words of credits stay when a video is deleted; they go when the person asks to be forgotten.
        credited = Credit.objects.filter(of_person=person)
        titles = set(credited.exclude(title="").values_list("title", flat=True))
        titles |= set(Sound.objects.filter(owner=person).values_list("title", flat=True))
        titles |= set(Video.objects.filter(creator=person).values_list("sound_title", flat=True))
        Video.objects.exclude(creator=person).filter(sound_title__in=titles - {""}).filter(
            pk__in=credited.values("video")
        ).update(sound_title="")
        Video.objects.exclude(creator=person).filter(sound__owner=person).update(sound_title="")
        credited.update(name="", title="")
        Source.objects.filter(of_video__creator=person).update(credit="")
        # Whose source was deleted before is known by the name alone, which nobody else can have had.
        Source.objects.exclude(draft__owner=person).filter(credit=person.name).update(credit="")
        mentioning = Video.objects.filter(mentions__contains=[person.pk]).exclude(creator=person)
        for video in mentioning.only("mentions").iterator():
            Video.objects.filter(pk=video.pk).update(mentions=[each for each in video.mentions if each != person.pk])
        for upload_id in Upload.objects.filter(owner=person).values_list("pk", flat=True):
            disk.discard(upload_id)
        Upload.objects.filter(owner=person).delete()
        Draft.objects.filter(owner=person).delete()
        # A worker that is at one of these finds no row at its end, and stores nothing.
        ids = list(Video.objects.select_for_update().filter(creator=person).order_by("pk").values_list("pk", flat=True))
        Video.objects.filter(creator=person).delete()
        for video_id in ids:
            outbox.announce(video_id)
        return names


def _original_path(video: Video) -> str:
    return f"videos/originals/{video.public_id}.{extension_of(video.source)}"


def _caption_path(video: Video, track: CaptionTrack) -> str:
    return f"videos/captions/{video.public_id}.{track.language}.vtt"


def _cut_path(video: Video) -> str:
    return f"videos/timelines/{video.public_id}.otio"


def _sound_path(sound: Sound) -> str:
    return f"videos/sounds/{sound.public_id}.m4a"


def _draft_path(draft: Draft) -> str:
    return f"videos/drafts/{draft.public_id}.otio"


def _source_path(source: Source) -> str:
    return f"videos/sources/{source.public_id}.{extension_of(source.original)}"


def extension_of(sha: str) -> str:
    """Return what an original is called where people see it, by how it begins."""
    try:
        beginning = async_to_sync(_beginning)(Blob(sha))
    except FileNotFoundError:
        return "bin"
    return next((name for place, sign, name in _BEGINNINGS if beginning[place:].startswith(sign)), "bin")


async def _beginning(blob: Blob) -> bytes:
    opened = await current_store().open(blob)
    try:
        return b"".join([part async for part in await opened.read(0, min(15, opened.size - 1))])
    finally:
        await opened.close()


def _stored(person: Person) -> Iterator[str]:
    """Yield every file that belongs to the person's videos and drafts."""
    videos = Video.objects.filter(creator=person)
    for source, poster in videos.values_list("source", "poster"):
        yield from ([source] if source else [])
        yield from ([f"{poster}.jpg"] if poster else [])
    yield from (f"{blob}.mp4" for blob in Rendition.objects.filter(video__in=videos).values_list("blob", flat=True))
    yield from (f"{each.blob}.{each.extension}" for each in Asset.objects.filter(video__in=videos))
    yield from (f"{blob}.vtt" for blob in CaptionTrack.objects.filter(video__in=videos).values_list("blob", flat=True))
    yield from (f"{blob}.m4a" for blob in Sound.objects.filter(owner=person).values_list("blob", flat=True))
    for each in Source.objects.filter(draft__owner=person):
        yield from ([each.original] if each.original else [])
        yield from ([f"{each.poster}.jpg"] if each.poster else [])
        yield from ([f"{each.proxy}.{_PROXIES.get(SourceKind(each.kind), 'jpg')}"] if each.proxy else [])
    yield from Upload.objects.filter(owner=person).exclude(sha="").values_list("sha", flat=True)
