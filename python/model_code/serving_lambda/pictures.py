"""Tasks whose request is a file: itself the body over HTTP, or in base64 the field ``image`` of JSON."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import orjson

from serving.codecs import JsonCodec
from serving.errors import ServingError
from serving.media_negotiation import ATTRIBUTES_HEADER, Terms, read_headers, sniff
from serving.model_loader import LoadedModel
from serving_contracts import media_types
from serving_contracts._checks import json_type, only_fields
from serving_contracts.errors import InvalidInput
from serving_contracts.media import MediaAnswer, MediaRequest
from serving_contracts.task_types import MediaTask
from serving_lambda.encoding import from_base64
from serving_lambda.http_events import HttpRequest
from serving_lambda.runs import ItemFailed, run

_HINT = 'send {"image": "<the file in base64>"}'


class PictureAnswering:
    """Answers with a model of a media ``task``."""

    smaller = "Send a smaller picture, or leave annotated away and draw the objects into your own copy."

    def __init__(self, model: LoadedModel, task: MediaTask[Any, Any]) -> None:
        self._model = model
        self._task = task
        self._options = tuple(field.name for field in fields(task.options_type))

    def over_http(self, request: HttpRequest) -> tuple[str, bytes]:
        """Options: CustomAttributes and the query string together; fields of a JSON body replace them."""
        body = request.body()
        content_type = request.headers.get("content-type")
        as_json = _is_json(content_type, body)
        terms = self._terms(request, None if as_json else content_type)
        if as_json:
            body, options = self._read(JsonCodec().decode(body).requests, terms.options)
            terms = Terms(self._sniffed(body), terms.accepts, options)
        try:
            with _File(body) as path:
                return self._written(self._ask(path, body, terms), terms, path)
        except InvalidInput as error:
            if error.field == "Accept":  # a handler that cannot give what it asks for says so
                raise ServingError("NotAcceptable", error.message, field="Accept", hint=error.hint) from None
            raise

    def directly(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """``{"image": …}`` and options as fields; the typed answer."""
        body, options = self._read([event], self._task.options_type())
        terms = Terms(self._sniffed(body), (media_types.JSON,), options)
        with _File(body) as path:
            return self._task.dump_answer(self._ask(path, body, terms))

    def _terms(self, request: HttpRequest, content_type: str | None) -> Terms:
        accept = request.headers.get("accept")
        if accept is None and request.bare and media_types.JPEG in self._task.answers:
            accept = media_types.JPEG  # as the function of AWS's labs answers
        attributes = request.headers.get(ATTRIBUTES_HEADER.decode(), "")
        named = [attributes, *(f"{name}={value}" for name, value in request.query.items())]
        headers = {
            b"content-type": content_type,
            b"accept": accept,
            ATTRIBUTES_HEADER: ";".join(filter(None, named)) or None,
        }
        encoded = {name: text.encode("latin-1", "replace") for name, text in headers.items() if text}
        return read_headers(self._task, encoded)

    def _read(self, requests: Any, options: Any) -> tuple[bytes, Any]:
        """The file and the options of a JSON object."""
        if len(requests) != 1:
            raise InvalidInput(
                f"holds {len(requests)} requests; one picture is taken at a time", field="body"
            )
        (value,) = requests
        if not isinstance(value, dict):
            raise InvalidInput(f"the request must be an object, not {json_type(value)}", hint=_HINT)
        only_fields(value, ("image", *self._options), hint=f"known are image, {', '.join(self._options)}")
        image = value.get("image")
        if not isinstance(image, str):
            fault = "is missing" if "image" not in value else f"must be a string, not {json_type(image)}"
            raise InvalidInput(fault, field="image", hint=_HINT)
        body = from_base64(image, field="image")
        if not body:
            raise InvalidInput("is empty", field="image", hint=_HINT)
        given = {name: value[name] for name in self._options if name in value}
        return body, replace(options, **given) if given else options

    def _sniffed(self, body: bytes) -> str:
        content_type = media_types.sniff(body[:16])
        if content_type in self._task.accepts:
            return content_type
        raise InvalidInput(
            "begins like no file of a type that this model takes",
            field="image",
            hint=f"send one of {', '.join(self._task.accepts)}",
        )

    def _ask(self, path: Path, body: bytes, terms: Terms) -> Any:
        request = MediaRequest(
            path=path,
            size=len(body),
            content_type=terms.content_type or sniff(self._task, body[:16]),
            accepts=terms.accepts,
            options=terms.options,
        )
        item = request if self._model.prepare is None else self._model.prepare(request)
        try:
            return run(self._model, [item])[0]
        except ItemFailed as failure:
            raise failure.cause from None

    def _written(self, outcome: Any, terms: Terms, path: Path) -> tuple[str, bytes]:
        content_type = outcome.content_type if isinstance(outcome, MediaAnswer) else media_types.JSON
        if content_type not in terms.accepts:
            raise TypeError(f"predict() answered {content_type}, not one of {terms.accepts}")
        if not isinstance(outcome, MediaAnswer):
            return content_type, orjson.dumps(self._task.dump_answer(outcome))
        if isinstance(outcome.body, bytes):
            return content_type, outcome.body
        if outcome.body.parent != path.parent:
            raise ValueError(f"predict() answered with {outcome.body}, outside the request's folder")
        return content_type, outcome.body.read_bytes()


class _File:
    """A body as a file in a folder of its own, which is removed with all that the handler put beside it."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._folder = tempfile.TemporaryDirectory(prefix="request-")

    def __enter__(self) -> Path:
        path = Path(self._folder.name, "body")
        path.write_bytes(self._body)
        return path

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _is_json(content_type: str | None, body: bytes) -> bool:
    if content_type is not None and content_type.strip():
        try:
            return media_types.canonical(content_type) == media_types.JSON
        except InvalidInput:
            return False  # what is wrong with it is said when the headers are read
    return body[:64].lstrip()[:1] == b"{"  # no picture begins so
