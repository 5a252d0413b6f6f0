"""What a video is recognised by when somebody uploads it again, smaller, recompressed or cut: its pictures and its sound."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glaswerk.reel.child import PYTHON_LISTS, Confinement, python_command, python_reads, run_confined
from glaswerk.reel.content import HEAD_BYTES, demuxer_for
from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.limits import Limits
from glaswerk.reel.pdq import GOOD_QUALITY, SAME_BITS, distance
from glaswerk.reel.probe import open_source, read_answer

PICTURE_BYTES: Final = 36
"""The length of one picture in what `fingerprint` returns; its parts stand in `glaswerk.reel.recognise`."""

SAME_SOUND_ERRORS: Final = 0.15
"""Of the bits of two sounds that are the same, at most so many differ; of any two others about half do."""

_READER_FILE_BYTES: Final = 1 << 20
# Less sound than this in common says nothing: about five seconds.
_LEAST_COMMON: Final = 24


def fingerprint(path: str | os.PathLike[str], limits: Limits = Limits()) -> bytes:  # noqa: B008  (frozen)
    """Return the fingerprints of the pictures of the video at `path`, one a second.

    A confined child reads the file.  Meant for the smallest rendition of `make_renditions`.  Raises ReelError.
    """
    try:
        with open_source(path) as handle:
            container = demuxer_for(handle.read(HEAD_BYTES))
            handle.seek(0)
            confinement = Confinement(
                memory_bytes=limits.probe_memory_bytes,
                file_bytes=_READER_FILE_BYTES,
                wall_seconds=limits.wall_seconds,
                stall_seconds=limits.wall_seconds,
                nice=19,
                list=PYTHON_LISTS,
                read=python_reads(),
            )
            question = json.dumps({"container": container, "limits": asdict(limits)})
            command = python_command("glaswerk.reel.recognise", question)
            answer = read_answer(run_confined(command, confinement, stdin=handle))
    except OSError as error:
        raise ReelError(Failure.UNREADABLE, error.strerror or type(error).__name__) from error
    return bytes.fromhex(answer["pictures"])


def shared_pictures(one: bytes, other: bytes) -> float:
    """The part of the pictures of `one` that are also in `other`, from 0 to 1; pictures with little to see do not count."""
    known = list(_good(other))
    asked = list(_good(one))
    if not asked or not known:
        return 0.0
    found = sum(any(distance(bits, each) <= SAME_BITS for each in known) for bits in asked)
    return found / len(asked)


def shared_sound(one: bytes, other: bytes) -> float:
    """How alike two chromaprints are at the shift where they agree best: 1 minus the part of bits that differ.

    0 where less than five seconds could be compared.  At least `1 - SAME_SOUND_ERRORS` means the same recording.
    """
    first, second = _words(one), _words(other)
    best = 0.0
    for shift in range(_LEAST_COMMON - len(second), len(first) - _LEAST_COMMON + 1):
        left, right = first[max(0, shift) :], second[max(0, -shift) :]
        length = min(len(left), len(right))
        if length >= _LEAST_COMMON:
            wrong = int(np.bitwise_count(left[:length] ^ right[:length]).sum())
            best = max(best, 1 - wrong / (32 * length))
    return best


def _good(pictures: bytes) -> Iterator[bytes]:
    for at in range(0, len(pictures) - PICTURE_BYTES + 1, PICTURE_BYTES):
        if pictures[at + 3] >= GOOD_QUALITY:
            yield pictures[at + 4 : at + PICTURE_BYTES]


def _words(chromaprint: bytes) -> NDArray[Any]:
    return np.frombuffer(chromaprint[: len(chromaprint) // 4 * 4], dtype=">u4").astype(np.uint32)
