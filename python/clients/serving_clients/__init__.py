"""Typed answers from the models that an environment serves.

>>> from serving_clients import connect                               # doctest: +SKIP
>>> with connect("local") as session:                                 # doctest: +SKIP
...     session.sentiment("정말 재미있는 영화였어요")
Sentiment(predicted_label='Pos', score=0.98)

:func:`connect` gives a :class:`Session`, :func:`aconnect` its asynchronous twin; :class:`EndpointClient` and
:class:`FunctionClient` call one endpoint or Lambda function by name, :class:`JobsClient` submits jobs to an
asynchronous endpoint. Everything that can go wrong is a :class:`ServingError`: the tree is drawn in
:mod:`serving_clients.errors`. boto3 is imported with the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving_clients._job_core import JobProgress
from serving_clients._places import InvokeResult
from serving_clients.endpoint import EndpointClient
from serving_clients.errors import (
    AccessDenied,
    CatalogNotFound,
    EndpointNotFound,
    InvalidCatalog,
    InvalidRequest,
    JobExpired,
    JobFailed,
    ModelFailed,
    ServingError,
    ServingTimeout,
    Throttled,
    Unavailable,
)
from serving_clients.function import FunctionClient
from serving_clients.job import Job
from serving_clients.jobs_client import JobsClient
from serving_clients.pictures import mask_array, overlay
from serving_clients.progress import ProgressBar
from serving_clients.session import Session, connect
from serving_contracts import (
    Catalog,
    Mask,
    Segmentation,
    SegmentationOptions,
    SegmentedFrame,
    SegmentedObject,
    Sentiment,
    SentimentRequest,
    Similarity,
    SimilarityRequest,
    SummarizationRequest,
    Summary,
    SummarySentence,
)
from serving_contracts.detection import DetectedObject, Detection, DetectionOptions

if TYPE_CHECKING:
    from serving_clients.async_endpoint import AsyncEndpointClient
    from serving_clients.async_function import AsyncFunctionClient
    from serving_clients.async_job import AsyncJob
    from serving_clients.async_jobs_client import AsyncJobsClient
    from serving_clients.async_session import AsyncSession, aconnect

__version__ = "0.1.0"

__all__ = [
    "AccessDenied",
    "AsyncEndpointClient",
    "AsyncFunctionClient",
    "AsyncJob",
    "AsyncJobsClient",
    "AsyncSession",
    "Catalog",
    "CatalogNotFound",
    "DetectedObject",
    "Detection",
    "DetectionOptions",
    "EndpointClient",
    "EndpointNotFound",
    "FunctionClient",
    "InvalidCatalog",
    "InvalidRequest",
    "InvokeResult",
    "Job",
    "JobExpired",
    "JobFailed",
    "JobProgress",
    "JobsClient",
    "Mask",
    "ModelFailed",
    "ProgressBar",
    "Segmentation",
    "SegmentationOptions",
    "SegmentedFrame",
    "SegmentedObject",
    "Sentiment",
    "SentimentRequest",
    "ServingError",
    "ServingTimeout",
    "Session",
    "Similarity",
    "SimilarityRequest",
    "SummarizationRequest",
    "Summary",
    "SummarySentence",
    "Throttled",
    "Unavailable",
    "aconnect",
    "connect",
    "mask_array",
    "overlay",
]

_ASYNCHRONOUS = {
    "AsyncEndpointClient": "async_endpoint",
    "AsyncFunctionClient": "async_function",
    "AsyncJob": "async_job",
    "AsyncJobsClient": "async_jobs_client",
    "AsyncSession": "async_session",
    "aconnect": "async_session",
}


def __getattr__(name: str) -> Any:
    if name in _ASYNCHRONOUS:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_ASYNCHRONOUS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ASYNCHRONOUS})
