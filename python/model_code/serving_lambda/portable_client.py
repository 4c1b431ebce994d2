"""A client of Lambda's Runtime API in plain Python, for machines without ``awslambdaric``'s native one."""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping

_BASE = "/2018-06-01/runtime/invocation/"
_ACCEPTED = 202


class RuntimeApiError(Exception):
    """The Runtime API answered with a status that ends this process."""


class PortableClient:
    """The functions of the native module ``runtime_client``, over one connection that is kept open."""

    def __init__(self, address: str) -> None:
        # No time-out: the next event may be minutes away, and Lambda freezes the process meanwhile.
        self._connection = http.client.HTTPConnection(address)

    @classmethod
    def from_environment(cls) -> PortableClient:
        """The client of the Runtime API that ``AWS_LAMBDA_RUNTIME_API`` names."""
        return cls(os.environ["AWS_LAMBDA_RUNTIME_API"])

    def next(self) -> tuple[bytes, dict[str, str]]:
        """Wait for an event: its bytes, and the headers that say what it is."""
        status, headers, body = self._call("GET", f"{_BASE}next")
        if status != http.HTTPStatus.OK:
            raise RuntimeApiError(f"{_BASE}next answered {status}")
        return body, headers

    def post_invocation_result(
        self, invoke_id: str, content: bytes, content_type: str, invocation_id: str | None = None
    ) -> None:
        """Send an answer."""
        self._post(f"{_BASE}{invoke_id}/response", content, {"Content-Type": content_type}, invocation_id)

    def post_error(
        self, invoke_id: str, error: str, xray_cause: str, invocation_id: str | None = None
    ) -> None:
        """Send what the handler raised, as JSON."""
        headers: dict[str, str | bytes] = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Function-XRay-Error-Cause": xray_cause.encode(),  # bytes: any letter may be in it
        }
        self._post(f"{_BASE}{invoke_id}/error", error.encode(), headers, invocation_id)

    def _post(
        self, path: str, content: bytes, headers: Mapping[str, str | bytes], invocation_id: str | None
    ) -> None:
        named = {} if invocation_id is None else {"Lambda-Runtime-Invocation-Id": invocation_id}
        status, _, body = self._call("POST", path, content, {**headers, **named})
        if status != _ACCEPTED:
            raise RuntimeApiError(f"{path} answered {status}: {body[:200]!r}")

    def _call(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: Mapping[str, str | bytes] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        try:
            self._connection.request(method, path, content, dict(headers or {}))
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()  # the next call connects anew
            raise
        # The names as Lambda documents them: awslambdaric looks them up letter by letter.
        named = {"-".join(part.capitalize() for part in k.split("-")): v for k, v in response.getheaders()}
        return response.status, named, body
