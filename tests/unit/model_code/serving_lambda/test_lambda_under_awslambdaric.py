"""The image's command, as a process with its locked packages, against a Runtime API."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from function_models import (
    ECHO,
    OBEDIENT,
    PICTURES,
    PNG,
    body_of,
    error_of,
    function_environment,
    http_event,
    write_model,
)
from lambda_runtime_api import COMMAND, DEADLINE_S, FunctionProcess

from delivery.model_folder import read_model

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def obedient(tmp_path_factory: pytest.TempPathFactory, function_python: Path) -> Iterator[FunctionProcess]:
    """One process for many events, as an execution environment is."""
    folder = tmp_path_factory.mktemp("obedient")
    model = write_model(folder / "model", OBEDIENT)
    with FunctionProcess(function_python, function_environment(model), folder / "log") as function:
        yield function


def start(
    folder: Path, python: Path, handler: str, task: str = "sentiment", **variables: str
) -> FunctionProcess:
    model = write_model(folder / "model", handler, task)
    return FunctionProcess(python, function_environment(model, **variables), folder / "log")


def test_a_probe_finds_the_version_ready(obedient: FunctionProcess) -> None:
    ready = {"ready": True, "model": "written-by-a-test", "task": "sentiment", "version": "7"}
    assert obedient.answer({"probe": True}) == ready


def test_korean_text_comes_through_in_every_form(obedient: FunctionProcess) -> None:
    text = "배우들의 연기가 훌륭했다 👏🏽"
    score = len(text) / 100
    assert obedient.answer({"text": text})["score"] == score
    for event in (http_event({"text": text}), http_event(json.dumps({"text": text}).encode())):
        answer = obedient.answer(event)
        assert (answer["statusCode"], json.loads(answer["body"])["score"]) == (200, score)


def test_answers_are_utf_8_and_not_escaped(tmp_path: Path, function_python: Path) -> None:
    with start(tmp_path, function_python, ECHO, "summarization") as function:
        posted = function.invoke({"text": "서울의 봄 👏🏽"})
        assert "서울의 봄 👏🏽".encode() in posted.body
        assert posted.json()["summary"] == "서울의 봄 👏🏽"
        assert posted.headers["content-type"] == "application/json"
        answer = function.answer(http_event({"text": "서울의 봄 👏🏽"}))
        assert json.loads(answer["body"])["summary"] == "서울의 봄 👏🏽"


def test_bad_input_is_reported_under_its_name_and_the_next_event_is_answered(
    obedient: FunctionProcess,
) -> None:
    error = obedient.error({"text": ["하나", "둘"]})
    assert error["errorType"] == "InvalidInput"
    assert "field 'text'" in error["errorMessage"]
    assert error["stackTrace"] == []  # it is about the event, and not about this code
    assert obedient.answer({"text": "좋아요"})["score"] == 0.03


def test_a_model_that_raises_is_the_functions_error_and_the_next_event_is_answered(
    obedient: FunctionProcess,
) -> None:
    error = obedient.error({"text": "raise"})
    assert (error["errorType"], error["errorMessage"]) == ("RuntimeError", "a secret of the weights")
    assert obedient.answer({"text": "좋아요"})["score"] == 0.03


def test_over_http_the_trace_of_a_model_that_raises_is_a_line_of_the_log(obedient: FunctionProcess) -> None:
    posted = obedient.invoke(http_event({"text": "raise"}))
    error = error_of(posted.json())
    assert (error["status"], b"secret" in posted.body) == (500, False)
    lines = [json.loads(line) for line in obedient.output().splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("requestId") == posted.request_id]
    assert line["error_id"] in error["message"]
    assert (line["level"], line["message"]) == ("error", "The model failed.")
    assert "a secret of the weights" in line["trace"]


def test_an_event_that_is_no_json_does_not_end_the_process(obedient: FunctionProcess) -> None:
    assert obedient.error(b"{")["errorType"] == "Runtime.UnmarshalError"
    assert obedient.answer({"text": "좋아요"})["score"] == 0.03


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        pytest.param(
            "def load(model_dir, threads):\n    raise OSError('gone')\n", "OSError: gone", id="load"
        ),
        pytest.param("import nowhere_to_be_found\n", "nowhere_to_be_found", id="an import"),
        pytest.param("", "no function load", id="no load"),
    ],
)
def test_a_model_that_cannot_load_fails_the_init_with_what_is_wrong(
    tmp_path: Path, function_python: Path, handler: str, message: str
) -> None:
    with start(tmp_path, function_python, handler) as function:
        posted = function.posted()
        assert posted.what == "init/error"
        assert posted.json()["errorType"] == "ModelLoadError"
        assert message in posted.json()["errorMessage"]
        assert posted.headers["lambda-runtime-function-error-type"] == "ModelLoadError"
        assert function.process.wait(DEADLINE_S) != 0


def test_a_model_that_is_not_there_fails_the_init(tmp_path: Path, function_python: Path) -> None:
    environment = function_environment(tmp_path / "nowhere")
    with FunctionProcess(function_python, environment, tmp_path / "log") as function:
        posted = function.posted()
        assert (posted.what, posted.json()["errorType"]) == ("init/error", "ModelLoadError")
        assert "does not exist" in posted.json()["errorMessage"]


def test_in_lambdas_own_log_format_lines_stay_lambdas(tmp_path: Path, function_python: Path) -> None:
    with start(tmp_path, function_python, OBEDIENT, AWS_LAMBDA_LOG_FORMAT="JSON") as function:
        posted = function.invoke(http_event({"text": "raise"}))
        (line,) = [json.loads(line) for line in function.output().splitlines() if "secret" in line]
        assert (line["level"], line["requestId"]) == ("ERROR", posted.request_id)
        assert line["fields"]["error_id"] in error_of(posted.json())["message"]


@pytest.fixture
def without_native_client(tmp_path: Path) -> str:
    """A path on which ``awslambdaric``'s native module cannot be imported, as on a machine without one."""
    folder = tmp_path / "blocked"
    folder.mkdir()
    (folder / "runtime_client.py").write_text("raise ImportError('not on this machine')\n")
    return str(folder)


