"""The benchmark's files and figures, on splits small enough to reckon by hand."""

from pathlib import Path

import numpy as np
import pytest

from glaswerk.glass import GlassError
from glaswerk.glass.cowatch.protocols import LastSplit, SetSplit


def test_set_split_with_gaps_empty_lines_and_repeats(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("7 100 5 5\n\n900 100\n12\n")
    (tmp_path / "test.txt").write_text("7 31\n13 5 100\n900\n")
    split = SetSplit.read(tmp_path)
    # Users 7, 12, 13, 900 and items 5, 31, 100, in this order.
    assert split.train.toarray().tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert split.test.toarray().tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 1], [0, 0, 0]]
    best = np.array([[1, -1], [0, 1], [1, 2], [0, 1]])
    # User 7 hits one of one at the first place; user 13 one of two at the second; the others have no test pair.
    ideal = 1 + 1 / np.log2(3)
    figures = split.measure(best, 2)
    assert figures == {"recall@2": 0.75, "ndcg@2": round((1 + 1 / np.log2(3) / ideal) / 2, 5)}


def test_last_split_with_ties_against_the_model(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("1 10 20 30 40\n2 20\n\n3 50 10\n4 30 20 30\n")
    split = LastSplit.read(tmp_path)
    # User 2 has no history; of user 4 the second 30 counts.
    assert split.last.tolist() == [3, 0, 2]
    assert split.history.toarray().tolist() == [[1, 2, 3, 0, 0], [0, 0, 0, 0, 1], [0, 1, 0, 0, 0]]
    assert split.train.toarray().tolist() == [[1, 2, 0, 0, 0], [0] * 5, [0] * 5]
    scores = np.array([[9, 9, 9, 5, 4], [5, 0, 5, 0, 9], [0, 9, 0, 0, 0]])
    # User 1: the seen items above do not count, so rank 0. User 3: one tie, rank 1. User 4: ties with all three others.
    assert split.measure(lambda first, last: scores[first:last], 2) == {
        "hr@2": round(2 / 3, 5),
        "ndcg@2": round((1 + 1 / np.log2(3)) / 3, 5),
    }


def test_errors_name_the_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(GlassError, match=r"data\.txt"):
        LastSplit.read(tmp_path)
    (tmp_path / "data.txt").write_text("1 2 3\n4 five\n")
    with pytest.raises(GlassError, match=r"data\.txt, line 2"):
        LastSplit.read(tmp_path)


def test_empty_files(tmp_path: Path) -> None:
    for name in ("train.txt", "test.txt", "data.txt"):
        (tmp_path / name).write_text("\n")
    assert SetSplit.read(tmp_path).measure(np.zeros((0, 20))) == {"recall@20": 0.0, "ndcg@20": 0.0}
    assert LastSplit.read(tmp_path).measure(lambda *_: np.zeros((0, 0))) == {"hr@10": 0.0, "ndcg@10": 0.0}
