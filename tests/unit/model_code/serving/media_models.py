"""Handlers of media tasks that do what a request's body says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from serving_processes import ServerProcess, write_model

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff\xe0"
MP4 = b"\x00\x00\x00\x18ftypisom"
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"

#: Answers with the size of the body as the width of the picture, notes what it was asked, and obeys the word
#: that follows a PNG's first bytes.
COUNTS_BYTES = """
import time
from pathlib import Path
from serving_contracts import InvalidInput
from serving_contracts.media import MediaAnswer
from serving_contracts.segmentation import Segmentation

MAX_BATCH = 1

class Model:
    def __init__(self, notes):
        self.notes = notes

    def note(self, name, text):
        with (self.notes / name).open("a") as file:
            file.write(str(text) + "\\n")

    def predict(self, requests):
        (request,) = requests
        count = 0
        with request.path.open("rb") as file:
            word = file.read(64)[8:].decode(errors="replace")
            file.seek(0)
            while piece := file.read(65536):
                count += len(piece)
        assert count == request.size
        self.note("paths", request.path)
        self.note("asked", [request.content_type, request.accepts, request.options.max_objects])
        if word.startswith("refuse"):
            raise InvalidInput("is no picture", hint="send one")
        if word.startswith("no video of this"):
            raise InvalidInput("a picture has no video", field="Accept")
        if word.startswith("raise"):
            raise RuntimeError("a secret of the weights")
        if word.startswith("no answer"):
            return ["this is no Segmentation"]
        if word.startswith("somewhere else"):
            return [MediaAnswer("video/mp4", Path("/etc/hostname"))]
        if word.startswith("wait for "):
            gate = self.notes / word.removeprefix("wait for ")
            while not gate.exists():
                try:
                    request.check()
                except Exception as error:
                    self.note("stopped", type(error).__name__)
                    raise
                time.sleep(0.002)
        for answer_type in request.accepts:
            if answer_type == "application/json":
                return [Segmentation("image", count, 1, ())]
            if answer_type == "video/mp4":
                copy = request.path.with_name("copy")
                with request.path.open("rb") as source, copy.open("wb") as target:
                    while piece := source.read(65536):
                        target.write(piece)
                return [MediaAnswer("video/mp4", copy)]
            return [MediaAnswer(answer_type, b"drawn into")]

def load(model_dir, threads):
    return Model(Path(model_dir))
"""


class MediaServer(ServerProcess):
    """A server whose bodies lie below ``<model folder>/temporary`` while they are there."""

    def __init__(self, folder: Path, handler: str = COUNTS_BYTES, **settings: str) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir(exist_ok=True)
        model = write_model(folder, handler, task="segmentation")
        super().__init__(model, **{"TMPDIR": str(self.temporary), **settings})

    def send_file(self, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """``POST /invocations`` with these headers; ``_`` stands for ``-`` in their names."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", "/invocations", body, named)

    def error(self, body: bytes, **headers: str) -> dict[str, Any]:
        """The error that a file gets, with its status as ``status``."""
        status, _, answer = self.send_file(body, **headers)
        return {"status": status, **json.loads(answer)["error"]}

    def noted(self, name: str) -> list[str]:
        """What the handler noted so far."""
        path = self.model_dir / name
        return path.read_text().splitlines() if path.exists() else []

    def bodies(self) -> list[Path]:
        """The files of requests that lie on disk now."""
        return [path for path in self.temporary.rglob("*") if path.is_file()]
