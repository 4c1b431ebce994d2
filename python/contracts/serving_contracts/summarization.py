"""The task ``summarization``: the sentences that carry a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from serving_contracts._checks import (
    a_number,
    a_string,
    a_text,
    an_integer,
    an_object,
    json_type,
    one_text,
    only_fields,
)
from serving_contracts.errors import InvalidInput
from serving_contracts.limits import DEFAULT_MAX_SENTENCES, MAX_SENTENCES_RANGE
from serving_contracts.task_types import Task

_HINT: Final = 'send {"text": "…", "max_sentences": 3}'


@dataclass(frozen=True, slots=True)
class SummarizationRequest:
    """A text to shorten. text: 1 to 100,000 characters, not blank. max_sentences: 1 to 20."""

    text: str
    max_sentences: int = DEFAULT_MAX_SENTENCES

    def __post_init__(self) -> None:
        a_text(self.text, field="text", hint=_HINT)
        low, high = MAX_SENTENCES_RANGE
        an_integer(self.max_sentences, field="max_sentences", low=low, high=high, hint=_HINT)


@dataclass(frozen=True, slots=True)
class SummarySentence:
    """A sentence chosen for a summary.

    index: its place among the sentences of the text, from 0. score: how central it is, higher is more.
    """

    index: int
    text: str
    score: float

    def __post_init__(self) -> None:
        an_integer(self.index, field="index", low=0)
        a_string(self.text, field="text")
        object.__setattr__(self, "score", a_number(self.score, field="score"))


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary made of sentences of the text itself.

    summary: the chosen sentences in the order of the text, joined. sentences: the same, one by one.
    method: always ``extractive``: nothing in it was written by a model.
    """

    summary: str
    sentences: tuple[SummarySentence, ...]
    method: Literal["extractive"] = "extractive"

    def __post_init__(self) -> None:
        a_string(self.summary, field="summary")
        if not isinstance(self.sentences, list | tuple):
            raise InvalidInput(f"must be an array, not {json_type(self.sentences)}", field="sentences")
        for at, sentence in enumerate(self.sentences):
            if not isinstance(sentence, SummarySentence):
                raise InvalidInput("must be a SummarySentence", field=f"sentences[{at}]")
        object.__setattr__(self, "sentences", tuple(self.sentences))
        if self.method != "extractive":
            raise InvalidInput(f"must be 'extractive', not {self.method!r}", field="method")


def parse_request(value: object) -> SummarizationRequest:
    """``{"text": "…"}`` or ``{"text": ["…"]}``, with an optional ``max_sentences``."""
    fields = an_object(value, what="a summarization request", hint=_HINT)
    only_fields(fields, ("text", "max_sentences"), hint=_HINT)
    text = one_text(fields, hint=_HINT)
    return SummarizationRequest(text=text, max_sentences=fields.get("max_sentences", DEFAULT_MAX_SENTENCES))


def dump_request(request: SummarizationRequest) -> dict[str, Any]:
    """``{"text": …, "max_sentences": …}``."""
    return {"text": request.text, "max_sentences": request.max_sentences}


def parse_answer(value: object) -> Summary:
    """``{"summary", "sentences": [{"index", "text", "score"}, …], "method"}``; later fields are ignored."""
    fields = an_object(value, what="a summary", hint='expected {"summary": …, "sentences": […], "method": …}')
    for name in ("summary", "sentences", "method"):
        if name not in fields:
            raise InvalidInput("is missing", field=name)
    rows = fields["sentences"]
    if not isinstance(rows, list | tuple):
        raise InvalidInput(f"must be an array, not {json_type(rows)}", field="sentences")
    sentences = tuple(_parse_sentence(row, f"sentences[{at}]") for at, row in enumerate(rows))
    return Summary(summary=fields["summary"], sentences=sentences, method=fields["method"])


def _parse_sentence(value: object, place: str) -> SummarySentence:
    if not isinstance(value, dict):
        raise InvalidInput(f"must be an object, not {json_type(value)}", field=place)
    for name in ("index", "text", "score"):
        if name not in value:
            raise InvalidInput("is missing", field=f"{place}.{name}")
    try:
        return SummarySentence(index=value["index"], text=value["text"], score=value["score"])
    except InvalidInput as error:
        raise InvalidInput(error.message, field=f"{place}.{error.field}", hint=error.hint) from None


def dump_answer(answer: Summary) -> dict[str, Any]:
    """The JSON object that :func:`parse_answer` reads."""
    sentences = [{"index": s.index, "text": s.text, "score": s.score} for s in answer.sentences]
    return {"summary": answer.summary, "sentences": sentences, "method": answer.method}


TASK: Final = Task(
    name="summarization",
    request_type=SummarizationRequest,
    answer_type=Summary,
    parse_request=parse_request,
    dump_request=dump_request,
    parse_answer=parse_answer,
    dump_answer=dump_answer,
)
"""The task; see :class:`serving_contracts.task_types.Task`."""
