"""Production weights from a model hub: a pinned revision, safetensors only, exported to the same int8 files.

Run it as ``python -m korean_text.hub --kind classifier --id ORGANISATION/MODEL --revision COMMIT --output
FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from korean_text.commands import MakingError, command
from korean_text.export import export_int8

Kind = Literal["classifier", "cross_encoder"]
TYPICAL_TEXTS = Path(__file__).parent / "typical_texts.txt"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FILES = [
    "*.safetensors",
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
]


class HubError(MakingError):
    """A model of the hub cannot be used; the message says why and what to do."""


def download(model_id: str, revision: str, cache: Path | None = None) -> Path:
    """Fetch one revision of a model and return its folder; `revision` must be a full commit hash."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if not _COMMIT.fullmatch(revision):
        raise HubError(
            f"The revision of {model_id} is {revision!r}, which is not a full commit hash (40 hex digits). "
            "Branches move, so none is taken: read the hash under 'Files and versions', 'History' on the "
            "model's hub page, review that commit, and set [sources.hub] revision in model.toml, or pass "
            "--revision."
        )
    try:
        return Path(snapshot_download(model_id, revision=revision, cache_dir=cache, allow_patterns=_FILES))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise HubError(
            f"{model_id} at {revision} could not be fetched: {error}. Check the hash and the network; "
            "HF_HUB_OFFLINE=1 takes what the cache holds."
        ) from error


class _Logits(nn.Module):
    """A sequence classifier with two inputs; segment ids of a pair follow from where its first text ends."""

    def __init__(self, model: nn.Module, separator: int) -> None:
        super().__init__()
        self.model = model
        self.separator = separator

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        ends = (input_ids == self.separator).to(torch.int64)
        segments = (ends.cumsum(1) - ends).clamp(max=1)
        logits: Tensor = self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=segments
        ).logits
        return logits


def export_folder(folder: Path, kind: Kind, texts: Sequence[str], output: Path) -> None:
    """Turn a downloaded model folder into the files that the handlers read.

    Writes ``model.int8.onnx``, ``tokenizer.json`` and, for a cross-encoder, ``scoring.json``.  The int8
    scales are found on `texts`, a few dozen typical requests or more.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    if not any(folder.glob("*.safetensors")):
        raise HubError(
            f"{folder} holds no safetensors file. Pickled weights can run code when read and are never "
            "loaded; convert them in a sandbox and publish the result under a revision of your own."
        )
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, use_safetensors=True, local_files_only=True, attn_implementation="eager"
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, use_fast=True)
    classes = model.config.num_labels
    wanted = 2 if kind == "classifier" else 1
    if classes != wanted:
        raise HubError(f"{folder} answers {classes} value(s) a text; a {kind} here answers {wanted}.")
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.no_truncation()
    export_int8(
        _Logits(model.eval(), tokenizer.sep_token_id),
        output / "model.int8.onnx",
        _rows(backend, kind, texts),
        heads=model.config.num_attention_heads,
        hidden=model.config.hidden_size,
        output="logits",
        word_vectors="int8",
    )
    output.joinpath("tokenizer.json").write_text(backend.to_str(pretty=False), encoding="utf-8")
    if kind == "cross_encoder":
        output.joinpath("scoring.json").write_text(json.dumps({"kind": kind}) + "\n", encoding="utf-8")


def _rows(tokenizer: Tokenizer, kind: Kind, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of single texts, or for a cross-encoder of each text with the next one."""
    if kind == "classifier":
        return [tokenizer.encode(text).ids for text in texts]
    pairs = zip(texts, [*texts[1:], texts[0]], strict=True)
    return [tokenizer.encode(first, second).ids for first, second in pairs]


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch and export from the command line."""
    parser = argparse.ArgumentParser(prog="python -m korean_text.hub", description=__doc__)
    parser.add_argument("--kind", choices=get_args(Kind), required=True)
    parser.add_argument("--id", required=True, help="the model's name on the hub, ORGANISATION/MODEL")
    parser.add_argument("--revision", required=True, help="the full commit hash to use")
    parser.add_argument("--output", type=Path, required=True, help="folder of the weights to write")
    parser.add_argument(
        "--texts",
        type=Path,
        default=TYPICAL_TEXTS,
        help="typical requests, one a line, to find the int8 scales on",
    )
    given = parser.parse_args(arguments)
    texts = [text for text in given.texts.read_text(encoding="utf-8").splitlines() if text.strip()]
    export_folder(download(given.id, given.revision), given.kind, texts, given.output)
    print(f"wrote {given.output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
