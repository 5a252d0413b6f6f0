"""Receiving an upload: who sends it and how long it is are checked before its bytes are stored."""

from pathlib import Path
from typing import Any, Final, NoReturn

from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from ninja.security import SessionAuth

from glaswerk.videos.actions import UploadError, too_large
from glaswerk.videos.limits import max_request_bytes, max_upload_bytes

_REFUSAL: Final = "_upload_refusal"


class UploadAuth(SessionAuth):
    """Sign-in by the session cookie for an endpoint that takes large bodies.

    The usual check against cross-site requests reads the whole form in search of its token.  So strangers are
    turned away first, and the form is then read under the limit.
    """

    def __call__(self, request: HttpRequest) -> Any:
        """Return the person, or None for somebody who is not signed in."""
        if not request.user.is_authenticated:
            return None
        limit_upload(request)
        return super().__call__(request)


def limit_upload(request: HttpRequest) -> None:
    """Have this request's form read under the cell's limit; ask `check_upload` for the outcome."""
    request.upload_handlers = [_LimitedHandler(request)]


def path_of(file: "UploadedFile[bytes]") -> Path:
    """Return where an uploaded file lies: the handler stores every one on the disk, whatever its size."""
    assert isinstance(file, TemporaryUploadedFile)
    return Path(file.temporary_file_path())


def check_upload(request: HttpRequest) -> None:
    """Raise the UploadError, or the OSError, that ended the reading of this request's form."""
    refusal: UploadError | OSError | None = getattr(request, _REFUSAL, None)
    if refusal is not None:
        raise refusal


class _LimitedHandler(TemporaryFileUploadHandler):
    """Stops reading where the limit or the disk ends.

    It leaves the reason at the request, because Django hides it from the view.
    """

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self._read = 0

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, str],  # noqa: N803  (Django's name)
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> "tuple[QueryDict, MultiValueDict[str, UploadedFile[bytes]]] | None":
        """Refuse by the announced length, with an empty form, before anything is read."""
        if content_length <= max_request_bytes():
            return None
        setattr(self.request, _REFUSAL, too_large())
        return QueryDict(), MultiValueDict()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Store what arrives, and count it, whatever was announced."""
        self._read += len(raw_data)
        if self._read > max_upload_bytes():
            self._stop(too_large())
        try:
            self.file.write(raw_data)
        except OSError as error:
            self._stop(error)

    def _stop(self, reason: UploadError | OSError) -> NoReturn:
        setattr(self.request, _REFUSAL, reason)
        # Nothing more is read, because reading on would take the whole of an upload that is not wanted.
        raise StopUpload(connection_reset=True)
