"""Choosing sentences, and the map from cosines to scores."""

import numpy as np
import pytest
from numpy.typing import NDArray

from korean_text.calibration import Calibration, fit_calibration, isotonic
from korean_text.ranking import centrality, choose


def unit(*rows: tuple[float, ...]) -> NDArray[np.float32]:
    matrix = np.array(rows, np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix


def test_the_sentence_nearest_to_all_is_the_most_central() -> None:
    vectors = unit((1, 0.9), (1, 1), (0.9, 1), (1, -1))
    assert centrality(vectors, np.full(4, 20)).argmax() in (0, 1, 2)
    assert centrality(vectors, np.full(4, 20)).argmin() == 3


def test_fragments_count_less_than_sentences() -> None:
    vectors = unit((1, 1), (1, 1), (1, 0))
    scores = centrality(vectors, np.array([3, 20, 20]))
    assert scores[1] > scores[0]


def test_one_sentence_is_central() -> None:
    assert centrality(unit((1, 0)), np.array([5])).shape == (1,)
    assert choose(unit((1, 0)), np.array([1.0]), 3) == [0]


def test_choices_come_in_the_order_of_the_text_and_avoid_copies() -> None:
    vectors = unit((1, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert choose(vectors, np.array([1.0, 0.99, 0.2, 0.1]), 2) == [0, 2]
    assert choose(vectors, np.array([0.1, 0.05, 0.2, 1.0]), 4) == [0, 1, 2, 3]


def test_isotonic_regression_pools_what_falls() -> None:
    assert isotonic(np.array([1.0, 3.0, 2.0, 4.0])).tolist() == [1.0, 2.5, 2.5, 4.0]


def test_the_fitted_map_keeps_order_and_ends_at_five() -> None:
    generator = np.random.default_rng(0)
    cosines = generator.uniform(0.2, 0.99, 400)
    scores = np.clip(6 * cosines - 1 + generator.normal(0, 0.4, 400), 0, 5)
    fitted = fit_calibration(cosines, scores)
    grid = fitted.apply(np.linspace(-1, 1, 201))
    assert (np.diff(grid) > 0).all()
    assert (grid[0], grid[-1]) == (0.0, 5.0)
    assert np.abs(fitted.apply(cosines) - scores).mean() < 0.5


def test_a_map_survives_being_written_and_read() -> None:
    fitted = Calibration((-1.0, 0.5, 1.0), (0.0, 2.5, 5.0))
    assert Calibration.from_document(fitted.document()) == fitted
    assert fitted.apply([0.75])[0] == pytest.approx(3.75)
