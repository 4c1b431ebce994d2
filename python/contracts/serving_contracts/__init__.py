"""The ground floor of the serving platform: what every part of it agrees on.

* :mod:`~serving_contracts.tasks`: request and answer types of every task, and how they travel as JSON.
* :mod:`~serving_contracts.masks`: masks of pictures, run-length encoded as COCO does.
* :mod:`~serving_contracts.errors`: bad input, and the error body a container answers with.
* :mod:`~serving_contracts.limits`: every AWS number, with its source.
* :mod:`~serving_contracts.media_types`: content types, and what ``Accept`` asks for.
* :mod:`~serving_contracts.catalog`: what an environment deployed, as published to SSM.

Standard library only; nothing in here opens a file or a socket.
"""

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
from serving_contracts.tasks import MEDIA_TASKS, TASKS, MediaTask, Task

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
