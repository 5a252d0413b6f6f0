"""Why a slate is as it is: the exact parts of every number in it, none of them left over.

For each slot the contributions form a table of heads by signals whose cells add up, along either side, to the value:

    value            = sum of the cells + sum of the viewer's dials
    cell             = floor(weight[head] x contribution[head, signal] / 256) for a video's own signals; for the viewer's signals
                       the heads are weighed together, and a cell is what the running sum over heads grows by (see heads.Curves)
    log_odds[head]   = bias + sum of the contributions, each a table entry or a point on a curve
    signal           = for "cowatch", "similar", "topic" and "creator": sum of what each of the viewer's own watches adds
    score            = value + spacing, what the slot was chosen by

What brought a video that sells something is no part of its value, so it stands beside it: see Sells.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from glaswerk.glass.ask import Ask
from glaswerk.glass.desk import Desk
from glaswerk.glass.epoch import Epoch
from glaswerk.glass.filters import FIRST_FILTER
from glaswerk.glass.heads import curve
from glaswerk.glass.history import alike_part, bought_part, creator_part, listed_at, near_part, topic_part
from glaswerk.glass.names import FILTERS, HEADS, ITEM_SIGNALS, SUMMED_SIGNALS, VIEWER_SIGNALS
from glaswerk.glass.ranking import SOURCE_BITS, Ranking, verdicts
from glaswerk.glass.scale import logistic
from glaswerk.glass.selection import GAP, commercial_room
from glaswerk.glass.signals import DialPart, dial_parts
from glaswerk.glass.slate import Slate, Slot, named
from glaswerk.glass.viewer import Viewer

DROPPED_AT_MOST = 200


@dataclass(frozen=True)
class Contribution:
    """What one signal adds to one head (log_odds), and to the value through the head's weight (term)."""

    signal: str
    log_odds: int
    term: int


@dataclass(frozen=True)
class HeadPart:
    """One head of one slot: log_odds = bias + the contributions' log_odds; term = bias_term + their terms; weight in 1/256."""

    head: str
    weight: int
    bias: int
    bias_term: int
    log_odds: int
    probability: int
    term: int
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True)
class WatchPart:
    """What one watch of the viewer adds to a signal."""

    video: int
    amount: int


@dataclass(frozen=True)
class SignalPart:
    """One signal of one slot. amount: its value in 2^-16 for the viewer's signals, its bin for a video's own. effect: what it
    adds to the slot's value. watches: for signals that sum over watches, all that add something; they add up to amount."""

    signal: str
    amount: int
    effect: int
    watches: tuple[WatchPart, ...]


@dataclass(frozen=True)
class BoughtPart:
    """What one watch of the viewer adds to `Sells.bought`: the watched video shows `product`, this one sells `other`, and so many people
    bought both, in whole FLOORs."""

    video: int
    amount: int
    product: int
    other: int
    buyers: int


@dataclass(frozen=True)
class Sells:
    """How near a slot that the shoppable source brought is to the viewer's history, by each of the lists of that source; 0 where it
    is not in one. parts: all that add something to `bought`; they add up to it."""

    bought: int
    cowatch: int
    similar: int
    parts: tuple[BoughtPart, ...]


@dataclass(frozen=True)
class Cap:
    """How many slots of a slate may sell something or be paid for, and how many do. share: the policy's, in 2^-16, of so many slots as
    were asked for (limit); setting: the viewer's dial of shopping."""

    share: int
    limit: int
    setting: int
    most: int
    slots: int


@dataclass(frozen=True)
class SlotWhy:
    """One slot: value = sum of the heads' terms + sum of the dials' terms = base + sum of the signals' effects + the same;
    score = value + creator_term + topic_term. dials: those that the viewer has moved. sells: None where the shoppable source did
    not bring it."""

    slot: Slot
    heads: tuple[HeadPart, ...]
    base: int
    signals: tuple[SignalPart, ...]
    dials: tuple[DialPart, ...]
    creator_term: int
    topic_term: int
    within_creator_gap: bool
    explored: bool
    sells: Sells | None

    @property
    def score(self) -> int:
        """What the slot was chosen by."""
        return self.slot.value + self.creator_term + self.topic_term

    @property
    def reasons(self) -> tuple[str, ...]:
        """The signals that raised the value, strongest first, for words; "explored" leads where exploration chose."""
        raised = sorted(
            (part for part in self.signals if part.effect > 0), key=lambda part: (-part.effect, part.signal)
        )
        return (("explored",) if self.explored else ()) + tuple(part.signal for part in raised)


