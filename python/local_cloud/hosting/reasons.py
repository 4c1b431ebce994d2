"""AWS's own sentences, in one place. Each was seen in AWS's documentation or in a public log.

Where AWS gives only a sentence, our detail follows it in brackets: what happened, and what to do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

MAX_REASON_CHARACTERS: Final = 1024
"""botocore's model: DescribeEndpoint's FailureReason."""

MAX_LAST_WORDS_CHARACTERS: Final = 300


def images_missing(variant: str, detail: str) -> str:
    """CreateEndpoint fails so when an image cannot be pulled (seen in sagemaker-python-sdk #1835)."""
    return _with_detail(
        f"Please make sure all images included in the model for the production variant {variant} exist, "
        "and that the execution role used to create the model has permissions to access them.",
        detail,
    )


def label_missing(image: str, label: str) -> str:
    """Multi-container endpoints, "Missing accept-bind-to-port=true Docker label" (developer guide)."""
    return f"Your Ecr Image {image} does not contain required {label}=true Docker label(s)."


def model_data_not_found(url: str, detail: str) -> str:
    """Seen with CreateModel and CreateEndpoint (generative-ai-cdk-constructs #179)."""
    return _with_detail(f"Could not find model data at {url}.", detail)


def model_data_not_downloaded(container: str, url: str, detail: str) -> str:
    """Seen in fraud-detection-using-machine-learning #9."""
    return _with_detail(
        f'Failed to download model data for container "{container}" from URL: "{url}". Please ensure '
        "that there is an object located at the URL and that the role passed to CreateModel has permissions "
        "to download the object.",
        detail,
    )


def model_data_not_extracted(container: str, url: str, detail: str) -> str:
    """Seen in deep-learning-containers #569."""
    return _with_detail(
        f'Failed to extract model data archive for container "{container}" from URL "{url}". Please ensure '
        "that the object located at the URL is a valid tar.gz archive.",
        detail,
    )


def ping_failed(variant: str, details: Mapping[str, str]) -> str:
    """``details``: failing container → what happened to it. Sentence: developer guide, troubleshooting."""
    names = ", ".join(details)
    noun = "container" if len(details) == 1 else "containers"
    return _with_detail(
        f"The {names} {noun} for production variant {variant} did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint.",
        "; ".join(f"{name}: {detail}" for name, detail in details.items()),
    )


def not_up_in_time(seconds: float, detail: str) -> str:
    """A serverless endpoint that is too slow (seen in sagemaker-huggingface-inference-toolkit's issues)."""
    return _with_detail(
        f"Unable to successfully stand up your model within the allotted {seconds:g} second timeout. Please "
        "ensure that downloading your model artifacts, starting your model container and passing the ping "
        f"health checks can be completed within {seconds:g} seconds.",
        detail,
    )


def no_response(endpoint: str, detail: str) -> str:
    """The original message of a ModelError for a container that ran out of memory (seen in
    amazon-sagemaker-examples #2815; "an instance type" is AWS's word there)."""
    return _with_detail(
        f"Amazon SageMaker could not get a response from the {endpoint} endpoint. This can occur when CPU or "
        "memory utilization is high. To check your utilization, see Amazon CloudWatch. To fix this problem, "
        "use an instance type with more CPU capacity or memory.",
        detail,
    )


def joined(reasons: Sequence[str]) -> str:
    """One FailureReason out of several, cut to what AWS allows."""
    text = " ".join(dict.fromkeys(reasons))
    return text if len(text) <= MAX_REASON_CHARACTERS else text[: MAX_REASON_CHARACTERS - 1] + "…"


def container_error(container: str, status: int, body: str, *, region: str, group: str, account: str) -> str:
    """The message of ModelError (seen throughout public issues)."""
    kind = "client error" if 400 <= status < 500 else "server error"
    return (
        f'Received {kind} ({status}) from {container} with message "{body}". '
        f"See https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logEventViewer:group={group} in account {account} for more information."
    )


def timed_out(container: str) -> str:
    """The original message of a ModelError for a container that did not answer in time."""
    return (
        f"Your invocation timed out while waiting for a response from container {container}. Review the "
        "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
    )


def last_words(line: str) -> str:
    """A container's last log line, for a reason: of a structured one its message, and the cause beside it."""
    text = line.strip()
    try:
        entry = json.loads(text)
    except ValueError:
        entry = None
    if isinstance(entry, dict):
        said = [entry.get(name) for name in ("message", "msg", "reason", "error", "exception")]
        text = " ".join(part for part in said if isinstance(part, str) and part) or text
    return text if len(text) <= MAX_LAST_WORDS_CHARACTERS else text[: MAX_LAST_WORDS_CHARACTERS - 1] + "…"


def _with_detail(sentence: str, detail: str) -> str:
    return f"{sentence} ({detail})" if detail else sentence
