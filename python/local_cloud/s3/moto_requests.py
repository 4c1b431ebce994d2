"""moto's handling of requests for objects: what they bring becomes a content, and answers carry contents."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any, Final

from local_cloud.s3 import checksums
from local_cloud.s3.bodies import incomplete
from local_cloud.s3.content import Content
from local_cloud.s3.moto_keys import add, complete_from_the_start, whole
from local_cloud.s3.receiving import receive
from local_cloud.s3.refusals import S3Refusal
from local_cloud.s3.store import ObjectStore

STORE: Final = "serving.object_store"
"""Where a WSGI request carries the store that its object goes to."""

_BODY: Final = "serving.object"
_SUBRESOURCES: Final = frozenset({"acl", "tagging", "retention", "legal-hold"})
"""Of a PUT of a key: their bodies are XML, not objects."""


def mend_requests(responses: Any) -> None:
    """Requests bring contents and answers carry them."""
    handler = responses.S3Response
    respond, setup, put, checksum, compute = (
        handler.key_response,
        handler.setup_class,
        handler.put_object,
        handler._get_checksum,
        responses.compute_checksum,
    )

    def key_response(self: Any, request: Any, full_url: str, headers: Any) -> Any:
        try:
            if _brings_an_object(request):
                _take_object(request)
            return respond(self, request, full_url, headers)
        except S3Refusal as refusal:
            return refusal.response()
        finally:
            # A request and its environment refer to each other: the file would stay until they are collected.
            request.environ.pop(_BODY, None)

    def setup_class(self: Any, request: Any, *rest: Any, **named: Any) -> None:
        setup(self, request, *rest, **named)
        if _BODY in request.environ:
            self.body = request.environ[_BODY]

    def put_object(self: Any) -> Any:
        metadata = responses.metadata_from_headers(self.headers)
        metadata.update(responses.metadata_from_headers(self.querystring))
        with complete_from_the_start(self.parse_key_name(), metadata):
            return put(self)

    def _get_checksum(self: Any, response_headers: dict[str, Any]) -> tuple[str, str | None]:
        content: Content | None = self.request.environ.get(_BODY)
        if content is None:
            found: tuple[str, str | None] = checksum(self, response_headers)
            return found
        algorithm = checksums.declared(self.headers)
        digest = content.checksum(algorithm) if algorithm else None
        if algorithm is None or digest is None:
            return "", None
        value = base64.b64encode(digest).decode()
        response_headers[checksums.header(algorithm)] = value
        return algorithm, value

    def compute_checksum(body: Any, algorithm: str, encode_base64: bool = True) -> bytes:
        if not isinstance(body, Content):
            computed: bytes = compute(body, algorithm, encode_base64)
            return computed
        digest = body.checksum(algorithm)
        if digest is None:
            raise S3Refusal(
                "InvalidRequest",
                f"The local cloud cannot compute {algorithm}: ask for CRC32 or SHA256, or install awscrt.",
            )
        return base64.b64encode(digest) if encode_base64 else digest

    responses.compute_checksum = compute_checksum
    add(handler, key_response, setup_class, put_object, _get_checksum)
    add(
        handler,
        *(
            _by_the_gateway(whole(method), otherwise=method)
            for method in (handler.get_object, handler.copy_object, handler.upload_part_copy)
        ),
    )


def _by_the_gateway(method: Callable[..., Any], *, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    def run(self: Any, *arguments: Any, **named: Any) -> Any:
        chosen = method if _came_by_the_gateway(self.request) else otherwise
        return chosen(self, *arguments, **named)

    run.__name__ = otherwise.__name__
    return run


def _came_by_the_gateway(request: Any) -> bool:
    """moto also answers botocore directly, in the process of a test that mocks AWS, and then with bytes."""
    return STORE in request.environ


def _brings_an_object(request: Any) -> bool:
    """Whether it is a PutObject or UploadPart."""
    return (
        request.method == "PUT"
        and _came_by_the_gateway(request)
        and "x-amz-copy-source" not in request.headers
        and _SUBRESOURCES.isdisjoint(request.args)
    )


def _take_object(request: Any) -> None:
    """Reads the object out of a request; moto finds the content in the environment and an empty body."""
    from werkzeug.exceptions import HTTPException
    from werkzeug.wsgi import get_input_stream

    environ = request.environ
    store: ObjectStore = environ[STORE]
    try:
        content = receive(store, get_input_stream(environ), request.headers)
    except (HTTPException, OSError) as error:  # the client hung up, so this is for the log only
        raise incomplete(f"the connection ended ({error})") from error
    environ[_BODY] = content
    environ["wsgi.input"] = io.BytesIO()
    environ["CONTENT_LENGTH"] = "0"
    if request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
        environ["HTTP_X_AMZ_CONTENT_SHA256"] = "UNSIGNED-PAYLOAD"  # moto would take the framing off again
