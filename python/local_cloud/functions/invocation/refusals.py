"""What an invocation is refused with, in AWS's words (botocore's model of Lambda, and public reports)."""

from __future__ import annotations

from typing import Final

from local_cloud.functions.control.errors import constraint_broken
from local_cloud.functions.specs import ImageRejected, Throttled
from local_cloud.sagemaker.errors import AwsError

BACKLOG_FULL: Final = "FunctionInvocationRateLimitExceeded"
"""The ThrottleReason that comes nearest where AWS has no limit of this kind."""


def too_large(limit: int) -> AwsError:
    """The event has more bytes than this kind of invocation takes."""
    message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    return AwsError("RequestEntityTooLargeException", 413, message)


def not_json(detail: str) -> AwsError:
    """The event is no JSON; ``detail`` says where it stops being it."""
    message = f"Could not parse request body into json: Could not parse payload into json: {detail}"
    return AwsError("InvalidRequestContentException", 400, message)


def bad_client_context(detail: str) -> AwsError:
    """X-Amz-Client-Context cannot be passed on."""
    message = f"Client context must be a valid Base64-encoded JSON object. {detail}"
    return AwsError("InvalidRequestContentException", 400, message)


def bad_choice(value: str, member: str, choices: tuple[str, ...]) -> AwsError:
    """A header that has to be one of a few words is none of them."""
    return constraint_broken(
        member, value[:64], f"Member must satisfy enum value set: [{', '.join(choices)}]"
    )


def throttled(error: Throttled) -> AwsError:
    """No environment may be started for the invocation."""
    return AwsError("TooManyRequestsException", 429, str(error), {"Reason": error.reason})


def image_rejected(error: ImageRejected) -> AwsError:
    """The function's image is gone; AWS's sentence (observed), then what happened here."""
    message = f"Lambda cannot initialize the provided container image. Verify the image. ({error})"
    return AwsError("CodeArtifactUserFailedException", 409, message)


def stopping() -> AwsError:
    """No environment is left, and none is started; SDKs try again."""
    message = "The local cloud is stopping, or its hosting is being restarted; try again shortly."
    return AwsError("ServiceException", 500, message)


def failed(error: Exception) -> AwsError:
    """The platform failed, not the function; SDKs try again."""
    return AwsError("ServiceException", 500, f"The local cloud failed ({type(error).__name__}: {error}).")
