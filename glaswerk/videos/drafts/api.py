"""The JSON endpoints of drafts.  A draft is its owner's alone; to everybody else it is not there."""

from errno import EDQUOT, ENOSPC
from typing import Annotated, Any, Final

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Field, File, Form, Query, Router, Schema
from ninja.errors import HttpError
from ninja.files import UploadedFile
from ninja.security import SessionAuth

from glaswerk.cell.rates import check_rate
from glaswerk.people.models import Person
from glaswerk.videos import uploads
from glaswerk.videos.actions import UploadError, no_room
from glaswerk.videos.drafts import actions, publishing, queries, webvtt
from glaswerk.videos.drafts.failures import VersionConflict
from glaswerk.videos.drafts.limits import MAX_BODY_BYTES, MAX_SAVES_PER_MINUTE
from glaswerk.videos.problems import problem
from glaswerk.videos.reuse import Allowance

router = Router(tags=["drafts"])


class DraftAuth(SessionAuth):
    """Sign-in by the session cookie, for bodies of up to a megabyte: a longer one is refused before it is read."""

    def __call__(self, request: HttpRequest) -> Any:
        """Return the person, or None for somebody who is not signed in."""
        if not request.user.is_authenticated:
            return None
        length = request.headers.get("Content-Length", "0")
        if length.isdigit() and int(length) > MAX_BODY_BYTES:
            raise HttpError(413, f"A draft has at most {MAX_BODY_BYTES >> 20} MiB of JSON. Please split it in two.")
        return super().__call__(request)


class CreditOut(Schema):
    """Whose video a source is."""

    kind: str = Field(description="duet or stitch")
    name: str
    video: str | None = Field(description="null when it was deleted")
    label: str


class SourceOut(Schema):
    """Something that a draft is cut from."""

    id: str
    state: str = Field(description="uploaded, processing, ready or failed")
    progress: int = Field(description="0 to 100")
    failure: str | None = Field(description="Why it cannot be used and what to do, in your language.")
    kind: str | None = Field(description="video, audio or image; null until it was looked into")
    url: str | None = Field(description="A light file to cut with: MP4, M4A or JPEG.")
    poster: str | None
    duration_ms: int
    width: int
    height: int
    has_audio: bool
    credit: CreditOut | None = Field(description="Whose it is, where it is somebody's published video.")


class PeaksOut(Schema):
    """How loud something is, for drawing."""

    per_second: int
    peaks: list[int] = Field(description="0 to 255 each")


class PersonOut(Schema):
    """Who made something."""

    name: str
    display_name: str
    avatar: str


class UsedSoundOut(Schema):
    """A sound that the timeline uses."""

    id: str
    title: str | None
    url: str | None = Field(description="The M4A file.")
    duration_ms: int | None
    creator: PersonOut | None
    available: bool = Field(description="Whether you may use it at this moment.")


class ProblemOut(Schema):
    """What keeps a draft from being published."""

    field: str
    message: str


class DraftHeadOut(Schema):
    """A draft without its timeline."""

    id: str
    title: str
    version: int
    duration_ms: int
    created_at: str
    updated_at: str
    state: str = Field(description="editing, publishing or published")
    video: str | None = Field(description="The newest video that was made of it.")
    failure: str | None = Field(description="Why that video could not be made.")


class ListedDraftOut(DraftHeadOut):
    """A draft in a list."""

    poster: str | None


class DraftsOut(Schema):
    """All of your drafts, the newest change first."""

    drafts: list[ListedDraftOut]


class DraftOut(DraftHeadOut):
    """A draft with everything that the studio needs."""

    timeline: dict[str, Any] = Field(description="The OpenTimelineIO document, see docs/timeline.md.")
    sources: list[SourceOut]
    sounds: list[UsedSoundOut]
    problems: list[ProblemOut]


class ImportedOut(DraftOut):
    """A draft that was made of a file."""

    warnings: list[str] = Field(description="What of the file could not be taken over.")


class DraftIn(Schema):
    """How to begin: all may be left out; `duet` and `stitch` exclude each other."""

    title: str = ""
    sound: str | None = Field(None, description="A sound to begin with.")
    duet: str | None = Field(None, description="A video to make a duet with.")
    stitch: str | None = Field(None, description="A video to begin with the first seconds of.")


class SaveIn(Schema):
    """What was changed since `version`."""

    version: int
    timeline: dict[str, Any]
    title: str | None = None


class AllowIn(Schema):
    """What others may make of a video; what is left out goes without saying: all of a public one, nothing of others."""

    duet: bool | None = None
    stitch: bool | None = None
    sound: bool | None = None
    # Whether other cells may show it; no: only in one's region.
    elsewhere: bool | None = None


