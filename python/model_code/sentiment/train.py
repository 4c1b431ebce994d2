"""Makes the sentiment weights: prune e5, fine-tune its lower layers on NSMC, export to int8 ONNX.

Run it as ``invoke models.train --model sentiment`` or ``python -m sentiment.train --data train.tsv.gz --dev
dev.tsv.gz``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from korean_text import e5_source
from korean_text.batching import pad, sorted_batches
from korean_text.commands import command
from korean_text.corpora import Review, read_nsmc
from korean_text.export import export_int8
from korean_text.finetuning import Plan, fit
from korean_text.packages import fetch
from korean_text.torch_models import TextClassifier
from korean_text.vocabulary import PruneRules, count_pieces, prune, prune_embeddings

WEIGHTS = Path(__file__).parent / "weights"
LAYERS = 6
POSITIONS = 128
TRAINING_TOKENS = 64
CALIBRATION_TEXTS = 400
RULES = PruneRules(least_count=12)


def start(texts: Sequence[str], cache: Path) -> tuple[TextClassifier, Tokenizer]:
    """The untrained classifier on pruned e5, and the tokenizer with the pieces that `texts` use."""
    tokenizer_file = fetch(e5_source.E5_TOKENIZER, cache)
    counts = count_pieces(Tokenizer.from_file(str(tokenizer_file)), texts)
    pruned = prune(json.loads(tokenizer_file.read_text(encoding="utf-8")), counts, RULES)
    e5 = e5_source.load_e5(fetch(e5_source.E5_WEIGHTS, cache))
    bert = prune_embeddings(e5, pruned.original_ids, LAYERS, POSITIONS)
    return TextClassifier(bert, classes=2), Tokenizer.from_str(json.dumps(pruned.document))


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, cut to `TRAINING_TOKENS` with the closing token kept."""
    encoded = []
    for start in range(0, len(texts), 4000):
        for encoding in tokenizer.encode_batch(list(texts[start : start + 4000])):
            ids = encoding.ids
            encoded.append([*ids[: TRAINING_TOKENS - 1], ids[-1]] if len(ids) > TRAINING_TOKENS else ids)
    return encoded


def accuracy(model: TextClassifier, rows: Sequence[list[int]], labels: Tensor) -> float:
    """The share of rows whose larger logit is their label's."""
    right = 0
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for batch in sorted_batches([len(row) for row in rows], 64):
            ids, mask = map(torch.from_numpy, pad([rows[i] for i in batch]))
            right += int((model(ids, mask).argmax(1) == labels[batch]).sum())
    return right / len(rows)


def labels_of(reviews: Sequence[Review]) -> Tensor:
    """1 for a positive review, 0 for a negative one."""
    return torch.tensor([int(review.positive) for review in reviews])


def train(
    reviews: Sequence[Review], checked: Sequence[Review], plan: Plan, work: Path
) -> tuple[TextClassifier, Tokenizer]:
    """Fine-tune on `reviews`, reporting the accuracy on `checked`; checkpoints and caches go to `work`."""
    torch.manual_seed(plan.seed)
    model, tokenizer = start([review.text for review in reviews], work / "cache")
    work.joinpath("tokenizer.json").write_text(tokenizer.to_str(pretty=False), encoding="utf-8")
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = (
                0.0  # two passes over 171,000 rows do not overfit; drawing the masks costs a tenth of a step
            )
    rows, labels = encode(tokenizer, [review.text for review in reviews]), labels_of(reviews)
    checked_rows, checked_labels = encode(tokenizer, [review.text for review in checked]), labels_of(checked)

    def loss_of(batch: list[int]) -> Tensor:
        ids, mask = map(torch.from_numpy, pad([rows[i] for i in batch]))
        return nn.functional.cross_entropy(model(ids, mask).float(), labels[batch])

    log = work / "train.log"

    def report(line: str) -> None:
        print(line, flush=True)
        with log.open("a", encoding="utf-8") as out:
            out.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    def check() -> str:
        return f"accuracy {accuracy(model, checked_rows, checked_labels):.4f} on {len(checked_rows)} dev rows"

    steps = fit(
        model,
        [len(row) for row in rows],
        loss_of,
        plan,
        checkpoint=work / "checkpoint",
        evaluate=check,
        report=report,
    )
    report(f"finished after {steps} steps: {check()}")
    return model, tokenizer


def export(model: TextClassifier, tokenizer: Tokenizer, texts: Sequence[str], output: Path) -> None:
    """Write the folder of weights that is served; the int8 scales are found on a sample of `texts`."""
    sample = texts[:: max(1, len(texts) // CALIBRATION_TEXTS)]
    config = model.bert.config
    export_int8(
        model.float().eval(),
        output / "model.int8.onnx",
        encode(tokenizer, sample),
        heads=config.num_attention_heads,
        hidden=config.hidden_size,
        output="logits",
        word_vectors="int4",
    )
    output.joinpath("tokenizer.json").write_text(tokenizer.to_str(pretty=False), encoding="utf-8")


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Train from the command line."""
    parser = argparse.ArgumentParser(prog="python -m sentiment.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="NSMC training rows (tsv or tsv.gz)")
    parser.add_argument(
        "--dev", type=Path, required=True, help="NSMC dev rows; every second one is used to watch"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("build/sentiment"), help="checkpoints, caches, the log"
    )
    parser.add_argument("--output", type=Path, default=WEIGHTS, help="folder of the weights to write")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--budget-minutes", type=float, default=None, help="end after this much wall time")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1.2e-4)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    given.work.mkdir(parents=True, exist_ok=True)
    plan = Plan(given.epochs, given.batch_size, given.learning_rate, given.budget_minutes)
    checked = read_nsmc(given.dev)[::2][:2000]
    reviews = read_nsmc(given.data)
    model, tokenizer = train(reviews, checked, plan, given.work)
    export(model, tokenizer, [review.text for review in reviews], given.output)
    print(f"wrote {given.output}; measure it with: python -m sentiment.evaluate --data {given.dev}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
