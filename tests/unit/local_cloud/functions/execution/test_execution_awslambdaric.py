"""AWS's own client of the Runtime API against ours."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from function_toys import Lab, becomes, build_image, request, tail_lines

from delivery import images
from delivery.project import Project
from local_cloud.functions.specs import FunctionVersion
from local_cloud.image_store import ImageStore


@pytest.fixture(scope="session")
def ric_packages() -> Path:
    """Where the locked packages of the image ``lambda_sentiment`` lie; made where they are not there."""
    project = Project.here()
    image = images.find_image(project, "lambda_sentiment")
    python = ImageStore(project.images_dir).environment(
        image.requirements, python=image.python, no_deps=image.no_deps, progress=lambda _: None
    )
    (packages,) = python.parents[1].glob("lib/python*/site-packages/awslambdaric")
    return packages.parent


@pytest.fixture(scope="session")
def ric_image(aws_url: str, function_images: Path) -> str:
    source = Path(__file__).parent / "ric_handler"
    command = ["python", "-m", "awslambdaric", "ric_handler.app.handler"]
    return build_image(function_images, aws_url, "ric-function", source, "# nothing\n", command)


@pytest.fixture
def version(lab: Lab, ric_image: str, ric_packages: Path) -> FunctionVersion:
    """The image's environment is empty: the client comes from another image's."""
    return lab.version(image_uri=ric_image, environment={"PYTHONPATH": str(ric_packages)})


async def test_it_is_served_call_after_call(lab: Lab, version: FunctionVersion) -> None:
    sent = request(version, {"text": "안녕"}, client_context='{"custom": {"a": "b"}}')
    result = await lab.execution.invoke(version, sent)
    answer = json.loads(result.payload)
    assert answer["event"] == {"text": "안녕"}
    assert answer["function"] == version.function_name
    assert 0 < answer["left_ms"] <= 10_000
    assert answer["memory"] == "512"
    assert answer["client"] == {"a": "b"}
    assert any("[WARNING]" in line and "said None" in line for line in tail_lines(result))
    for number in range(20):
        again = await lab.call(version, {"number": number})
        assert not again.cold
        assert json.loads(again.payload)["event"] == {"number": number}
    assert len(lab.pids(version)) == 1


@pytest.mark.parametrize(("do", "error_type"), [("raise", "KeyError"), ("not-json", "Runtime.MarshalError")])
async def test_its_errors_are_passed_on_and_it_stays(
    lab: Lab, version: FunctionVersion, do: str, error_type: str
) -> None:
    result = await lab.call(version, {"do": do})
    assert result.function_error == "Unhandled"
    assert json.loads(result.payload)["errorType"] == error_type
    assert not (await lab.call(version)).cold


@pytest.mark.parametrize(
    ("do", "error_type"), [("large", "Function.ResponseSizeTooLarge"), ("exit", "Runtime.ExitError")]
)
async def test_where_it_ends_it_is_replaced(
    lab: Lab, version: FunctionVersion, do: str, error_type: str
) -> None:
    result = await lab.call(version, {"do": do})
    assert json.loads(result.payload)["errorType"] == error_type
    assert (await lab.call(version)).function_error is None


async def test_its_init_error_is_the_answer(lab: Lab, version: FunctionVersion) -> None:
    broken = lab.version(image_uri=version.image_uri, environment={**version.environment, "BREAK": "1"})
    result = await lab.call(broken)
    document = json.loads(result.payload)
    assert (document["errorType"], document["errorMessage"]) == ("ValueError", "the weights are missing")
    assert await becomes(lambda: not lab.states(broken))


async def test_json_logs_are_its_own(lab: Lab, version: FunctionVersion) -> None:
    chatty = lab.version(image_uri=version.image_uri, environment=version.environment, log_format="JSON")
    await asyncio.gather(*(lab.call(chatty, {"do": "talk"}) for _ in range(2)))
    lines = await lab.stored_log(chatty)
    said = [json.loads(line) for line in lines if '"said talk"' in line]
    assert len(said) == 2
    assert {event["level"] for event in said} == {"WARNING"}
