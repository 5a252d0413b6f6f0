"""What viewers got, in figures: from the diaries of all policies, all on the same sessions."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.simulator.run import Diary
from glaswerk.glass.simulator.settings import DAY_MS
from glaswerk.glass.simulator.world import World
from glaswerk.glass.viewer import FINISHED, LIKED, SKIPPED

Floats = NDArray[np.float64]

BASE: Final = "formula"
"""The policy that the others are measured against."""
_DRAWS: Final = 400
_OPENING: Final = 10
"""Topics are counted over the first clips of a session, which nearly all sessions reach."""


def figures_of(world: World, diary: Diary) -> dict[str, Any]:
    """Everything that one policy's diary says, JSON-ready; shares are between 0 and 1, None where there is nothing to measure."""
    hidden = world.hidden_clips
    video = diary.column("video").astype(np.int64)
    flags = diary.column("flags").astype(np.int64)
    pleasure = diary.column("pleasure")
    watched = diary.session("watched_ms") / 1000.0
    day = (diary.column("at_ms") - world.settings.begin_ms) // DAY_MS
    session_day = (diary.session("at_ms") - world.settings.begin_ms) // DAY_MS
    days = range(world.settings.days)
    return {
        "watch_seconds_per_session": _mean(watched, 2),
        "clips_per_session": _mean(diary.session("clips"), 2),
        "pleasure_per_clip": _mean(pleasure),
        "finished": _mean(flags & int(FINISHED) != 0),
        "skipped": _mean(flags & int(SKIPPED) != 0),
        "liked": _mean(flags & int(LIKED) != 0),
        "gave_up": _mean(diary.session("gave_up")),
        "topics_in_ten": _topics(diary, hidden.topic),
        "newcomers_share": _mean(hidden.newcomer[video]),
        "pumped_share": _mean(hidden.pumped[video], 5),
        "pleasure_by_day": [_mean(pleasure[day == number]) for number in days],
        "watch_seconds_by_day": [_mean(watched[session_day == number], 2) for number in days],
        "first_shown": _first_shown(world, diary),
    }


def add_ratios(world: World, policies: dict[str, dict[str, Any]], diaries: dict[str, Diary]) -> None:
    """Watch time per session of each policy against the formula's, with 95 % intervals: viewers are drawn again, paired."""
    base = _by_viewer(world, diaries[BASE])
    draws = np.random.default_rng(world.settings.seed).integers(0, len(base), (_DRAWS, len(base)))
    below = base[draws].sum(axis=1)
    for name, figures in policies.items():
        own = _by_viewer(world, diaries[name])
        total = float(base.sum())
        spread = own[draws].sum(axis=1)[below > 0] / below[below > 0]
        figures["watch_time_ratio"] = round(float(own.sum()) / total, 4) if total else None
        figures["watch_time_ratio_95"] = [round(float(value), 4) for value in np.quantile(spread, (0.025, 0.975))] if len(spread) else None  # fmt: skip


def _by_viewer(world: World, diary: Diary) -> Floats:
    total: Floats = np.bincount(
        diary.session("viewer").astype(np.int64), weights=diary.session("watched_ms"), minlength=world.settings.viewers
    ).astype(np.float64)
    return total


def _topics(diary: Diary, topic: Any) -> float | None:
    """How many main topics the first ten clips of a session have."""
    place = diary.column("turn") * 1000 + diary.column("slot")
    order = np.lexsort((place, diary.column("began_ms"), diary.column("viewer")))
    viewer, began = diary.column("viewer")[order], diary.column("began_ms")[order]
    if not len(viewer):
        return None
    first = np.concatenate([[True], (viewer[1:] != viewer[:-1]) | (began[1:] != began[:-1])])
    starts = np.flatnonzero(first)
    sizes = np.diff([*starts, len(viewer)])
    starts = starts[sizes >= _OPENING]
    kinds = topic[diary.column("video").astype(np.int64)[order]]
    windows = kinds[starts[:, None] + np.arange(_OPENING)]
    return _mean([len(set(window)) for window in windows.tolist()], 2)


def _first_shown(world: World, diary: Diary) -> dict[str, Any]:
    """Seconds from publishing to the first screen, of newcomers' first videos during the rush; None: not within it."""
    clips, hidden = world.clips, world.hidden_clips
    rows = np.flatnonzero(hidden.first & (clips.published_at >= world.settings.end_ms))
    waits = [
        (diary.first_shown[row] - int(clips.published_at[row])) / 1000 if row in diary.first_shown else None
        for row in rows.tolist()
    ]
    known = sorted(wait for wait in waits if wait is not None)

    def at(share: float) -> float | None:
        """The wait that this share of all the videos do not exceed."""
        place = int(np.ceil(share * len(waits))) - 1
        return round(known[place], 1) if waits and place < len(known) else None

    return {
        "videos": len(waits),
        "shown": len(known),
        "seconds_median": at(0.5),
        "seconds_95": at(0.95),
        "seconds_worst": at(1.0),
        "seconds": [round(wait, 1) for wait in known],
    }


def _mean(values: Any, digits: int = 4) -> float | None:
    return round(float(np.mean(values)), digits) if len(values) else None
