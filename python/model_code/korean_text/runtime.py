"""What a serving container runs: a tokenizer and an ONNX Runtime session, with no torch.

Loading takes about a tenth of a second: the file was optimised when it was made, so the session skips that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from korean_text.batching import Tokens, pad

_LONGEST_PIECE = 16  # characters; e5's SentencePiece was trained with this limit


class TextEncoder:
    """Texts to token ids, and batches of token ids to the model's output rows.

    A model file has the inputs `input_ids` and `attention_mask`, int64 of shape (batch, tokens), and one
    output with a row a text.  `threads` is the number of threads of one run.
    """

    def __init__(
        self, model: Path, tokenizer: Path, *, threads: int, max_tokens: int, prefix: str = ""
    ) -> None:
        self._prefix = prefix
        self._max_tokens = max_tokens
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._session = onnxruntime.InferenceSession(
            str(model), session_options(threads), providers=["CPUExecutionProvider"]
        )

    def tokenize(self, text: str) -> list[int]:
        """Token ids of `text`, at most `max_tokens` of them: what follows in the text is left out."""
        ids: list[int] = self._tokenizer.encode(self._prefix + self._shorten(text)).ids
        return ids

    def tokenize_pair(self, first: str, second: str) -> list[int]:
        """Both texts as one row of ids for a cross-encoder; the longer one is cut until they fit together."""
        ids: list[int] = self._tokenizer.encode(self._shorten(first), self._shorten(second)).ids
        return ids

    def _shorten(self, text: str) -> str:
        # Characters that cannot reach the first max_tokens pieces are not worth cutting up.
        characters = self._max_tokens * _LONGEST_PIECE
        return " ".join(text[: 8 * characters].split())[:characters]

    def run(self, rows: Sequence[Tokens]) -> NDArray[np.float32]:
        """The model's output, one row a text, for at least one row of ids; padded to the longest row only."""
        ids, mask = pad(rows)
        output: NDArray[np.float32] = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return output


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Options of every served session: threads sleep rather than spin, and the file is taken as it is."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # A spinning worker thread would take a core from the containers beside this one, also while nothing is
    # asked.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float32] = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities
