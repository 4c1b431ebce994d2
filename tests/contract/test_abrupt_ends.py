"""However a local cloud ends, nothing of it runs on; and callers with bad manners harm nobody else."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cloud_under_test import Cloud, push_toy_image

from local_cloud import lifecycle


@pytest.fixture
def own_cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud of this test's own, with one endpoint of two instances, to be ended as the test likes."""
    directory = tmp_path / "cloud"
    info = lifecycle.up(directory, port=0)
    try:
        bare = Cloud(info, directory)
        yield dataclasses.replace(bare, image=push_toy_image(bare, tmp_path / "images"))
    finally:
        lifecycle.down(directory)


def container_pids(cloud: Cloud) -> list[int]:
    state = lifecycle.status(cloud.directory)
    assert state is not None
    return [
        container["pid"]
        for endpoint in state["endpoints"]
        for variant in endpoint["variants"]
        for instance in variant["instances"]
        for container in instance["containers"]
    ]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def two_instances(cloud: Cloud, **environment: str) -> str:
    model = cloud.create_model(
        cloud.container("a", **environment), cloud.container("b", **environment), mode="Direct"
    )
    return cloud.create_endpoint(cloud.create_config(model, InitialInstanceCount=2))


@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM", "down"])
def test_no_container_outlives_its_cloud(own_cloud: Cloud, end: str) -> None:
    two_instances(own_cloud)
    pids = container_pids(own_cloud)
    assert len(pids) == 4
    assert all(runs(pid) for pid in pids)
    if end == "down":
        lifecycle.down(own_cloud.directory)
    else:
        os.kill(own_cloud.info.pid, signal.Signals[end])
    assert eventually(lambda: not any(runs(pid) for pid in [own_cloud.info.pid, *pids]))


def test_callers_that_hang_up_midway_do_no_harm(cloud: Cloud, direct_endpoint: str) -> None:
    path = f"/endpoints/{direct_endpoint}/invocations"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{cloud.info.port}\r\n"
        "X-Amzn-SageMaker-Target-Container-Hostname: first\r\nContent-Length: 1000\r\n\r\n"
    ).encode()
    stream = head.replace(b"/invocations", b"/invocations-response-stream").replace(b"1000", b"12")
    for sent in (b"POST", head, head + b"x" * 500, stream + b"stream 10000"):
        with socket.create_connection(("127.0.0.1", cloud.info.port), timeout=5) as connection:
            connection.sendall(sent)
    runtime = cloud.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(
        EndpointName=direct_endpoint, TargetContainerHostname="first", Body=b"still there?"
    )
    assert answer["Body"].read() == b"first(still there?)"


def test_a_caller_that_leaves_before_the_first_byte_of_a_stream_leaves_nothing_in_flight(
    cloud: Cloud, direct_endpoint: str
) -> None:
    body = b"late-stream 1"
    request = (
        f"POST /endpoints/{direct_endpoint}/invocations-response-stream HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{cloud.info.port}\r\n"
        "X-Amzn-SageMaker-Target-Container-Hostname: first\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    with socket.create_connection(("127.0.0.1", cloud.info.port), timeout=5) as connection:
        connection.sendall(request)
        assert eventually(lambda: in_flight(cloud, direct_endpoint) == 1)
    assert eventually(lambda: in_flight(cloud, direct_endpoint) == 0)


def in_flight(cloud: Cloud, endpoint: str) -> int:
    state = lifecycle.status(cloud.directory)
    assert state is not None
    [found] = [entry for entry in state["endpoints"] if entry["name"] == endpoint]
    return sum(instance["in_flight"] for variant in found["variants"] for instance in variant["instances"])


def test_many_callers_at_once_each_get_their_own_answer(cloud: Cloud, direct_endpoint: str) -> None:
    runtime = cloud.client("sagemaker-runtime", max_pool_connections=32)

    def ask(number: int) -> tuple[bytes, bytes]:
        target = ("first", "second")[number % 2]
        response = runtime.invoke_endpoint(
            EndpointName=direct_endpoint, TargetContainerHostname=target, Body=str(number).encode()
        )
        return response["Body"].read(), f"{target}({number})".encode()

    with ThreadPoolExecutor(32) as pool:
        for answer, expected in pool.map(ask, range(400), timeout=60):
            assert answer == expected
