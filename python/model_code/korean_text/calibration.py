"""The monotone map from the cosine of two sentence vectors to the 0 to 5 scale of KorSTS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOWEST, HIGHEST = 0.0, 5.0
_LEAST_RISE = 0.01  # of neighbouring knots, so that unequal cosines never get equal scores


@dataclass(frozen=True)
class Calibration:
    """Straight lines between knots that rise strictly, from cosine -1 (score 0) to cosine 1 (score 5)."""

    cosines: tuple[float, ...]
    scores: tuple[float, ...]

    def apply(self, cosines: ArrayLike) -> NDArray[np.float64]:
        """Scores, 0 to 5, of the given cosines; the order of any two is kept."""
        return np.interp(np.asarray(cosines, np.float64), self.cosines, self.scores)

    @classmethod
    def from_document(cls, document: Mapping[str, Sequence[float]]) -> Calibration:
        """Read what `document` wrote."""
        return cls(tuple(document["cosines"]), tuple(document["scores"]))

    def document(self) -> dict[str, list[float]]:
        """The knots as a JSON object."""
        return {"cosines": [round(x, 5) for x in self.cosines], "scores": [round(x, 4) for x in self.scores]}


def fit_calibration(cosines: ArrayLike, scores: ArrayLike, knots: int = 10) -> Calibration:
    """Fit the map to known pairs: isotonic regression, read off at the middles of `knots` groups of equal
    size.
    """
    x, y = np.asarray(cosines, np.float64), np.asarray(scores, np.float64)
    order = np.argsort(x, kind="stable")
    x, y = x[order], isotonic(y[order])
    groups = np.array_split(np.arange(len(x)), knots)
    middles = [(float(x[group].mean()), float(y[group].mean())) for group in groups if len(group)]
    points: list[tuple[float, float]] = [(-1.0, LOWEST)]
    for cosine, score in middles:
        rises_to = points[-1][1] + _LEAST_RISE
        if cosine > points[-1][0] and cosine < 1.0 and score < HIGHEST:
            points.append((cosine, max(score, rises_to)))
    points = [point for point in points if point[1] < HIGHEST]
    points.append((1.0, HIGHEST))
    return Calibration(tuple(p[0] for p in points), tuple(p[1] for p in points))


def isotonic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The non-falling sequence nearest to `values` in least squares (pool adjacent violators)."""
    means: list[float] = []
    sizes: list[int] = []
    for value in values:
        means.append(float(value))
        sizes.append(1)
        while len(means) > 1 and means[-2] > means[-1]:
            size = sizes[-2] + sizes[-1]
            means[-2] = (means[-2] * sizes[-2] + means[-1] * sizes[-1]) / size
            sizes[-2] = size
            means.pop()
            sizes.pop()
    return np.repeat(means, sizes)