class PublishIn(Schema):
    """The words of the video, who may see it, and what may be made of it."""

    caption: str = ""
    visibility: str | None = Field(None, description="public, followers or private; left out: your default.")
    allow: AllowIn = AllowIn()


class PublishedOut(Schema):
    """The video that is being made."""

    video: str
    state: str


class CopyIn(Schema):
    """What the other draft shall hold."""

    timeline: dict[str, Any]
    title: str = ""


_UPLOAD_JSON: Final = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {"upload": {"type": "string"}}, "required": ["upload"]}
            }
        }
    }
}


def _text_body(media_type: str) -> dict[str, Any]:
    return {"requestBody": {"content": {media_type: {"schema": {"type": "string"}}}, "required": True}}


@router.post("/drafts", response={201: DraftOut}, auth=DraftAuth())
def create(request: HttpRequest, start: DraftIn) -> tuple[int, dict[str, Any]] | HttpResponse:
    """Begin a draft."""
    _check_writes(request)
    try:
        draft = actions.create_draft(
            _person(request), start.title, sound=start.sound, duet=start.duet, stitch=start.stitch
        )
    except UploadError as refusal:
        return problem(refusal)
    return 201, queries.draft_card(_person(request), draft)


@router.post(
    "/drafts/import", response={201: ImportedOut}, auth=DraftAuth(), openapi_extra=_text_body("application/json")
)
def import_otio(
    request: HttpRequest, title: Annotated[str, Query(description="What to call it.")] = ""
) -> tuple[int, dict[str, Any]] | HttpResponse:
    """Make a draft of an .otio file, which is the body of the request; files are added to it afterwards."""
    _check_writes(request)
    person = _person(request)
    try:
        draft, warnings = actions.import_draft(person, _text_of(request), title)
    except UploadError as refusal:
        return problem(refusal)
    return 201, {**queries.draft_card(person, draft), "warnings": warnings}


@router.get("/drafts", response=DraftsOut)
def index(request: HttpRequest) -> dict[str, Any]:
    """List your drafts."""
    return {"drafts": queries.drafts_of(_person(request))}


@router.get("/drafts/{draft_id}", response=DraftOut)
def read(request: HttpRequest, draft_id: str) -> dict[str, Any]:
    """Return your draft."""
    return queries.draft_card(_person(request), queries.access_draft(_person(request), draft_id))


@router.put("/drafts/{draft_id}", response=DraftOut, auth=DraftAuth())
def save(request: HttpRequest, draft_id: str, change: SaveIn) -> dict[str, Any] | HttpResponse:
    """Save your draft.  Where another device was faster, the answer is 409 with the draft as it is now."""
    _check_saves(request)
    person = _person(request)
    try:
        draft = actions.save_draft(person, draft_id, change.version, change.timeline, change.title)
    except UploadError as refusal:
        return _refused(person, draft_id, refusal)
    return queries.draft_card(person, draft)


@router.post("/drafts/{draft_id}/copy", response={201: DraftOut}, auth=DraftAuth())
def copy(request: HttpRequest, draft_id: str, words: CopyIn) -> tuple[int, dict[str, Any]] | HttpResponse:
    """Make another draft with this timeline and with the files of yours, for what two devices did at once."""
    _check_writes(request)
    person = _person(request)
    try:
        made = actions.copy_draft(person, draft_id, words.timeline, words.title)
    except UploadError as refusal:
        return problem(refusal)
    return 201, queries.draft_card(person, made)


@router.delete("/drafts/{draft_id}", response={204: None})
def delete(request: HttpRequest, draft_id: str) -> tuple[int, None] | HttpResponse:
    """Delete your draft and its files, for good; videos that were made of it stay."""
    _check_writes(request)
    try:
        actions.delete_draft(_person(request), draft_id)
    except UploadError as refusal:
        return problem(refusal)
    return 204, None


@router.post(
    "/drafts/{draft_id}/sources", response={201: SourceOut}, auth=uploads.UploadAuth(), openapi_extra=_UPLOAD_JSON
)
def add_source(
    request: HttpRequest,
    draft_id: str,
    file: Annotated[UploadedFile | None, File(description="A small file; larger ones are uploaded first.")] = None,
    upload: Annotated[str, Form(description="The id of a finished upload, in place of a file.")] = "",
) -> tuple[int, dict[str, Any]] | HttpResponse:
    """Add something to cut from: a finished upload by its id (as JSON or in a form), or a small file (in a form)."""
    person = _person(request)
    try:
        uploads.check_upload(request)
        upload = upload or _upload_in_json(request)
        _check_writes(request)
        if file is not None:
            source = actions.add_source(person, draft_id, uploads.path_of(file))
        else:
            source = actions.claim_source(person, draft_id, upload)
    except UploadError as refusal:
        return problem(refusal)
    except OSError as error:
        if error.errno not in (ENOSPC, EDQUOT):
            raise
        return problem(no_room())
    return 201, queries.source_card(person, source)


