"""Measures the shipped similarity weights on KorSTS rows and prints one JSON object.

Run it as ``invoke models.evaluate --model similarity`` or ``python -m similarity.evaluate --data dev.tsv``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr

from korean_text.batching import sorted_batches
from korean_text.commands import command
from korean_text.corpora import ScoredPair, read_korsts
from korean_text.runtime import TextEncoder
from serving_contracts.similarity import SimilarityRequest
from similarity.handler import load

_BATCH = 32


def served_cosines(encoder: TextEncoder, pairs: Sequence[ScoredPair]) -> NDArray[np.float32]:
    """The cosine of each pair's sentence vectors as the int8 model gives them."""
    rows = [encoder.tokenize(pair.first) for pair in pairs] + [
        encoder.tokenize(pair.second) for pair in pairs
    ]
    vectors: NDArray[np.float32] | None = None
    for batch in sorted_batches([len(row) for row in rows], _BATCH):
        output = encoder.run([rows[i] for i in batch])
        if vectors is None:
            vectors = np.empty((len(rows), output.shape[1]), np.float32)
        vectors[batch] = output
    if vectors is None:
        return np.empty(0, np.float32)
    cosines: NDArray[np.float32] = (vectors[: len(pairs)] * vectors[len(pairs) :]).sum(axis=1)
    return cosines


def evaluate(pairs: Sequence[ScoredPair], model_dir: Path, threads: int = 1) -> dict[str, float | int]:
    """Rank and linear correlation and mean absolute error of the answers of the model in `model_dir`."""
    model = load(model_dir, threads)
    items = [model.prepare(SimilarityRequest((pair.first, pair.second))) for pair in pairs]
    answers = np.empty(len(items))
    for batch in sorted_batches([model.size(item) for item in items], _BATCH):
        answers[batch] = [answer.score for answer in model.predict([items[i] for i in batch])]
    truth = np.array([pair.score for pair in pairs])
    return {
        "pairs": len(pairs),
        "spearman": round(float(spearmanr(answers, truth)[0]), 4),
        "pearson": round(float(pearsonr(answers, truth)[0]), 4),
        "mean_absolute_error": round(float(np.abs(answers - truth).mean()), 4),
    }


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate from the command line."""
    parser = argparse.ArgumentParser(prog="python -m similarity.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="KorSTS rows (tsv)")
    parser.add_argument(
        "--model-dir", type=Path, default=Path(__file__).parent, help="folder that holds weights/"
    )
    parser.add_argument("--half", choices=("all", "even", "odd"), default="all", help="which rows to count")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    pairs = read_korsts(given.data)
    rows = {"all": slice(None), "even": slice(0, None, 2), "odd": slice(1, None, 2)}[given.half]
    print(json.dumps({"model": "similarity", **evaluate(pairs[rows], given.model_dir, given.threads)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
