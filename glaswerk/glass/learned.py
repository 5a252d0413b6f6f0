"""What was learned from the event log, as one file: the co-watch lists, and the tables of the additive heads.

An epoch is cut with the model in service. Where a model says nothing - about a video that is newer than it, or a head that had too
little to be fitted on - the item cosine of the cut and the policy's prior coefficients serve, so that no model is a model too.
The weights of the heads are never part of it: they are public, and the policy has them.

Layout, in the encoding of `wire`: the form (1); the names of the heads, item signals and viewer signals that the tables are over; the
facts as canonical JSON; the ids, the length of each list, the videos and the weights of all lists; whether there are heads, and
then which, with bias, table, knots and heights. A model is named by the SHA-256 of these bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Self

import numba as nb
import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.cowatch.served import Served
from glaswerk.glass.errors import GlassError, WireError
from glaswerk.glass.heads import BINS, Heads, curve, prior_heads
from glaswerk.glass.names import HEADS, ITEM_SIGNALS, VIEWER_SIGNALS
from glaswerk.glass.policy import Policy
from glaswerk.glass.scale import UNIT, Ints, frozen
from glaswerk.glass.wire import Reader, Writer

KNOTS: Final = 7
"""Corners of the curve of a viewer signal."""
MOST_LOG_ODDS: Final = 20 * UNIT
"""No entry of a table, height or bias is further from zero: as far as a policy may go."""
_FORM: Final = 1
_NAMES: Final = (HEADS, ITEM_SIGNALS, VIEWER_SIGNALS)


class LearnedError(GlassError):
    """Bytes that are not a whole, unaltered model of this engine, or tables that do not fit together."""


@dataclass(frozen=True, eq=False)
class LearnedHeads:
    """Tables of the heads that were fitted, in 2^-16 log-odds.

    heads: their names, in the order of HEADS. bias: [heads]. table: [heads, item signals, BINS]. knots: [viewer signals, KNOTS], rising
    strictly, shared by the heads. heights: [heads, viewer signals, KNOTS]. Raises LearnedError for what does not fit.
    """

    heads: tuple[str, ...]
    bias: NDArray[np.int64]
    table: NDArray[np.int32]
    knots: NDArray[np.int64]
    heights: NDArray[np.int64]

    def __post_init__(self) -> None:
        count = len(self.heads)
        if not count or self.heads != tuple(name for name in HEADS if name in self.heads):
            raise LearnedError("learned heads must be some of the engine's, in their order")
        shapes = (
            (self.bias, (count,)),
            (self.table, (count, len(ITEM_SIGNALS), BINS)),
            (self.knots, (len(VIEWER_SIGNALS), KNOTS)),
            (self.heights, (count, len(VIEWER_SIGNALS), KNOTS)),
        )
        if any(array.shape != shape for array, shape in shapes):
            raise LearnedError("the tables of the learned heads have another shape than the engine's")
        if not bool(np.all(self.knots[:, 1:] > self.knots[:, :-1])):
            raise LearnedError("the knots of a curve must rise")
        if int(np.abs(self.knots).max()) > 1 << 40:
            raise LearnedError("a knot lies beyond 2^40")
        if any(int(np.abs(array).max()) > MOST_LOG_ODDS for array in (self.bias, self.table, self.heights)):
            raise LearnedError("an entry of the learned heads lies beyond 20 log-odds")

    @property
    def slopes(self) -> Ints:
        """[heads, viewer signals, KNOTS]: from every knot to the next, in 2^-16, floored; behind the last there is none."""
        slopes = np.zeros(self.heights.shape, dtype=np.int64)
        rise = self.heights[..., 1:] - self.heights[..., :-1]
        slopes[..., :-1] = rise * UNIT // (self.knots[:, 1:] - self.knots[:, :-1])
        return slopes

    def over(self, policy: Policy) -> Heads:
        """The heads of an epoch: these where they were fitted, else what the policy describes, drawn over the same knots."""
        prior = prior_heads(policy)
        bias, table = prior.bias.copy(), prior.table.copy()
        heights = np.empty((len(HEADS), len(VIEWER_SIGNALS), KNOTS), dtype=np.int64)
        for row, name in enumerate(HEADS):
            if name in self.heads:
                mine = self.heads.index(name)
                bias[row], table[row], heights[row] = self.bias[mine], self.table[mine], self.heights[mine]
                continue
            for place, knots in enumerate(self.knots):
                heights[row, place] = [
                    curve(prior.knots[place], prior.heights[row, place], prior.slopes[row, place], knot)
                    for knot in knots.tolist()
                ]
        drawn = replace(self, heads=HEADS, bias=bias, table=table, heights=heights)
        return replace(prior, bias=bias, table=table, knots=self.knots, heights=heights, slopes=drawn.slopes)


@dataclass(frozen=True, eq=False)
class Learned:
    """A model: `ids`, `starts`, `videos`, `weights` are the co-watch lists, `heads` the fitted tables or None, `facts` JSON-ready.

    ids: [n] int64, rising. starts: [n + 1] int64. videos: [m] int32, places in `ids`. weights: [m] int16 in 2^-15, above 0; the
    list of each video has its best neighbour first, of equal ones the smaller. n = 0: no filter was learned.
    Raises LearnedError for lists that are not so.
    """

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]
    videos: NDArray[np.int32]
    weights: NDArray[np.int16]
    heads: LearnedHeads | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size, entries = len(self.ids), len(self.videos)
        whole = len(self.starts) == size + 1 and len(self.weights) == entries
        if not whole or self.starts[0] != 0 or self.starts[-1] != entries or bool(np.any(np.diff(self.starts) < 0)):
            raise LearnedError("the co-watch lists of a model do not fit together")
        if size and (int(self.ids[0]) <= 0 or not bool(np.all(self.ids[1:] > self.ids[:-1]))):
            raise LearnedError("the ids of a model must be positive and rise")
        if entries and (int(self.videos.min()) < 0 or int(self.videos.max()) >= size or int(self.weights.min()) < 1):
            raise LearnedError("a co-watch list names no video of the model, or has a weight below 1")
        if not _ordered(self.starts, self.videos, self.weights):
            raise LearnedError("a co-watch list is not in its order")

    @classmethod
    def of(
        cls, ids: NDArray[np.int64], lists: Served | None, heads: LearnedHeads | None, facts: Mapping[str, Any]
    ) -> Self:
        """A model of lists whose items are places in `ids` (None: no filter was learned) and of heads.

        Rounding to whole numbers makes ties, so the lists are put in their order here.
        """
        if lists is None:
            nothing = np.zeros(0, dtype=np.int64)
            return cls(nothing, np.zeros(1, np.int64), nothing.astype(np.int32), nothing.astype(np.int16), heads, facts)
        owner = np.repeat(np.arange(lists.size), np.diff(lists.starts))
        order = np.lexsort((lists.items, -lists.weights.astype(np.int64), owner))
        videos, weights = lists.items.astype(np.int32)[order], lists.weights[order]
        return cls(np.asarray(ids, dtype=np.int64), lists.starts, videos, weights, heads, facts)

    @cached_property
    def _encoded(self) -> bytes:
        out = Writer()
        out.natural(_FORM)
        for names in _NAMES:
            out.text(" ".join(names))
        out.text(_canonical(self.facts))
        out.rising(frozen(self.ids))
        out.steps(frozen(np.diff(self.starts)))
        out.natural(len(self.videos))
        out.steps(frozen(self.videos.astype(np.int64)))
        out.raw(np.ascontiguousarray(self.weights, dtype="<i2").tobytes())
        out.natural(self.heads is not None)
        if self.heads is not None:
            out.text(" ".join(self.heads.heads))
            for array in (self.heads.bias, self.heads.table, self.heads.knots, self.heads.heights):
                out.steps(frozen(array.astype(np.int64).ravel()))
        return out.done()

    def encode(self) -> bytes:
        """Canonical bytes: equal models give equal bytes."""
        return self._encoded

    @cached_property
    def sha256(self) -> str:
        """The name of the model (hex)."""
        return hashlib.sha256(self._encoded).hexdigest()

    @classmethod
    def decode(cls, data: bytes, sha256: str | None = None) -> Self:
        """Read what `encode` wrote, and check it against its name. Raises LearnedError for anything else."""
        found = hashlib.sha256(data).hexdigest()
        if sha256 is not None and found != sha256:
            raise LearnedError(f"these bytes are model {found}, not {sha256}: truncated, altered or misnamed")
        try:
            model = cls._read(Reader(data))
        except (WireError, ValueError) as error:
            if isinstance(error, LearnedError):
                raise
            raise LearnedError(f"these bytes are not a model: {error}") from error
        if model.encode() != data:
            raise LearnedError("these bytes are not the canonical ones of the model that they say")
        return model

    @classmethod
    def _read(cls, taken: Reader) -> Self:
        if (form := taken.natural()) != _FORM:
            raise LearnedError(f"a model of form {form}; this engine reads form {_FORM}")
        for names in _NAMES:
            if taken.text() != " ".join(names):
                raise LearnedError("this model was fitted for other heads or signals than this engine has")
        text = taken.text()
        facts = json.loads(text)
        if not isinstance(facts, dict) or _canonical(facts) != text:
            raise LearnedError("the facts of a model are not canonical JSON")
        ids = taken.rising()
        starts = np.concatenate([[0], np.cumsum(taken.steps(len(ids)))]).astype(np.int64)
        count = taken.count()
        videos = taken.steps(count)
        if count and int(np.abs(videos).max()) >= 1 << 31:
            raise LearnedError("a co-watch list names no video of the model")
        weights = np.frombuffer(taken.raw(2 * count), dtype="<i2").astype(np.int16)
        heads = _read_heads(taken) if taken.natural() else None
        taken.end()
        return cls(ids, starts, videos.astype(np.int32), weights, heads, facts)

    def heads_for(self, policy: Policy) -> Heads:
        """The heads of an epoch with this policy."""
        return prior_heads(policy) if self.heads is None else self.heads.over(policy)

    def near(self, ids: Ints, cosine: Served, most: int) -> dict[str, NDArray[Any]]:
        """The co-watch lists of an epoch with these (rising) ids: near_start, near_videos and near_weights.

        Between videos that the model knows its own weights hold. To and from a newer video those of `cosine`, whose items are rows of
        the epoch, so that it is not left out until the next fit. `most` are kept for a video, the best ones.

        The scale of the weights was set by the fit (see `fitting.filters.rescaled`), and is not touched here: fitted heads know it.
        """
        rows = np.searchsorted(ids, self.ids)
        there = rows < len(ids)
        there[there] = ids[rows[there]] == self.ids[there]
        row_of = np.where(there, rows, -1).astype(np.int64)
        place_of = np.full(len(ids), -1, dtype=np.int64)
        place_of[row_of[there]] = np.flatnonzero(there)
        counts = np.zeros(len(ids), dtype=np.int64)
        kept = np.empty((len(ids), most), dtype=np.int32)
        weights = np.empty((len(ids), most), dtype=np.int16)
        mine, other = (self.starts, self.videos, self.weights), (cosine.starts, cosine.items, cosine.weights)
        _join(place_of, row_of, *mine, *other, counts, kept, weights)
        within = np.arange(most) < counts[:, None]
        return {
            "near_start": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            "near_videos": kept[within],
            "near_weights": weights[within],
        }


def _canonical(facts: Mapping[str, Any]) -> str:
    return json.dumps(dict(facts), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _read_heads(taken: Reader) -> LearnedHeads:
    heads = tuple(taken.text().split(" "))
    count, kinds = len(heads), len(VIEWER_SIGNALS)
    bias = taken.steps(count)
    table = taken.steps(count * len(ITEM_SIGNALS) * BINS).reshape(count, len(ITEM_SIGNALS), BINS)
    knots = taken.steps(kinds * KNOTS).reshape(kinds, KNOTS)
    heights = taken.steps(count * kinds * KNOTS).reshape(count, kinds, KNOTS)
    if len(table) and int(np.abs(table).max()) > MOST_LOG_ODDS:
        raise LearnedError("an entry of the learned heads lies beyond 20 log-odds")
    return LearnedHeads(heads, bias, table.astype(np.int32), knots, heights)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _ordered(starts: Any, videos: Any, weights: Any) -> bool:
    """Whether every list has its best first, ties to the smaller video, and neither repeats a video nor names its own."""
    listed = np.full(len(starts) - 1, -1, dtype=np.int64)
    for row in range(len(starts) - 1):
        last = np.int64(1) << 62
        for at in range(starts[row], starts[row + 1]):
            key = (np.int64(weights[at]) << 32) - videos[at]
            if key >= last or videos[at] == row or listed[videos[at]] == row:
                return False
            listed[videos[at]] = row
            last = key
    return True


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _join(
    place_of: Any, row_of: Any, starts: Any, videos: Any, weights: Any, other_starts: Any, others: Any, other_weights: Any,
    counts: Any, kept: Any, kept_weights: Any,
) -> None:  # fmt: skip
    most = kept.shape[1]
    for row in range(len(place_of)):
        place = place_of[row]
        own = starts[place + 1] - starts[place] if place >= 0 else 0
        keys = np.empty(own + other_starts[row + 1] - other_starts[row], dtype=np.int64)
        found = 0
        if place >= 0:
            for at in range(starts[place], starts[place + 1]):
                near = row_of[videos[at]]
                if near >= 0:
                    keys[found] = (np.int64(weights[at]) << 32) - near
                    found += 1
        for at in range(other_starts[row], other_starts[row + 1]):
            near = np.int64(others[at])
            if place < 0 or place_of[near] < 0:
                keys[found] = (np.int64(other_weights[at]) << 32) - near
                found += 1
        keys = np.sort(keys[:found])
        counts[row] = min(found, most)
        for rank in range(counts[row]):
            key = keys[found - 1 - rank]
            weight = (key + 4294967295) >> 32
            kept[row, rank] = (weight << 32) - key
            kept_weights[row, rank] = weight
