"""Uploads a file with the client library to a server that only counts, and prints how far memory grew.

The server runs in another process. Output: bytes that arrived, and bytes that the peak of the client's
resident memory grew by, over a small upload before.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3] / "python"
sys.path[:0] = [str(ROOT / "clients"), str(ROOT / "contracts")]


class Sink(BaseHTTPRequestHandler):
    """S3 and SageMaker, as far as an upload needs them."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        left = int(self.headers["Content-Length"])
        with self.server.counted.get_lock():  # type: ignore[attr-defined]
            self.server.counted.value += left  # type: ignore[attr-defined]
        while left:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self._answer(200, b"", ETag='"e"')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/endpoints/"):
            place = "s3://bucket/out"
            return self._answer(202, b'{"InferenceId": "i"}', **{"X-Amzn-SageMaker-OutputLocation": place})
        self._answer(200, b"<R><Bucket>bucket</Bucket><Key>k</Key><UploadId>u</UploadId><ETag>e</ETag></R>")

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def serve(port: Any, counted: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.counted = counted  # type: ignore[attr-defined]
    port.send(server.server_address[1])
    server.serve_forever()


def peak() -> int:
    """Bytes of the largest resident memory so far (Linux counts KiB, macOS bytes)."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


def main(path: str) -> None:
    context = multiprocessing.get_context("spawn")
    counted = context.Value("q", 0)
    mine, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, counted), daemon=True)
    process.start()
    try:
        from serving_clients import JobsClient

        url = f"http://127.0.0.1:{mine.recv()}"
        with JobsClient("e", input_location="s3://bucket/in/", env="local", endpoint_url=url) as client:
            client.submit(b"warm")
            before, received = peak(), counted.value
            client.submit(path, timeout=100)
            print(counted.value - received, peak() - before)
    finally:
        process.terminate()
        process.join(10)


if __name__ == "__main__":
    main(sys.argv[1])
