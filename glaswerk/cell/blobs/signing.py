"""Signed addresses: an address that opens one blob for a while, to whoever holds it.

A video element without cookies, a webhook's receiver or a worker elsewhere can use one.  The signature (HMAC-SHA256 with
a key of the cell) covers the path and the time when it ends, so that neither can be exchanged.  What was taken down or
deleted since is not opened by it.
"""

import hashlib
import hmac
import re
import time
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from django.conf import settings

from glaswerk.cell.blobs.names import Blob
from glaswerk.cell.keys import read_or_make_key

KEY_NAME: Final = "media"
_EXPIRES: Final = re.compile(r"[0-9]{1,12}")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
_MOST_PARAMETERS: Final = 8


class Verdict(Enum):
    """What an address's signature says."""

    UNSIGNED = "there is none"
    VALID = "it opens the blob"
    EXPIRED = "its time is over"
    WRONG = "it is not the cell's"


def signed_url(sha: str, extension: str, seconds: int | None = None) -> str:
    """Return an address that opens a blob to anybody for so many seconds (default: `storage.signed_seconds`).

    The caller knows that whoever gets it may have the blob.
    """
    blob = Blob(sha, extension)
    if not extension:
        raise ValueError("an original has no address")
    path = f"/media/{blob}"
    expires = int(time.time()) + (settings.CELL.config.storage.signed_seconds if seconds is None else seconds)
    return f"{path}?expires={expires}&signature={_signature(path, str(expires))}"


def check_signature(path: str, query: bytes) -> Verdict:
    """Say what the query of a request for this path is worth.  Only VALID opens anything."""
    if not query:
        return Verdict.UNSIGNED
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        return Verdict.WRONG
    signatures = [value for name, value in pairs if name == "signature"]
    expiries = [value for name, value in pairs if name == "expires"]
    if not signatures and not expiries:
        return Verdict.UNSIGNED
    if len(signatures) != 1 or len(expiries) != 1:
        return Verdict.WRONG
    signature, expires = signatures[0], expiries[0]
    if not _SIGNATURE.fullmatch(signature) or not _EXPIRES.fullmatch(expires):
        return Verdict.WRONG
    # The comparison takes as long for a near miss as for a far one.
    if not hmac.compare_digest(signature, _signature(path, expires)):
        return Verdict.WRONG
    return Verdict.VALID if time.time() < int(expires) else Verdict.EXPIRED


def _signature(path: str, expires: str) -> str:
    message = f"glaswerk media 1\n{path}\n{expires}".encode()
    return hmac.new(_key(settings.CELL.keys), message, hashlib.sha256).hexdigest()


@lru_cache(maxsize=16)
def _key(folder: Path) -> bytes:
    return read_or_make_key(folder, KEY_NAME).encode()
