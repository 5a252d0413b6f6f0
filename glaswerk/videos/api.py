"""The JSON endpoints of videos."""

from errno import EDQUOT, ENOSPC
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, File, Form, Query, Router, Schema
from ninja.files import UploadedFile

from glaswerk.cell.ids import decode_id
from glaswerk.cell.rates import check_rate
from glaswerk.people.models import Person
from glaswerk.videos import actions, queries, uploads
from glaswerk.videos.problems import problem
from glaswerk.videos.queue import actions as queue_actions
from glaswerk.videos.queue import queries as queue_queries
from glaswerk.videos.reuse import Allowance

router = Router(tags=["videos"])


class CreatorOut(Schema):
    """Who made a video."""

    name: str
    display_name: str
    avatar: str = Field(description="Address of the picture, or empty.")


class RenditionOut(Schema):
    """One playable file."""

    url: str
    width: int
    height: int
    bitrate: int
    codecs: str


class CountsOut(Schema):
    """Live totals."""

    likes: int
    comments: int
    saves: int
    shares: int


class SoundOut(Schema):
    """What is heard."""

    id: str | None = Field(description="null where there is nothing to hear, or the sound is not there any more")
    title: str
    url: str | None = Field(description="The address of its page.")


class CreditOut(Schema):
    """What a video was made with."""

    kind: str = Field(description="duet, stitch or sound")
    name: str = Field(description="The name of whom it is from.")
    title: str = Field(description="The sound's title; empty for a video.")
    url: str | None = Field(description="null where it is not there any more")


class TrackOut(Schema):
    """What is said in a video, as WebVTT."""

    lang: str
    url: str


class AllowedOut(Schema):
    """What others may make of a video."""

    duet: bool
    stitch: bool
    sound: bool


class AllowedSaidOut(AllowedOut):
    """What its creator says of a video."""

    elsewhere: bool = Field(description="Whether other cells may show it; no: only in your region.")


class AllowIn(Schema):
    """What others may make of a video; what is left out stays as it is."""

    duet: bool | None = None
    stitch: bool | None = None
    sound: bool | None = None
    # Whether other cells may show it; no: only in one's region.
    elsewhere: bool | None = None


class VideoOut(Schema):
    """A video as everybody sees it who may see it."""

    id: str
    caption: str
    creator: CreatorOut
    duration_ms: int
    width: int
    height: int
    color: str
    poster: str | None
    hashtags: list[str]
    preview: str | None = Field(description="Address of an animated WebP of a few seconds.")
    storyboard: str | None = Field(description="Address of a WebVTT file that names a still for every second.")
    stream: str | None = Field(description="Address of an HLS playlist of the same renditions, in CMAF.")
    renditions: list[RenditionOut]
    counts: CountsOut
    sound: SoundOut
    credits: list[CreditOut]
    captions: list[TrackOut]
    allow: AllowedOut = Field(description="What everybody may make of it at this moment.")
    published_at: str | None


class StateOut(Schema):
    """How far a video is."""

    state: str = Field(description="uploaded, processing, ready or failed")
    progress: int = Field(description="0 to 100")
    failure: str | None = Field(description="Why it failed and what to do, in your language.")
    retry: bool = Field(description="Whether the same file may succeed when you try again.")
    place: int | None = Field(None, description="Its place in the queue while it waits; the next one's is 1.")
    remaining_s: int | None = Field(None, description="About how many seconds its preparation still takes.")


class UploadedOut(Schema):
    """A video that has just been uploaded."""

    id: str
    state: str
    duplicate_of: str | None = Field(None, description="Your earlier video that was made from the very same file.")


class AddressesOut(Schema):
    """Signed addresses of a video's files."""

    expires_at: str
    addresses: dict[str, str] = Field(description="From each address of the video to one that needs no cookie.")


class OwnVideoOut(VideoOut, StateOut):
    """A video as its creator sees it."""

    visibility: str
    created_at: str
    taken_down: bool
    allow_said: AllowedSaidOut = Field(description="What you allow; it counts while everybody may see the video.")


class OwnVideosOut(Schema):
    """A page of one's own videos, the newest first."""

    videos: list[OwnVideoOut]
    next: str | None = Field(description="Give it as `before` to get the next page; null at the end.")


class EditIn(Schema):
    """What to change; what is left out stays as it is."""

    caption: str | None = None
    visibility: str | None = Field(None, description="public, followers or private")
    allow: AllowIn = AllowIn()


