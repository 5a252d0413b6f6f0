"""The one error of this package, and the reasons it can have."""

from enum import StrEnum


class Failure(StrEnum):
    """Why a file could not become a video. The values are stable: they may be stored and translated.

    Each names what its reader can do next, so two causes with the same remedy share a code.
    """

    # The owner should choose another file.
    EMPTY = "empty"
    NOT_A_VIDEO = "not_a_video"
    IMAGE = "image"
    NO_VIDEO_STREAM = "no_video_stream"
    TRUNCATED = "truncated"
    UNDECODABLE = "undecodable"
    # The owner should export or cut the video differently.
    UNSUPPORTED_CONTAINER = "unsupported_container"
    UNSUPPORTED_CODEC = "unsupported_codec"
    ENCRYPTED = "encrypted"
    TOO_LARGE_FRAME = "too_large_frame"
    TOO_SMALL_FRAME = "too_small_frame"
    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    TOO_MANY_BYTES = "too_many_bytes"
    OUTPUT_TOO_LARGE = "output_too_large"
    OUT_OF_MEMORY = "out_of_memory"
    TIMED_OUT = "timed_out"
    # Trying again may help, after the operator has looked.
    STALLED = "stalled"
    KILLED = "killed"
    DISK_FULL = "disk_full"
    UNREADABLE = "unreadable"
    BROKEN_TOOL = "broken_tool"
    # Somebody asked for it, who knows why.
    STOPPED = "stopped"

    @property
    def is_worth_a_retry(self) -> bool:
        """Whether the same file may succeed later: the cause lies in the machine, not in the file."""
        return self in _OF_THE_MACHINE


_OF_THE_MACHINE = frozenset(
    {Failure.STALLED, Failure.KILLED, Failure.DISK_FULL, Failure.UNREADABLE, Failure.BROKEN_TOOL, Failure.STOPPED}
)


class ReelError(Exception):
    """A file was refused or could not be rendered.

    `code` is for programs and translators, `detail` is a short English phrase for logs. The detail never
    holds a path, a file name or anything else that was read from the file's metadata.
    """

    def __init__(self, code: Failure, detail: str = "") -> None:
        super().__init__(f"{code.value}: {detail}" if detail else code.value)
        self.code = code
        self.detail = detail
