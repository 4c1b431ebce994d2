"""Serves the sentiment model: a text in, the likelier label and its probability out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from korean_text.runtime import TextEncoder, softmax
from serving_contracts.sentiment import Sentiment, SentimentRequest

THREAD_SAFE = True  # the session and the tokenizer are: the server runs a batch a core at the same time
MAX_TOKENS = 128


class SentimentModel:
    """Items are token ids; a text longer than `MAX_TOKENS` tokens is judged by its beginning."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder

    def prepare(self, request: SentimentRequest) -> list[int]:
        """Cut the text into tokens."""
        return self._encoder.tokenize(request.text)

    def size(self, item: list[int]) -> int:
        """The number of tokens, by which texts of like length are batched."""
        return len(item)

    def predict(self, items: Sequence[list[int]]) -> list[Sentiment]:
        """An answer an item, in order."""
        if not items:
            return []
        probabilities = softmax(self._encoder.run(items))
        return [
            Sentiment("Pos", float(positive)) if positive >= negative else Sentiment("Neg", float(negative))
            for negative, positive in probabilities
        ]


def load(model_dir: Path, threads: int) -> SentimentModel:
    """Load the weights under `model_dir` and run them once, so that the first request finds them warm."""
    weights = model_dir / "weights"
    model = SentimentModel(
        TextEncoder(
            weights / "model.int8.onnx", weights / "tokenizer.json", threads=threads, max_tokens=MAX_TOKENS
        )
    )
    model.predict([model.prepare(SentimentRequest("좋아요"))])
    return model
