"""Choosing the sentences of a text that stand for the rest (centrality and maximal marginal relevance)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RELEVANCE = 0.7  # against novelty; 1.0 would take near-copies of the most central sentence
NEAR_COPY = 0.98  # cosine from which a sentence says nothing that a chosen one has not said
LEAD_BONUS = 0.1  # the first sentence of a report often says most; falls to 0 at the last sentence
_LAST_RESORT = 100.0  # far more than any score: near-copies are taken only when nothing else is left
_FULL_WEIGHT_TOKENS = 8  # shorter fragments ("사진=뉴스1") are seldom what a text says


def centrality(vectors: NDArray[np.float32], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """How well each sentence stands for the text, 0 to 1 and a little over for the lead.

    `vectors` are unit sentence vectors, shape (sentences, hidden); `lengths` their token counts.  It is the
    cosine with the text's mean vector, weighted by length, scaled to 0..1 over the text's sentences.
    """
    count = len(vectors)
    weights = np.minimum(lengths, 4 * _FULL_WEIGHT_TOKENS).astype(np.float64)
    middle = (vectors * weights[:, None]).sum(axis=0)
    cosines = vectors @ (middle / max(float(np.linalg.norm(middle)), 1e-12))
    spread = float(cosines.max() - cosines.min())
    scaled = (cosines - cosines.min()) / spread if spread > 1e-9 else np.ones(count)
    whole = np.minimum(lengths / _FULL_WEIGHT_TOKENS, 1.0)
    lead = LEAD_BONUS * (1.0 - np.arange(count) / max(count - 1, 1))
    central: NDArray[np.float64] = scaled * whole + lead
    return central


def choose(
    vectors: NDArray[np.float32], scores: NDArray[np.float64], wanted: int, relevance: float = RELEVANCE
) -> list[int]:
    """The numbers of at most `wanted` sentences, rising: high `scores`, yet unlike one another.

    Maximal marginal relevance (Carbonell and Goldstein, 1998), one at a time:
    ``relevance * score - (1 - relevance) * likeness to the nearest one chosen``.
    """
    cosines = vectors @ vectors.T
    # e5's cosines lie close together near 1, so likeness is taken relative to the text's own range.
    others = cosines[~np.eye(len(vectors), dtype=bool)]
    low, high = (float(others.min()), float(others.max())) if len(others) else (0.0, 1.0)
    likeness = (cosines - low) / max(high - low, 1e-9)
    chosen: list[int] = []
    nearest = np.zeros(len(vectors))
    copied = np.zeros(len(vectors), bool)
    while len(chosen) < min(wanted, len(vectors)):
        gains = relevance * scores - (1.0 - relevance) * nearest - _LAST_RESORT * copied
        gains[chosen] = -np.inf
        best = int(gains.argmax())
        chosen.append(best)
        nearest = np.maximum(nearest, likeness[best])
        copied |= cosines[best] > NEAR_COPY
    return sorted(chosen)
