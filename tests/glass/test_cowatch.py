"""Co-watch filters: served in whole numbers, explained exactly, the same however they are computed."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from glaswerk.glass import CoWatch, FilterSettings, GlassError, ItemCosine, NextWatch
from glaswerk.glass.cowatch.filters import ClosedForm
from glaswerk.glass.cowatch.heldout import HeldOut
from glaswerk.glass.cowatch.lists import TILE
from glaswerk.glass.cowatch.spectrum import Graph


def watched(viewers: int = 120, items: int = 90, seed: int = 1) -> sparse.csr_matrix:
    """Viewers of three tastes, each with a few items of their own third of the catalogue and a few others."""
    rng = np.random.default_rng(seed)
    taste = np.arange(viewers) % 3
    chance = np.where(np.arange(items)[None, :] % 3 == taste[:, None], 0.25, 0.03)
    return sparse.csr_matrix((rng.random((viewers, items)) < chance).astype(np.float32))


def times(viewers: int = 300, items: int = 40, seed: int = 2) -> sparse.csr_matrix:
    """Histories in which item k + 1 mostly follows item k; the values are places counted from 1."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((viewers, items), dtype=np.int64)
    for viewer in range(viewers):
        walk = (rng.integers(items) + np.cumsum(rng.choice([1, 1, 1, 2, 5], 8))) % items
        for place, item in enumerate(walk):
            rows[viewer, item] = place + 1
    return sparse.csr_matrix(rows)


def dense_filter(rows: sparse.csr_matrix, shape: FilterSettings) -> Any:
    """The filter as its formula says, by a full decomposition in double precision."""
    whole = rows.toarray().astype(np.float64)
    mass, degrees = np.maximum(whole.sum(1), 1), np.maximum(whole.sum(0), 1)
    graph = (whole.T * mass**-shape.viewer) @ whole / np.sqrt(np.outer(degrees, degrees))
    graph /= np.linalg.eigvalsh(graph)[-1]
    values, vectors = np.linalg.eigh(graph)
    values, vectors = values[::-1][: shape.rank], vectors[:, ::-1][:, : shape.rank]
    lifted = graph + vectors * (shape.response(values.astype(np.float32)) - values) @ vectors.T
    filter_ = lifted * degrees[None, :] ** shape.item / degrees[:, None] ** shape.item
    np.fill_diagonal(filter_, 0)
    return np.maximum(filter_, 0)


def same(one: Any, other: Any) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("starts", "items", "weights"))


def test_served_form_is_the_formula_rounded() -> None:
    shape = FilterSettings(viewer=0.6, item=0.3, ridge=0.3, tilt=0.5, boost=0.2, rank=12)
    rows = watched()
    fitted = CoWatch(neighbours=90, settings=shape).fit(rows)
    size = rows.shape[1]
    got = sparse.csr_matrix((fitted.weights * fitted.scale, fitted.items, fitted.starts), shape=(size, size)).toarray()
    assert np.abs(got - dense_filter(rows, shape)).max() < fitted.scale


def test_keeps_the_largest_neighbours() -> None:
    shape = FilterSettings(rank=12)
    rows = watched()
    all_, few = (CoWatch(neighbours=most, settings=shape).fit(rows) for most in (90, 7))
    for item in range(rows.shape[1]):
        assert few.neighbours_of(item)[0].tolist() == all_.neighbours_of(item)[0][:7].tolist()
        assert np.all(np.diff(all_.neighbours_of(item)[1]) <= 0)


@pytest.mark.parametrize("kind", [CoWatch, NextWatch])
def test_parts_add_up_to_the_score(kind: type[CoWatch | NextWatch]) -> None:
    rows = watched() if kind is CoWatch else times()
    fitted = kind(neighbours=20).fit(rows)
    items, scores = fitted.recommend(rows[:40], 10)
    whole = fitted.scores(rows[:40])
    for viewer in range(40):
        for item, score in zip(items[viewer].tolist(), scores[viewer].tolist(), strict=True):
            if item >= 0:
                parts = fitted.explain(rows[viewer], item)
                assert sum(parts.values()) == score == whole[viewer, item]
                assert set(parts) <= set(rows[viewer].indices.tolist())


@pytest.mark.parametrize("kind", [CoWatch, NextWatch])
def test_threads_change_no_bit(kind: type[CoWatch | NextWatch]) -> None:
    # Three tiles, the last of them not full.
    rows = watched(items=600) if kind is CoWatch else times(items=600)
    one = kind(neighbours=9, threads=1).fit(rows)
    for threads in (2, 3):
        other = kind(neighbours=9, threads=threads).fit(rows)
        assert one.settings == other.settings
        assert same(one, other)
        for left, right in zip(one.recommend(rows, 5), other.recommend(rows, 5), strict=True):
            assert left.tolist() == right.tolist()


