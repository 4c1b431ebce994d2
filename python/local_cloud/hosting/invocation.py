"""The way of one request through one instance: Direct to one container, Serial through all in order."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Self

from local_cloud.hosting import reasons
from local_cloud.hosting.container import Container
from local_cloud.hosting.errors import ContainerDied, InvocationTimedOut, ModelError
from local_cloud.hosting.instance import Instance
from local_cloud.hosting.proxy import (
    Answer,
    AnswerStream,
    BrokenOff,
    ConnectFailed,
    Proxy,
    ProxyError,
    TimedOut,
)
from local_cloud.hosting.specs import BodySource, ByteStream, HostingSettings, InvokeRequest, InvokeResponse
from local_cloud.hosting.telemetry.invocations import ContainerMetrics

MAX_ORIGINAL_MESSAGE_CHARACTERS: Final = 4_000
EXIT_NOTICE_S: Final = 0.03
"""How long a broken connection waits for the news that its container has ended."""

_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
_NEW_SESSION = "X-Amzn-SageMaker-New-Session-Id"
_CLOSED_SESSION = "X-Amzn-SageMaker-Closed-Session-Id"


class NothingSent(Exception):
    """The first container took no connection: the request may safely go to another instance."""


class InstanceStream:
    """A container's streamed answer, and the place of its request in the instance.

    The place is given up once, however the stream ends: read to its end, failed, or closed, be it before the
    first piece. Therefore an object and not an async generator, whose body never runs if it is closed first.
    """

    def __init__(
        self,
        pieces: AnswerStream,
        *,
        leave: Callable[[], None],
        as_model_error: Callable[[ProxyError], Awaitable[ModelError]],
    ) -> None:
        self._pieces = pieces
        self._leave = leave
        self._as_model_error = as_model_error
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Raises ModelError (InvocationTimedOut)."""
        try:
            return await anext(self._pieces)
        except ProxyError as error:
            await self.aclose()
            raise await self._as_model_error(error) from error
        except BaseException:  # the end of the stream, and a cancelled reader
            await self.aclose()
            raise

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._leave()
        await self._pieces.aclose()


