"""Questions and answers as bytes, and what a caller may hand over as a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson

from serving_clients.errors import InvalidRequest, ModelFailed
from serving_contracts.errors import InvalidInput
from serving_contracts.tasks import MediaTask, Task

Request = TypeVar("Request")
Answer = TypeVar("Answer")

FIELD_OF_SHORT_FORM: Final = {"sentiment": "text", "similarity": "texts", "summarization": "text"}
"""Where a bare string (or pair of strings) goes in the request of a task."""


@dataclass(frozen=True, slots=True)
class Item:
    """A question on its way. index: its place among the caller's items, from 0. line: its JSON."""

    index: int
    line: bytes


def encode(task: Task[Any, Any], index: int, value: object) -> Item:
    """The caller's item at *index* as JSON; raises InvalidRequest that names the item and the field."""
    try:
        return Item(index, orjson.dumps(task.dump_request(to_request(task, value))))
    except InvalidInput as error:
        raise InvalidRequest(error.message, field=error.field, item=index, hint=error.hint) from None


def to_request(task: Task[Request, Any], value: object) -> Request:
    """A question from any form that a caller may use; raises InvalidInput.

    A request of the task; its JSON object as a mapping; one line of JSON as bytes; or the short form:
    a string for a task that asks about one text, a pair of strings for similarity.
    """
    if isinstance(value, task.request_type):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return task.parse_request(_one_object(bytes(value)))
    if isinstance(value, Mapping):
        return task.parse_request(value)
    field = FIELD_OF_SHORT_FORM.get(task.name)
    if field is None:
        return task.parse_request(value)
    return task.parse_request({field: value})


def _one_object(line: bytes) -> object:
    text = line.strip()
    if not text:
        raise InvalidInput("the line is empty", hint="one JSON object a line, and no blank lines")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the line is not JSON: {error}", hint="one JSON object a line") from None


def body(items: Sequence[Item]) -> bytes:
    """The items as JSON Lines."""
    return b"\n".join([item.line for item in items]) + b"\n"


def decode(task: Task[Any, Answer], answer: bytes, count: int, endpoint_name: str, what: str) -> list[Answer]:
    """*count* answers out of JSON Lines, in order; raises ModelFailed where that is not what they are."""
    lines = answer.split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if len(lines) != count:
        raise ModelFailed(
            f"{what} gave {len(lines)} answers to {count} questions",
            hint="is the container one of this platform's?",
            endpoint_name=endpoint_name,
        )
    return [decode_one(task, line, endpoint_name, what) for line in lines]


def decode_one(
    task: Task[Any, Answer] | MediaTask[Any, Answer],
    answer: bytes,
    endpoint_name: str,
    what: str | None = None,
) -> Answer:
    """One answer out of one JSON object; raises ModelFailed where that is not what it is.

    what: what answered, for messages; ``endpoint 'name'`` unless it is something else.
    """
    try:
        return task.parse_answer(orjson.loads(answer))
    except (InvalidInput, orjson.JSONDecodeError) as error:
        shown = answer[:200].decode(errors="replace")
        raise ModelFailed(
            f"{what or f'endpoint {endpoint_name!r}'} gave no {task.name} answer: {error}; it said {shown!r}",
            hint=f"does it serve the task {task.name!r}?",
            endpoint_name=endpoint_name,
        ) from None
