"""What messages of other cells make here: people and videos like all others, whose names end with their cell."""

import io
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from glaswerk.border.messages import (
    Counts,
    Message,
    Move,
    Notice,
    Offer,
    Profile,
    Tombstone,
    Video,
)
from glaswerk.border.models import Arrival, Elsewhere, ForeignOffer, MoveHalf, Peer
from glaswerk.border.peers.fetching import Gone, Refused
from glaswerk.cell import blobs
from glaswerk.cell.ids import decode_id
from glaswerk.cell.public_log import log_key
from glaswerk.people.avatars import AvatarError, make_avatar
from glaswerk.people.models import AVATAR_EXTENSION, Person, Role, Visibility
from glaswerk.videos import actions, outbox
from glaswerk.videos.captions import Caption, CaptionError, parse_caption
from glaswerk.videos.drafts.webvtt import read_captions, write_captions
from glaswerk.videos.models import CaptionTrack, Family, Ladder, Rendition, State
from glaswerk.videos.models import Video as LocalVideo

_UNDERWAY: Final = (State.UPLOADED, State.PROCESSING)
# Clocks of two cells may differ by this much.
_AHEAD: Final = timedelta(days=1)


@lru_cache(maxsize=4)
def _origin_of(folder: Path) -> str:
    return log_key(settings.CELL).name


def own_origin() -> str:
    """The name of this cell's own log."""
    return _origin_of(settings.CELL.keys)


def move_past(peer: Peer, index: int) -> None:
    """Say, in the caller's transaction, that an entry was taken.  Of two that follow the same peer one goes on; raises Gone."""
    open_still = Peer.objects.filter(pk=peer.pk, next_index__lte=index, removed_at=None, closed_at=None)
    if not open_still.update(next_index=index + 1):
        raise Gone
    peer.next_index = index + 1


def apply(peer: Peer, index: int, message: Message, files: dict[str, Path]) -> None:
    """Do what a message says, in the caller's transaction.  Raises Refused, and nothing is changed then."""
    match message:
        case Profile():
            _apply_profile(peer, index, message, files)
        case Video():
            _apply_video(peer, index, message, files)
        case Offer():
            _apply_offer(peer, index, message, files)
        case Tombstone():
            _forget(peer, message.of, decode_id(message.id))
        case Counts():
            _apply_counts(peer, message)
        case Notice():
            Peer.objects.filter(pk=peer.pk).update(state=message.state, notice=message.encode().decode())
        case Move():
            raise AssertionError("moves are taken by `moving`")


def forget(peer: Peer, message: Message) -> None:
    """Remove what came before of the thing that a message is about."""
    if isinstance(message, Profile | Video | Offer):
        _forget(peer, message.type, decode_id(message.id))


def media_of(peer: Peer, public_id: str) -> str:
    """The file that a peer's video was made from here, or nothing."""
    found = Arrival.objects.filter(peer=peer, about="video", item=decode_id(public_id)).values_list("media", flat=True)
    return found.first() or ""


def underway(peer: Peer) -> int:
    """How many videos of a peer are being prepared."""
    return Arrival.objects.filter(peer=peer, about="video", video__state__in=_UNDERWAY).count()


def check_room(peer: Peer, message: Video) -> None:
    """Raise Refused where a further video of this peer is one too many."""
    most = settings.CELL.config.peers.most_videos
    others = Arrival.objects.filter(peer=peer, about="video").exclude(item=decode_id(message.id))
    if others.count() >= most:
        raise Refused("full", f"{most} videos of this peer are here, which is as many as may be")


def _arrival(peer: Peer, about: str, public_id: str) -> Arrival | None:
    found = Arrival.objects.select_for_update(of=("self",)).select_related("person", "video", "offer")
    return found.filter(peer=peer, about=about, item=decode_id(public_id)).first()