class Invocation:
    """One request on its way. ``model_us`` adds up the microseconds that containers took."""

    def __init__(
        self,
        request: InvokeRequest,
        *,
        variant: str,
        log_group: str,
        metrics: Mapping[str, ContainerMetrics],
        proxy: Proxy,
        settings: HostingSettings,
        exit_notice_s: float = EXIT_NOTICE_S,
    ) -> None:
        self.model_us = 0.0
        self._exit_notice_s = exit_notice_s
        self._request = request
        self._variant = variant
        self._log_group = log_group
        self._metrics = metrics
        self._proxy = proxy
        self._settings = settings

    async def through(self, instance: Instance, chain: Sequence[Container]) -> InvokeResponse:
        """Comes into the instance, and leaves it when the answer is complete.

        Raises as ``inside`` does.
        """
        streaming = False
        instance.enter()
        try:
            response = await self.inside(instance, chain, leave=instance.leave)
            streaming = not isinstance(response.body, bytes)
            return response
        finally:
            if not streaming:
                instance.leave()

    async def inside(
        self, instance: Instance, chain: Sequence[Container], *, leave: Callable[[], None] = lambda: None
    ) -> InvokeResponse:
        """Each container of ``chain`` gets the answer of the one before it. ``leave`` is called at the end of
        a streamed answer.

        Raises NothingSent, ModelError (InvocationTimedOut, ContainerDied).
        """
        request, settings = self._request, self._settings
        timeout_s = request.timeout_s
        if timeout_s is None:
            timeout_s = settings.stream_timeout_s if request.stream else settings.invocation_timeout_s
        deadline = time.perf_counter() + timeout_s
        content_type = request.content_type
        body: bytes | BodySource = request.body
        answered = b""
        for container in chain:
            run = container.runs
            answer = await self._ask(
                container,
                body,
                content_type,
                instance_id=instance.instance_id,
                first=container is chain[0],
                last=container is chain[-1],
                timeout_s=deadline - time.perf_counter(),
            )
            content_type = answer.headers.get("Content-Type")
            if not isinstance(answer.body, bytes):
                return self._response(answer, self._stream(container, run, answer.body, leave), content_type)
            body = answered = answer.body
        return self._response(answer, answered, content_type)

    async def _ask(
        self,
        container: Container,
        body: bytes | BodySource,
        content_type: str | None,
        *,
        instance_id: str,
        first: bool,
        last: bool,
        timeout_s: float,
    ) -> Answer:
        port = container.port
        if port is None or not container.is_available:
            if first:
                raise NothingSent(f"{container.name} on {instance_id} is {container.status.value}")
            raise self._model_error(container, 0, f"The container is {container.status.value}.")
        began = time.perf_counter()
        status, run = 0, container.runs
        try:
            answer = await self._proxy.invoke(
                port,
                body,
                _headers(self._request, content_type, last=last),
                timeout_s=max(timeout_s, 0.001),
                stream=self._request.stream and last,
            )
            status = answer.status
        except ConnectFailed as error:
            if first:
                raise NothingSent(f"{container.name} on {instance_id}: {error}") from error
            raise self._model_error(container, 0, str(error)) from error
        except TimedOut as error:
            raise self._timed_out(container) from error
        except ProxyError as error:
            raise await self._broken(error, container, run) from error
        finally:
            took_us = (time.perf_counter() - began) * 1e6
            self.model_us += took_us
            if (metrics := self._metrics.get(container.name)) is not None:
                metrics.answered(status, took_us)
        if not 200 <= status < 300:
            content = answer.body if isinstance(answer.body, bytes) else b""
            failure = self._model_error(container, status, content.decode("utf-8", errors="replace"))
            failure.body, failure.content_type = content, answer.headers.get("Content-Type")
            raise failure
        return answer

    def _stream(
        self, container: Container, run: int, pieces: AnswerStream, leave: Callable[[], None]
    ) -> InstanceStream:
        async def as_model_error(error: ProxyError) -> ModelError:
            if isinstance(error, TimedOut):
                return self._timed_out(container)
            return await self._broken(error, container, run)

        return InstanceStream(pieces, leave=leave, as_model_error=as_model_error)

    async def _broken(self, error: ProxyError, container: Container, run: int) -> ModelError:
        """A connection that broke off, and how the container ended where that was the cause."""
        if not isinstance(error, BrokenOff) or not await container.has_ended(run, self._exit_notice_s):
            return self._model_error(container, 0, str(error))
        ended = f"; the container ended with {container.last_exit}" if container.last_exit else ""
        return self._error(ContainerDied, container, 0, f"{error}{ended}")

    def _response(self, answer: Answer, body: bytes | ByteStream, content_type: str | None) -> InvokeResponse:
        headers = answer.headers
        return InvokeResponse(
            status=answer.status,
            body=body,
            content_type=content_type,
            invoked_variant=self._variant,
            custom_attributes=headers.get(_ATTRIBUTES),
            new_session_id=headers.get(_NEW_SESSION),
            closed_session_id=headers.get(_CLOSED_SESSION),
            content_length=_length(headers.get("Content-Length")),
        )

    def _model_error(self, container: Container, status: int, message: str) -> ModelError:
        """For a container's answer with ``status``; 0 where it gave none."""
        return self._error(ModelError, container, status, message)

    def _timed_out(self, container: Container) -> ModelError:
        return self._error(InvocationTimedOut, container, 0, reasons.timed_out(container.label))

    def _error(self, kind: type[ModelError], container: Container, status: int, message: str) -> ModelError:
        settings, text = self._settings, message[:MAX_ORIGINAL_MESSAGE_CHARACTERS]
        return kind(
            reasons.container_error(
                container.label,
                status,
                text,
                region=settings.region,
                group=self._log_group,
                account=settings.account,
            ),
            original_status=status,
            original_message=text,
            log_stream_arn=(
                f"arn:aws:logs:{settings.region}:{settings.account}:log-group:{self._log_group}"
                f":log-stream:{container.log.name}"
            ),
        )


def _headers(request: InvokeRequest, content_type: str | None, *, last: bool) -> Mapping[str, str]:
    """``Accept`` is the caller's wish for the final answer; the containers before choose for themselves."""
    headers: dict[str, str] = {}
    if content_type is not None:
        headers["Content-Type"] = content_type
    if last and request.accept is not None:
        headers["Accept"] = request.accept
    if request.custom_attributes is not None:
        headers[_ATTRIBUTES] = request.custom_attributes
    if request.inference_id is not None:
        headers["X-Amzn-SageMaker-Inference-Id"] = request.inference_id
    if request.session_id is not None:
        headers["X-Amzn-SageMaker-Session-Id"] = request.session_id
    return headers


def _length(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
