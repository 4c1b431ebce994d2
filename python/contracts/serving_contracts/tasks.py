"""The registry of tasks: what can be asked of a model, and how it travels as JSON.

A new task is one module with its request type, its answer type and the four functions below, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from serving_contracts import detection, segmentation, sentiment, similarity, summarization
from serving_contracts.errors import InvalidInput

Request = TypeVar("Request")
Answer = TypeVar("Answer")
Options = TypeVar("Options")


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


SENTIMENT: Final = Task(
    name="sentiment",
    request_type=sentiment.SentimentRequest,
    answer_type=sentiment.Sentiment,
    parse_request=sentiment.parse_request,
    dump_request=sentiment.dump_request,
    parse_answer=sentiment.parse_answer,
    dump_answer=sentiment.dump_answer,
)
SIMILARITY: Final = Task(
    name="similarity",
    request_type=similarity.SimilarityRequest,
    answer_type=similarity.Similarity,
    parse_request=similarity.parse_request,
    dump_request=similarity.dump_request,
    parse_answer=similarity.parse_answer,
    dump_answer=similarity.dump_answer,
)
SUMMARIZATION: Final = Task(
    name="summarization",
    request_type=summarization.SummarizationRequest,
    answer_type=summarization.Summary,
    parse_request=summarization.parse_request,
    dump_request=summarization.dump_request,
    parse_answer=summarization.parse_answer,
    dump_answer=summarization.dump_answer,
)

TASKS: Final[Mapping[str, Task[Any, Any]]] = MappingProxyType(
    {task.name: task for task in (SENTIMENT, SIMILARITY, SUMMARIZATION)}
)
"""Every task that is asked in JSON, by its name."""

SEGMENTATION: Final = MediaTask(
    name="segmentation",
    options_type=segmentation.SegmentationOptions,
    answer_type=segmentation.Segmentation,
    accepts=(*segmentation.IMAGE_TYPES, *segmentation.VIDEO_TYPES),
    answers=segmentation.ANSWER_TYPES,
    parse_options=segmentation.parse_options,
    parse_answer=segmentation.parse_answer,
    dump_answer=segmentation.dump_answer,
)

DETECTION: Final = MediaTask(
    name="detection",
    options_type=detection.DetectionOptions,
    answer_type=detection.Detection,
    accepts=detection.IMAGE_TYPES,
    answers=detection.ANSWER_TYPES,
    parse_options=detection.parse_options,
    parse_answer=detection.parse_answer,
    dump_answer=detection.dump_answer,
)

MEDIA_TASKS: Final[Mapping[str, MediaTask[Any, Any]]] = MappingProxyType(
    {task.name: task for task in (SEGMENTATION, DETECTION)}
)
"""Every task whose request is a file, by its name."""

TASK_NAMES: Final = (*TASKS, *MEDIA_TASKS)
"""Every task there is."""


def find_task(name: str) -> Task[Any, Any]:
    """The task called *name*; raises InvalidInput that lists the known ones."""
    task = TASKS.get(name)
    if task is None:
        raise InvalidInput(
            f"there is no task {name!r}", field="task", hint=f"known tasks: {', '.join(TASKS)}"
        )
    return task


def find_media_task(name: str) -> MediaTask[Any, Any]:
    """The media task called *name*; raises InvalidInput that lists the known ones."""
    task = MEDIA_TASKS.get(name)
    if task is None:
        raise InvalidInput(
            f"there is no media task {name!r}", field="task", hint=f"known: {', '.join(MEDIA_TASKS)}"
        )
    return task
