"""What still passes, by the cell's stage, the method and the path; asked before anything else of a request is read.

Whatever is not named here is closed: a route that somebody adds is refused without anybody having to think of it.
"""

import re
from typing import Final

from glaswerk.border.sunset.plan import Stage

LOCKED: Final = 423
AWAY: Final = 503
# When a client may ask again.  Nobody knows when a dark cell comes back.
RETRY_AFTER_S: Final = 3600
_SAFE: Final = ("GET", "HEAD", "OPTIONS")


def _paths(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.ASCII)


# Signing in and out again, with the second step and the confirmation that belong to it; not signing up.
_SIGN_IN: Final = (
    r"/accounts/(?:login|logout|reauthenticate)/",
    r"/accounts/2fa/(?:authenticate|reauthenticate)/",
    r"/accounts/2fa/webauthn/(?:login|reauthenticate)/",
    r"/accounts/inactive/",
)
# A copy of one's own data.
_EXPORT: Final = (r"/me/data/exports(?:/.*)?",)
# The operator's own switch, and what machines ask.
_RUNNING: Final = (r"/operate/sunset(?:/.*)?", r"/healthz", r"/readyz", r"/metrics", r"/i18n/setlang/")

# What people may still write while the cell is read-only: whatever a right of theirs needs.
_WRITABLE: Final = _paths(
    *_SIGN_IN,
    *_RUNNING,
    # Exports, erasure, and bringing an address up to date to be reached.
    r"/me/data(?:/.*)?",
    r"/me/language",
    r"/accounts/(?:email|password)/.*",
    r"/accounts/confirm-email/.*",
    r"/accounts/2fa/.*",
    # Cancelling and sending back what was bought, and the seller's part in it; the provider's word on payments.
    r"/orders/[^/]+",
    r"/merchant/[^/]+(?:/returns)?",
    r"/api/shop/orders/[^/]+/(?:cancel|returns)",
    r"/api/shop/sold/[^/]+/(?:parcels(?:/.*)?|cancel|refunds)",
    r"/api/shop/returns/[^/]+/decision",
    r"/api/payments/hooks/[^/]+",
)
_NOT_WRITABLE: Final = _paths(r"/accounts/2fa/webauthn/signup/")

# All that there is while the cell is dark.  `False`: only to be read.
_LIT: Final = (
    (_paths(*_SIGN_IN, *_RUNNING, *_EXPORT), True),
    (
        _paths(
            r"/me/data",
            r"/log/.*",
            r"/transparency(?:/.*)?",
            r"/static/.*",
            r"/words/[a-z-]+\.js",
            r"/fonts\.css",
            r"/manifest\.webmanifest",
            r"/sw\.js",
            r"/offline",
        ),
        False,
    ),
)


def refusal(stage: Stage, method: str, path: str) -> int:
    """Return the status that a request is refused with, or 0 where it passes."""
    if stage in (Stage.OPEN, Stage.NOTICE):
        return 0
    if stage is Stage.READONLY:
        if method in _SAFE or (_WRITABLE.fullmatch(path) and not _NOT_WRITABLE.fullmatch(path)):
            return 0
        return LOCKED
    for paths, takes_writes in _LIT:
        if paths.fullmatch(path) and (takes_writes or method in _SAFE):
            return 0
    return AWAY
