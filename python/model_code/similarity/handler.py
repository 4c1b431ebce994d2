"""Serves the similarity model: two sentences in, how alike their meanings are (0 to 5) out.

``weights/scoring.json`` says which of two kinds the weights are: ``cosine``, an encoder of single sentences
with a map from the cosine to the scale (the embedded default), or ``cross_encoder``, one that reads both
sentences at once and answers on the scale itself (the production source).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from korean_text.calibration import HIGHEST, LOWEST, Calibration
from korean_text.runtime import TextEncoder
from serving_contracts.similarity import Similarity, SimilarityRequest

THREAD_SAFE = True  # the session and the tokenizer are: the server runs a batch a core at the same time
MAX_TOKENS = 128
PREFIX = "query: "  # e5 was trained with it before each text

TokenPair = tuple[list[int], list[int]]


class CosineModel:
    """Items are the token ids of both sentences; what passes `MAX_TOKENS` tokens of one is left out."""

    def __init__(self, encoder: TextEncoder, calibration: Calibration) -> None:
        self._encoder = encoder
        self._calibration = calibration

    def prepare(self, request: SimilarityRequest) -> TokenPair:
        """Cut both sentences into tokens."""
        first, second = request.texts
        return self._encoder.tokenize(first), self._encoder.tokenize(second)

    def size(self, item: TokenPair) -> int:
        """The tokens of the longer sentence, to which the shorter one is padded."""
        return max(len(item[0]), len(item[1]))

    def predict(self, items: Sequence[TokenPair]) -> list[Similarity]:
        """An answer an item, in order."""
        if not items:
            return []
        vectors = self._encoder.run([first for first, _ in items] + [second for _, second in items])
        cosines = (vectors[: len(items)] * vectors[len(items) :]).sum(axis=1)
        return [Similarity(float(score)) for score in self._calibration.apply(cosines)]


class CrossEncoderModel:
    """Items are the token ids of both sentences in one row of at most `MAX_TOKENS`."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder

    def prepare(self, request: SimilarityRequest) -> list[int]:
        """Cut both sentences into one row of tokens."""
        return self._encoder.tokenize_pair(*request.texts)

    def size(self, item: list[int]) -> int:
        """The number of tokens of both sentences together."""
        return len(item)

    def predict(self, items: Sequence[list[int]]) -> list[Similarity]:
        """An answer an item, in order."""
        if not items:
            return []
        scores = np.clip(self._encoder.run(items)[:, 0], LOWEST, HIGHEST)
        return [Similarity(float(score)) for score in scores]


class SimilarityModel(Protocol):
    """What both kinds have in common; an item is what `prepare` of the same model gave."""

    def prepare(self, request: SimilarityRequest) -> Any:
        """Cut both sentences into tokens."""

    def size(self, item: Any) -> int:
        """The number of tokens that decides which items are batched together."""

    def predict(self, items: Sequence[Any]) -> list[Similarity]:
        """An answer an item, in order."""


def load(model_dir: Path, threads: int) -> SimilarityModel:
    """Load the weights under `model_dir` and run them once, so that the first request finds them warm."""
    weights = model_dir / "weights"
    scoring = json.loads((weights / "scoring.json").read_text(encoding="utf-8"))
    cosine = scoring["kind"] == "cosine"
    encoder = TextEncoder(
        weights / "model.int8.onnx",
        weights / "tokenizer.json",
        threads=threads,
        max_tokens=MAX_TOKENS,
        prefix=PREFIX if cosine else "",
    )
    warm_up = SimilarityRequest(("안녕하세요", "안녕"))
    model = _of_kind(encoder, Calibration.from_document(scoring) if cosine else None)
    model.predict([model.prepare(warm_up)])
    return model


def _of_kind(encoder: TextEncoder, calibration: Calibration | None) -> SimilarityModel:
    return CrossEncoderModel(encoder) if calibration is None else CosineModel(encoder, calibration)
