"""Classic SageMaker scripts run unchanged."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from serving_processes import DEADLINE_S, ServerProcess

WHOLE = """
import json

def model_fn(model_dir):
    return model_dir

def input_fn(request_body, content_type):
    if content_type != "application/jsonlines":
        raise ValueError("secret")
    return [json.loads(line)["text"] for line in request_body.decode().splitlines()]

def predict_fn(texts, model):
    return [{"texts": texts, "model": model}]

def output_fn(prediction, accept):
    return json.dumps(prediction), accept
"""

SHORT = """
import numpy as np

def model_fn(model_dir):
    return lambda data: np.asarray(data) * 2
"""


def script(folder: Path, source: str) -> Path:
    (folder / "code").mkdir()
    (folder / "code/inference.py").write_text(source)
    return folder


def test_a_script_reads_and_writes_bodies_by_itself(tmp_path: Path) -> None:
    with ServerProcess(script(tmp_path, WHOLE)) as server:
        assert server.request("GET", "/ping")[0] == 200
        status, headers, body = server.invoke(
            b'{"text": "a"}\n{"text": "b"}', "application/jsonlines", "text/csv"
        )
        assert (status, headers["content-type"]) == (200, "text/csv")
        assert json.loads(body) == [{"texts": ["a", "b"], "model": str(tmp_path)}]


def test_a_script_that_raises_gives_an_error_id(tmp_path: Path) -> None:
    with ServerProcess(script(tmp_path, WHOLE)) as server:
        status, _, body = server.invoke(b"{}", "application/json")
        assert (status, json.loads(body)["error"]["code"]) == (500, "ModelFailed")
        assert b"secret" not in body
        assert "secret" in server.logged("The model failed.")["trace"]


def test_what_a_script_leaves_out_has_the_toolkits_defaults(tmp_path: Path) -> None:
    with ServerProcess(script(tmp_path, SHORT)) as server:
        assert json.loads(server.invoke(b"[1, 2]", "application/json", "*/*")[2]) == [2, 4]
        buffer = io.BytesIO()
        np.save(buffer, np.array([1.5]))
        _, headers, body = server.invoke(buffer.getvalue(), "application/x-npy", "application/x-npy")
        assert headers["content-type"] == "application/x-npy"
        assert np.load(io.BytesIO(body)).tolist() == [3.0]
        assert server.invoke(b"1,2", "text/csv")[0] == 415
        assert server.invoke(b"[1]", "application/json", "text/csv")[0] == 406
        assert server.invoke(b"[1", "application/json")[0] == 400


def test_a_script_without_model_fn_is_refused(tmp_path: Path) -> None:
    with ServerProcess(script(tmp_path, "x = 1"), wait_until_ready=False) as server:
        assert server.process.wait(DEADLINE_S) == 1
        assert "model_fn" in server.logged("The model cannot be loaded.")["reason"]
