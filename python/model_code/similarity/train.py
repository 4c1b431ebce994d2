"""Makes the similarity weights: prune e5, fine-tune it on KorSTS, export to int8 ONNX, calibrate to 0..5.

Run it as ``invoke models.train --model similarity`` or ``python -m similarity.train --data train.tsv --dev
dev.tsv``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from tokenizers import Tokenizer
from torch import Tensor, nn

from korean_text import e5_source
from korean_text.batching import pad, sorted_batches
from korean_text.calibration import fit_calibration
from korean_text.commands import command
from korean_text.corpora import ScoredPair, read_klue_sentences, read_korsts, read_nsmc
from korean_text.export import export_int8
from korean_text.finetuning import Plan, fit
from korean_text.packages import fetch
from korean_text.runtime import TextEncoder
from korean_text.torch_models import SentenceEncoder
from korean_text.vocabulary import PruneRules, count_pieces, prune, prune_embeddings
from similarity.evaluate import served_cosines
from similarity.handler import MAX_TOKENS, PREFIX

WEIGHTS = Path(__file__).parent / "weights"
LAYERS = 12
POSITIONS = 256
TRAINING_TOKENS = 96
CALIBRATION_TEXTS = 400
RULES = PruneRules(least_count=2, all_hangul=True)
SHARPNESS = 20.0


def start(texts: Sequence[str], cache: Path, layers: int = LAYERS) -> tuple[SentenceEncoder, Tokenizer]:
    """The encoder with e5's own weights, and the tokenizer with Hangul and the pieces that `texts` use."""
    tokenizer_file = fetch(e5_source.E5_TOKENIZER, cache)
    counts = count_pieces(Tokenizer.from_file(str(tokenizer_file)), [PREFIX, PREFIX, *texts])
    pruned = prune(json.loads(tokenizer_file.read_text(encoding="utf-8")), counts, RULES)
    e5 = e5_source.load_e5(fetch(e5_source.E5_WEIGHTS, cache))
    bert = prune_embeddings(e5, pruned.original_ids, layers, POSITIONS)
    # Frozen word vectors stay on the 4-bit grid they came from, so that the export stores them without loss.
    bert.embeddings.requires_grad_(False)
    return SentenceEncoder(bert), Tokenizer.from_str(json.dumps(pruned.document))


def cosent_loss(cosines: Tensor, scores: Tensor) -> Tensor:
    """CoSENT: for every two pairs, the one that people scored higher shall have the higher cosine.

    ``log(1 + sum over (i, j) with score_i < score_j of exp(SHARPNESS * (cosine_i - cosine_j)))``
    """
    differences = SHARPNESS * (cosines[:, None] - cosines[None, :])
    wrong_way = scores[:, None] < scores[None, :]
    chosen = differences[wrong_way]
    return torch.logsumexp(torch.cat([torch.zeros(1), chosen]), dim=0)


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text behind e5's prefix, cut to `TRAINING_TOKENS`."""
    encodings = tokenizer.encode_batch([PREFIX + text for text in texts])
    return [
        e.ids if len(e.ids) <= TRAINING_TOKENS else [*e.ids[: TRAINING_TOKENS - 1], e.ids[-1]]
        for e in encodings
    ]


def cosines_of(
    model: SentenceEncoder, first: list[list[int]], second: list[list[int]]
) -> NDArray[np.float32]:
    """The cosine of each pair of tokenised sentences."""
    rows = first + second
    vectors = np.empty((len(rows), model.bert.config.hidden_size), np.float32)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for batch in sorted_batches([len(row) for row in rows], 64):
            ids, mask = map(torch.from_numpy, pad([rows[i] for i in batch]))
            vectors[batch] = model(ids, mask).float().numpy()
    cosines: NDArray[np.float32] = (vectors[: len(first)] * vectors[len(first) :]).sum(axis=1)
    return cosines