def person_of(peer: Peer, index: int, public_id: str, name: str) -> Person:
    """Return who stands here for somebody of a peer, made where missing.  Raises Refused where the name is another's."""
    known = _arrival(peer, "profile", public_id)
    if known is not None:
        assert known.person_id is not None
        return Person.objects.get(pk=known.person_id)
    full = f"{name}@{peer.label}"
    if Person.objects.filter(name=full).exists():
        raise Refused("name_taken", "two of its people have one name")
    person = Person.objects.create(name=full, home=peer.label, password=make_password(None), role=Role.CREATOR)
    Arrival.objects.create(peer=peer, about="profile", item=decode_id(public_id), index=index, person=person)
    return person


def _apply_profile(peer: Peer, index: int, message: Profile, files: dict[str, Path]) -> None:
    person = person_of(peer, index, message.id, message.name)
    full = f"{message.name}@{peer.label}"
    if person.name != full and Person.objects.filter(name=full).exists():
        raise Refused("name_taken", "two of its people have one name")
    picture = ""
    if message.avatar is not None:
        try:
            # Made anew, like everybody's: what comes out has the picture's points and nothing else.
            made = make_avatar(io.BytesIO(files[message.avatar.sha256].read_bytes()))
        except AvatarError as error:
            raise Refused("picture", str(error)) from None
        picture = blobs.store_bytes(made, AVATAR_EXTENSION)
    person.name, person.display_name, person.bio, person.avatar = full, message.display_name, message.bio, picture
    person.save(update_fields=["name", "display_name", "bio", "avatar"])
    Arrival.objects.filter(peer=peer, about="profile", item=decode_id(message.id)).update(index=index)
    for video in LocalVideo.objects.filter(creator=person, state=State.READY).values_list("pk", flat=True):
        outbox.announce(video)


def _apply_video(peer: Peer, index: int, message: Video, files: dict[str, Path]) -> None:
    caption = _caption(message)
    creator = person_of(peer, index, message.by, message.by_name)
    fields: dict[str, Any] = {
        "caption": caption.text,
        "hashtags": list(caption.hashtags),
        "language": message.language[:5],
        "region": message.region,
        "allow_duet": "duet" in message.allow,
        "allow_stitch": "stitch" in message.allow,
        "allow_sound": "sound" in message.allow,
    }
    arrival = _arrival(peer, "video", message.id)
    if arrival is None:
        published = min(datetime.fromtimestamp(message.published_at / 1000, UTC), timezone.now())
        video = LocalVideo.objects.create(
            creator=creator,
            visibility=Visibility.PUBLIC,
            sound_title=message.sound_title or actions.own_sound_title(creator),
            source=blobs.store_original(files[message.media.sha256]),
            published_at=published,
            **fields,
        )
        Arrival.objects.create(
            peer=peer, about="video", item=decode_id(message.id), index=index, video=video, media=message.media.sha256
        )
        outbox.process_later(video.pk)
    else:
        assert arrival.video is not None
        video = arrival.video
        if video.creator_id != creator.pk:
            raise Refused("mismatch", "a video does not change whose it is")
        LocalVideo.objects.filter(pk=video.pk).update(**fields)
        if arrival.media != message.media.sha256:
            _take_better(video, blobs.store_original(files[message.media.sha256]))
        Arrival.objects.filter(pk=arrival.pk).update(index=index, media=message.media.sha256)
        outbox.announce(video.pk)
    _keep_tracks(video, message, files)


def _caption(message: Video) -> Caption:
    try:
        return parse_caption(message.caption)
    except CaptionError as error:
        raise Refused("caption", error.reason.value) from None


def _keep_tracks(video: LocalVideo, message: Video, files: dict[str, Path]) -> None:
    CaptionTrack.objects.filter(video=video).delete()
    for track in message.captions:
        try:
            # Written anew, so that nothing but words and times comes along.
            words = write_captions(read_captions(files[track.sha256].read_text()))
        except (actions.UploadError, UnicodeDecodeError):
            raise Refused("captions", "its captions cannot be read") from None
        CaptionTrack.objects.create(video=video, language=track.language, blob=blobs.store_bytes(words.encode(), "vtt"))


