"""The registry of tasks: what can be asked of a model, and how it travels as JSON.

A new task is one module with its request type, its answer type, its functions and its ``TASK``, a name in
:data:`serving_contracts.task_types.TASK_NAMES`, and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from serving_contracts import detection, segmentation, sentiment, similarity, summarization
from serving_contracts.errors import InvalidInput
from serving_contracts.task_types import TASK_NAMES, MediaTask, Task

__all__ = [
    "DETECTION",
    "MEDIA_TASKS",
    "SEGMENTATION",
    "SENTIMENT",
    "SIMILARITY",
    "SUMMARIZATION",
    "TASKS",
    "TASK_NAMES",
    "MediaTask",
    "Task",
    "find_media_task",
    "find_task",
]

SENTIMENT: Final = sentiment.TASK
SIMILARITY: Final = similarity.TASK
SUMMARIZATION: Final = summarization.TASK
SEGMENTATION: Final = segmentation.TASK
DETECTION: Final = detection.TASK

TASKS: Final[Mapping[str, Task[Any, Any]]] = MappingProxyType(
    {task.name: task for task in (SENTIMENT, SIMILARITY, SUMMARIZATION)}
)
"""Every task that is asked in JSON, by its name."""

MEDIA_TASKS: Final[Mapping[str, MediaTask[Any, Any]]] = MappingProxyType(
    {task.name: task for task in (SEGMENTATION, DETECTION)}
)
"""Every task whose request is a file, by its name."""


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
