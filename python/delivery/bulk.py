"""A file of JSON lines through the client library into a file of answers, a line for a line, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from delivery.errors import DeliveryError
from serving_clients import ServingError
from serving_contracts.tasks import Task

MAX_ROW_BYTES = 4_000_000  # far above the longest text allowed; what is longer is never held in memory
FLUSH_EVERY = 64  # answers: one request's worth
PARTIAL = ".partial"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Predict = Callable[[Iterator[bytes]], Iterable[Any]]
"""Lines as they are in the file → for each, in order, a typed answer or the ServingError of that line.

It reads only a bounded number of lines ahead, and raises a ServingError that is no line's fault.
"""


@dataclass(slots=True)
class Tally:
    """How many lines were answered, how many got an error line, how many had been answered before."""

    answered: int = 0
    failed: int = 0
    kept: int = 0


def predict_file(
    source: Path,
    target: Path,
    task: Task[Any, Any],
    predict: Predict,
    *,
    resume: bool = False,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Tally:
    """Answers every line of ``source`` with a line of ``target``, in bounded memory.

    A line that cannot be answered becomes ``{"error": {"message": …, "line": …}}``. Answers are collected in
    ``<target>.partial``; ``target`` appears, or is replaced, when every line has its answer.

    Args:
        resume: go on after the answers that a run which was cut short left in ``<target>.partial``.
        on_progress: gets the bytes of input that were read, each time some were.

    Raises:
        DeliveryError: the input is not there, or the endpoint itself failed; what was answered until then is
            kept for ``resume``.
    """
    if not source.is_file():
        raise DeliveryError(f"{source} is not a file.", next_step="pass --input with a file of JSON lines")
    if target.exists() and source.samefile(target):
        raise DeliveryError("--input and --output are the same file.", next_step="pass another --output")
    partial = target.with_name(target.name + PARTIAL)
    target.parent.mkdir(parents=True, exist_ok=True)
    tally = Tally(kept=_keep_whole_lines(partial) if resume and partial.exists() else 0)
    too_long: set[int] = set()
    with source.open("rb") as rows, partial.open("ab" if tally.kept else "wb") as answers:
        for _ in range(tally.kept):
            on_progress(len(rows.readline()))
        number = tally.kept
        try:
            for answer in predict(_lines(rows, tally.kept, too_long, on_progress)):
                number += 1
                answers.write(orjson.dumps(_answer_line(answer, number, task, too_long, tally)) + b"\n")
                if number % FLUSH_EVERY == 0:
                    answers.flush()
        except ServingError as error:
            raise DeliveryError(
                f"The lines from {number + 1} on were not answered.",
                cause=f"{type(error).__name__}: {error}",
                next_step="see that the endpoint is well (`invoke smoke`), then run again with --resume",
            ) from error
    partial.replace(target)
    return tally


def _answer_line(
    answer: Any, number: int, task: Task[Any, Any], too_long: set[int], tally: Tally
) -> dict[str, Any]:
    if not isinstance(answer, ServingError):
        tally.answered += 1
        return dict(task.dump_answer(answer))
    tally.failed += 1
    if number in too_long:
        return {"error": {"message": f"the line is longer than {MAX_ROW_BYTES} bytes", "line": number}}
    told: dict[str, Any] = {"code": type(answer).__name__, "message": answer.message, "line": number}
    for name in ("field", "hint"):
        if value := getattr(answer, name, None):
            told[name] = value
    return {"error": told}


def _lines(
    rows: IO[bytes], kept: int, too_long: set[int], on_progress: Callable[[int], None]
) -> Iterator[bytes]:
    number = kept
    while line := rows.readline(MAX_ROW_BYTES):
        number += 1
        size = len(line)
        if number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        while not line.endswith(b"\n") and (more := rows.readline(MAX_ROW_BYTES)):
            too_long.add(number)
            size += len(more)
            line = b"\n" if more.endswith(b"\n") else b""
        on_progress(size)
        yield line


def _keep_whole_lines(target: Path) -> int:
    """Cuts off a last line that was not written to its end; returns how many lines stay."""
    count, end = 0, 0
    with target.open("rb+") as answers:
        for line in answers:
            if not line.endswith(b"\n"):
                break
            count += 1
            end += len(line)
        answers.truncate(end)
    return count
