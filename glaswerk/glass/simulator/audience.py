"""How people respond: the hidden model. Nothing of it is known to any policy; docs/simulator.md gives it with its sources.

For a viewer u, a video v and the clips that the session has shown so far:

    affinity  = taste(u, day) . mix(v) + 0.25 style(u) . style(v) - boredom(topic) - boredom(creator) - 1.5 [language not spoken]
                + 0.15 [same region]
    first look: stays with probability sigmoid(1.2 + 0.8 affinity + 0.7 appeal(v)); who does not leaves within two seconds
    enjoyment = -0.6 + affinity + 0.7 quality(v) + 0.6 noise(u, v)
    time to leave: Weibull of shape 0.9 and scale 16 s x exp(0.8 enjoyment); whoever stays to the end may watch again
    like, share, save, follow: sigmoid of enjoyment less a threshold each, for those who saw half of it
    pleasure  = sigmoid(1.2 enjoyment) for who stayed, 0 for who did not
    disappointment grows by (expectation(u) - pleasure + 0.01), never below 0; the session ends when it passes patience(u),
                or when the time at hand is used up
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from glaswerk.glass.simulator.chance import Floats, gaussian, sigmoid, uniform
from glaswerk.glass.simulator.world import LANGUAGES, REGIONS, TOPICS, World
from glaswerk.glass.viewer import FINISHED, LIKED, NOT_INTERESTED, SAVED, SHARED, SKIPPED

Ints = NDArray[np.int64]
Truths = NDArray[np.bool_]

SKIP_MS: Final = 2000
SWIPE_MS: Final = 700
"""From one video to the next."""
TOPIC_FADE, TOPIC_COST = 0.8, 0.35
CREATOR_FADE, CREATOR_COST = 0.85, 0.5
"""What a clip adds to boredom fades by so much with every further clip, and costs so much of affinity."""
REMEMBERED: Final = 12
"""Creators of so many latest clips are remembered in a session."""
LOOPS_AT_MOST: Final = 3

_STAY, _LEAVE, _NOISE, _LOOP, _LIKE, _SHARE, _SAVE, _FOLLOW, _REFUSE, _HASTE, _TIME = range(1, 22, 2)


@dataclass(eq=False)
class Sittings:
    """Sessions under way, one row each: who, what they are tired of, how disappointed, how much time is used and at hand."""

    viewer: Ints
    at_ms: Ints
    bored: Floats
    recent: Ints
    disappointed: Floats
    used_ms: Floats
    most_ms: Floats
    here: Truths


@dataclass(frozen=True, eq=False)
class Response:
    """What came of slates: [sessions, slots] each. shown: the viewer got that far. enjoyment is for judging, not for policies."""

    shown: Truths
    at_ms: Ints
    watched_ms: Ints
    loops: Ints
    flags: Ints
    followed: Truths
    pleasure: Floats


class Audience:
    """The people of a world, responding."""

    def __init__(self, world: World) -> None:
        self._world = world
        regions = {name: code for code, name in enumerate(REGIONS)}
        languages = {name: code for code, name in enumerate(LANGUAGES)}
        self._clip_region = np.array([regions[name] for name in world.clips.region])
        self._region = np.array([regions[name] for name in world.people.region])
        self._speech = np.array([languages[name] for name in world.clips.language])

    def sit_down(self, viewer: Ints, at_ms: Ints) -> Sittings:
        """Fresh sessions. The time at hand is the viewer's own, more or less by the luck of the hour."""
        size, hidden = len(viewer), self._world.hidden_people
        luck = gaussian(self._world.settings.seed, _TIME, viewer, at_ms)
        return Sittings(
            viewer=viewer,
            at_ms=at_ms,
            bored=np.zeros((size, len(TOPICS))),
            recent=np.zeros((size, REMEMBERED), dtype=np.int64),
            disappointed=np.zeros(size),
            used_ms=np.zeros(size),
            most_ms=60_000 * hidden.minutes[viewer] * np.exp(0.4 * luck),
            here=np.ones(size, dtype=np.bool_),
        )

    def watch(self, sittings: Sittings, slates: Ints) -> Response:
        """Let each session watch its slate: rows of videos [sessions, slots], -1 for none. Changes `sittings`."""
        size, slots = slates.shape
        whole = np.zeros((size, slots), dtype=np.int64)
        response = Response(
            np.zeros((size, slots), dtype=np.bool_), whole, whole.copy(), whole.copy(), whole.copy(),
            np.zeros((size, slots), dtype=np.bool_), np.zeros((size, slots)),
        )  # fmt: skip
        for slot in range(slots):
            present = np.flatnonzero(sittings.here & (slates[:, slot] >= 0))
            if len(present):
                self._watch_one(sittings, present, slates[present, slot], response, slot)
        # Nothing left to show ends a session too.
        sittings.here &= slates[:, -1] >= 0
        return response

    def affinity(self, sittings: Sittings, present: Ints, clip: Ints) -> Floats:
        """How much each viewer present would care for a clip, tired as they are by now."""
        world, viewer = self._world, sittings.viewer[present]
        hidden, people = world.hidden_clips, world.hidden_people
        days = np.array([world.day_of(int(at)) for at in sittings.at_ms[present]])
        mix = hidden.mix[clip]
        result = np.einsum("nt,nt->n", people.taste[days, viewer], mix)
        result += 0.25 * np.einsum("ns,ns->n", people.style[viewer], hidden.style[clip])
        result -= TOPIC_COST * np.einsum("nt,nt->n", sittings.bored[present], mix)
        same = sittings.recent[present] == world.clips.creator[clip][:, None]
        result -= CREATOR_COST * (same * CREATOR_FADE ** np.arange(REMEMBERED)).sum(axis=1)
        result -= 1.5 * ~people.speaks[viewer, self._speech[clip]]
        result += 0.15 * (self._region[viewer] == self._clip_region[clip])
        return np.asarray(result, dtype=np.float64)

    def _watch_one(self, sittings: Sittings, present: Ints, clip: Ints, response: Response, slot: int) -> None:
        world, viewer = self._world, sittings.viewer[present]
        seed, hidden, people = world.settings.seed, world.hidden_clips, world.hidden_people

        def luck(kind: int) -> Floats:
            return uniform(seed, kind, viewer, clip)

        affinity = self.affinity(sittings, present, clip)
        stays = luck(_STAY) < sigmoid(1.2 + 0.8 * affinity + 0.7 * hidden.appeal[clip])
        enjoyment = -0.6 + affinity + 0.7 * hidden.quality[clip] + 0.6 * gaussian(seed, _NOISE, viewer, clip)
        duration = world.clips.duration_ms[clip].astype(np.float64)
        patience_ms = 16_000 * np.exp(0.8 * enjoyment) * (-np.log(luck(_LEAVE))) ** (1 / 0.9)
        # Who was not put off at the first look sees more than that look.
        watched = np.where(stays, np.minimum(np.maximum(patience_ms, SKIP_MS), duration), 300 + 1600 * luck(_HASTE))
        watched = np.minimum(watched, duration)
        finished = watched >= 0.95 * duration
        again = np.clip(sigmoid(enjoyment - 2.5), 1e-9, 0.9)
        loops = np.where(finished, np.floor(np.log(luck(_LOOP)) / np.log(again)), 0)
        loops = np.minimum(loops, LOOPS_AT_MOST).astype(np.int64)
        half = watched >= 0.5 * duration
        liked = half & (luck(_LIKE) < sigmoid(1.3 * enjoyment - 3.2))
        shared = half & (luck(_SHARE) < sigmoid(1.0 * enjoyment - 4.6))
        saved = half & (luck(_SAVE) < sigmoid(1.0 * enjoyment - 4.2))
        followed = half & (luck(_FOLLOW) < sigmoid(1.1 * enjoyment - 4.6))
        skipped = (watched < SKIP_MS) & ~finished
        refused = skipped & (luck(_REFUSE) < sigmoid(-5.0 - 1.0 * enjoyment))
        pleasure = np.where(stays, sigmoid(1.2 * enjoyment), 0.0)

        response.shown[present, slot] = True
        response.at_ms[present, slot] = sittings.at_ms[present] + sittings.used_ms[present].astype(np.int64)
        response.watched_ms[present, slot] = watched.astype(np.int64)
        response.loops[present, slot] = loops
        response.flags[present, slot] = (
            int(FINISHED) * finished + int(LIKED) * liked + int(SHARED) * shared + int(SAVED) * saved
            + int(SKIPPED) * skipped + int(NOT_INTERESTED) * refused
        )  # fmt: skip
        response.followed[present, slot] = followed
        response.pleasure[present, slot] = pleasure

        sittings.bored[present] = sittings.bored[present] * TOPIC_FADE + hidden.mix[clip]
        sittings.recent[present] = np.concatenate(
            [world.clips.creator[clip][:, None], sittings.recent[present, : REMEMBERED - 1]], axis=1
        )
        grown = sittings.disappointed[present] + people.expectation[viewer] - pleasure + 0.01
        sittings.disappointed[present] = np.maximum(0.0, grown)
        sittings.used_ms[present] += watched + loops * duration + SWIPE_MS
        sittings.here[present] = (sittings.disappointed[present] <= people.patience[viewer]) & (
            sittings.used_ms[present] < sittings.most_ms[present]
        )
