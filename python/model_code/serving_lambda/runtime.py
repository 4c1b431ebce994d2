"""What ``awslambdaric`` does otherwise than this platform wants, changed at the points that it offers.

* Answers are JSON in UTF-8, as AWS's own runtimes from Python 3.12 on write it. Outside of those images
  ``awslambdaric`` escapes every character that is not ASCII, which doubles the bytes of a Korean answer; the
  limit of 6 MB counts them.
* Log lines are JSON objects as the inference server writes them, with the id of the request. With the log
  format JSON, Lambda's own, they are left as they are.
* Its native client of the Runtime API exists for Linux alone. Elsewhere :mod:`serving_lambda.portable_client`
  serves.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import orjson

from serving.logs import JsonFormatter


def adapt() -> None:
    """Change the ``awslambdaric`` that runs this process; does nothing where none does."""
    client: Any = sys.modules.get("awslambdaric.lambda_runtime_client")
    if client is None:
        return
    client.BaseLambdaRuntimeClient.marshaller = Marshaller(client.LambdaMarshaller())
    if client.runtime_client is None:
        from serving_lambda.portable_client import PortableClient

        client.runtime_client = PortableClient.from_environment()
    for log_handler in logging.getLogger().handlers:
        if type(log_handler.formatter) is logging.Formatter:
            log_handler.setFormatter(_LineFormatter())


def refusal(error: Exception) -> Exception:
    """What to raise for an event that is itself to blame: reported under the same name and in the same words,
    but without a stack trace, which would tell the caller of this code and not of the event.
    """
    exceptions: Any = sys.modules.get("awslambdaric.lambda_runtime_exception")
    return error if exceptions is None else exceptions.FaultException(type(error).__name__, str(error))


class Marshaller:
    """Events from JSON, answers to JSON in UTF-8: ``awslambdaric``'s ``LambdaMarshaller`` otherwise."""

    def __init__(self, standard: Any) -> None:
        self._standard = standard

    def unmarshal_request(self, request: Any, content_type: str = "application/json") -> Any:
        """The event; what is wrong with it is reported as ``awslambdaric`` does."""
        return self._standard.unmarshal_request(request, content_type)

    def marshal_response(self, response: Any) -> tuple[bytes, str]:
        """The bytes to send and their content type."""
        return orjson.dumps(response), "application/json"


class _LineFormatter(JsonFormatter):
    def format(self, record: logging.LogRecord) -> str:
        request = getattr(record, "aws_request_id", "")  # set by awslambdaric's filter; empty during init
        named = {"requestId": request} if request else {}
        record.fields = {**named, **getattr(record, "fields", {})}
        return super().format(record) + "\n"  # awslambdaric's handler adds no end of line
