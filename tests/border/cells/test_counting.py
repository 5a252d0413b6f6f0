"""Counts: noise after its law, drawn once a day, with a floor, for every public video and for nothing else."""

import math
import random
from collections import Counter
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from django.utils import timezone

from glaswerk.border.messages import MOST_COUNTED, Counts, parse_message
from glaswerk.border.models import Arrival, CountedDay, Peer, Spoken
from glaswerk.border.outward import counting
from glaswerk.border.outward.counting import count_day, count_yesterday
from glaswerk.border.outward.noise import _happens_exp, discrete_laplace
from glaswerk.border.peers.effects import own_origin
from glaswerk.cell.config import Cell, parse_config
from glaswerk.feed.models import Watch
from glaswerk.people.models import Person
from glaswerk.tlog import Signer
from glaswerk.videos.models import Video
from tests.border.cells.test_outward import ready
from tests.videos.conftest import MakePerson

DAY = date(2026, 3, 4)
NOON = int(datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp() * 1000)


class ExhaustedError(Exception):
    """The dice have no further number."""


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 1), (1, 1), (1, 3), (2, 5)])
def test_a_chance_is_the_exponential_to_the_last_digit(numerator: int, denominator: int) -> None:
    """Every way that the dice can fall is walked, each with its exact chance; what is left over is too small to matter."""
    happens = falls_short = Fraction(0)
    depth = 7
    for path in product((True, False), repeat=depth):
        chance, draws = Fraction(1), 0

        def below(limit: int, path: tuple[bool, ...] = path) -> int:
            nonlocal chance, draws
            if draws == depth:
                raise ExhaustedError
            is_below = path[draws]
            draws += 1
            share = Fraction(min(numerator, limit), limit)
            chance *= share if is_below else 1 - share
            return 0 if is_below else numerator

        try:
            outcome = _happens_exp(numerator, denominator, below)
        except ExhaustedError:
            falls_short += chance
            continue
        # The same beginning comes up once for every end that it does not need.
        happens += outcome * chance / 2 ** (depth - draws)
    assert float(abs(happens - Fraction(math.exp(-numerator / denominator)))) <= float(falls_short) + 1e-15
    assert float(falls_short) < 1e-3


@pytest.mark.parametrize(("numerator", "denominator"), [(1, 1), (1, 2), (3, 2)])
def test_the_noise_follows_its_law(numerator: int, denominator: int) -> None:
    """Chi-square with fixed dice, so that it says the same every time; a sampler that draws nothing twice as often fails."""
    dice = random.Random(20_201_112)
    draws = 20_000
    found = Counter(discrete_laplace(numerator, denominator, dice.randrange) for _ in range(draws))

    def statistic(found: Counter[int]) -> float:
        ratio = math.exp(-numerator / denominator)
        law = {z: (1 - ratio) / (1 + ratio) * ratio ** abs(z) for z in range(-60, 61)}
        kept = {z: share for z, share in law.items() if share * draws >= 20}
        rest = draws * (1 - sum(kept.values()))
        outside = draws - sum(found[z] for z in kept)
        terms = [(found[z] - share * draws) ** 2 / (share * draws) for z, share in kept.items()]
        return (sum(terms) + (outside - rest) ** 2 / max(rest, 1)) / len(terms)

    assert statistic(found) < 2
    wrong = found.copy()
    wrong[0] *= 2
    assert statistic(wrong) > 10


def test_the_scale_is_a_fraction_of_positive_numbers() -> None:
    for scale in ((0, 1), (1, 0), (-1, 1)):
        with pytest.raises(ValueError, match="positive"):
            discrete_laplace(*scale)


def watched(video: Video, viewers: int, at: int = NOON) -> None:
    Watch.objects.bulk_create(
        Watch(
            viewer=-1 - number, video=video.pk, first_at=at, last_at=at, watched=True, watched_ms=9, loops=0,
            shared=False, liked_at=0, saved_at=0, refused_at=0, watched_at=at,
        )
        for number in range(viewers)
    )  # fmt: skip


def told() -> list[Counts]:
    found = [
        parse_message(body.encode()) for body in Spoken.objects.filter(type="counts").values_list("body", flat=True)
    ]
    return [message for message in found if isinstance(message, Counts)]


@pytest.fixture
def peer(cell: Cell) -> Peer:
    key = Signer("us.example/log", bytes(range(32))).key.text
    return Peer.objects.create(label="us", url="http://us.example/log", key=key)


@pytest.mark.django_db
def test_every_public_video_is_counted_once_a_day_and_no_other(
    ada: Person, make_person: MakePerson, peer: Peer, cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = iter([0, -3, 5] * 9)
    monkeypatch.setattr(counting, "discrete_laplace", lambda *scale: next(noise))
    many, none, few = ready(ada), ready(ada), ready(ada)
    private, at_home = ready(ada, visibility="followers"), ready(ada, allow_elsewhere=False)
    guest = ready(make_person("ida@us", home="us", password="!"), allow_elsewhere=False)
    Arrival.objects.create(peer=peer, about="video", item=7, index=1, video=guest)
    for video, viewers in ((many, 200), (few, 85), (private, 500), (at_home, 500), (guest, 150)):
        watched(video, viewers)
    # Of another day.
    watched(none, 300, NOON + 86_400_000)
    assert count_day(DAY)
    by_home = {message.home: message for message in told()}
    own = by_home[own_origin()]
    assert own.videos == tuple(sorted(video.public_id for video in (many, none, few)))
    assert set(by_home) == {own_origin(), "us.example/log"}
    assert by_home["us.example/log"].videos == ("0000000000007",)
    told_plays = dict(zip(own.videos, own.plays, strict=True))
    assert told_plays[none.public_id] == 0
    # Below the floor with its noise, it is as if nobody had watched; above it, it is not the truth either.
    assert told_plays[few.public_id] in (0, 90)
    assert told_plays[many.public_id] in (197, 200, 205)
    assert (own.epsilon_milli, own.floor, own.day) == (1000, 90, "2026-03-04")
    assert not count_day(DAY)
    assert len(told()) == 2


@pytest.mark.django_db
def test_a_day_is_told_in_as_many_parts_as_it_takes(ada: Person, cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    plays = {f"{number:013d}": number for number in range(MOST_COUNTED + 3)}
    monkeypatch.setattr(counting, "_watched", lambda day: {"": plays})
    assert count_day(DAY)
    first, second = told()
    assert [(one.part, one.parts, len(one.videos)) for one in (first, second)] == [(1, 2, MOST_COUNTED), (2, 2, 3)]


@pytest.mark.django_db
def test_yesterday_is_counted_once(cell: Cell) -> None:
    counting._counted.clear()
    now = timezone.now()
    assert count_yesterday(now)
    assert not count_yesterday(now)
    counting._counted.clear()
    assert not count_yesterday(now)
    assert CountedDay.objects.count() == 1


def test_noise_is_real_by_default() -> None:
    drawn: set[Any] = {discrete_laplace(1000, 1000) for _ in range(200)}
    assert len(drawn) > 3
    assert parse_config("").peers.count_epsilon == 1.0
