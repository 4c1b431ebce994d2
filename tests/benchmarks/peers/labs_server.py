"""A model served the way the AWS labs do it: torch, every text padded to 128 tokens, one line at a time.

The encoder is a transformers ``BertModel`` of the same architecture and size as the served ONNX model, in
float32 as the labs run it, read off the ONNX graph. Its weights are random: they decide the answers, not the
speed.

Usage: labs_server.py MODEL_DIR PORT THREADS
"""

from __future__ import annotations

import json
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import onnx
import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

MAX_LENGTH = 128


def encoder_like(model: Path, vocabulary: int) -> BertModel:
    """A torch encoder with the layers, width and heads of the ONNX graph."""
    graph = onnx.load(model).graph
    attentions = [node for node in graph.node if node.op_type in ("QAttention", "Attention")]
    heads = next(value.i for value in attentions[0].attribute if value.name == "num_heads")
    positions = next(tensor for tensor in graph.initializer if "position_embeddings" in tensor.name)
    width = positions.dims[1]
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=len(attentions),
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=max(positions.dims[0], MAX_LENGTH),
    )
    return BertModel(config).eval()


class Handler:
    """``model_fn``, ``input_fn``, ``predict_fn`` and ``output_fn`` of the labs in one class."""

    def __init__(self, model_dir: Path) -> None:
        self.task = tomllib.loads((model_dir / "model.toml").read_text())["model"]["task"]
        self.tokenizer = Tokenizer.from_file(str(model_dir / "weights/tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_LENGTH)
        self.tokenizer.enable_padding(length=MAX_LENGTH)
        self.encoder = encoder_like(model_dir / "weights/model.int8.onnx", self.tokenizer.get_vocab_size())
        self.head = torch.nn.Linear(self.encoder.config.hidden_size, 2)
        self.lock = threading.Lock()

    def answer(self, body: bytes) -> bytes:
        """An answer a line."""
        lines = [json.loads(line) for line in body.decode("utf-8").splitlines() if line.strip()]
        answers = [self.predict(line["text"]) for line in lines]
        return "\n".join(json.dumps(answer) for answer in answers).encode()

    @torch.no_grad()
    def predict(self, texts: list[str]) -> dict[str, Any]:
        """The answer for one line: one text, or two of which the similarity is asked."""
        encodings = self.tokenizer.encode_batch(texts)
        ids = torch.tensor([encoding.ids for encoding in encodings])
        mask = torch.tensor([encoding.attention_mask for encoding in encodings])
        with self.lock:  # requests run one after another, as in a toolkit's worker
            hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        pooled = (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
        if self.task == "similarity":
            return {"score": float(torch.cosine_similarity(pooled[:1], pooled[1:]).item() * 5)}
        probabilities = torch.softmax(self.head(pooled), dim=-1)[0]
        best = int(probabilities.argmax())
        return {"predicted_label": ("Neg", "Pos")[best], "score": float(probabilities[best])}


def main() -> None:
    """Serve until the process is ended."""
    model_dir, port, threads = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    handler = Handler(model_dir)

    class Http(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer

        def do_GET(self) -> None:
            self._send(b"{}")

        def do_POST(self) -> None:
            self._send(handler.answer(self.rfile.read(int(self.headers["Content-Length"]))))

        def _send(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/jsonlines")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing for each request."""

    class HttpServer(ThreadingHTTPServer):
        request_queue_size = 128

    HttpServer(("127.0.0.1", port), Http).serve_forever()


if __name__ == "__main__":
    main()
