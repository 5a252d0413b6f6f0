from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaswerk.glass import Catalogue, Epoch, EpochError, GlassError, Watches, cut_epoch, default_policy

from .synthetic import NOW, make_catalogue, make_watches, shuffled

CATALOGUE = make_catalogue(40)
WATCHES = make_watches(CATALOGUE, 30)
DATA = cut_epoch(CATALOGUE, WATCHES, default_policy(), NOW)


def test_an_epoch_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "epoch"
    path.write_bytes(DATA)
    epoch = Epoch.open(path)
    assert epoch.size == 40
    assert epoch.at_ms == NOW
    assert epoch.policy == default_policy()
    assert epoch.sha256 == Epoch.from_bytes(DATA).sha256
    assert Epoch.open(path, epoch.sha256).size == 40
    assert [epoch.index_of(int(video)) for video in CATALOGUE.ids] == list(range(40))
    assert epoch.index_of(5) == -1
    assert epoch.index_of(1 << 62) == -1
    assert epoch.tag_row("nothing") == -1
    assert "everyday" in epoch.tags
    assert not epoch.column("ids").flags.writeable


def test_arrays_lie_on_multiples_of_64() -> None:
    epoch = Epoch.from_bytes(DATA)
    base = np.frombuffer(DATA, dtype=np.uint8).ctypes.data
    for name in ("ids", "near_weights", "head_table"):
        assert (epoch.column(name).ctypes.data - base) % 64 == 0


@given(st.integers(0, len(DATA) * 8 - 1))
@settings(max_examples=60)
def test_a_flipped_bit_is_refused(bit: int) -> None:
    altered = bytearray(DATA)
    altered[bit // 8] ^= 1 << bit % 8
    with pytest.raises(EpochError):
        Epoch.from_bytes(bytes(altered))


@given(st.integers(0, len(DATA) - 1))
@settings(max_examples=30)
def test_a_truncated_epoch_is_refused(length: int) -> None:
    with pytest.raises(EpochError):
        Epoch.from_bytes(DATA[:length])


def test_files_that_are_not_epochs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "epoch"
    path.write_bytes(b"")
    with pytest.raises(EpochError):
        Epoch.open(path)
    path.write_bytes(DATA)
    with pytest.raises(EpochError, match="this is epoch"):
        Epoch.open(path, "00" * 32)
    with pytest.raises(FileNotFoundError):
        Epoch.open(tmp_path / "none")


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_does_not_matter(random: object) -> None:
    order = np.arange(40)
    random.shuffle(order)  # type: ignore[attr-defined]
    moved = np.arange(len(WATCHES.viewer))
    random.shuffle(moved)  # type: ignore[attr-defined]
    watches = Watches(WATCHES.viewer[moved], WATCHES.video[moved], WATCHES.strength[moved], WATCHES.at[moved])
    assert cut_epoch(shuffled(CATALOGUE, order), watches, default_policy(), NOW) == DATA


def test_an_empty_epoch() -> None:
    epoch = Epoch.from_bytes(cut_epoch(Catalogue.empty(), Watches.empty(), default_policy(), 0))
    assert epoch.size == 0
    assert epoch.index_of(1) == -1


def test_watches_of_unknown_videos_and_the_future_do_not_matter() -> None:
    more = Watches(
        viewer=np.append(WATCHES.viewer, [1, 2]),
        video=np.append(WATCHES.video, [17, 1 << 62]),
        strength=np.append(WATCHES.strength, [255, 255]).astype(np.uint8),
        at=np.append(WATCHES.at, [NOW, NOW + 10**9]),
    )
    assert cut_epoch(CATALOGUE, more, default_policy(), NOW) == DATA


def test_catalogues_that_cannot_be() -> None:
    with pytest.raises(GlassError, match="likes has 39 rows, not 40"):
        replace(CATALOGUE, likes=CATALOGUE.likes[1:])
    with pytest.raises(GlassError, match="must not repeat"):
        replace(CATALOGUE, ids=CATALOGUE.ids * 0 + 1)
    with pytest.raises(GlassError, match="positive"):
        replace(CATALOGUE, ids=-CATALOGUE.ids)
    with pytest.raises(GlassError, match="skips must not be negative"):
        replace(CATALOGUE, skips=-1 - CATALOGUE.skips)
    with pytest.raises(GlassError, match="rec_likes must be whole numbers"):
        replace(CATALOGUE, rec_likes=CATALOGUE.rec_likes / 2)


def test_more_finishes_than_impressions_are_not_believed() -> None:
    honest = replace(CATALOGUE, finishes=CATALOGUE.impressions)
    loud = replace(CATALOGUE, finishes=CATALOGUE.impressions * 1000 + 5)
    bins = [Epoch.from_bytes(cut_epoch(it, WATCHES, default_policy(), NOW)).column("bins") for it in (honest, loud)]
    assert bins[0].tolist() == bins[1].tolist()


def test_newcomers_are_owed_an_audience_and_the_dull_stay_behind() -> None:
    count = np.arange(1, 6, dtype=np.int64)
    catalogue = replace(
        shuffled(CATALOGUE, np.arange(5)),
        impressions=np.array([0, 49, 50, 400, 60_000]),
        finishes=np.array([0, 0, 0, 400, 60_000]),
        ids=count,
    )
    epoch = Epoch.from_bytes(cut_epoch(catalogue, Watches.empty(), default_policy(), NOW))
    assert epoch.column("exploring").tolist() == [0, 1, 3]
