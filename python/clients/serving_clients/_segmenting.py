"""The task ``segmentation``: from what a caller writes to what is submitted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypedDict

from serving_clients import _sources
from serving_clients._bulk import OnError
from serving_clients._bulk_submission import submit_all, submit_one
from serving_clients._job_core import JobCore
from serving_clients._submission import AsyncTarget, Options, checked_accept
from serving_clients._upload import Progress
from serving_clients.errors import InvalidRequest, ServingError
from serving_contracts.errors import InvalidInput
from serving_contracts.segmentation import SegmentationOptions
from serving_contracts.tasks import SEGMENTATION


class SegmentArguments(TypedDict, total=False):
    """Arguments of ``segment``, for the overloads."""

    score_threshold: float
    every_nth_frame: int
    max_frames: int
    max_objects: int
    content_type: str | None
    ttl_seconds: int | None
    invocation_timeout_seconds: int | None
    inference_id: str | None
    on_progress: Progress | None
    journal: str | os.PathLike[str] | None
    on_error: OnError
    endpoint: str | None
    timeout: float | None


def segment(
    target: AsyncTarget,
    what: Any,
    *,
    choices: dict[str, Any],
    accept: str,
    content_type: str | None,
    ttl_seconds: int | None,
    invocation_timeout_seconds: int | None,
    inference_id: str | None,
    on_progress: Progress | None,
    journal: str | os.PathLike[str] | None,
    on_error: OnError,
    timeout: float | None,
) -> JobCore | list[JobCore | ServingError]:
    """A job, or for a folder or an iterable a job for each. choices: of SegmentationOptions."""
    try:
        chosen = SegmentationOptions(**choices)
    except InvalidInput as error:
        raise InvalidRequest(error.message, field=error.field, hint=error.hint) from None
    options = Options(
        checked_accept(accept, SEGMENTATION),
        chosen.to_attributes(),
        inference_id,
        ttl_seconds,
        invocation_timeout_seconds,
    )
    items: Iterable[object] | None = _sources.several(what)
    if items is None and _sources.is_folder(what):
        items = _sources.files_in(Path(what), SEGMENTATION)
    if items is None:
        if journal is not None:
            raise InvalidRequest("is for several files: give a list of them, or a folder", field="journal")
        return submit_one(target, what, content_type, options, on_progress, timeout)
    return submit_all(
        target,
        items,
        content_type,
        options,
        on_error=on_error,
        on_progress=on_progress,
        journal=journal,
        timeout=timeout,
    )