def _take_better(video: LocalVideo, source: str) -> None:
    """Go on with another file of the same video: what plays goes on playing, and the rest is made from the better one."""
    locked = LocalVideo.objects.select_for_update().get(pk=video.pk)
    old = [locked.source] if locked.source != source else []
    if locked.state == State.FAILED:
        LocalVideo.objects.filter(pk=video.pk).update(source=source, state=State.UPLOADED, failure="", progress=0)
        outbox.process_later(video.pk)
    elif locked.state == State.READY:
        first = Rendition.objects.filter(video=locked, family=Family.H264).order_by("-height").first()
        assert first is not None
        rest = Rendition.objects.filter(video=locked).exclude(pk=first.pk)
        old += [f"{blob}.mp4" for blob in rest.values_list("blob", flat=True)]
        old += [f"{asset.blob}.{asset.extension}" for asset in locked.assets.all()]
        rest.delete()
        locked.assets.all().delete()
        LocalVideo.objects.filter(pk=video.pk).update(source=source, ladder=Ladder.FIRST)
        outbox.complete_later(video.pk)
    else:
        # Whoever prepares it reads the old file to its end; the next message brings the better one again.
        LocalVideo.objects.filter(pk=video.pk).update(source=source)
    outbox.discard_later(old)


def _apply_offer(peer: Peer, index: int, message: Offer, files: dict[str, Path]) -> None:
    picture = ""
    if message.picture is not None:
        try:
            made = make_avatar(io.BytesIO(files[message.picture.sha256].read_bytes()))
        except AvatarError as error:
            raise Refused("picture", str(error)) from None
        picture = blobs.store_bytes(made, AVATAR_EXTENSION)
    arrival, _ = Arrival.objects.update_or_create(
        peer=peer, about="offer", item=decode_id(message.id), defaults={"index": index}
    )
    ForeignOffer.objects.update_or_create(
        arrival=arrival,
        defaults={
            "title": message.title,
            "vendor": message.vendor,
            "seller": message.seller,
            "url": message.url,
            "currency": message.currency,
            "minor": message.minor,
            "picture": picture,
            "videos": [decode_id(video) for video in message.videos],
        },
    )


def _apply_counts(peer: Peer, message: Counts) -> None:
    """Keep what another cell counted of videos of this one; each day of each video once, whatever is said later."""
    if message.home != own_origin():
        return
    day = date.fromisoformat(message.day)
    if day > timezone.now().date() + _AHEAD:
        raise Refused("day", "this day has not been yet")
    plays = dict(zip(map(decode_id, message.videos), message.plays, strict=True))
    own = LocalVideo.objects.filter(pk__in=plays, creator__home="").values_list("pk", flat=True)
    Elsewhere.objects.bulk_create(
        [Elsewhere(peer=peer, video_id=video, day=day, plays=plays[video]) for video in own], ignore_conflicts=True
    )


def _forget(peer: Peer, about: str, item: int) -> None:
    """Remove a thing of a peer with all that belongs to it.  Nothing happens where it is not here."""
    arrival = Arrival.objects.filter(peer=peer, about=about, item=item).select_related("person", "video").first()
    if arrival is None:
        return
    if arrival.video is not None:
        actions.delete_video(arrival.video.creator, arrival.video)
    elif arrival.person is not None:
        for video in LocalVideo.objects.filter(creator=arrival.person):
            actions.delete_video(arrival.person, video)
        arrival.person.delete()
    arrival.delete()


def forget_all(peer: Peer) -> int:
    """Remove everything that came from a peer, and return how many things that were."""
    gone = 0
    for about in ("offer", "video", "profile"):
        for item in list(Arrival.objects.filter(peer=peer, about=about).values_list("item", flat=True)):
            _forget(peer, about, item)
            gone += 1
    Elsewhere.objects.filter(peer=peer).delete()
    MoveHalf.objects.filter(said_by=peer).delete()
    # Nobody is left to say the other half.
    waiting = MoveHalf.objects.filter(other=peer, withdrawn_at=None, done_at=None)
    waiting.update(withdrawn_at=timezone.now())
    return gone
