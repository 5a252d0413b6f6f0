"""The pages of the feed app: the player in its places, profiles, hashtags, discover and the inbox."""

from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, re_path, reverse
from django.utils.translation import get_language, gettext, ngettext, pgettext
from django.views.decorators.http import require_safe

from glaswerk.cell.blobs import blob_url
from glaswerk.cell.ids import decode_id
from glaswerk.feed import policies, queries
from glaswerk.feed.extensions import extensions, profile_tabs
from glaswerk.feed.transparency.chapters import chapters, commands
from glaswerk.feed.transparency.history import versions
from glaswerk.feed.transparency.page import describe
from glaswerk.feed.visitors import VisitorReader
from glaswerk.glass import default_policy
from glaswerk.people.models import Person, Visibility
from glaswerk.people.names import FULL_NAME_PATTERN
from glaswerk.social import queries as social
from glaswerk.videos.captions import MAX_HASHTAG, find_hashtags, fold_hashtag
from glaswerk.videos.models import Family, Video
from glaswerk.videos.sounds import queries as sounds

_MAX_TITLE: Final = 70
_MAX_DESCRIPTION: Final = 200
_SLATES: Final = 20


@require_safe
def for_you(request: HttpRequest) -> HttpResponse:
    """Show the player with the feed for this viewer, signed in or not."""
    return _player(request)


@require_safe
def following(request: HttpRequest) -> HttpResponse:
    """Show the player with what the followed published."""
    if _viewer(request) is None:
        return render(request, "feed/invitation.html", {"place": "following", "icon": "people"})
    return _player(request, feed="following")


@require_safe
def hashtag(request: HttpRequest, word: str, play: bool = False) -> HttpResponseBase:
    """Show the videos of a hashtag as posters, or in the player; other spellings lead to the stored one."""
    canonical = fold_hashtag(word)
    if len(canonical) > MAX_HASHTAG or find_hashtags(f"#{canonical}") != (canonical,):
        raise Http404
    if canonical != word:
        return _redirect(request, "hashtag_play" if play else "hashtag", canonical)
    viewer = _viewer(request)
    if play:
        return _player(request, feed="hashtag", hashtag=canonical, video=_start(request))
    videos = queries.shown_videos(viewer).filter(hashtags__contains=[canonical])
    return render(
        request,
        "feed/hashtag.html",
        {
            "hashtag": canonical,
            "count": videos.count(),
            "grid": _grid(request, videos),
            "play": f"{reverse('hashtag_play', args=[canonical])}?video=",
        },
    )


@dataclass(frozen=True, slots=True)
class _Tab:
    key: str
    label: str
    icon: str


@require_safe
def profile(request: HttpRequest, name: str, tab: str = "videos") -> HttpResponseBase:
    """Show a person and their videos; what they like and save is shown to themselves alone."""
    if name != name.lower():
        return _redirect(request, "profile" if tab == "videos" else f"profile_{tab}", name.lower())
    person = get_object_or_404(Person, name=name, is_active=True)
    viewer = _viewer(request)
    own = viewer is not None and viewer.pk == person.pk
    if tab != "videos" and not own:
        raise Http404
    relation = social.relation(viewer, person)
    apart = relation.blocks or relation.blocked
    lists = {"liked": social.liked_videos, "saved": social.saved_videos}
    grid = queries.Grid([])
    if not apart:
        videos = lists[tab](person) if tab in lists else queries.shown_videos(viewer).filter(creator=person)
        grid = _grid(request, videos)
    return render(
        request,
        "feed/profile.html",
        {
            "person": person,
            "avatar": blob_url(person.avatar, "webp") if person.avatar and not relation.blocked else "",
            "own": own,
            "relation": relation,
            "apart": apart,
            "numbers": None if apart else _numbers(person),
            "grid": grid,
            "play": f"{reverse('profile_play', args=[name])}?video=" if tab == "videos" else "/v/",
            "tab": tab,
            "tabs": _tabs(person, own=own) if own or not apart else [],
            "tab_view": "profile" if tab == "videos" else f"profile_{tab}",
        },
    )


@require_safe
def profile_play(request: HttpRequest, name: str) -> HttpResponseBase:
    """Show the player with one person's videos, from the one that `video` names on."""
    if name != name.lower():
        return _redirect(request, "profile_play", name.lower())
    get_object_or_404(Person, name=name, is_active=True)
    return _player(request, feed="creator", creator=name, video=_start(request))


