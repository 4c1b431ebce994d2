"""One loaded model and the events it answers: which form an event has, and who answers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import orjson

from serving.errors import ServingError, model_failed
from serving.model_loader import LoadedModel, ModelLoadError
from serving_contracts import media_types
from serving_contracts._checks import json_type
from serving_contracts.errors import InvalidInput
from serving_contracts.limits import LAMBDA_PAYLOAD_BYTES
from serving_contracts.task_types import Task
from serving_lambda.http_events import HttpAnswer, HttpRequest, is_http

Json: TypeAlias = Any

_METHODS = "GET, HEAD, POST"


class PayloadTooLarge(Exception):
    """An answer to a direct event is larger than Lambda takes."""


class Answering(Protocol):
    """Answers what a task is asked, in both of its forms."""

    smaller: str
    """What a caller does whose answer was too large."""

    def over_http(self, request: HttpRequest) -> tuple[str, bytes]:
        """The content type and the bytes of an answer; raise ServingError or InvalidInput."""

    def directly(self, event: Mapping[str, Any]) -> Json:
        """The typed answer; raise InvalidInput."""


class Function:
    """Answers events with ``model``. ``version``: the function version, which a probe is told."""

    def __init__(self, model: LoadedModel, version: str) -> None:
        self._model = model
        self._answering = _answering(model)
        assert model.task is not None
        self._ready = {"ready": True, "model": model.name, "task": model.task.name, "version": version}

    def answer(self, event: Json) -> Json:
        """The answer to one event.

        An HTTP event is always answered, if need be with an error status. For a direct event InvalidInput
        and PayloadTooLarge are raised, and whatever the model raises: Lambda reports them as the function's
        error.
        """
        if not isinstance(event, dict):
            raise InvalidInput(f"an event must be an object, not {json_type(event)}")
        if is_http(event):
            return self._over_http(event).to_event()
        if event.keys() == {"probe"}:
            if event["probe"] is not True:
                raise InvalidInput("must be true", field="probe")
            return self._ready
        answer = self._answering.directly(event)
        size = len(orjson.dumps(answer))
        if size > LAMBDA_PAYLOAD_BYTES:
            raise PayloadTooLarge(f"{_too_large(size)} {self._answering.smaller}")
        return answer

    def _over_http(self, event: Mapping[str, Any]) -> HttpAnswer:
        try:
            answer = self._routed(HttpRequest(event))
            size = answer.bytes_of_event()
            if size > LAMBDA_PAYLOAD_BYTES:
                raise ServingError("PayloadTooLarge", _too_large(size), hint=self._answering.smaller)
            return answer
        except ServingError as error:
            return HttpAnswer.of_error(error)
        except InvalidInput as error:
            return HttpAnswer.of_error(ServingError.from_invalid_input(error))
        except Exception as error:
            return HttpAnswer.of_error(model_failed(self._model.name, error))

    def _routed(self, request: HttpRequest) -> HttpAnswer:
        if request.method == "POST":
            return HttpAnswer(200, *self._answering.over_http(request))
        # A stage of API Gateway may stand before it.
        if request.method in ("GET", "HEAD") and request.path.rsplit("/", 1)[-1] in ("", "ping"):
            return HttpAnswer(200, media_types.JSON, orjson.dumps(self._ready))
        raise ServingError(
            "MethodNotAllowed",
            f"The function takes POST, and GET of / and /ping, not {request.method} {request.path}.",
            hint="Send what is asked with POST.",
            headers={"Allow": _METHODS},
        )


def _answering(model: LoadedModel) -> Answering:
    if model.task is None:
        raise ModelLoadError(
            "The model is a script for SageMaker (code/inference.py); a function serves code/handler.py."
        )
    # Either import is paid for by the functions that need it.
    if isinstance(model.task, Task):
        from serving_lambda.texts import TextAnswering

        return TextAnswering(model, model.task)
    from serving_lambda.pictures import PictureAnswering

    return PictureAnswering(model, model.task)


def _too_large(size: int) -> str:
    return f"The answer has {size:,} bytes; Lambda takes at most {LAMBDA_PAYLOAD_BYTES:,}."
