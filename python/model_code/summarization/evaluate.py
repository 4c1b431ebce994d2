"""Measures the summaries on texts without reference summaries, and prints one JSON object.

No reference summaries are at hand, so this measures what can be: how much of a text's meaning the chosen
sentences keep (cosine of their mean vector with the text's), beside the first sentences and random ones.

Run it as ``invoke models.evaluate --model summarization`` or ``python -m summarization.evaluate --data
texts.txt``, a text a line.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from korean_text.commands import command
from korean_text.ranking import centrality, choose
from korean_text.runtime import TextEncoder
from korean_text.sentences import split_sentences
from summarization.handler import MAX_SENTENCES, MAX_TOKENS, PREFIX

SHARED_WEIGHTS = Path(__file__).parent.parent / "similarity" / "weights"


def evaluate(texts: Sequence[str], weights: Path, wanted: int = 3, seed: int = 0) -> dict[str, float | int]:
    """Mean likeness of `wanted` sentences to the rest of their text: chosen ones, leading ones, random ones.

    The rest are the sentences that are in none of the three, so that no choice is compared with itself.
    """
    encoder = TextEncoder(
        weights / "model.int8.onnx",
        weights / "tokenizer.json",
        threads=1,
        max_tokens=MAX_TOKENS,
        prefix=PREFIX,
    )
    generator = random.Random(seed)
    found: dict[str, list[float]] = {"chosen": [], "lead": [], "random": []}
    for text in texts:
        sentences = split_sentences(text, MAX_SENTENCES)
        if len(sentences) < 3 * wanted + 1:
            continue
        rows = [encoder.tokenize(sentence) for sentence in sentences]
        vectors = np.concatenate([encoder.run(rows[i : i + 32]) for i in range(0, len(rows), 32)])
        picks = {
            "chosen": choose(vectors, centrality(vectors, np.array([len(row) for row in rows])), wanted),
            "lead": list(range(wanted)),
            "random": generator.sample(range(len(rows)), wanted),
        }
        rest = sorted(set(range(len(rows))) - {i for pick in picks.values() for i in pick})
        for name, pick in picks.items():
            found[name].append(_likeness(vectors[pick], vectors[rest]))
    measured = {name: round(sum(values) / max(len(values), 1), 4) for name, values in found.items()}
    return {"texts": len(found["chosen"]), "sentences_each": wanted, **measured}


def _likeness(some: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    first, second = some.mean(axis=0), others.mean(axis=0)
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate from the command line."""
    parser = argparse.ArgumentParser(prog="python -m summarization.evaluate", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="texts of at least ten sentences, one a line"
    )
    parser.add_argument(
        "--weights", type=Path, default=SHARED_WEIGHTS, help="the similarity model's weights folder"
    )
    parser.add_argument("--sentences", type=int, default=3, help="how many sentences a summary has")
    given = parser.parse_args(arguments)
    texts = [line for line in given.data.read_text(encoding="utf-8").splitlines() if line.strip()]
    print(json.dumps({"model": "summarization", **evaluate(texts, given.weights, given.sentences)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