@dataclass(frozen=True)
class Dropped:
    """A video that a source offered and a filter dropped."""

    video: int
    filter: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """Every slot's parts, in the slate's order, and what the filters dropped (the first 200 by id; dropped_count has all).

    cap: None on a surface that has none.
    """

    slate: Slate
    order: str
    slots: tuple[SlotWhy, ...]
    dropped: tuple[Dropped, ...]
    dropped_count: int
    candidates: int
    cap: Cap | None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON: texts, truths, nulls and integers in units of 2^-16 log-odds."""
        return {
            "epoch": self.slate.epoch,
            "order": self.order,
            "candidates": self.candidates,
            "slots": [_slot_dict(why) for why in self.slots],
            "dropped": [
                {"video": drop.video, "filter": drop.filter, "sources": list(drop.sources)} for drop in self.dropped
            ],
            "dropped_count": self.dropped_count,
            "cap": None if self.cap is None else asdict(self.cap),
        }


def explain(epoch: Epoch, viewer: Viewer, ask: Ask) -> Explanation:
    """Rank again and take every number apart. Its slate is the one that `rank` gives."""
    ranking = Ranking(epoch, viewer, ask)
    slate = ranking.slate()
    desk = ranking.desk
    whys = tuple(_why(ranking, slot) for slot in slate.slots)
    ids, marks = desk.column("ids"), desk.gate.marks
    gone = np.sort(ranking.dropped)[: DROPPED_AT_MOST + len(slate.slots)]
    shown = {slot.video for slot in slate.slots}
    dropped = tuple(
        Dropped(int(ids[row]), FILTERS[verdict - FIRST_FILTER], named(int(marks[row]) & SOURCE_BITS))
        for row, verdict in zip(gone.tolist(), verdicts(desk, gone).tolist(), strict=True)
        if int(ids[row]) not in shown
    )
    return Explanation(
        slate, ranking.surface.order, whys, dropped[:DROPPED_AT_MOST], len(ranking.dropped),
        len(ranking.rows) - len(ranking.again), _cap(ranking, slate),
    )  # fmt: skip


def _cap(ranking: Ranking, slate: Slate) -> Cap | None:
    desk = ranking.desk
    if ranking.surface.order != "value" or desk.ask.kind == "shop":
        return None
    sold = sum(int(desk.column("commercial")[desk.epoch.index_of(slot.video)]) > 0 for slot in slate.slots)
    most = commercial_room(desk, desk.ask.limit)
    return Cap(desk.policy.commercial.cap, desk.ask.limit, desk.viewer.dials.shopping, most, sold)


def _sells(desk: Desk, row: int) -> Sells:
    parts = []
    for place, seen in enumerate(desk.watch_rows.tolist() if desk.viewer.profiling else ()):
        if seen >= 0 and (amount := bought_part(desk, place, row)):
            product, other, buyers = (
                int(desk.column(f"bought_{name}")[listed_at(desk, "bought", place, row)])
                for name in ("from", "to", "buyers")
            )
            parts.append(BoughtPart(int(desk.watches[place, 0]), amount, product, other, buyers))
    marks = desk.marks
    bought, cowatch, similar = (int(sums[row]) >> 1 for sums in (marks.bought, marks.near, marks.alike))
    return Sells(bought, cowatch, similar, tuple(parts))


def _why(ranking: Ranking, slot: Slot) -> SlotWhy:
    desk, chosen = ranking.desk, ranking.selection
    place = int(chosen.places[slot.position])
    row = int(ranking.rows[place])
    amounts = [int(amount) for amount in ranking.signals[place]]
    terms = [desk.epoch.curves.terms(signal, amount) for signal, amount in enumerate(amounts)]
    heads = tuple(
        _head(desk, number, row, amounts, [by_head[number] for by_head in terms]) for number in range(len(HEADS))
    )
    base = sum(head.bias_term for head in heads)
    signals = []
    for number, name in enumerate((*ITEM_SIGNALS, *VIEWER_SIGNALS)):
        effect = sum(head.contributions[number].term for head in heads)
        own = number - len(ITEM_SIGNALS)
        amount = int(desk.column("bins")[row, number]) if own < 0 else amounts[own]
        signals.append(SignalPart(name, amount, effect, _watches(desk, name, row)))
    creator_term = int(chosen.creator_terms[slot.position])
    return SlotWhy(
        slot=slot,
        heads=heads,
        base=base,
        signals=tuple(signals),
        dials=dial_parts(desk, row, amounts),
        creator_term=creator_term,
        topic_term=int(chosen.topic_terms[slot.position]),
        within_creator_gap=creator_term <= -GAP,
        explored=bool(chosen.explored[slot.position]),
        sells=_sells(desk, row) if "shoppable" in slot.sources else None,
    )


def _head(desk: Desk, number: int, row: int, amounts: list[int], terms: list[int]) -> HeadPart:
    column = desk.column
    weight, bias = int(column("head_weights")[number]), int(column("head_bias")[number])
    bins, table = column("bins")[row], column("head_table")[number]
    parts = []
    for place, name in enumerate(ITEM_SIGNALS):
        entry = int(table[place, int(bins[place])])
        parts.append(Contribution(name, entry, weight * entry >> 8))
    knots, heights, slopes = column("head_knots"), column("head_heights")[number], column("head_slopes")[number]
    for place, name in enumerate(VIEWER_SIGNALS):
        height = int(curve(knots[place], heights[place], slopes[place], amounts[place]))
        parts.append(Contribution(name, height, terms[place]))
    log_odds = bias + sum(part.log_odds for part in parts)
    bias_term = weight * bias >> 8
    return HeadPart(
        head=HEADS[number],
        weight=weight,
        bias=bias,
        bias_term=bias_term,
        log_odds=log_odds,
        probability=logistic(log_odds),
        term=bias_term + sum(part.term for part in parts),
        contributions=tuple(parts),
    )


_PARTS = {"cowatch": near_part, "similar": alike_part, "topic": topic_part, "creator": creator_part}
assert tuple(_PARTS) == SUMMED_SIGNALS


def _watches(desk: Desk, signal: str, row: int) -> tuple[WatchPart, ...]:
    if signal not in _PARTS or not desk.viewer.profiling:
        return ()
    parts = []
    for place, seen in enumerate(desk.watch_rows.tolist()):
        if seen >= 0 and (amount := _PARTS[signal](desk, place, row)):
            parts.append(WatchPart(int(desk.watches[place, 0]), amount))
    return tuple(parts)


def _sells_dict(sells: Sells) -> dict[str, Any]:
    return {**asdict(sells), "parts": [asdict(part) for part in sells.parts]}


def _slot_dict(why: SlotWhy) -> dict[str, Any]:
    return {
        "position": why.slot.position,
        "video": why.slot.video,
        "value": why.slot.value,
        "sources": list(why.slot.sources),
        "score": why.score,
        "spacing": {"creator": why.creator_term, "topic": why.topic_term, "within_creator_gap": why.within_creator_gap},
        "explored": why.explored,
        "base": why.base,
        "reasons": list(why.reasons),
        "sells": None if why.sells is None else _sells_dict(why.sells),
        "dials": [
            {"dial": part.dial, "setting": part.setting, "feature": part.feature, "term": part.term}
            for part in why.dials
        ],
        "heads": [
            {
                "head": head.head,
                "weight": head.weight,
                "bias": head.bias,
                "bias_term": head.bias_term,
                "log_odds": head.log_odds,
                "probability": head.probability,
                "term": head.term,
                "signals": [
                    {"signal": part.signal, "log_odds": part.log_odds, "term": part.term} for part in head.contributions
                ],
            }
            for head in why.heads
        ],
        "signals": [
            {
                "signal": part.signal,
                "amount": part.amount,
                "effect": part.effect,
                "watches": [{"video": watch.video, "amount": watch.amount} for watch in part.watches],
            }
            for part in why.signals
        ],
    }
