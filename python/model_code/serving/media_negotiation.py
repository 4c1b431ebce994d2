"""What kind of file a body is, what the caller takes for an answer, and what else is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serving.errors import ServingError
from serving_contracts import media_types
from serving_contracts.errors import InvalidInput
from serving_contracts.task_types import MediaTask

if TYPE_CHECKING:
    from serving.intake import Headers  # not at run time: a Lambda function has no event loop to import

#: SageMaker's header for ``CustomAttributes``.
ATTRIBUTES_HEADER = b"x-amzn-sagemaker-custom-attributes"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the headers of a request say. ``content_type`` is None where the file itself has to tell."""

    content_type: str | None
    accepts: tuple[str, ...]
    options: Any


def read_headers(task: MediaTask[Any, Any], headers: Headers) -> Terms:
    """The terms of a request; raise ServingError 415 (content type), 406 (Accept) or 400 (options)."""
    content_type = _declared_type(task, _text(headers.get(b"content-type")))
    accepts = _accepted_answers(task, _text(headers.get(b"accept")))
    try:
        options = task.parse_options(_text(headers.get(ATTRIBUTES_HEADER)))
    except InvalidInput as error:
        raise ServingError.from_invalid_input(error) from None
    return Terms(content_type, accepts, options)


def sniff(task: MediaTask[Any, Any], head: bytes) -> str:
    """The type of a file that begins so; raise ServingError 415 where it is none that the task takes."""
    content_type = media_types.sniff(head)
    if content_type in task.accepts:
        return content_type
    raise _unsupported("The body begins like no file of a type that this model takes.", task)


def _declared_type(task: MediaTask[Any, Any], header: str | None) -> str | None:
    if header is None or not header.strip():
        return None
    try:
        essence = media_types.canonical(header)
    except InvalidInput as error:
        raise _unsupported(f"{error.field} {error.message}.", task) from None
    if essence == media_types.OCTET_STREAM:
        return None
    if essence not in task.accepts:
        raise _unsupported(f"The content type {header!r} is not supported.", task)
    return essence


def _unsupported(message: str, task: MediaTask[Any, Any]) -> ServingError:
    return ServingError(
        "UnsupportedMediaType",
        message,
        field="Content-Type",
        hint=f"Send the file itself as one of {', '.join(task.accepts)}.",
    )


def _accepted_answers(task: MediaTask[Any, Any], header: str | None) -> tuple[str, ...]:
    wanted = media_types.preferences(header)
    accepted = [offered for want in wanted for offered in task.answers if media_types.matches(want, offered)]
    if not accepted:
        raise ServingError(
            "NotAcceptable",
            f"No answer can be given as {header!r}.",
            field="Accept",
            hint=f"Accept one of {', '.join(task.answers)}, or */* for {task.answers[0]}.",
        )
    return tuple(dict.fromkeys(accepted))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
