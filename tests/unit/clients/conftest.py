"""A runtime to call, and a catalog in moto's SSM that leads to it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from jobs_stand_in import Endpoint
from moto.server import ThreadedMotoServer
from published_catalogs import catalog, publish
from runtime_stand_in import ENDPOINT, Runtime, running

from serving_clients import EndpointClient, Session, connect

AWS_NAMES = ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "SERVING_LOCAL_DIR")


logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request hides what matters


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No test may see, or reach, an account of whoever runs it."""
    for name in (*AWS_NAMES, "SERVING_LOCAL_PORT", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def runtime(moto_url: str) -> Iterator[Runtime]:
    with running(moto_url) as server:
        yield server


@pytest.fixture
def session(runtime: Runtime, moto_url: str) -> Iterator[Session]:
    publish(moto_url, "local", catalog())
    with connect("local", endpoint_url=runtime.url, timeout=20) as open_session:
        yield open_session


@pytest.fixture
def endpoint(runtime: Runtime) -> Endpoint:
    """An asynchronous endpoint with a queue for its notices."""
    return Endpoint(runtime)


@pytest.fixture
def jobs(runtime: Runtime, moto_url: str, endpoint: Endpoint) -> Iterator[Session]:
    """A session whose environment has the asynchronous endpoint."""
    publish(moto_url, "local", catalog(segmentation=endpoint.catalog_entry))
    with connect("local", endpoint_url=runtime.url, timeout=20) as open_session:
        yield open_session


@pytest.fixture
def without_queue(runtime: Runtime) -> Endpoint:
    """An asynchronous endpoint that announces nothing: S3 is polled."""
    return Endpoint(runtime, queue=False)


@pytest.fixture
def polling(runtime: Runtime, moto_url: str, without_queue: Endpoint) -> Iterator[Session]:
    publish(moto_url, "local", catalog(segmentation=without_queue.catalog_entry))
    with connect("local", endpoint_url=runtime.url, timeout=20) as open_session:
        yield open_session


@pytest.fixture
def client(runtime: Runtime) -> Iterator[EndpointClient]:
    with EndpointClient(
        ENDPOINT, target_container="sentiment", env="local", endpoint_url=runtime.url, timeout=20
    ) as one:
        yield one
