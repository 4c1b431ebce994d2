"""What an exception of botocore or of the transport means to the caller, and whether to try again."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore import exceptions

from serving_clients import errors
from serving_clients._container_failures import Said, of_container
from serving_clients._retries import Failure
from serving_clients._settings import Settings
from serving_clients._transport import TransportError

THROTTLED: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""The codes that botocore's own retries take for throttling."""
DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
_NO_CREDENTIALS: Final = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.SSOError,
    exceptions.NoAuthTokenError,
)
_WRAPPED: Final = re.compile(r'with message "(.*)"\. See ', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Context:
    """What was being called, for messages.

    endpoint_name: None while the catalog is read. subject: what it was instead of an endpoint (an object, a
    queue). throttling: what to do where it is throttled, if that is known better than by default.
    """

    settings: Settings
    action: str
    endpoint_name: str | None = None
    subject: str | None = None
    throttling: str | None = None

    @property
    def what(self) -> str:
        """The subject of a sentence."""
        if self.subject:
            return self.subject
        return f"endpoint {self.endpoint_name!r}" if self.endpoint_name else "the catalog"

    @property
    def container(self) -> str:
        """What answers there."""
        return f"the container of {self.what}"

    @property
    def faster(self) -> str:
        """What to do where the work on a request takes too long."""
        return "send less at a time, or give the endpoint faster instances"

    def timed_out(self, seconds: float) -> errors.ServingTimeout:
        """The deadline of *seconds* is over."""
        hint = "give timeout= more seconds, send less at a time, or look at the endpoint's log"
        if self.subject:
            hint = "give timeout= more seconds, or look at the network"
        return errors.ServingTimeout(
            f"no answer from {self.what} within {seconds:g} s",
            hint=hint,
            endpoint_name=self.endpoint_name,
        )

    def classify(self, cause: Exception) -> Failure | None:
        """The failure behind *cause*; None for an exception that is neither AWS's nor the network's."""
        if isinstance(cause, exceptions.ClientError):
            return _of_answer(cause.response, self)
        if isinstance(cause, TransportError):
            return self._of_transport(cause)
        if isinstance(cause, _NO_CREDENTIALS):
            return self.denied(f"no usable credentials: {cause}")
        if isinstance(cause, exceptions.ParamValidationError):
            return Failure(
                errors.InvalidRequest(one_line(str(cause)), endpoint_name=self.endpoint_name), "never"
            )
        if isinstance(cause, exceptions.ReadTimeoutError | exceptions.ConnectTimeoutError):
            return Failure(self.timed_out(self.settings.seconds(None)), "few")
        if isinstance(cause, exceptions.SSLError):
            return self._of_transport(TransportError(str(cause), tls=True))
        if isinstance(cause, exceptions.EndpointConnectionError):
            return self._of_transport(TransportError(str(cause), refused=True))
        if isinstance(cause, exceptions.HTTPClientError):
            return self._of_transport(TransportError(str(cause)))
        if isinstance(cause, exceptions.BotoCoreError):
            message = one_line(str(cause))
            return Failure(errors.Unavailable(f"cannot call {self.what}: {message}"), "never")
        if isinstance(cause, ValueError):  # a header that HTTP cannot carry
            return Failure(
                errors.InvalidRequest(one_line(str(cause)), endpoint_name=self.endpoint_name), "never"
            )
        return None

    def throttled(
        self, message: str, details: dict[str, Any], after: float | None, hint: str | None = None
    ) -> Failure:
        """More was asked than it takes: to be tried again for as long as the deadline allows."""
        hint = hint or self.throttling or "send less at a time, or let the endpoint scale further"
        return Failure(errors.Throttled(message, hint=hint, **details), "deadline", after)

    def too_slow(self, message: str, details: dict[str, Any]) -> Failure:
        """AWS, or the container itself, ended the work on a request."""
        error = errors.ServingTimeout(message, hint=self.faster, **details)
        error.about_size = True
        return Failure(error, "never")

    def denied(self, message: str) -> Failure:
        """The caller may not, or has no credentials."""
        hint = f"the caller needs the permission {self.action}"
        if message.startswith("no usable credentials"):
            hint = 'run "aws configure" or "aws sso login", or name a profile with AWS_PROFILE'
        return Failure(
            errors.AccessDenied(one_line(message), hint=hint, endpoint_name=self.endpoint_name), "never"
        )

    def _of_transport(self, cause: TransportError) -> Failure:
        local = self.settings.local
        hint = "check the network, the region and the proxy settings"
        if cause.tls:
            hint = "AWS_CA_BUNDLE names the certificates to trust"
        elif cause.refused and local:
            hint = "start the local cloud: invoke local.up (or make demo)"
        elif local:
            hint = "see what the local cloud says: invoke local.logs"
        where = f" at {self.settings.endpoint_url}" if self.settings.endpoint_url else ""
        error = errors.Unavailable(
            f"cannot reach {self.what}{where}: {one_line(str(cause))}",
            hint=hint,
            endpoint_name=self.endpoint_name,
        )
        return Failure(error, "never" if cause.tls else "few")


def _of_answer(response: Mapping[str, Any], context: Context) -> Failure:
    """The failure behind an error answer of AWS, as botocore parsed it."""
    about = response.get("Error") or {}
    code = str(about.get("Code") or "")
    meta = response.get("ResponseMetadata") or {}
    status = int(meta.get("HTTPStatusCode") or 0)
    message = one_line(str(about.get("Message") or response.get("Message") or code or f"HTTP {status}"))
    after = retry_after((meta.get("HTTPHeaders") or {}).get("retry-after"))
    details: dict[str, Any] = {
        "endpoint_name": context.endpoint_name,
        "request_id": meta.get("RequestId"),
    }
    if code == "ModelError":
        details["log_stream_arn"] = response.get("LogStreamArn")
        original = str(response.get("OriginalMessage") or "")
        if not original and (wrapped := _WRAPPED.search(message)):
            original = wrapped.group(1)
        said = Said(_status(response.get("OriginalStatusCode")), original, one_line(original) or message)
        return of_container(said, details, context, after)
    if code == "ModelStreamError":
        why = response.get("ErrorCode") or "the container broke off"
        failed = errors.ModelFailed(f"{message} ({why})", hint="its log tells why", **details)
        return Failure(failed, "never")
    if code == "InternalStreamFailure":
        broke = errors.Unavailable(f"the stream from {context.what} broke off: {message}", **details)
        return Failure(broke, "deadline", after)
    if code in THROTTLED:
        return context.throttled(f"{context.what} is throttled: {message}", details, after)
    if code == "ModelNotReadyException":
        error = errors.Unavailable(f"the model of {context.what} is not ready: {message}", **details)
        return Failure(error, "deadline", after)
    if code in DENIED or status in (401, 403):
        failure = context.denied(f"{code}: {message}")
        failure.error.request_id = details["request_id"]
        return failure
    if code == "ParameterNotFound":
        return Failure(_no_catalog(context), "never")
    if re.match(r"Endpoint \S+ (of account \S+ )?not found", message):
        settings = context.settings
        hint = f"see what is deployed: invoke smoke --env {settings.env}" if settings.env else None
        return Failure(errors.EndpointNotFound(message, hint=hint, **details), "never")
    if code in ("NoSuchBucket", "NoSuchKey", "404"):
        missing = errors.InvalidRequest(f"{context.what} is not there: {message}", **details)
        missing.not_there = code != "NoSuchBucket"
        return Failure(missing, "never")
    if status == 429:
        return context.throttled(f"{context.what} is throttled: {message}", details, after)
    if status >= 500:
        error = errors.Unavailable(f"{context.what} cannot answer now: {code}: {message}", **details)
        return Failure(error, "deadline", after)
    return Failure(errors.InvalidRequest(f"{code}: {message}", **details), "never")


def _no_catalog(context: Context) -> errors.CatalogNotFound:
    settings = context.settings
    place = f" in {settings.region}" if settings.region else ""
    command = f"invoke deploy --env {settings.env}"
    return errors.CatalogNotFound(
        f"nothing is deployed under the environment {settings.env!r}{place}",
        hint=f"deploy first: {command}" + (" (or make demo)" if settings.local else ""),
    )


def retry_after(value: object) -> float | None:
    """Seconds of a ``Retry-After`` header: a number or a date (RFC 9110, 10.2.3); else None."""
    if not isinstance(value, str):
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value.strip()):
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())


def _status(value: object) -> int | None:
    """OriginalStatusCode; 0 (the container gave no answer) and nonsense are None."""
    return value if isinstance(value, int) and value > 0 else None


def one_line(text: str) -> str:
    """*text* for a message: without line breaks, and not without end."""
    line = " ".join(text.split())
    return line if len(line) <= 1000 else f"{line[:1000]}…"
