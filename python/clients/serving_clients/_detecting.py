"""The task ``detection``: pictures in, what is in them out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypedDict

from serving_clients import _bulk, _images, _wire
from serving_clients._bulk import OnError
from serving_clients._deadline import Deadline, DeadlineGroup
from serving_clients._images import Shot
from serving_clients._questions import Target
from serving_clients.errors import InvalidRequest, ModelFailed, ServingError, ServingTimeout
from serving_contracts import media_types
from serving_contracts.detection import Detection, DetectionOptions
from serving_contracts.errors import InvalidInput
from serving_contracts.tasks import DETECTION

Load = Shot | InvalidRequest
Work = Callable[[tuple[Load]], list[Detection | ServingError]]


class DetectArguments(TypedDict, total=False):
    """Arguments of ``detect`` beside the picture, for the overloads."""

    score_threshold: float
    max_objects: int
    annotated: bool
    timeout: float | None


class DetectArgumentsOfSession(DetectArguments, total=False):
    """The same, of a session."""

    endpoint: str | None


def options_of(score_threshold: float, max_objects: int, annotated: bool) -> DetectionOptions:
    """The caller's choices, checked; raises InvalidRequest that names the argument."""
    try:
        return DetectionOptions(score_threshold, max_objects, annotated)
    except InvalidInput as error:
        raise InvalidRequest(error.message, field=error.field, hint=error.hint) from None


def detect(
    target: Target, what: object, options: DetectionOptions, timeout: float | None
) -> Detection | list[Detection]:
    """The answer to a picture; to an iterable of them a list, under one deadline, all checked before."""
    pictures = _images.several(what)
    deadline = target.start(timeout)
    if pictures is None:
        try:
            return _ask(target, _images.shot(what, target.place), options, deadline)
        except (InvalidRequest, ModelFailed) as error:
            error.item = None  # there is only the one
            raise
    shots = [(_images.shot(image, target.place, index),) for index, image in enumerate(pictures)]
    work: Any = work_of(target, options, "raise", lambda: deadline)
    try:
        answers: Any = _bulk.run(shots, work, target.workers, window=max(1, len(shots)))
        return list(answers)
    finally:
        deadline.cancel()  # after an error the rest is not wanted


def detect_all(
    target: Target, what: object, options: DetectionOptions, on_error: OnError, timeout: float | None
) -> Iterator[Detection | ServingError]:
    """Answers in order, pictures as they come; a deadline for each."""
    deadlines = DeadlineGroup(target.seconds(timeout))
    work = work_of(target, options, on_error, deadlines.start)
    return _answers(target, _loads(target, _images.many(what), on_error), work, deadlines)


def _answers(
    target: Target, loads: Iterable[tuple[Load] | InvalidRequest], work: Work, deadlines: DeadlineGroup
) -> Iterator[Detection | ServingError]:
    try:
        yield from _bulk.run(loads, work, target.workers, window=target.window)
    finally:
        deadlines.cancel()


def _loads(
    target: Target, images: Iterable[object], on_error: OnError
) -> Iterator[tuple[Load] | InvalidRequest]:
    """Pictures, checked; with ``raise`` a bad one ends them, after all that precede it."""
    for index, image in enumerate(images):
        load = checked(target, image, index)
        if isinstance(load, InvalidRequest) and on_error == "raise":
            yield load
            return
        yield (load,)


def checked(target: Target, image: object, index: int) -> Load:
    """The caller's picture at *index*, ready to send, or what is wrong with it."""
    try:
        return _images.shot(image, target.place, index)
    except InvalidRequest as error:
        return error


def work_of(
    target: Target, options: DetectionOptions, on_error: OnError, deadline: Callable[[], Deadline]
) -> Work:
    """What a thread does with a picture. What is no picture's fault is raised all the same."""

    def work(load: tuple[Load]) -> list[Detection | ServingError]:
        (taken,) = load
        if isinstance(taken, InvalidRequest):
            return [taken]
        target.prepare()
        try:
            return [_ask(target, taken, options, deadline())]
        except (InvalidRequest, ModelFailed, ServingTimeout) as error:
            if not (error.about_items or error.about_size):
                raise
            if not isinstance(error, ServingTimeout):
                error.item = taken.index
            if on_error == "raise":
                raise
            return [error]

    return work


def _ask(target: Target, taken: Shot, options: DetectionOptions, deadline: Deadline) -> Detection:
    try:
        body = taken.read()
    except InvalidRequest as error:
        error.field, error.about_items = "image", True
        raise
    answer = target.place.send(
        target.connection,
        body,
        taken.content_type,
        deadline,
        accept=media_types.JSON,
        custom_attributes=options.to_attributes() or None,
    )
    return _wire.decode_one(DETECTION, answer.body, target.place.name, target.place.what)
