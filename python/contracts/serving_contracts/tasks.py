"""The registry of tasks: what can be asked of a model, and how it travels as JSON.

A new task is one module with its request type, its answer type and the four functions below, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from serving_contracts import sentiment, similarity, summarization
from serving_contracts.errors import InvalidInput

Request = TypeVar("Request")
Answer = TypeVar("Answer")


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
"""Every task by its name."""


def find_task(name: str) -> Task[Any, Any]:
    """The task called *name*; raises InvalidInput that lists the known ones."""
    task = TASKS.get(name)
    if task is None:
        raise InvalidInput(
            f"there is no task {name!r}", field="task", hint=f"known tasks: {', '.join(TASKS)}"
        )
    return task
