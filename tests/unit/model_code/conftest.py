"""What tests of several models need: a stand-in of the server of gluoncv's model zoo."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def publish_in_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Path], Path]]:
    """A function that serves parameters under a name and with a checksum that gluoncv then knows.

    It returns the folder in which the file to download lies.
    """
    root = tmp_path / "server" / "gluon" / "models"
    root.mkdir(parents=True)
    handler = partial(_Quiet, directory=str(tmp_path / "server"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.delenv("MXNET_HOME", raising=False)
    monkeypatch.setenv("MXNET_GLUON_REPO", f"http://127.0.0.1:{server.server_port}/")

    def publish(name: str, parameters: Path) -> Path:
        from gluoncv.model_zoo import model_store

        digest = hashlib.sha1(parameters.read_bytes(), usedforsecurity=False).hexdigest()
        monkeypatch.setitem(model_store._model_sha1, name, digest)
        with zipfile.ZipFile(root / f"{name}-{digest[:8]}.zip", "w") as archive:
            archive.write(parameters, f"{name}-{digest[:8]}.params")
        return root

    yield publish
    server.shutdown()
    server.server_close()
    thread.join(10)
