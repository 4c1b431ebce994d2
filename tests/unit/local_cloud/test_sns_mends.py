"""SNS of the local cloud: a subscriber that never answers holds nobody up for long."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from async_parts import ACCOUNT, REGION, Containers, echo, inline, make_bench, topic, until

from local_cloud.asynchronous import Submission
from local_cloud.moto_gaps import mend
from serving_contracts.limits import SNS_HTTP_SECONDS


@pytest.fixture
def silent_topic(request: pytest.FixtureRequest) -> Iterator[str]:
    """A topic with a subscriber by HTTP that takes messages and never answers."""
    mend("sns")
    from moto.sns.models import sns_backends

    arn, _ = topic(request.node.name)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as subscriber:
        url = f"http://127.0.0.1:{subscriber.getsockname()[1]}/"
        subscription = sns_backends[ACCOUNT][REGION].subscribe(arn, url, "http")
        yield arn
        sns_backends[ACCOUNT][REGION].unsubscribe(subscription.arn)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.sns import models

    module: Any = models
    post = module.requests.post
    assert post.keywords == {"timeout": SNS_HTTP_SECONDS}
    monkeypatch.setattr(module.requests, "post", partial(post.func, timeout=0.5))


async def test_inputs_are_read_while_a_subscriber_does_not_answer(
    silent_topic: str, impatient: None, tmp_path: Path
) -> None:
    bench = make_bench(tmp_path)
    bench.config = replace(bench.config, success_topic=silent_topic)
    location = bench.put("in/x", bytes(200_000))
    fleet = Containers(behave=echo)
    async with bench.hosting(fleet) as endpoint:
        for _ in range(16):
            await endpoint.submit(inline("x"))
        await until(lambda: endpoint.state()["done"] == 16)
        await endpoint.submit(Submission(input_location=location))
        await until(lambda: endpoint.state()["done"] == 17, within_s=0.45)
        await until(lambda: bench.metrics.get("NotificationFailures") == [1] * 17)
