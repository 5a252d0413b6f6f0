"""The peer of the feed benchmark: what a team would write first, newest videos by the ORM, on the same server and data."""

from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

get_wsgi_application()

from django.conf import settings  # noqa: E402

from glaswerk.cell.blobs import blob_url  # noqa: E402
from glaswerk.people.models import Visibility  # noqa: E402
from glaswerk.videos.models import State, Video  # noqa: E402


def feed(request: HttpRequest) -> JsonResponse:
    """Return the ten newest public videos, the same for everybody."""
    videos = (
        Video.objects.filter(state=State.READY, visibility=Visibility.PUBLIC, taken_down_at=None)
        .select_related("creator")
        .prefetch_related("renditions")
        .order_by("-published_at")[:10]
    )
    return JsonResponse({"slots": [_shown(video) for video in videos]})


def _shown(video: Video) -> dict[str, Any]:
    return {
        "id": video.public_id,
        "caption": video.caption,
        "creator": {"name": video.creator.name},
        "duration_ms": video.duration_ms,
        "poster": blob_url(video.poster, "jpg"),
        "renditions": [
            {"url": blob_url(one.blob, "mp4"), "width": one.width, "height": one.height, "bitrate": one.bitrate}
            for one in video.renditions.all()
        ],
    }


urlpatterns = [path("api/feed", feed)]
settings.ROOT_URLCONF = __name__
settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
application = get_wsgi_application()
