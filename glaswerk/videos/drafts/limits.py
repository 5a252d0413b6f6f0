"""How much one person may keep in drafts."""

from typing import Final

MAX_DRAFTS: Final = 100
MAX_SOURCES: Final = 60
MAX_DOCUMENT_BYTES: Final = 1 << 20
MAX_TITLE: Final = 80
# A stitch begins with at most this much of the other's video.
STITCH_MS: Final = 5_000
# The body of a request; Django reads no longer one into memory.
MAX_BODY_BYTES: Final = 1 << 20
MAX_SAVES_PER_MINUTE: Final = 240
