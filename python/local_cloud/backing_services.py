"""Every AWS service that is not SageMaker: moto, run in this process behind the gateway.

moto serves WSGI on a loopback port of its own, in threads; each of its services is loaded on first use. Only
the gateway may call it: a request without this process's secret is refused. What moto lacks is mended in
:mod:`local_cloud.moto_gaps`; what it still lacks is answered at once with an error that no SDK retries,
naming the action, where moto itself would answer 500 and the Terraform provider would then retry for ever.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from local_cloud import s3
from local_cloud.moto_gaps import mend
from local_cloud.settings import ACCOUNT, HOST

log = logging.getLogger(__name__)

SECRET_HEADER: Final = "X-Serving-Gateway"
_CREDENTIAL_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/([^/]+)/aws4_request")
_XML_REST_SERVICES: Final = frozenset({"s3", "route53", "cloudfront"})
_STOP_SECONDS: Final = 5.0
_UNKNOWN: Final = 400
_FAILED: Final = 501
"""A failure inside moto: unlike 500, 501 is retried by no SDK, and the same request would fail the same way
again."""

StartResponse = Callable[..., Any]
Environ = dict[str, Any]


class BackingServices:
    """moto on a private port. :meth:`start` blocks for about a second (imports): call it from a thread."""

    def __init__(self, objects_dir: Path | None = None) -> None:
        """``objects_dir``: where S3's objects lie while this runs; what is there before is removed. A
        temporary folder of its own unless given."""
        self.secret = secrets.token_urlsafe(24)
        self._store = s3.ObjectStore(
            objects_dir or Path(tempfile.gettempdir()) / f"s3-{secrets.token_hex(8)}"
        )
        self.objects = s3.S3Objects(self._store, ACCOUNT)
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens; only the gateway has a use for it."""
        host, port = self._server.server_address[:2]
        return f"http://{host}:{port}"

    def start(self) -> None:
        """Imports moto and starts its server. Raises OSError if no port can be bound or no object stored."""
        self._store.open()
        # moto's answers carry "Access-Control-Allow-Origin: *" unless told otherwise: no web page shall read
        # them.
        os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
        os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server

        class Dispatcher(DomainDispatcherApplication):
            """Looks for AWS's query protocol, which is POST, in bodies; not in an object that is PUT."""

            def _get_body(self, environ: Environ) -> Any:
                return super()._get_body(environ) if environ.get("REQUEST_METHOD") == "POST" else None

        class QuietRequestHandler(MotoRequestHandler):
            """The gateway logs requests; werkzeug need not do so again."""

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                return

        def create_app(service: Any) -> Any:
            mend(service)
            if service == "s3":
                s3.mend()
            return create_backend_app(service)

        application = _Guard(Dispatcher(create_app), self.secret, self._store)
        self._server = make_server(HOST, 0, application, threaded=True, request_handler=QuietRequestHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="moto", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops the server and removes S3's objects; what else moto remembers goes with the process."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
        self._store.close()


class _Guard:
    """WSGI middleware: lets only the gateway in, and turns what moto cannot do into an answer."""

    def __init__(self, application: Any, secret: str, store: s3.ObjectStore) -> None:
        self._application = application
        self._secret = secret
        self._store = store

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.pop("HTTP_X_SERVING_GATEWAY", "")
        if not secrets.compare_digest(given, self._secret):
            return _respond(start_response, 403, "text/plain", b"Call the local cloud's gateway instead.\n")
        environ[s3.STORE] = self._store
        answer = _Recorder()
        try:
            result: Iterable[bytes] = self._application(environ, answer.start_response)
            if answer.is_unknown_route:
                raise NotImplementedError("no such route")
        except NotImplementedError as error:
            action = f"{_action(environ, error)} of {_service(environ)}"
            message = f"{action} is not offered by the local cloud: moto has none ({error})."
            log.error("%s", message)
            return _refuse(environ, start_response, _UNKNOWN, message)
        except Exception as error:
            action = f"{_action(environ, error)} of {_service(environ)}"
            message = f"{action} failed inside moto: {type(error).__name__}: {error}."
            log.exception("%s", message)
            return _refuse(environ, start_response, _FAILED, message)
        start_response(answer.status, answer.headers)
        return result


class _Recorder:
    """Keeps what the application starts its answer with, until it is known to be worth passing on."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        self.status, self.headers = status, headers
        return _no_write

    @property
    def is_unknown_route(self) -> bool:
        """Flask's own page for a URL that no moto service has; moto's own answers of 404 are JSON or XML, or
        empty (S3's HEAD of an object that is not there)."""
        headers = {name.lower(): value for name, value in self.headers}
        is_page = (
            headers.get("content-type", "").startswith("text/html") and headers.get("content-length") != "0"
        )
        return self.status.startswith("404") and is_page


def _no_write(data: bytes) -> object:
    raise AssertionError("moto returns its body; WSGI's write() is not in use")


def _service(environ: Environ) -> str:
    scope = _CREDENTIAL_SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    return scope.group(1) if scope else "an unknown service"


def _action(environ: Environ, error: Exception) -> str:
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return str(target).rpartition(".")[2]
    path = str(environ.get("PATH_INFO", ""))
    if "/operation/" in path:
        return path.rpartition("/")[2]
    named = re.match(r"The (\w+) action has not been implemented", str(error))
    if named:
        return "".join(word.capitalize() for word in named.group(1).split("_"))
    return f"{environ.get('REQUEST_METHOD')} {path}"


def _refuse(environ: Environ, start_response: StartResponse, status: int, message: str) -> Iterable[bytes]:
    """The error in the protocol of the request."""
    service = _service(environ)
    content_type = str(environ.get("CONTENT_TYPE", ""))
    code = "UnknownOperationException" if status == _UNKNOWN else "InternalFailure"
    if environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor":
        body = _cbor_map({"__type": code, "message": message})
        return _respond(
            start_response, status, "application/cbor", body, [("smithy-protocol", "rpc-v2-cbor")]
        )
    if "x-www-form-urlencoded" in content_type:
        code = "InvalidAction" if status == _UNKNOWN else code
        text = f"<ErrorResponse><Error><Type>Sender</Type>{_xml_error(code, message)}</Error></ErrorResponse>"
        return _respond(start_response, status, "text/xml", text.encode())
    if service in _XML_REST_SERVICES:
        text = f"<Error>{_xml_error(code, message)}</Error>"
        return _respond(start_response, status, "text/xml", text.encode())
    body = json.dumps({"__type": code, "message": message}).encode()
    return _respond(start_response, status, "application/json", body, [("x-amzn-ErrorType", code)])


def _xml_error(code: str, message: str) -> str:
    return f"<Code>{code}</Code><Message>{escape(message)}</Message>"


def _respond(
    start_response: StartResponse,
    status: int,
    content_type: str,
    body: bytes,
    headers: list[tuple[str, str]] | None = None,
) -> Iterable[bytes]:
    phrases = {400: "Bad Request", 403: "Forbidden", 501: "Not Implemented"}
    start_response(
        f"{status} {phrases[status]}",
        [("Content-Type", content_type), ("Content-Length", str(len(body))), *(headers or [])],
    )
    return [body]


def _cbor_map(members: dict[str, str]) -> bytes:
    """A CBOR map of fewer than 24 text members (RFC 8949): all that an error answer needs."""

    def text(value: str) -> bytes:
        data = value.encode()
        return b"\x79" + len(data[:0xFFFF]).to_bytes(2, "big") + data[:0xFFFF]

    return bytes([0xA0 + len(members)]) + b"".join(text(key) + text(value) for key, value in members.items())
