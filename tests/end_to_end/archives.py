"""Model archives made on the spot: a handler's source, and the model.toml that names its task."""

from __future__ import annotations

import io
import tarfile


def model_archive(handler: str, *, task: str = "sentiment") -> bytes:
    """A model.tar.gz with the given handler and no weights."""
    manifest = f'[model]\nname = "made-by-a-test"\ntask = "{task}"\nimage = "nlp_onnx"\n'
    return archive({"model.toml": manifest, "code/handler.py": handler})


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, text in files.items():
            data = text.encode()
            member = tarfile.TarInfo(path)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


ALWAYS_POSITIVE = """
from serving_contracts.tasks import TASKS


class Model:
    def predict(self, requests):
        answer = TASKS["sentiment"].parse_answer({"predicted_label": "Pos", "score": 0.5})
        return [answer for _ in requests]


def load(model_dir, threads):
    return Model()
"""

RAISES = ALWAYS_POSITIVE.replace(
    "        answer =",
    "        if any('raise' in request.text for request in requests):\n"
    "            raise RuntimeError('weights are haunted')\n"
    "        answer =",
)

HANGS = ALWAYS_POSITIVE.replace(
    "        answer =", "        import time\n        time.sleep(3600)\n        answer ="
)

CANNOT_LOAD = """
def load(model_dir, threads):
    raise OSError("the weights file is truncated")
"""