@router.delete("/drafts/{draft_id}/sources/{source_id}", response={204: None})
def delete_source(request: HttpRequest, draft_id: str, source_id: str) -> tuple[int, None] | HttpResponse:
    """Delete a source and its files.  Clips that use it have to be removed before the draft can be published."""
    _check_writes(request)
    try:
        actions.delete_source(_person(request), draft_id, source_id)
    except UploadError as refusal:
        return problem(refusal)
    return 204, None


@router.get("/drafts/{draft_id}/sources/{source_id}", response=SourceOut)
def read_source(request: HttpRequest, draft_id: str, source_id: str) -> dict[str, Any]:
    """Return how far a source is."""
    return queries.source_card(_person(request), queries.access_source(_person(request), draft_id, source_id))


@router.get("/drafts/{draft_id}/sources/{source_id}/peaks", response=PeaksOut)
def peaks(request: HttpRequest, draft_id: str, source_id: str) -> dict[str, Any]:
    """Return how loud a source is; empty until it is ready, and where there is nothing to hear."""
    return queries.peaks_of(queries.access_source(_person(request), draft_id, source_id))


@router.post("/drafts/{draft_id}/publish", response={202: PublishedOut})
def publish(request: HttpRequest, draft_id: str, words: PublishIn) -> tuple[int, dict[str, Any]] | HttpResponse:
    """Make a video of your draft as it is saved.  It is rendered in the background; ask for the video's state."""
    _check_writes(request)
    allow = Allowance(words.allow.duet, words.allow.stitch, words.allow.sound, words.allow.elsewhere)
    try:
        video = publishing.publish_draft(_person(request), draft_id, words.caption, words.visibility, allow)
    except publishing.NotPublishable as refusal:
        return problem(refusal, errors=[{"field": each.field, "message": each.message} for each in refusal.problems])
    except UploadError as refusal:
        return problem(refusal)
    return 202, {"video": video.public_id, "state": video.state}


@router.get("/drafts/{draft_id}/otio")
def export(request: HttpRequest, draft_id: str) -> HttpResponse:
    """Download your draft as an .otio file, which other editors open."""
    draft = queries.access_draft(_person(request), draft_id)
    return HttpResponse(
        draft.timeline,
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="{draft.public_id}.otio"',
            "Cache-Control": "private, no-store",
        },
    )


@router.post("/drafts/{draft_id}/captions", response=DraftOut, auth=DraftAuth(), openapi_extra=_text_body("text/vtt"))
def import_captions(
    request: HttpRequest,
    draft_id: str,
    version: Annotated[
        int | None, Query(description="The version that you have; left out: whichever there is.")
    ] = None,
) -> dict[str, Any] | HttpResponse:
    """Replace the captions of your draft by those of a WebVTT text, which is the body of the request."""
    _check_writes(request)
    person = _person(request)
    draft = queries.access_draft(person, draft_id)
    try:
        captions = webvtt.read_captions(_text_of(request))
        draft = actions.save_captions(person, draft_id, draft.version if version is None else version, captions)
    except UploadError as refusal:
        return _refused(person, draft_id, refusal)
    return queries.draft_card(person, draft)


def _refused(person: Person, draft_id: str, refusal: UploadError) -> HttpResponse:
    """Answer with the refusal; a conflict also tells the draft as it is now."""
    if not isinstance(refusal, VersionConflict):
        return problem(refusal)
    return problem(refusal, draft=queries.draft_card(person, queries.access_draft(person, draft_id)))


def _person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)
    return request.user


def _check_writes(request: HttpRequest) -> None:
    check_rate(f"write:{_person(request).pk}", settings.CELL.config.limits.writes_per_minute)


def _check_saves(request: HttpRequest) -> None:
    # A studio saves as one works, which is more often than anybody uploads or comments.
    check_rate(f"draft:{_person(request).pk}", MAX_SAVES_PER_MINUTE)


def _upload_in_json(request: HttpRequest) -> str:
    if request.content_type != "application/json":
        return ""
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise HttpError(400, "The body is not JSON.") from None
    upload = body.get("upload") if isinstance(body, dict) else None
    return upload if isinstance(upload, str) else ""


def _text_of(request: HttpRequest) -> str:
    try:
        return request.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise HttpError(400, "The text is not UTF-8. Please save it as UTF-8 and send it again.") from None