@require_safe
def video(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show the player at one video, with what a link to it needs to be shown elsewhere."""
    viewer = _viewer(request)
    try:
        wanted = decode_id(public_id)
    except ValueError:
        raise Http404 from None
    found = get_object_or_404(
        social.watchable(viewer).select_related("creator").prefetch_related("renditions"), pk=wanted
    )
    context = {"preview": _preview(found), "page_title": _title(found), "single": found}
    return _player(request, "feed/video.html", context, video=found.public_id)


@require_safe
def sound(request: HttpRequest, public_id: str) -> HttpResponse:
    """Show a sound: what it is, who made it, and the videos with it that this viewer may watch."""
    viewer = _viewer(request)
    found = sounds.access_sound(viewer, public_id)
    if viewer is not None:
        get_token(request)  # Using the sound needs the cookie.
    videos = queries.shown_videos(viewer).filter(sound=found)
    return render(
        request,
        "feed/sound.html",
        {
            "sound": sounds.sound_facts(viewer, found),
            "length": f"{found.duration_ms // 60000}:{found.duration_ms // 1000 % 60:02}",
            "grid": _grid(request, videos),
            "play": "/v/",
        },
    )


@require_safe
def discover(request: HttpRequest) -> HttpResponse:
    """Show a search with what it finds, or what is new and liked at the moment."""
    viewer = _viewer(request)
    text = queries.clean_search(request.GET.get("q", ""))
    context: dict[str, Any] = {"q": text, "max_length": queries.MAX_SEARCH, "play": "/v/"}
    if text:
        context["found"] = queries.search(viewer, text, get_language() or "")
    else:
        context["trending"] = queries.trending_videos(viewer)
        context["hashtags"] = queries.trending_hashtags(viewer)
        context["creators"] = queries.newest_creators(viewer)
    return render(request, "feed/discover.html", context)


@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """Show what others did with this person's videos, and who follows them now."""
    viewer = _viewer(request)
    if viewer is None:
        return render(request, "feed/invitation.html", {"place": "inbox", "icon": "inbox"})
    return render(request, "feed/inbox.html", {"notes": queries.inbox(viewer)})


@require_safe
def algorithm(request: HttpRequest) -> HttpResponse:
    """Show the policy in force: every weight and rule in words, its history, and how to check it."""
    records = policies.history()
    text = records[0].text if records else default_policy().text
    described = describe(text, queries.learned_heads())
    return render(
        request,
        "feed/algorithm.html",
        {
            "described": described,
            "sections": chapters(described),
            "commands": commands(settings.PUBLIC_URL),
            "text": text,
            "sha256": policies.policy_hash(text),
            "history": versions(records),
        },
    )


@require_safe
def dials(request: HttpRequest) -> HttpResponse:
    """Show what a viewer, signed in or not, asks of their own feed."""
    get_token(request)
    return render(request, "feed/dials.html", {"suggested": queries.trending_hashtags(_viewer(request))})


@require_safe
def slates(request: HttpRequest) -> HttpResponse:
    """Show every slate that this viewer, signed in or not, was shown, to look at and to download."""
    viewer, before = _viewer_id(request), request.GET.get("before")
    try:
        shown, older = queries.shown_slates(viewer, _viewer(request), before, _SLATES) if viewer else ([], None)
    except ValueError:
        raise Http404 from None
    return render(request, "feed/slates.html", {"slates": shown, "next": older, "is_first_page": before is None})


def _viewer(request: HttpRequest) -> Person | None:
    return request.user if isinstance(request.user, Person) else None


def _viewer_id(request: HttpRequest) -> int | None:
    """Return by which id the feed knows who asks; None for somebody signed out who was never shown anything."""
    person = _viewer(request)
    return VisitorReader().anonymous(request.COOKIES) if person is None else person.pk


def _player(
    request: HttpRequest, template: str = "feed/feed.html", context: dict[str, Any] | None = None, **surface: str
) -> HttpResponse:
    """Render the full-screen player; `surface` says what it plays."""
    if _viewer(request) is not None:
        get_token(request)  # The player's own requests need the cookie.
    whole = {"feed": "for_you", "hashtag": "", "creator": "", "video": "", **surface}
    # The API's card of a video is the same for everybody; what this viewer did with it comes with the page.
    marks = social.marks(_viewer(request), decode_id(whole["video"])) if whole["video"] else []
    return render(
        request, template, {**(context or {}), "surface": whole, "marks": " ".join(marks), "extensions": extensions()}
    )


def _start(request: HttpRequest) -> str:
    """Return the video that the player shall start with, or nothing where the address names none properly."""
    try:
        decode_id(request.GET.get("video", ""))
    except ValueError:
        return ""
    return request.GET["video"]


def _redirect(request: HttpRequest, view: str, argument: str) -> HttpResponseBase:
    query = request.META.get("QUERY_STRING", "")
    address = reverse(view, args=[argument])
    return redirect(f"{address}?{query}" if query else address, permanent=True)


def _grid(request: HttpRequest, videos: Any) -> queries.Grid:
    try:
        return queries.grid_of(videos, request.GET.get("after"))
    except ValueError:
        raise Http404 from None


def _numbers(person: Person) -> list[tuple[int, str]]:
    followers, followed = social.followers_count(person), social.following_count(person)
    likes = social.likes_received(person)
    return [
        (followed, pgettext("number of people", "Following")),
        (followers, ngettext("Follower", "Followers", followers)),
        (likes, ngettext("Like", "Likes", likes)),
    ]


def _tabs(person: Person, *, own: bool) -> list[_Tab]:
    """Return the tabs of a profile; where there is but one, there is nothing to choose."""
    tabs = [_Tab("profile", gettext("Videos"), "play")]
    if own:
        tabs += [_Tab("profile_liked", gettext("Liked"), "heart"), _Tab("profile_saved", gettext("Saved"), "save")]
    tabs += [_Tab(one.view, one.label(), one.icon) for one in profile_tabs(person)]
    return tabs if len(tabs) > 1 else []


def _title(found: Video) -> str:
    """Return the first line of the caption, or who made the video where it says nothing."""
    line = found.caption.partition("\n")[0].strip()
    if not line:
        return gettext("Video by %(name)s") % {"name": found.creator.shown_name}
    return line if len(line) <= _MAX_TITLE else line[: _MAX_TITLE - 1].rstrip() + "…"


def _preview(found: Video) -> dict[str, Any] | None:
    """Return what other sites may show of a link to a video; nothing where not everybody may see it."""
    if found.visibility != Visibility.PUBLIC:
        return None
    text = " ".join(found.caption.split())
    byline = gettext("%(name)s on %(cell)s") % {
        "name": f"@{found.creator.name}",
        "cell": settings.CELL.config.cell.title,
    }
    description = f"{text} · {byline}" if text else byline
    if len(description) > _MAX_DESCRIPTION:
        description = text[: _MAX_DESCRIPTION - len(byline) - 4].rstrip() + f"… · {byline}"
    # Who reads these words plays H.264.
    playable = [rendition for rendition in found.renditions.all() if rendition.family == Family.H264]
    renditions = sorted(playable, key=lambda rendition: rendition.height)
    return {
        "url": settings.PUBLIC_URL + reverse("video", args=[found.public_id]),
        "title": _title(found),
        "description": description,
        "image": settings.PUBLIC_URL + blob_url(found.poster, "jpg"),
        "video": settings.PUBLIC_URL + blob_url(renditions[-1].blob, "mp4") if renditions else "",
        "secure": settings.PUBLIC_URL.startswith("https:"),
        "width": renditions[-1].width if renditions else found.width,
        "height": renditions[-1].height if renditions else found.height,
    }


# Names are matched in either case, so that an address from a poster on a wall works too.
_NAME: Final = rf"(?P<name>(?i:{FULL_NAME_PATTERN}))"

urlpatterns: list[URLPattern] = [
    path("", for_you, name="for_you"),
    path("following", following, name="following"),
    path("t/<str:word>", hashtag, name="hashtag"),
    path("t/<str:word>/play", hashtag, {"play": True}, name="hashtag_play"),
    re_path(rf"^@{_NAME}/play\Z", profile_play, name="profile_play"),
    re_path(rf"^@{_NAME}/liked\Z", profile, {"tab": "liked"}, name="profile_liked"),
    re_path(rf"^@{_NAME}/saved\Z", profile, {"tab": "saved"}, name="profile_saved"),
    re_path(rf"^@{_NAME}\Z", profile, name="profile"),
    path("v/<str:public_id>", video, name="video"),
    path("sound/<str:public_id>", sound, name="sound"),
    path("discover", discover, name="discover"),
    path("inbox", inbox, name="inbox"),
    path("me/feed", dials, name="me_feed"),
    path("me/slates", slates, name="me_slates"),
    path("transparency/algorithm", algorithm, name="algorithm"),
]
