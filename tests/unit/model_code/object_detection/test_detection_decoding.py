"""Raw outputs become boxes, scores and classes, and of boxes that overlap the surest stays."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from object_detection.decoding import Detections, Floats, detections, overlaps, suppress
from object_detection.description import Head, Suppression

HEAD = Head(32, ((10.0, 20.0), (40.0, 30.0)))
CLASSES = 3
GLUONCV = Suppression(0.45, 400, 100)


def logit(score: float) -> float:
    return float(np.log(score / (1 - score)))


def nothing(rows: int = 2, columns: int = 4) -> Floats:
    """An output in which no cell sees anything, seen as (anchor, 5 + classes, row, column)."""
    return np.full((2, 5 + CLASSES, rows, columns), -30, np.float32)


def outputs(*seen: Floats) -> list[Floats]:
    return [each.reshape(1, -1, *each.shape[2:]) for each in seen]


def boxes(*rows: tuple[int, float, tuple[float, float, float, float]]) -> Detections:
    """Candidates of (class, score, box)."""
    return Detections(
        np.array([kind for kind, _, _ in rows], np.int64),
        np.array([score for _, score, _ in rows], np.float32),
        np.array([box for _, _, box in rows], np.float32).reshape(-1, 4),
    )


def test_a_cell_tells_where_its_object_is() -> None:
    seen = nothing()
    seen[1, :, 1, 2] = [logit(0.25), logit(0.5), np.log(2), np.log(0.5), logit(0.9), -30, logit(0.8), -30]
    found = detections(outputs(seen), [HEAD], GLUONCV)
    assert found.ids.tolist() == [1]
    assert found.scores == pytest.approx([0.72])
    # Centre ((2 + 0.25) x 32, (1 + 0.5) x 32), sides 40 x 2 and 30 / 2.
    assert found.boxes[0] == pytest.approx([72 - 40, 48 - 7.5, 72 + 40, 48 + 7.5], rel=1e-5)


def test_one_cell_may_see_several_classes() -> None:
    seen = nothing()
    seen[0, :, 0, 0] = [0, 0, 0, 0, 30, logit(0.6), -30, logit(0.7)]
    found = detections(outputs(seen), [HEAD], GLUONCV)
    assert found.ids.tolist() == [2, 0]
    assert found.scores == pytest.approx([0.7, 0.6])


def test_all_heads_are_looked_at_and_the_surest_comes_first() -> None:
    coarse, fine = nothing(1, 1), nothing(2, 2)
    coarse[0, [4, 5], 0, 0] = logit(0.7), 30
    fine[0, [4, 6], 1, 1] = logit(0.9), 30
    found = detections(outputs(coarse, fine), [HEAD, Head(16, HEAD.anchors)], GLUONCV)
    assert found.ids.tolist() == [1, 0]
    assert found.boxes.mean(axis=0).tolist() != found.boxes[0].tolist()


def test_equal_scores_keep_the_order_of_gluoncv_class_by_class_and_row_by_row() -> None:
    seen = nothing()
    for anchor, row, column, kind in ((0, 1, 3, 0), (1, 0, 0, 1), (0, 0, 0, 1), (0, 0, 3, 0)):
        seen[anchor, :4, row, column] = 0
        seen[anchor, [4, 5 + kind], row, column] = 0.5, 30
    found = detections(outputs(seen), [HEAD], GLUONCV)
    assert len(set(found.scores.tolist())) == 1
    assert found.ids.tolist() == [0, 0, 1, 1]
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    assert centres.tolist() == [[112, 16], [112, 48], [16, 16], [16, 16]]
    assert np.allclose(found.boxes[2:, 2] - found.boxes[2:, 0], [10, 40])


def test_scores_of_a_hundredth_or_less_are_nothing() -> None:
    seen = nothing()
    seen[0, [4, 5], 0, 0] = 30, logit(0.0099)
    assert len(detections(outputs(seen), [HEAD], GLUONCV)) == 0
    seen[0, 5, 0, 0] = logit(0.0102)
    assert len(detections(outputs(seen), [HEAD], GLUONCV)) == 1


@pytest.mark.parametrize("threshold", [0.02, 0.1, 0.3, 0.6])
def test_a_threshold_before_suppression_leaves_what_one_after_it_would(threshold: float) -> None:
    rng = np.random.default_rng(0)
    seen = outputs(rng.normal(-1, 3, (2, 5 + CLASSES, 8, 8)).astype(np.float32))
    limits = Suppression(0.45, 10_000, 10_000)
    everything = detections(seen, [HEAD], limits)
    some = detections(seen, [HEAD], limits, threshold)
    rows = np.flatnonzero(everything.scores >= threshold)
    assert 0 < len(some) < len(everything)
    assert some.ids.tolist() == everything.ids[rows].tolist()
    assert np.array_equal(some.boxes, everything.boxes[rows])


def test_numbers_beyond_float32_are_no_fault() -> None:
    seen = nothing()
    seen[0, :, 0, 0] = [1e4, -1e4, 1e4, -1e4, 1e4, 1e4, -1e4, -1e4]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = detections(outputs(seen, nothing()), [HEAD, HEAD], GLUONCV)
    assert found.ids.tolist() == [0]
    assert found.scores.tolist() == [1.0]


def test_of_two_of_a_class_that_overlap_the_surer_stays() -> None:
    kept = suppress(
        boxes(
            (0, 0.9, (0, 0, 10, 10)),
            (1, 0.8, (0, 0, 10, 10)),  # of another class
            (0, 0.7, (1, 0, 11, 10)),  # shares 9 of 11
            (0, 0.6, (8, 0, 18, 10)),  # shares 2 of 18
        ),
        GLUONCV,
    )
    assert kept.scores == pytest.approx([0.9, 0.8, 0.6])


def test_what_is_suppressed_suppresses_nothing() -> None:
    kept = suppress(
        boxes((0, 0.9, (0, 0, 10, 10)), (0, 0.8, (3, 0, 13, 10)), (0, 0.7, (6, 0, 16, 10))), GLUONCV
    )
    assert kept.scores == pytest.approx([0.9, 0.7])


def test_exactly_the_overlap_is_not_too_much() -> None:
    pair = boxes((0, 0.9, (0, 0, 10, 10)), (0, 0.8, (0, 0, 10, 5)))
    assert len(suppress(pair, Suppression(0.5, 400, 100))) == 2
    assert len(suppress(pair, Suppression(0.49, 400, 100))) == 1


def test_only_so_many_are_compared_and_kept() -> None:
    apart: list[Any] = [(0, 1 - at / 100, (20 * at, 0, 20 * at + 10, 10)) for at in range(50)]
    assert len(suppress(boxes(*apart), Suppression(0.45, 400, 7))) == 7
    seen = nothing(4, 4)
    seen[:, 4] = np.linspace(0, 1, 32).reshape(2, 4, 4)
    seen[:, 5] = 30
    assert len(detections(outputs(seen), [Head(64, HEAD.anchors)], Suppression(0.45, 5, 100))) == 5


def test_overlap_is_the_shared_part_of_all_that_both_cover() -> None:
    found = overlaps(np.array([[0, 0, 10, 10], [5, 0, 15, 10], [30, 0, 40, 10], [7, 7, 7, 7]], np.float32))
    assert found[0].tolist() == pytest.approx([1, 1 / 3, 0, 0])
    assert np.array_equal(found, found.T)
    assert found[3, 3] == 0
