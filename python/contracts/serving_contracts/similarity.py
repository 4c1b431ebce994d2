"""The task ``similarity``: how alike in meaning are two texts?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from serving_contracts._checks import a_number, a_text, an_object, json_type, only_fields
from serving_contracts.errors import InvalidInput
from serving_contracts.limits import SIMILARITY_SCORE_RANGE
from serving_contracts.task_types import Task

_HINT: Final = 'send {"texts": ["…", "…"]}'


@dataclass(frozen=True, slots=True)
class SimilarityRequest:
    """Two texts to compare, each 1 to 100,000 characters and not blank."""

    texts: tuple[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "texts", _pair(self.texts, "texts"))


@dataclass(frozen=True, slots=True)
class Similarity:
    """How alike two texts are. score: 0 (unrelated) to 5 (same meaning), the scale of KorSTS."""

    score: float

    def __post_init__(self) -> None:
        low, high = SIMILARITY_SCORE_RANGE
        object.__setattr__(self, "score", a_number(self.score, field="score", low=low, high=high))


def _pair(value: object, field: str) -> tuple[str, str]:
    if not isinstance(value, list | tuple):
        raise InvalidInput(
            f"must be an array of two strings, not {json_type(value)}", field=field, hint=_HINT
        )
    if len(value) != 2:
        raise InvalidInput(f"holds {len(value)} texts; a request takes exactly two", field=field, hint=_HINT)
    first, second = (a_text(text, field=f"{field}[{at}]", hint=_HINT) for at, text in enumerate(value))
    return first, second


def parse_request(value: object) -> SimilarityRequest:
    """``{"texts": [a, b]}``, or ``{"text": [a, b]}`` (the form of the AWS labs)."""
    fields = an_object(value, what="a similarity request", hint=_HINT)
    only_fields(fields, ("texts", "text"), hint=_HINT)
    if "texts" in fields and "text" in fields:
        raise InvalidInput("stands beside 'texts'; send one of the two", field="text", hint=_HINT)
    name = "text" if "text" in fields else "texts"
    if name not in fields:
        raise InvalidInput("is missing", field=name, hint=_HINT)
    return SimilarityRequest(texts=_pair(fields[name], name))


def dump_request(request: SimilarityRequest) -> dict[str, Any]:
    """``{"texts": [a, b]}``."""
    return {"texts": list(request.texts)}


def parse_answer(value: object) -> Similarity:
    """``{"score": …}``; fields of a later version are ignored."""
    fields = an_object(value, what="a similarity answer", hint='expected {"score": …}')
    if "score" not in fields:
        raise InvalidInput("is missing", field="score")
    return Similarity(score=fields["score"])


def dump_answer(answer: Similarity) -> dict[str, Any]:
    """``{"score": …}``."""
    return {"score": answer.score}


TASK: Final = Task(
    name="similarity",
    request_type=SimilarityRequest,
    answer_type=Similarity,
    parse_request=parse_request,
    dump_request=dump_request,
    parse_answer=parse_answer,
    dump_answer=dump_answer,
)
"""The task; see :class:`serving_contracts.task_types.Task`."""
