"""Tasks that are asked in JSON: one text or many, in any of the formats that the inference server speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.codecs import Batch, negotiate
from serving.errors import ServingError, model_failed
from serving.model_loader import LoadedModel
from serving_contracts._checks import json_type
from serving_contracts.errors import InvalidInput
from serving_contracts.task_types import Task
from serving_lambda.http_events import HttpRequest
from serving_lambda.runs import ItemFailed, run


class TextAnswering:
    """Answers with a model whose items are requests of ``task``."""

    smaller = "Send fewer items at a time."

    def __init__(self, model: LoadedModel, task: Task[Any, Any]) -> None:
        self._model = model
        self._task = task
        fields = task.request_type.__dataclass_fields__
        self._takes_one_text = "text" in fields and "texts" not in fields

    def over_http(self, request: HttpRequest) -> tuple[str, bytes]:
        """As the inference server answers the same body and headers."""
        decoder, encoder = negotiate(request.headers.get("content-type"), request.headers.get("accept"))
        batch = decoder.decode(request.body())
        if not batch.requests:
            raise ServingError("EmptyBatch", "The body holds no request.", hint="Send at least one request.")
        items = [self._prepare_placed(value, batch, index) for index, value in enumerate(batch.requests)]
        try:
            answers = run(self._model, items)
        except ItemFailed as failure:
            raise batch.place(self._error(failure.cause), failure.index) from None
        return encoder.media_type, encoder.encode(
            [self._task.dump_answer(answer) for answer in answers], single=batch.single
        )

    def directly(self, event: Mapping[str, Any]) -> Any:
        """The answer to one request; a list of them to ``{"texts": […]}``, where a request has one text."""
        try:
            if self._takes_one_text and "texts" in event:
                answers = run(self._model, self._items_of(event))
                return [self._task.dump_answer(answer) for answer in answers]
            if self._takes_one_text and isinstance(event.get("text"), list) and len(event["text"]) != 1:
                raise InvalidInput(
                    f"holds {len(event['text'])} texts; a request takes exactly one",
                    field="text",
                    hint='send {"texts": ["…", "…"]} for many',
                )
            return self._task.dump_answer(run(self._model, [self._prepare(event)])[0])
        except ItemFailed as failure:
            raise failure.cause from None

    def _items_of(self, event: Mapping[str, Any]) -> list[Any]:
        texts = event["texts"]
        if not isinstance(texts, list):
            raise InvalidInput(f"must be an array, not {json_type(texts)}", field="texts")
        if not texts:
            raise InvalidInput("holds no text", field="texts", hint="send at least one")
        if "text" in event:
            raise InvalidInput("stands beside 'texts'; send one of the two", field="text")
        rest = {name: value for name, value in event.items() if name != "texts"}
        items = []
        for index, text in enumerate(texts):
            try:
                items.append(self._prepare({"text": text, **rest}))
            except InvalidInput as error:
                field = f"texts[{index}]" if error.field == "text" else error.field
                raise InvalidInput(error.message, field=field, hint=error.hint) from None
        return items

    def _prepare_placed(self, value: Any, batch: Batch, index: int) -> Any:
        try:
            return self._prepare(value)
        except Exception as cause:
            raise batch.place(self._error(cause), index) from None

    def _prepare(self, value: Any) -> Any:
        request = self._task.parse_request(value)
        return request if self._model.prepare is None else self._model.prepare(request)

    def _error(self, cause: Exception) -> ServingError:
        if isinstance(cause, InvalidInput):
            return ServingError.from_invalid_input(cause)
        return model_failed(self._model.name, cause)