@given(st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_order_of_a_history_changes_nothing(random: Any) -> None:
    rows = watched()
    fitted = ItemCosine(neighbours=9).fit(rows)
    history = rows.indices[: rows.indptr[1]].tolist()
    shuffled = random.sample(history, len(history))
    row = sparse.csr_matrix((np.ones(len(history)), shuffled, [0, len(history)]), shape=(1, rows.shape[1]))
    for left, right in zip(fitted.recommend(rows[:1], 8), fitted.recommend(row, 8), strict=True):
        assert left.tolist() == right.tolist()


@pytest.mark.parametrize("kind", [CoWatch, NextWatch, ItemCosine])
def test_nothing_seen_is_recommended(kind: Any) -> None:
    rows = times() if kind is NextWatch else watched()
    fitted = kind(neighbours=30).fit(rows)
    items, scores = fitted.recommend(rows, 15)
    assert items.shape == scores.shape == (rows.shape[0], 15)
    for viewer, line in enumerate(items):
        found = line[line >= 0].tolist()
        assert len(set(found)) == len(found)
        assert not set(found) & set(rows[viewer].indices.tolist())
    again, _ = fitted.recommend(rows, 15, exclude_seen=False)
    assert any(set(again[viewer].tolist()) & set(rows[viewer].indices.tolist()) for viewer in range(rows.shape[0]))


def test_recommendations_are_the_top_of_all_scores() -> None:
    rows = watched(items=200)
    fitted = CoWatch(neighbours=30, settings=FilterSettings(rank=20)).fit(rows)
    items, scores = fitted.recommend(rows, 12)
    whole = fitted.scores(rows)
    whole[rows.nonzero()] = 0
    order = np.argsort(-whole, axis=1, kind="stable")[:, :12]
    best = np.take_along_axis(whole, order, axis=1)
    assert scores.tolist() == np.maximum(best, 0).tolist()
    assert items.tolist() == np.where(best > 0, order, -1).tolist()


def test_large_strengths_do_not_overflow() -> None:
    rows = watched()
    fitted = CoWatch(neighbours=30, settings=FilterSettings(rank=20)).fit(rows)
    small, one = fitted.recommend(rows, 5)
    large, many = fitted.recommend(rows * 65536, 5)
    assert large.tolist() == small.tolist()
    assert many.tolist() == (one * 65536).tolist()


@pytest.mark.parametrize("kind", [CoWatch, NextWatch, ItemCosine])
def test_hardly_any_data(kind: Any) -> None:
    for shape in ((0, 0), (3, 0), (0, 4), (3, 1), (2, 5)):
        fitted = kind().fit(sparse.csr_matrix(shape))
        assert fitted.recommend(sparse.csr_matrix(shape), 4)[0].tolist() == [[-1] * 4] * shape[0]
    one = kind().fit(np.array([[1.0]]))
    assert one.recommend(np.array([[1]]), 2)[0].tolist() == [[-1, -1]]
    twins = kind().fit(np.array([[1, 2, 0, 0], [2, 1, 0, 0], [0, 0, 1, 2], [0, 0, 2, 1]]))
    assert twins.recommend(np.array([[1, 0, 0, 0], [0, 0, 0, 0]]), 1)[0].tolist() == [[1], [-1]]


def test_duplicate_entries_are_one_watch() -> None:
    twice = sparse.csr_matrix(([1, 1, 2], [0, 0, 1], [0, 2, 3]), shape=(2, 3))
    once = sparse.csr_matrix(([2, 2], [0, 1], [0, 1, 2]), shape=(2, 3))
    assert same(CoWatch().fit(twice), CoWatch().fit(once))
    late = sparse.csr_matrix(([5, 1, 3], [0, 0, 1], [0, 3]), shape=(1, 3))
    assert NextWatch().fit(late).history(late).toarray().tolist() == [[1024, round(1024 * 2**-0.75), 0]]


def test_refuses_what_it_cannot_add() -> None:
    fitted = CoWatch().fit(watched())
    for rows, sentence in (
        (np.full((1, 90), 0.5), "whole numbers"),
        (np.full((1, 90), -1), "whole numbers"),
        (np.ones((1, 89)), "89 items"),
    ):
        with pytest.raises(GlassError, match=sentence):
            fitted.recommend(rows)
    with pytest.raises(GlassError, match="one viewer"):
        fitted.explain(np.ones((2, 90)), 1)
    for bad in (np.array([[-1.0]]), np.array([[np.nan]]), np.array([[np.inf]])):
        with pytest.raises(GlassError):
            CoWatch().fit(bad)
    with pytest.raises(GlassError, match="numbers"):
        NextWatch().fit(np.array([[np.nan]]))


def test_settings_are_chosen_from_the_data_and_the_seed() -> None:
    rows = watched(600, 60)
    one, two = (CoWatch(neighbours=20, seed=3).fit(rows) for _ in range(2))
    assert one.settings == two.settings
    assert same(one, two)
    assert 0 < one.figures["recall@20"] <= 1
    held = HeldOut.of(rows, 50, 0)
    assert (held.rest + sparse.csr_matrix(rows - held.rest)).toarray().tolist() == rows.toarray().tolist()
    assert held.shown.multiply(held.held).nnz == 0
    assert held.held.getnnz(axis=1).min() >= 1


def test_next_watch_knows_what_follows() -> None:
    rows = times()
    fitted = NextWatch(neighbours=20).fit(rows)
    history = np.zeros((1, 40), dtype=np.int64)
    history[0, [10, 11, 12]] = [1, 2, 3]
    assert fitted.recommend(history, 1)[0].tolist() == [[13]]
    turned = np.zeros((1, 40), dtype=np.int64)
    turned[0, [10, 11, 12]] = [3, 2, 1]
    assert fitted.scores(turned)[0, 13] < fitted.scores(history)[0, 13]
    # Only the order of times counts, and the later of two watches has the larger part.
    scaled = np.where(history > 0, history * 1000 + 7, 0)
    assert fitted.scores(scaled).tolist() == fitted.scores(history).tolist()
    assert fitted.explain({10: 5, 11: 9}, 12)[11] > fitted.explain({10: 5, 11: 9}, 12).get(10, 0)


def test_eigenpairs_of_a_graph_too_large_for_a_full_decomposition() -> None:
    rows = watched(900, 2000)
    graph = Graph.of(rows.astype(np.float64), 0.5, 2)
    values, vectors = graph.eigenpairs(20, 0)
    assert values[0] == pytest.approx(1, abs=1e-4)
    assert np.abs(vectors.T @ vectors - np.eye(20)).max() < 1e-4
    assert np.abs(graph.apply(vectors[:, :4].copy()) - vectors[:, :4] * values[:4]).max() < 1e-4


def test_item_cosine_in_closed_form() -> None:
    rows = np.array([[255, 255, 0, 0], [255, 255, 0, 0], [0, 255, 255, 0], [0, 0, 0, 9]])
    fitted = ItemCosine(neighbours=2).fit(rows)
    shares = (1 << 20) // rows.sum(axis=1)
    gram = rows.T @ (rows * shares[:, None])
    size = np.sqrt(np.diag(gram))
    weight = np.rint(gram / np.outer(size, size) * 32768).astype(int)
    assert fitted.neighbours_of(0)[0].tolist() == [1]
    assert fitted.neighbours_of(0)[1].tolist() == [weight[0, 1]]
    assert fitted.neighbours_of(1)[0].tolist() == [0, 2]
    assert fitted.neighbours_of(1)[1].tolist() == [weight[1, 0], weight[1, 2]]
    assert fitted.neighbours_of(3)[0].tolist() == []
    assert fitted.recommend(np.array([[0, 255, 0, 0], [0, 0, 0, 1]]), 2)[0].tolist() == [[0, 2], [-1, -1]]
    parts = fitted.explain({1: 255, 3: 255}, 2)
    assert parts == {1: 255 * weight[1, 2]}
    assert sum(parts.values()) == fitted.scores(np.array([[0, 255, 0, 255]]))[0, 2]
    with pytest.raises(GlassError, match="negative"):
        ItemCosine().fit(np.array([[-1.0]]))


@given(st.integers(1, 9), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_item_cosine_does_not_depend_on_blocks_or_rows(block: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 256, (20, 9)) * (rng.random((20, 9)) < 0.4)
    assert same(ItemCosine(neighbours=3).fit(rows), ItemCosine(neighbours=3, block=block).fit(rows[::-1]))


@pytest.mark.parametrize("kind", [CoWatch, NextWatch, ItemCosine])
def test_the_matrix_given_stays_as_it_was(kind: Any) -> None:
    given_ = sparse.csr_matrix((np.array([1.0, 2.0, 0.0, 3.0]), [1, 1, 0, 2], [0, 2, 4]), shape=(2, 3))
    before = [given_.data.tolist(), given_.indices.tolist(), given_.indptr.tolist()]
    kind().fit(given_).recommend(given_)
    assert [given_.data.tolist(), given_.indices.tolist(), given_.indptr.tolist()] == before


def _block(solved: ClosedForm, first: int, last: int) -> Any:
    return solved.lists(first, last, 20)


def test_blocks_of_items_that_other_processes_cut_are_the_same_filter() -> None:
    """As a cluster would: every worker gets the solved form and a range of items, and knows nothing of the others."""
    rows = watched(400, 3 * TILE + 17)
    fitted = CoWatch(neighbours=20, settings=FilterSettings(rank=32)).fit(rows)
    other = CoWatch(neighbours=20, settings=FilterSettings(rank=32))
    solved = other.solve(rows.astype(np.float64))
    spans = [(2 * TILE, solved.size), (0, TILE), (TILE, 2 * TILE)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = dict(zip(spans, pool.map(_block, [solved] * 3, *zip(*spans, strict=True)), strict=True))
    other.keep(*(np.concatenate(column) for column in zip(*(found[span] for span in sorted(spans)), strict=True)))
    assert same(fitted, other)
    with pytest.raises(GlassError, match="multiple"):
        solved.lists(5, TILE, 20)