def test_where_there_is_no_native_client_the_portable_one_serves(
    tmp_path: Path, function_python: Path, without_native_client: str
) -> None:
    model = write_model(tmp_path / "model", PICTURES, "detection")
    environment = function_environment(model)
    environment["PYTHONPATH"] = f"{without_native_client}:{environment['PYTHONPATH']}"
    with FunctionProcess(function_python, environment, tmp_path / "log") as function:
        picture = PNG + bytes(3_000_000)
        answer = function.answer(http_event(picture, "image/png", headers={"accept": "image/jpeg"}))
        assert body_of(answer) == b"\xff\xd8\xffdrawn" + picture
        error = function.error({"image": "사진"})
        assert (error["errorType"], "'image'" in error["errorMessage"]) == ("InvalidInput", True)
        assert function.answer({"probe": True})["ready"] is True
        assert "no native client" not in function.output()


def test_the_init_imports_nothing_that_an_event_can_do_without(tmp_path: Path, function_python: Path) -> None:
    model = write_model(tmp_path / "model", OBEDIENT)
    code = "import sys, serving_lambda.app; print(*sys.modules)"
    found = subprocess.run(
        [str(function_python), "-c", code],
        env=function_environment(model),
        check=True,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    ).stdout.split()
    assert "serving_lambda.texts" in found
    for name in ("asyncio", "http.client", "ssl", "uvicorn", "socket", "tempfile", "numpy"):
        assert name not in found
    assert "serving_lambda.pictures" not in found
    assert "serving_contracts.sentiment" in found
    for other in ("catalog", "detection", "segmentation", "similarity", "summarization", "tasks"):
        assert f"serving_contracts.{other}" not in found


def test_the_real_sentiment_model_answers_from_the_images_environment(
    tmp_path: Path, function_python: Path
) -> None:
    for name, source in read_model(ROOT / "python/model_code/sentiment").files.items():
        target = tmp_path / "task/model" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)
    environment = function_environment(tmp_path, LAMBDA_TASK_ROOT=str(tmp_path / "task"))
    del environment["SERVING_MODEL_DIR"]
    with FunctionProcess(function_python, environment, tmp_path / "log", COMMAND) as function:
        assert function.answer({"probe": True})["model"] == "sentiment"
        good = function.answer({"text": "정말 재미있는 영화였어요"})
        bad = function.answer({"text": "시간이 아까운 최악의 영화"})
        assert (good["predicted_label"], bad["predicted_label"]) == ("Pos", "Neg")
        assert min(good["score"], bad["score"]) > 0.8
        texts = ["정말 재미있는 영화였어요", "시간이 아까운 최악의 영화"] * 20
        lines = "\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts)
        answer = function.answer(http_event(lines, "application/jsonlines"))
        answers = [json.loads(line) for line in answer["body"].splitlines()]
        assert [found["predicted_label"] for found in answers] == ["Pos", "Neg"] * 20
        assert answers[0]["score"] == pytest.approx(good["score"], abs=1e-4)
        assert function.answer({"texts": texts[:2]}) == [
            pytest.approx(found, abs=1e-4) if isinstance(found, float) else found for found in answers[:2]
        ]
