"""The start of a function as the AWS labs write it: torch and transformers' pipeline first, then one answer.

The pipeline's model has the architecture and the size of the served one, read off its ONNX graph, in float32,
with random weights: they decide the answer, not the time.

Usage: labs_cold_start.py write MODEL_DIR FOLDER; then labs_cold_start.py answer FOLDER TEXT, which prints the
answer and waits for the end of standard input.
"""

from __future__ import annotations

import sys
from pathlib import Path


def write(model_dir: Path, folder: Path) -> None:
    """The checkpoint that the pipeline loads."""
    from labs_server import encoder_like
    from tokenizers import Tokenizer
    from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

    tokenizer = Tokenizer.from_file(str(model_dir / "weights/tokenizer.json"))
    config = encoder_like(model_dir / "weights/model.int8.onnx", tokenizer.get_vocab_size()).config
    config.id2label, config.label2id = {0: "Neg", 1: "Pos"}, {"Neg": 0, "Pos": 1}
    BertForSequenceClassification(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)


def answer(folder: str, text: str) -> None:
    """As the labs' handlers: everything is imported, and the pipeline made, before the first request."""
    from transformers import pipeline

    classify = pipeline("text-classification", model=folder, tokenizer=folder, device=-1)
    print(classify(text), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        answer(*sys.argv[2:])