@router.post("/videos", response={201: UploadedOut}, auth=uploads.UploadAuth())
def upload(
    request: HttpRequest,
    file: Annotated[UploadedFile | None, File(description="The video; required.")] = None,
    caption: Annotated[str, Form()] = "",
    visibility: Annotated[str, Form(description="public, followers or private; left out: your default.")] = "",
    allow_duet: Annotated[bool | None, Form(description="Left out: yes for a public video, no for others.")] = None,
    allow_stitch: Annotated[bool | None, Form(description="Likewise.")] = None,
    allow_sound: Annotated[bool | None, Form(description="Likewise.")] = None,
    allow_elsewhere: Annotated[bool | None, Form(description="Whether other cells may show it; likewise.")] = None,
) -> tuple[int, dict[str, Any]] | HttpResponse:
    """Upload a video.  It is prepared in the background; ask for its state."""
    try:
        uploads.check_upload(request)
        if file is None:
            raise actions.UploadError("file", _("Please choose a video."))
        _check_writes(request)
        allow = Allowance(allow_duet, allow_stitch, allow_sound, allow_elsewhere)
        video = actions.upload_video(_person(request), uploads.path_of(file), caption, visibility or None, allow)
    except actions.UploadError as refusal:
        return problem(refusal)
    except OSError as error:
        if error.errno not in (ENOSPC, EDQUOT):
            raise
        return problem(actions.no_room())
    earlier = queries.earlier_video(_person(request), video.source, video.pk)
    return 201, {
        "id": video.public_id,
        "state": video.state,
        "duplicate_of": earlier.public_id if earlier else None,
    }


@router.get("/videos/{video_id}", response=VideoOut, auth=None)
def read(request: HttpRequest, video_id: str) -> dict[str, Any]:
    """Return a video that you may see."""
    return queries.video_card(queries.access_video(_person_or_none(request), video_id))


@router.get("/videos/{video_id}/addresses", response=AddressesOut, auth=None)
def addresses(request: HttpRequest, video_id: str) -> dict[str, Any]:
    """Return addresses that open the files of a video that you may see to whoever holds them, for a while."""
    return queries.signed_addresses(queries.access_video(_person_or_none(request), video_id))


@router.get("/videos/{video_id}/state", response=StateOut)
def state(request: HttpRequest, video_id: str) -> dict[str, Any]:
    """Return how far your video is."""
    video = queries.access_own_video(_person(request), video_id)
    return {**queries.state_of(video), **queue_queries.waits_of([video]).get(video.pk, {})}


@router.patch("/videos/{video_id}", response=OwnVideoOut)
def edit(request: HttpRequest, video_id: str, change: EditIn) -> dict[str, Any] | HttpResponse:
    """Change the caption of your video, or who may see it."""
    _check_writes(request)
    video = queries.access_own_video(_person(request), video_id)
    try:
        allow = Allowance(change.allow.duet, change.allow.stitch, change.allow.sound, change.allow.elsewhere)
        actions.edit_video(_person(request), video, caption=change.caption, visibility=change.visibility, allow=allow)
    except actions.UploadError as refusal:
        return problem(refusal)
    return queries.own_card(video)


@router.delete("/videos/{video_id}", response={204: None})
def delete(request: HttpRequest, video_id: str) -> tuple[int, None]:
    """Delete your video and its files, for good."""
    _check_writes(request)
    actions.delete_video(_person(request), queries.access_own_video(_person(request), video_id))
    return 204, None


@router.post("/videos/{video_id}/retry", response={202: StateOut})
def retry(request: HttpRequest, video_id: str) -> tuple[int, dict[str, Any]]:
    """Prepare your failed video again from the file that you uploaded."""
    _check_writes(request)
    video = queries.access_own_video(_person(request), video_id)
    actions.retry_video(_person(request), video)
    return 202, queries.state_of(video)


@router.post("/videos/{video_id}/cancel", response={202: StateOut})
def cancel(request: HttpRequest, video_id: str) -> tuple[int, dict[str, Any]]:
    """End the preparation of your video; what you uploaded is kept, and you can try again."""
    _check_writes(request)
    video = queries.access_own_video(_person(request), video_id)
    queue_actions.cancel_video(_person(request), video)
    return 202, queries.state_of(video)


@router.get("/me/videos", response=OwnVideosOut)
def own(
    request: HttpRequest,
    before: Annotated[str | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = queries.PAGE,
) -> dict[str, Any] | HttpResponse:
    """List your own videos in every state, the newest first."""
    try:
        before_id = decode_id(before) if before is not None else None
    except ValueError:
        return problem(actions.UploadError("before", "Please give the `next` of the page before, or nothing."))
    found = queries.own_videos(_person(request), before_id, limit + 1)
    page = found[:limit]
    waits = queue_queries.waits_of(page)
    return {
        "videos": [{**queries.own_card(video), **waits.get(video.pk, {})} for video in page],
        "next": page[-1].public_id if len(found) > limit else None,
    }


def _person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)
    return request.user


def _person_or_none(request: HttpRequest) -> Person | None:
    return request.user if isinstance(request.user, Person) else None


def _check_writes(request: HttpRequest) -> None:
    check_rate(f"write:{_person(request).pk}", settings.CELL.config.limits.writes_per_minute)
