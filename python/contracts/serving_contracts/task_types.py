"""What a task is. Each is ``TASK`` of the module of its name; :mod:`serving_contracts.tasks` has them all.

A container or a function serves one task: it loads that one by name, and imports none of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Generic, TypeVar

from serving_contracts.errors import InvalidInput

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Options = TypeVar("Options")

TASK_NAMES: Final = ("sentiment", "similarity", "summarization", "segmentation", "detection")
"""Every task there is."""


@dataclass(frozen=True, slots=True)
class Task(Generic[Request, Answer]):
    """One kind of question.

    parse_request: a decoded JSON object to a request; raises InvalidInput naming the field.
    dump_request: a request to the JSON object that parse_request reads.
    parse_answer: a decoded JSON object to an answer; raises InvalidInput; unknown fields are ignored.
    dump_answer: an answer to the JSON object that parse_answer reads.
    """

    name: str
    request_type: type[Request]
    answer_type: type[Answer]
    parse_request: Callable[[object], Request]
    dump_request: Callable[[Request], dict[str, Any]]
    parse_answer: Callable[[object], Answer]
    dump_answer: Callable[[Answer], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class MediaTask(Generic[Options, Answer]):
    """One kind of question about a picture or a video: the body is the file, what else is asked are options.

    accepts: content types of the file. answers: content types that may be asked for with ``Accept``; the
    first is the typed answer as JSON, the others are files.
    parse_options: ``CustomAttributes`` (or None) to options; raises InvalidInput naming the field.
    parse_answer, dump_answer: as in :class:`Task`.
    """

    name: str
    options_type: type[Options]
    answer_type: type[Answer]
    accepts: tuple[str, ...]
    answers: tuple[str, ...]
    parse_options: Callable[[str | None], Options]
    parse_answer: Callable[[object], Answer]
    dump_answer: Callable[[Answer], dict[str, Any]]


def load_task(name: str) -> Task[Any, Any] | MediaTask[Any, Any]:
    """The task called *name*, of which alone the module is imported; raises InvalidInput that lists them."""
    if name not in TASK_NAMES:
        raise InvalidInput(f"there is no task {name!r}", field="task", hint=f"known: {', '.join(TASK_NAMES)}")
    task: Task[Any, Any] | MediaTask[Any, Any] = import_module(f"serving_contracts.{name}").TASK
    return task
