"""What ranking reads of a video, side by side in one row: one or two cache lines a video instead of one for each of ten columns.

Made from the columns of an epoch when it is opened, so that nothing of it is in the file.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped, unused-ignore]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from glaswerk.glass.kernel import kernel

ID, PUBLISHED, STANDING = 0, 1, 2
"""Places in a wide row, which is made of 64-bit words."""

MAKER, SPOKEN, KIND, DURATION, TAGS = 6, 7, 8, 9, 10
"""Places in a narrow row, which is the same memory as words of 32 bits. SPOKEN has the region in its low half, the language in its
high one; KIND has followers_only in bit 0, what it sells in bits 1 and 2, and the number of hashtags from bit 8."""

LISTS: Final = (
    "tag_videos", "region_videos", "trending", "fresh", "shoppable", "promoted", "exploring", "creator_videos",
)  # fmt: skip
_build: Any = cgutils
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


class Packed(NamedTuple):
    """wide [videos, words] int64 and narrow [videos, 2 x words] int32: the rows. finder: a hash table from ids to rows.
    lists: all lists that sources walk along, one behind another, and places: where each begins.
    newest: for each entry of creator_videos the video's place among all, the newest first."""

    wide: NDArray[np.int64]
    narrow: NDArray[np.int32]
    finder: NDArray[np.int32]
    lists: NDArray[np.int32]
    places: dict[str, int]
    newest: NDArray[np.int32]


def pack(column: Callable[[str], NDArray[Any]], per_video: int) -> Packed:
    """The packed form of an epoch's columns; per_video: how many hashtags a video has at most."""
    ids = column("ids")
    size, words = len(ids), -(-(TAGS + per_video) // 16) * 8
    # A row begins at a cache line.
    room = np.zeros(size * words + 8, dtype=np.int64)
    skipped = -room.ctypes.data % 64 // 8
    wide = room[skipped : skipped + size * words].reshape(size, words)
    narrow = wide.view(np.int32)
    wide[:, ID], wide[:, PUBLISHED], wide[:, STANDING] = ids, column("published"), column("standing")
    narrow[:, MAKER], narrow[:, DURATION] = column("creator_row"), column("duration")
    narrow[:, SPOKEN] = column("language").astype(np.int32) << 16 | column("region").astype(np.int32) & 0xFFFF
    narrow[:, KIND] = column("followers_only") | column("commercial").astype(np.int32) << 1
    _put_tags(narrow, column("video_tags_start"), column("video_tags"))
    finder = np.full(1 << max(4, (2 * size).bit_length()), -1, dtype=np.int32)
    _fill(finder, ids)
    starts = np.cumsum([0, *(len(column(name)) for name in LISTS)]).tolist()
    rank = np.empty(size, dtype=np.int32)
    rank[column("fresh")] = np.arange(size, dtype=np.int32)
    return Packed(
        wide,
        narrow,
        finder,
        np.concatenate([column(name) for name in LISTS]),
        dict(zip(LISTS, starts, strict=False)),
        rank[column("creator_videos")],
    )


@kernel
def _put_tags(narrow: Any, starts: Any, tags: Any) -> None:
    for row in range(len(narrow)):
        narrow[row, KIND] |= (starts[row + 1] - starts[row]) << 8
        for at in range(starts[row], starts[row + 1]):
            narrow[row, TAGS + at - starts[row]] = tags[at]


@kernel
def hashed(video: int, size: int) -> Any:
    """A place in a table of 2^n entries."""
    return np.int64((np.uint64(video) * _GOLDEN) >> np.uint64(32)) & (size - 1)


@kernel
def _fill(finder: Any, ids: Any) -> None:
    for row in range(len(ids)):
        place = hashed(ids[row], len(finder))
        while finder[place] >= 0:
            place = (place + 1) & (len(finder) - 1)
        finder[place] = row


@kernel
def find(finder: Any, wide: Any, video: int) -> Any:
    """The row of a video, or -1."""
    place = hashed(video, len(finder))
    while True:
        row = np.int64(finder[place])
        if row < 0 or wide[row, ID] == video:
            return row
        place = (place + 1) & (len(finder) - 1)


def _prefetch(typing: Any, array: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        shape = signature.args[0]
        value = context.make_array(shape)(context, builder, arguments[0])
        zero = context.get_constant(types.intp, 0)
        wanted = context.cast(builder, arguments[1], signature.args[1], types.intp)
        places = [wanted] + [zero] * (shape.ndim - 1)
        pointer = _build.get_item_pointer(context, builder, shape, value, places)
        byte = builder.bitcast(pointer, ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte.type, word, word, word])
        function = _build.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [byte, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, place), generate


prefetch: Any = intrinsic(_prefetch)
"""In a kernel: ask for array[place] (or the row that begins there) before it is needed; a place beyond the array does no harm."""
