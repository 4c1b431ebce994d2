"""Pruning a multilingual Unigram vocabulary to the pieces that Korean text needs.

multilingual-e5-small spends 96 of its 118 million parameters on 250,037 pieces of about a hundred languages.
Pieces never seen in Korean text can go without any change to how the rest is cut; rarer pieces fall back to
smaller ones.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

if TYPE_CHECKING:
    from transformers import BertModel

SPECIAL_PIECES = ("<s>", "<pad>", "</s>", "<unk>")
_WORD_START = "▁"
_HANGUL = re.compile("[가-힣ㄱ-ㆎ]")
_SCORE_DIGITS = 4


@dataclass(frozen=True)
class PruneRules:
    """Which pieces stay besides the special ones.

    A piece stays when it was seen at least `least_count` times; or is one character of Hangul, Latin or
    common punctuation (`single_characters`), so that nothing of those scripts becomes unknown; or holds
    Hangul (`all_hangul`).
    """

    least_count: int
    all_hangul: bool = False
    single_characters: bool = True


@dataclass(frozen=True)
class PrunedVocabulary:
    """A tokenizer document, and for each of its ids the id in the full vocabulary."""

    document: dict[str, Any]
    original_ids: list[int]

    def save(self, path: Path) -> None:
        """Write the document without blanks: it is shipped, not read by people."""
        path.write_text(
            json.dumps(self.document, ensure_ascii=False, separators=(",", ":")), encoding="utf-8"
        )


def count_pieces(tokenizer: Tokenizer, texts: Iterable[str], batch: int = 4000) -> Counter[int]:
    """How often each id of the full vocabulary occurs in `texts`."""
    counts: Counter[int] = Counter()
    waiting: list[str] = []
    for text in texts:
        waiting.append(text)
        if len(waiting) == batch:
            for encoding in tokenizer.encode_batch(waiting):
                counts.update(encoding.ids)
            waiting.clear()
    for encoding in tokenizer.encode_batch(waiting):
        counts.update(encoding.ids)
    return counts


def prune(document: dict[str, Any], counts: Counter[int], rules: PruneRules) -> PrunedVocabulary:
    """Keep the pieces of a Unigram tokenizer `document` that `rules` name; the special pieces keep ids 0 to
    3.
    """
    pieces: list[list[Any]] = document["model"]["vocab"]
    special = len(SPECIAL_PIECES)
    if document["model"]["type"] != "Unigram" or tuple(p for p, _ in pieces[:special]) != SPECIAL_PIECES:
        raise ValueError(f"Expected a Unigram vocabulary that starts with {', '.join(SPECIAL_PIECES)}.")
    added = {entry["content"] for entry in document["added_tokens"]}
    kept = list(range(special))
    for number in range(special, len(pieces)):
        piece = pieces[number][0]
        if piece not in added and _stays(piece, counts[number], rules):
            kept.append(number)
    pruned = dict(document)
    pruned["model"] = dict(document["model"])
    pruned["model"]["vocab"] = [[pieces[i][0], round(pieces[i][1], _SCORE_DIGITS)] for i in kept]
    # Pieces such as <mask> have no use in serving; the four special ones keep their ids.
    pruned["added_tokens"] = [
        entry for entry in document["added_tokens"] if entry["content"] in SPECIAL_PIECES
    ]
    return PrunedVocabulary(pruned, kept)


def _stays(piece: str, count: int, rules: PruneRules) -> bool:
    core = piece.replace(_WORD_START, "")
    if count >= rules.least_count:
        return True
    if len(core) <= 1 and rules.single_characters and all(_is_common(character) for character in core):
        return True
    return rules.all_hangul and _HANGUL.search(core) is not None


def _is_common(character: str) -> bool:
    code = ord(character)
    return code < 0x250 or 0x2000 <= code < 0x3200 or 0xAC00 <= code <= 0xD7A3 or 0xFF00 <= code < 0xFFF0


def prune_embeddings(model: BertModel, original_ids: list[int], layers: int, positions: int) -> BertModel:
    """A smaller copy of `model`: the word vectors of `original_ids`, the first `layers` layers and
    `positions`.
    """
    from transformers import BertConfig, BertModel

    settings = model.config.to_dict() | {
        "vocab_size": len(original_ids),
        "num_hidden_layers": layers,
        "max_position_embeddings": positions,
    }
    smaller = BertModel(BertConfig.from_dict(settings), add_pooling_layer=False)
    wanted = smaller.state_dict()
    state = {name: value for name, value in model.state_dict().items() if name in wanted}
    words, places = "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"
    state[words] = state[words][original_ids].clone()
    state[places] = state[places][:positions].clone()
    smaller.load_state_dict(state)
    # On a CPU the fused attention kernel's backward pass takes a third of a step; plain attention takes a
    # tenth.
    smaller.set_attn_implementation("eager")
    smaller.train(False)
    return smaller
