"""The task ``sentiment``: is a text positive or negative?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from serving_contracts._checks import a_number, a_text, an_object, one_text, only_fields
from serving_contracts.errors import InvalidInput
from serving_contracts.task_types import Task

SentimentLabel = Literal["Pos", "Neg"]
LABELS: Final[tuple[SentimentLabel, ...]] = get_args(SentimentLabel)

_HINT: Final = 'send {"text": "…"}'


@dataclass(frozen=True, slots=True)
class SentimentRequest:
    """One text to judge. text: 1 to 100,000 characters, not blank."""

    text: str

    def __post_init__(self) -> None:
        a_text(self.text, field="text", hint=_HINT)


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The judgement on one text.

    predicted_label: ``Pos`` or ``Neg``. score: probability of that label, 0 to 1.
    """

    predicted_label: SentimentLabel
    score: float

    def __post_init__(self) -> None:
        if self.predicted_label not in LABELS:
            raise InvalidInput(f"must be Pos or Neg, not {self.predicted_label!r}", field="predicted_label")
        object.__setattr__(self, "score", a_number(self.score, field="score", low=0.0, high=1.0))


def parse_request(value: object) -> SentimentRequest:
    """``{"text": "…"}``, or ``{"text": ["…"]}`` with exactly one text (the form of the AWS labs)."""
    fields = an_object(value, what="a sentiment request", hint=_HINT)
    only_fields(fields, ("text",), hint=_HINT)
    return SentimentRequest(text=one_text(fields, hint=_HINT))


def dump_request(request: SentimentRequest) -> dict[str, Any]:
    """``{"text": …}``."""
    return {"text": request.text}


def parse_answer(value: object) -> Sentiment:
    """``{"predicted_label": …, "score": …}``; fields of a later version are ignored."""
    fields = an_object(value, what="a sentiment answer", hint='expected {"predicted_label": …, "score": …}')
    for name in ("predicted_label", "score"):
        if name not in fields:
            raise InvalidInput("is missing", field=name)
    return Sentiment(predicted_label=fields["predicted_label"], score=fields["score"])


def dump_answer(answer: Sentiment) -> dict[str, Any]:
    """``{"predicted_label": …, "score": …}``."""
    return {"predicted_label": answer.predicted_label, "score": answer.score}


TASK: Final = Task(
    name="sentiment",
    request_type=SentimentRequest,
    answer_type=Sentiment,
    parse_request=parse_request,
    dump_request=dump_request,
    parse_answer=parse_answer,
    dump_answer=dump_answer,
)
"""The task; see :class:`serving_contracts.task_types.Task`."""
