"""The frames are what botocore's own parser takes for frames."""

from __future__ import annotations

import json

import pytest
from botocore.eventstream import EventStreamBuffer

from local_cloud.sagemaker import event_stream


def parsed(data: bytes) -> list[tuple[dict[str, str], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(dict(event.headers), event.payload) for event in buffer]


@pytest.mark.parametrize("size", [1, event_stream.LARGEST_PART, event_stream.LARGEST_PART + 1, 500_000])
def test_output_arrives_whole_whatever_its_size(size: int) -> None:
    data = bytes(index % 251 for index in range(size))
    frames = parsed(b"".join(event_stream.payload_parts(data)))
    assert b"".join(payload for _, payload in frames) == data
    assert all(headers[":event-type"] == "PayloadPart" for headers, _ in frames)
    assert all(len(payload) <= event_stream.LARGEST_PART for _, payload in frames)


def test_empty_output_makes_no_frame() -> None:
    assert list(event_stream.payload_parts(b"")) == []


def test_a_model_that_fails_midway_is_an_exception_frame() -> None:
    [(headers, payload)] = parsed(event_stream.model_stream_error("조각이 끊겼다", "StreamBroken"))
    assert headers[":message-type"] == "exception"
    assert headers[":exception-type"] == "ModelStreamError"
    assert json.loads(payload) == {"Message": "조각이 끊겼다", "ErrorCode": "StreamBroken"}


def test_a_failure_of_the_platform_is_an_exception_frame_of_its_own() -> None:
    [(headers, payload)] = parsed(event_stream.internal_stream_failure("oh"))
    assert headers[":exception-type"] == "InternalStreamFailure"
    assert json.loads(payload) == {"Message": "oh"}