def train(
    pairs: Sequence[ScoredPair], checked: Sequence[ScoredPair], texts: Sequence[str], plan: Plan, work: Path
) -> tuple[SentenceEncoder, Tokenizer]:
    """Fine-tune on `pairs`, reporting Spearman's correlation on `checked`; `texts` widen the vocabulary."""
    torch.manual_seed(plan.seed)
    sentences = [sentence for pair in pairs for sentence in (pair.first, pair.second)]
    model, tokenizer = start([*sentences, *texts], work / "cache")
    work.joinpath("tokenizer.json").write_text(tokenizer.to_str(pretty=False), encoding="utf-8")
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.05
    first = encode(tokenizer, [pair.first for pair in pairs])
    second = encode(tokenizer, [pair.second for pair in pairs])
    scores = torch.tensor([pair.score for pair in pairs])
    checked_rows = [
        encode(tokenizer, list(side)) for side in zip(*((p.first, p.second) for p in checked), strict=True)
    ]
    log = work / "train.log"

    def loss_of(batch: list[int]) -> Tensor:
        ids, mask = map(torch.from_numpy, pad([first[i] for i in batch] + [second[i] for i in batch]))
        vectors = model(ids, mask).float()
        return cosent_loss((vectors[: len(batch)] * vectors[len(batch) :]).sum(1), scores[batch])

    def report(line: str) -> None:
        print(line, flush=True)
        with log.open("a", encoding="utf-8") as out:
            out.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    def check() -> str:
        found = cosines_of(model, *checked_rows)
        return f"Spearman {spearmanr(found, [p.score for p in checked])[0]:.4f} on {len(checked)} dev pairs"

    report(f"before training: {check()}")
    lengths = [max(len(a), len(b)) for a, b in zip(first, second, strict=True)]
    steps = fit(model, lengths, loss_of, plan, checkpoint=work / "checkpoint", evaluate=check, report=report)
    report(f"finished after {steps} steps: {check()}")
    return model, tokenizer


def export(
    model: SentenceEncoder,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    known: Sequence[ScoredPair],
    output: Path,
) -> None:
    """Write the folder of weights that is served.

    The int8 scales are found on a sample of `texts`, the map to 0..5 is fitted to the `known` pairs.
    """
    sample = texts[:: max(1, len(texts) // CALIBRATION_TEXTS)]
    config = model.bert.config
    onnx_file, tokenizer_file = output / "model.int8.onnx", output / "tokenizer.json"
    export_int8(
        model.float().eval(),
        onnx_file,
        encode(tokenizer, sample),
        heads=config.num_attention_heads,
        hidden=config.hidden_size,
        output="embedding",
        word_vectors="int4",
    )
    tokenizer_file.write_text(tokenizer.to_str(pretty=False), encoding="utf-8")
    encoder = TextEncoder(onnx_file, tokenizer_file, threads=1, max_tokens=MAX_TOKENS, prefix=PREFIX)
    cosines = served_cosines(encoder, known)
    scoring = {"kind": "cosine", **fit_calibration(cosines, [pair.score for pair in known]).document()}
    output.joinpath("scoring.json").write_text(json.dumps(scoring) + "\n", encoding="utf-8")


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Train from the command line."""
    parser = argparse.ArgumentParser(prog="python -m similarity.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="KorSTS training pairs (tsv)")
    parser.add_argument(
        "--dev", type=Path, required=True, help="KorSTS dev pairs; every second one is used to watch"
    )
    parser.add_argument("--nsmc", type=Path, default=None, help="reviews whose pieces stay in the vocabulary")
    parser.add_argument(
        "--klue", type=Path, default=None, help="news sentences whose pieces stay in the vocabulary"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("build/similarity"), help="checkpoints, caches, the log"
    )
    parser.add_argument("--output", type=Path, default=WEIGHTS, help="folder of the weights to write")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--budget-minutes", type=float, default=None, help="end after this much wall time")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=4e-5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    given.work.mkdir(parents=True, exist_ok=True)
    texts = [review.text for review in read_nsmc(given.nsmc)] if given.nsmc else []
    texts += read_klue_sentences(given.klue) if given.klue else []
    plan = Plan(
        given.epochs,
        given.batch_size,
        given.learning_rate,
        given.budget_minutes,
        warm_up=0.1,
        report_every=20,
        checkpoint_every=90,
    )
    known = read_korsts(given.dev)[::2]
    pairs = read_korsts(given.data)
    model, tokenizer = train(pairs, known, texts, plan, given.work)
    # As many short captions as long news sentences: summarization runs the same weights on the latter.
    news = read_klue_sentences(given.klue) if given.klue else []
    samples = [pair.first for pair in pairs][:: max(1, len(pairs) // max(len(news), 500))] + news
    export(model, tokenizer, samples, known, given.output)
    print(f"wrote {given.output}; measure it with: python -m similarity.evaluate --data {given.dev}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
