"""Measures the shipped sentiment weights on NSMC rows and prints one JSON object.

Run it as ``invoke models.evaluate --model sentiment`` or ``python -m sentiment.evaluate --data dev.tsv.gz``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from korean_text.batching import sorted_batches
from korean_text.commands import command
from korean_text.corpora import Review, read_nsmc
from sentiment.handler import load
from serving_contracts.sentiment import Sentiment, SentimentRequest

_BATCH = 32


def evaluate(reviews: Sequence[Review], model_dir: Path, threads: int = 1) -> dict[str, float | int]:
    """Accuracy, overall and of each label, and how sure the model was, of the model in `model_dir`."""
    model = load(model_dir, threads)
    items = [model.prepare(SentimentRequest(review.text)) for review in reviews]
    answers: dict[int, Sentiment] = {}
    for batch in sorted_batches([model.size(item) for item in items], _BATCH):
        answers.update(zip(batch, model.predict([items[i] for i in batch]), strict=True))
    right = [(answers[i].predicted_label == "Pos") == review.positive for i, review in enumerate(reviews)]
    positives = [hit for hit, review in zip(right, reviews, strict=True) if review.positive]
    negatives = [hit for hit, review in zip(right, reviews, strict=True) if not review.positive]
    return {
        "reviews": len(reviews),
        "accuracy": _share(right),
        "accuracy_on_positive": _share(positives),
        "accuracy_on_negative": _share(negatives),
        "mean_score": round(sum(answer.score for answer in answers.values()) / max(len(answers), 1), 4),
    }


def _share(hits: Sequence[bool]) -> float:
    return round(sum(hits) / max(len(hits), 1), 4)


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate from the command line."""
    parser = argparse.ArgumentParser(prog="python -m sentiment.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="NSMC rows (tsv or tsv.gz)")
    parser.add_argument(
        "--model-dir", type=Path, default=Path(__file__).parent, help="folder that holds weights/"
    )
    parser.add_argument("--half", choices=("all", "even", "odd"), default="all", help="which rows to count")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    reviews = [review for review in read_nsmc(given.data) if review.text.strip()]
    rows = {"all": slice(None), "even": slice(0, None, 2), "odd": slice(1, None, 2)}[given.half]
    print(json.dumps({"model": "sentiment", **evaluate(reviews[rows], given.model_dir, given.threads)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
