"""The ground floor of the serving platform: what every part of it agrees on.

* :mod:`~serving_contracts.tasks`: request and answer types of every task, and how they travel as JSON;
  :mod:`~serving_contracts.task_types` loads one of them by name.
* :mod:`~serving_contracts.masks`: masks of pictures, run-length encoded as COCO does.
* :mod:`~serving_contracts.errors`: bad input, and the error body a container answers with.
* :mod:`~serving_contracts.limits`: every AWS number, with its source.
* :mod:`~serving_contracts.media_types`: content types, and what ``Accept`` asks for.
* :mod:`~serving_contracts.catalog`: what an environment deployed, as published to SSM.

Standard library only; nothing in here opens a file or a socket.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serving_contracts.catalog import AsyncEntry, Catalog, CatalogEndpoint, ContainerEntry, Route
    from serving_contracts.errors import ContainerError, ErrorCode, InvalidInput
    from serving_contracts.masks import Mask
    from serving_contracts.segmentation import (
        Segmentation,
        SegmentationOptions,
        SegmentedFrame,
        SegmentedObject,
    )
    from serving_contracts.sentiment import Sentiment, SentimentRequest
    from serving_contracts.similarity import Similarity, SimilarityRequest
    from serving_contracts.summarization import SummarizationRequest, Summary, SummarySentence
    from serving_contracts.task_types import MediaTask, Task
    from serving_contracts.tasks import MEDIA_TASKS, TASKS

__all__ = [
    "MEDIA_TASKS",
    "TASKS",
    "AsyncEntry",
    "Catalog",
    "CatalogEndpoint",
    "ContainerEntry",
    "ContainerError",
    "ErrorCode",
    "InvalidInput",
    "Mask",
    "MediaTask",
    "Route",
    "Segmentation",
    "SegmentationOptions",
    "SegmentedFrame",
    "SegmentedObject",
    "Sentiment",
    "SentimentRequest",
    "Similarity",
    "SimilarityRequest",
    "SummarizationRequest",
    "Summary",
    "SummarySentence",
    "Task",
]

_NAMES = {
    "catalog": ("AsyncEntry", "Catalog", "CatalogEndpoint", "ContainerEntry", "Route"),
    "errors": ("ContainerError", "ErrorCode", "InvalidInput"),
    "masks": ("Mask",),
    "segmentation": ("Segmentation", "SegmentationOptions", "SegmentedFrame", "SegmentedObject"),
    "sentiment": ("Sentiment", "SentimentRequest"),
    "similarity": ("Similarity", "SimilarityRequest"),
    "summarization": ("SummarizationRequest", "Summary", "SummarySentence"),
    "task_types": ("MediaTask", "Task"),
    "tasks": ("MEDIA_TASKS", "TASKS"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A name of ``__all__``, whose module is imported when it is first asked for.

    Who serves one task, or calls one, has no use for the others: all of them cost a cold start some 15 ms.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
