"""Many callers while containers die: no wrong answer, no hang, every failure a proper AWS error."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deployed import SENTENCES, Deployment

LABELLED = tuple(zip(SENTENCES, ("Pos", "Neg"), strict=True))
CALLERS = 64
SECONDS = 60
KILL_EVERY_S = 10
CALL_DEADLINE_S = 20
PROPER_ERRORS = {"ModelError": 424, "ServiceUnavailable": 503, "ModelNotReadyException": 429}


def container_of(deployment: Deployment, hostname: str) -> dict[str, Any]:
    """What the local cloud says of the deployed endpoint's container: pid, restarts, state."""
    with urllib.request.urlopen(f"{deployment.url}/_local/status", timeout=20) as response:
        status = json.load(response)
    endpoint = next(e for e in status["endpoints"] if e["name"] == deployment.endpoint_name)
    containers = [
        container
        for variant in endpoint["variants"]
        for instance in variant["instances"]
        for container in instance["containers"]
    ]
    return next(container for container in containers if container["name"] == hostname)


@pytest.mark.timeout(SECONDS + 120)
def test_sixty_four_callers_see_no_wrong_answer_while_a_container_is_killed_every_ten_seconds(
    deployment: Deployment,
) -> None:
    runtime = deployment.client("sagemaker-runtime", read_timeout=CALL_DEADLINE_S)
    bodies = [(json.dumps({"text": text}).encode(), label) for text, label in LABELLED]
    stop = threading.Event()
    outcomes: Counter[str] = Counter()
    problems: list[str] = []
    longest = 0.0

    def call_until_stopped(number: int) -> None:
        nonlocal longest
        while not stop.is_set():
            body, label = bodies[number % 2]
            started = time.monotonic()
            try:
                response = runtime.invoke_endpoint(
                    EndpointName=deployment.endpoint_name,
                    TargetContainerHostname="sentiment",
                    ContentType="application/json",
                    Body=body,
                )
                answer = json.load(response["Body"])
                if answer["predicted_label"] == label:
                    outcomes["right"] += 1
                else:
                    problems.append(f"{label} expected, got {answer}")
            except ClientError as error:
                code, status = (
                    error.response["Error"]["Code"],
                    error.response["ResponseMetadata"]["HTTPStatusCode"],
                )
                outcomes[code] += 1
                if PROPER_ERRORS.get(code) != status:
                    problems.append(f"{code} {status}: {error}")
                stop.wait(0.05)
            except Exception as error:
                problems.append(f"not an AWS error: {error!r}")
            longest = max(longest, time.monotonic() - started)

    kills = 0
    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(call_until_stopped, number) for number in range(CALLERS)]
        try:
            ends = time.monotonic() + SECONDS
            while (left := ends - time.monotonic()) > 0:
                stop.wait(min(KILL_EVERY_S, left))
                target = container_of(deployment, "sentiment")
                if target["pid"] and time.monotonic() < ends:
                    os.kill(target["pid"], signal.SIGKILL)
                    kills += 1
        finally:
            stop.set()
        for call in calls:
            call.result(timeout=CALL_DEADLINE_S * 2)

    print(f"{dict(outcomes)}, {kills} kills, longest call {longest:.2f} s")
    assert not problems, f"{len(problems)} problems, the first: {problems[:3]}"
    assert kills >= SECONDS // KILL_EVERY_S - 1
    assert outcomes["right"] > 1000
    assert longest < CALL_DEADLINE_S
    assert container_of(deployment, "sentiment")["restarts"] >= kills
