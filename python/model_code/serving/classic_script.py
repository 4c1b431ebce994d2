"""Classic SageMaker scripts: ``code/inference.py`` with ``model_fn`` and, where needed, ``input_fn``,
``predict_fn`` and ``output_fn``, as the SageMaker toolkits call them.

Such a script reads and writes bodies by itself, so every request is one item, run alone. What a script
leaves out is done as the toolkits do it: JSON and npy in and out, and the model is called with the data.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson

from serving.errors import ServingError
from serving_contracts import media_types

#: Bodies that a script gets as text; all others as bytes (``UTF8_TYPES`` of sagemaker-inference).
_TEXT_TYPES = (media_types.JSON, "text/csv")


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as it came; ``accept`` is never a wildcard."""

    body: bytes
    content_type: str
    accept: str


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer as it goes."""

    body: bytes
    content_type: str


class ClassicScript:
    """A loaded script as a model: items are :class:`RawRequest`, answers :class:`RawAnswer`."""

    def __init__(self, module: ModuleType, model_dir: Path) -> None:
        self._input: Callable[..., Any] = getattr(module, "input_fn", _default_input)
        self._predict: Callable[..., Any] = getattr(module, "predict_fn", _default_predict)
        self._output: Callable[..., Any] = getattr(module, "output_fn", _default_output)
        self._model = module.model_fn(str(model_dir))

    def predict(self, requests: Sequence[RawRequest]) -> list[RawAnswer]:
        """Answer each request."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: RawRequest) -> RawAnswer:
        body: bytes | str = request.body
        if request.content_type.partition(";")[0].strip().lower() in _TEXT_TYPES:
            body = request.body.decode()
        prediction = self._predict(self._input(body, request.content_type), self._model)
        output = self._output(prediction, request.accept)
        content, content_type = output if isinstance(output, tuple) else (output, request.accept)
        return RawAnswer(content.encode() if isinstance(content, str) else bytes(content), str(content_type))


def _default_input(body: bytes | str, content_type: str) -> Any:
    if content_type.startswith(media_types.JSON):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ServingError("InvalidInput", f"The body is not valid JSON: {error}.") from None
    if content_type.startswith(media_types.NPY):
        import numpy as np

        data = body if isinstance(body, bytes) else body.encode()
        return np.load(io.BytesIO(data), allow_pickle=False)
    raise ServingError(
        "UnsupportedMediaType",
        f"The script has no input_fn, and {content_type!r} is not read without one.",
        field="Content-Type",
        hint=f"Send {media_types.JSON} or {media_types.NPY}, or write an input_fn.",
    )


def _default_predict(data: Any, model: Callable[[Any], Any]) -> Any:
    return model(data)


def _default_output(prediction: Any, accept: str) -> tuple[bytes, str]:
    if accept == media_types.NPY:
        import numpy as np

        buffer = io.BytesIO()
        np.save(buffer, np.asarray(prediction), allow_pickle=False)
        return buffer.getvalue(), media_types.NPY
    if accept == media_types.JSON:
        return orjson.dumps(prediction, option=orjson.OPT_SERIALIZE_NUMPY), media_types.JSON
    raise ServingError(
        "NotAcceptable",
        f"The script has no output_fn, and {accept!r} is not written without one.",
        field="Accept",
        hint=f"Accept {media_types.JSON} or {media_types.NPY}, or write an output_fn.",
    )
