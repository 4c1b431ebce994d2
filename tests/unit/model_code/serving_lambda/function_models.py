"""Models that a test writes, as functions: in this process, or under awslambdaric with locked packages."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving.model_loader import load_model
from serving_lambda.function import Function

ROOT = Path(__file__).resolve().parents[4]
IMPORT_ROOTS = (ROOT / "python/model_code", ROOT / "python/contracts")
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff\xe0"

#: Scores by the text's length, or does what the text says.
OBEDIENT = """
from serving_contracts import InvalidInput, Sentiment

class Model:
    def prepare(self, request):
        if request.text == "refuse":
            raise InvalidInput("is refused by the model", field="text")
        return request.text

    def size(self, text):
        return len(text)

    def predict(self, texts):
        return [self.answer(text) for text in texts]

    def answer(self, text):
        if text == "raise":
            raise RuntimeError("a secret of the weights")
        if text == "no answer":
            return "this is no Sentiment"
        return Sentiment("Pos", min(1.0, len(text) / 100))

def load(model_dir, threads):
    return Model()
"""

#: The whole text as its own summary; the score says how many sentences were asked for.
ECHO = """
from serving_contracts import Summary, SummarySentence

class Model:
    def predict(self, requests):
        return [Summary(r.text, (SummarySentence(0, "…", r.max_sentences),)) for r in requests]

def load(model_dir, threads):
    return Model()
"""

#: Answers with the file's size as the width and the threshold as a score; obeys the word after a PNG's head.
PICTURES = """
from pathlib import Path
from serving_contracts import InvalidInput
from serving_contracts.detection import DetectedObject, Detection
from serving_contracts.media import MediaAnswer

class Model:
    def __init__(self, notes):
        self.notes = notes

    def predict(self, requests):
        (request,) = requests
        body = request.path.read_bytes()
        assert len(body) == request.size
        (self.notes / "paths").open("a").write(f"{request.path}\\n")
        word = body[8:64].decode(errors="replace")
        options = request.options
        if word.startswith("refuse"):
            raise InvalidInput("is no picture", hint="send one")
        if word.startswith("not as this"):
            raise InvalidInput("cannot be drawn into", field="Accept")
        if word.startswith("raise"):
            raise RuntimeError("a secret of the weights")
        if word.startswith("no answer"):
            return ["this is no Detection"]
        if word.startswith("somewhere else"):
            return [MediaAnswer("image/jpeg", Path("/etc/hostname"))]
        if request.accepts[0] == "image/jpeg":
            drawn = request.path.with_name("drawn.jpg")
            drawn.write_bytes(b"\\xff\\xd8\\xffdrawn" + body)
            return [MediaAnswer("image/jpeg", drawn if word.startswith("a file") else drawn.read_bytes())]
        label = f"{request.content_type} {options.max_objects}"
        found = DetectedObject(label, options.score_threshold, (0, 0, 1, 1))
        return [Detection(len(body), 1, (found,), body if options.annotated else None)]

def load(model_dir, threads):
    return Model(Path(model_dir))
"""


def write_model(folder: Path, handler: str, task: str = "sentiment") -> Path:
    """A model as it lies in an image."""
    (folder / "code").mkdir(parents=True, exist_ok=True)
    (folder / "model.toml").write_text(f'[model]\nname = "written-by-a-test"\ntask = "{task}"\n')
    (folder / "code/handler.py").write_text(handler)
    return folder


def load_function(model_dir: Path) -> Function:
    """The function around a model, in this process, which forgets the model's modules again."""
    path, modules = list(sys.path), set(sys.modules)
    try:
        return Function(load_model(model_dir, 1, concurrent_runs=1), "7")
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if str(model_dir) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


def http_event(
    body: Any = None, content_type: str | None = "application/json", method: str = "POST", **changes: Any
) -> dict[str, Any]:
    """A function URL's event (payload version 2.0); bytes are sent in base64, other bodies as JSON."""
    encoded = isinstance(body, bytes)
    if encoded:
        body = base64.b64encode(body).decode()
    elif body is not None and not isinstance(body, str):
        body = json.dumps(body, ensure_ascii=False)
    headers = changes.pop("headers", {})
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": changes.pop("path", "/"),
        "rawQueryString": "",
        "headers": {**({"content-type": content_type} if content_type else {}), **headers},
        "requestContext": {"http": {"method": method, "path": "/", "protocol": "HTTP/1.1"}},
        "isBase64Encoded": encoded,
        **changes,
    }
    return event if body is None else {**event, "body": body}


def body_of(answer: Mapping[str, Any]) -> bytes:
    """The bytes of an HTTP answer's body."""
    body: str = answer["body"]
    return base64.b64decode(body, validate=True) if answer["isBase64Encoded"] else body.encode()


def error_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The error of an HTTP answer, with its status."""
    assert answer["headers"]["Content-Type"] == "application/json"
    return {"status": answer["statusCode"], **json.loads(body_of(answer))["error"]}


def function_environment(model_dir: Path, **variables: str) -> dict[str, str]:
    """What an execution environment has, with the project's sources on the path and the model elsewhere."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(map(str, IMPORT_ROOTS)),
        "SERVING_MODEL_DIR": str(model_dir),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        **variables,
    }
