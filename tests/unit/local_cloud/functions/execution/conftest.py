from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from function_toys import Lab, build_image, make_settings
from moto.server import ThreadedMotoServer

from local_cloud.functions.execution import Execution
from local_cloud.moto_gaps import mend


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    mend("cloudwatch")  # moto adds up what has more dimensions than were asked for
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def function_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("function-images")


@pytest.fixture(scope="session")
def toy_image(aws_url: str, function_images: Path) -> str:
    source = Path(__file__).parent / "toy_runtime"
    command = ["python", "-m", "toy_runtime", "toy.handler"]
    return build_image(function_images, aws_url, "toy-function", source, "# nothing\n", command)


@pytest.fixture
async def make_lab(
    aws_url: str, toy_image: str, function_images: Path, tmp_path: Path
) -> AsyncIterator[Callable[..., Lab]]:
    """``make_lab(init_s=…)``: an Execution with settings of its own; closed at the end of the test."""
    labs: list[Lab] = []

    def make(**options: Any) -> Lab:
        settings = make_settings(aws_url, function_images, tmp_path / str(len(labs)), **options)
        labs.append(Lab(aws_url, toy_image, settings, Execution(settings)))
        return labs[-1]

    yield make
    for lab in labs:
        await lab.execution.close()


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab()
