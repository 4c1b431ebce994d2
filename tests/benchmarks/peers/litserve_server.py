"""LitServe around the very handler that our server runs: same tokeniser, same ONNX session, same padding."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import litserve

from serving.model_loader import LoadedModel, load_model


class Api(litserve.LitAPI):
    """Tokenises while decoding, pads each batch to its own longest text, answers the task's own JSON."""

    def __init__(self, model_dir: Path, threads: int, **options: Any) -> None:
        super().__init__(**options)
        self._model_dir = model_dir
        self._threads = threads
        self._batched = options["max_batch_size"] > 1
        self._model: LoadedModel

    def setup(self, device: object) -> None:
        """Load the model in the worker."""
        self._model = load_model(self._model_dir, self._threads)

    def decode_request(self, request):  # type: ignore[no-untyped-def]  # LitServe takes a type for a query parameter
        """A parsed body to an item."""
        assert self._model.task is not None
        assert self._model.prepare is not None
        return self._model.prepare(self._model.task.parse_request(request))

    def predict(self, items: Any) -> Any:
        """A batch of items to answers, or one to one where batching is off."""
        return self._model.predict(items) if self._batched else self._model.predict([items])[0]

    def batch(self, inputs: list[Any]) -> list[Any]:
        """A batch is a list; the handler pads it."""
        return inputs

    def unbatch(self, output: Any) -> Any:
        """An answer each."""
        return output

    def encode_response(self, output: Any) -> Any:
        """An answer to JSON."""
        assert self._model.task is not None
        return self._model.task.dump_answer(output)


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--max-batch-size", type=int, default=1)
    parser.add_argument("--batch-timeout", type=float, default=0.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fast-queue", type=int, default=0)
    given = parser.parse_args()
    api = Api(
        given.model_dir, given.threads, max_batch_size=given.max_batch_size, batch_timeout=given.batch_timeout
    )
    server = litserve.LitServer(
        api,
        accelerator="cpu",
        workers_per_device=given.workers,
        fast_queue=bool(given.fast_queue),
        timeout=60,
    )
    server.run(
        host="127.0.0.1",
        port=given.port,
        num_api_servers=1,
        generate_client_file=False,
        log_level="error",
        access_log=False,
    )


if __name__ == "__main__":
    main()
