"""Typed answers from the models that an environment serves.

>>> from serving_clients import connect                               # doctest: +SKIP
>>> with connect("local") as session:                                 # doctest: +SKIP
...     session.sentiment("정말 재미있는 영화였어요")
Sentiment(predicted_label='Pos', score=0.98)

:func:`connect` gives a :class:`Session`, :func:`aconnect` its asynchronous twin; :class:`EndpointClient`
calls one endpoint by name. Everything that can go wrong is a :class:`ServingError`: the tree is drawn in
:mod:`serving_clients.errors`. boto3 is imported with the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving_clients._connection import InvokeResult
from serving_clients.endpoint import EndpointClient
from serving_clients.errors import (
    AccessDenied,
    CatalogNotFound,
    EndpointNotFound,
    InvalidCatalog,
    InvalidRequest,
    ModelFailed,
    ServingError,
    ServingTimeout,
    Throttled,
    Unavailable,
)
from serving_clients.session import Session, connect
from serving_contracts import (
    Catalog,
    Sentiment,
    SentimentRequest,
    Similarity,
    SimilarityRequest,
    SummarizationRequest,
    Summary,
    SummarySentence,
)

if TYPE_CHECKING:
    from serving_clients.async_endpoint import AsyncEndpointClient
    from serving_clients.async_session import AsyncSession, aconnect

__version__ = "0.1.0"

__all__ = [
    "AccessDenied",
    "AsyncEndpointClient",
    "AsyncSession",
    "Catalog",
    "CatalogNotFound",
    "EndpointClient",
    "EndpointNotFound",
    "InvalidCatalog",
    "InvalidRequest",
    "InvokeResult",
    "ModelFailed",
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
]

_ASYNCHRONOUS = {
    "AsyncEndpointClient": "async_endpoint",
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
