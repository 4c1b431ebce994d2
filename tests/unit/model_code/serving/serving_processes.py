"""A real server process around a handler that a test writes, and a small client for it."""

from __future__ import annotations

import http.client
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]
IMPORT_ROOTS = (ROOT / "python/model_code", ROOT / "python/contracts")
DEADLINE_S = 30.0

ALWAYS_POSITIVE = """
from serving_contracts import Sentiment

class Model:
    def predict(self, requests):
        return [Sentiment("Pos", 0.5) for request in requests]

def load(model_dir, threads):
    return Model()
"""

#: Answers by what the text says: raises, waits for a file, or scores by the text's length.
OBEDIENT = """
import time
from pathlib import Path
from serving_contracts import InvalidInput, Sentiment

class Model:
    def __init__(self, gates):
        self.gates = gates

    def prepare(self, request):
        if request.text == "refuse":
            raise InvalidInput("is refused by the model", field="text")
        if request.text == "break in prepare":
            raise RuntimeError("a secret of prepare")
        return request.text

    def size(self, text):
        return len(text)

    def predict(self, texts):
        (self.gates / "batches").open("a").write(repr(texts) + "\\n")
        return [self.answer(text) for text in texts]

    def answer(self, text):
        if text == "raise":
            raise RuntimeError("a secret of the weights")
        if text == "no answer":
            return "this is no Sentiment"
        if text.startswith("wait for "):
            while not (self.gates / text.removeprefix("wait for ")).exists():
                time.sleep(0.002)
        return Sentiment("Pos", min(1.0, len(text) / 100))

def load(model_dir, threads):
    return Model(Path(model_dir))
"""


def write_model(folder: Path, handler: str, *, task: str = "sentiment") -> Path:
    """An unpacked model archive with this handler."""
    (folder / "code").mkdir(parents=True, exist_ok=True)
    (folder / "model.toml").write_text(f'[model]\nname = "written-by-a-test"\ntask = "{task}"\n')
    (folder / "code/handler.py").write_text(handler)
    return folder


class ServerProcess:
    """``python -m serving serve`` on a free port; its log lines are parsed as they come."""

    def __init__(self, model_dir: Path, *, wait_until_ready: bool = True, **settings: str) -> None:
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("SERVING_", "SAGEMAKER_"))
            },
            "PYTHONPATH": os.pathsep.join(map(str, IMPORT_ROOTS)),
            "SAGEMAKER_BIND_TO_PORT": "0",
            "SERVING_HOST": "127.0.0.1",
            "SERVING_THREADS": "1",
            "SERVING_MODEL_DIR": str(model_dir),
            **settings,
        }
        self.model_dir = model_dir
        self.lines: list[dict[str, Any]] = []
        self._arrivals: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serving", "serve"], env=environment, stdout=subprocess.PIPE, cwd=model_dir
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        try:
            self.port = int(self.logged("Listening.")["port"])
            if wait_until_ready:
                self.logged("Ready.")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def logged(self, message: str) -> dict[str, Any]:
        """The first log line with this message that was not asked for before; waits for it."""
        give_up = time.monotonic() + DEADLINE_S
        while (remaining := give_up - time.monotonic()) > 0:
            try:
                line = self._arrivals.get(timeout=remaining)
            except queue.Empty:
                break
            if line is None:
                break
            if line["message"] == message:
                return line
        raise AssertionError(f"the server did not log {message!r}; it logged {self.lines}")

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers in lower case, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return response.status, fields, response.read()
        finally:
            connection.close()

    def invoke(
        self, body: bytes, content_type: str | None = "application/json", accept: str | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """``POST /invocations``."""
        headers = {"Content-Type": content_type, "Accept": accept}
        return self.request(
            "POST",
            "/invocations",
            body,
            {name: value for name, value in headers.items() if value is not None},
        )

    def ask(self, text: str) -> tuple[int, Any]:
        """One text: status and parsed answer."""
        status, _, body = self.invoke(json.dumps({"text": text}).encode())
        return status, json.loads(body)

    def metrics(self) -> dict[str, Any]:
        """``GET /metrics`` as JSON."""
        return dict(json.loads(self.request("GET", "/metrics")[2]))

    def wait_for_metrics(self, *path: str, value: Any) -> None:
        """Return when the counter at ``path`` has this value."""
        give_up = time.monotonic() + DEADLINE_S
        seen: Any = None
        while time.monotonic() < give_up:
            seen = self.metrics()
            for name in path:
                seen = seen.get(name) if isinstance(seen, dict) else None
            if seen == value:
                return
            time.sleep(0.005)
        raise AssertionError(f"/metrics has {'.'.join(path)} = {seen!r}, not {value!r}")

    def batches(self) -> list[list[str]]:
        """The batches that the obedient handler has seen so far."""
        seen = (self.model_dir / "batches").read_text().splitlines()
        return [json.loads(text.replace("'", '"')) for text in seen]

    def open_gate(self, name: str) -> None:
        """Let the texts ``wait for <name>`` go on."""
        (self.model_dir / name).touch()

    def _read_log(self) -> None:
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            try:
                line = json.loads(raw)
            except ValueError:
                line = {"message": raw.decode(errors="replace")}
            self.lines.append(line)
            self._arrivals.put(line)
        self._arrivals.put(None)
