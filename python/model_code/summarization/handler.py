"""Serves extractive summaries: sentences of the text itself, chosen by their e5 vectors; nothing is written
anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from korean_text.batching import sorted_batches
from korean_text.ranking import centrality, choose
from korean_text.runtime import TextEncoder
from korean_text.sentences import split_sentences
from serving_contracts.summarization import SummarizationRequest, Summary, SummarySentence

THREAD_SAFE = True  # the session and the tokenizer are: the server runs a batch a core at the same time
MAX_TOKENS = 128
MAX_SENTENCES = 128  # of a text that are looked at: about 0.6 s of one core
PREFIX = "query: "
_RUN_SENTENCES = 32


@dataclass(frozen=True, slots=True)
class SplitText:
    """A text's sentences, their token ids, and how many of them are asked for."""

    sentences: list[str]
    tokens: list[list[int]]
    wanted: int


class SummarizationModel:
    """Ranks sentences by how near they are to the whole text, less what those already chosen say."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder

    def prepare(self, request: SummarizationRequest) -> SplitText:
        """Split the text into sentences (the first `MAX_SENTENCES` count) and cut these into tokens."""
        sentences = split_sentences(request.text, MAX_SENTENCES)
        rows = [self._encoder.tokenize(sentence) for sentence in sentences]
        return SplitText(sentences, rows, request.max_sentences)

    def size(self, item: SplitText) -> int:
        """The tokens of all sentences together: texts of like work are batched."""
        return sum(map(len, item.tokens))

    def predict(self, items: Sequence[SplitText]) -> list[Summary]:
        """A summary an item, in order; the sentences of all items run through the encoder together."""
        vectors = self._vectors([row for item in items for row in item.tokens])
        answers = []
        start = 0
        for item in items:
            answers.append(_summarize(item, vectors[start : start + len(item.tokens)]))
            start += len(item.tokens)
        return answers

    def _vectors(self, rows: list[list[int]]) -> NDArray[np.float32]:
        found: dict[int, NDArray[np.float32]] = {}
        for batch in sorted_batches([len(row) for row in rows], _RUN_SENTENCES):
            found.update(zip(batch, self._encoder.run([rows[i] for i in batch]), strict=True))
        return np.array([found[i] for i in range(len(rows))], np.float32)


def _summarize(item: SplitText, vectors: NDArray[np.float32]) -> Summary:
    scores = centrality(vectors, np.array([len(row) for row in item.tokens]))
    chosen = choose(vectors, scores, item.wanted)
    sentences = tuple(SummarySentence(i, item.sentences[i], round(float(scores[i]), 4)) for i in chosen)
    return Summary(summary=" ".join(sentence.text for sentence in sentences), sentences=sentences)


def load(model_dir: Path, threads: int) -> SummarizationModel:
    """Load the weights under `model_dir` and run them once, so that the first request finds them warm."""
    weights = model_dir / "weights"
    encoder = TextEncoder(
        weights / "model.int8.onnx",
        weights / "tokenizer.json",
        threads=threads,
        max_tokens=MAX_TOKENS,
        prefix=PREFIX,
    )
    model = SummarizationModel(encoder)
    model.predict([model.prepare(SummarizationRequest("안녕하세요. 반갑습니다."))])
    return model
