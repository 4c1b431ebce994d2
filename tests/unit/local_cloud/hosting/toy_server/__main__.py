"""A server that honours the hosting contract and misbehaves on request: ``python -m toy_server serve``.

The variable TOY says how it starts; the first word of a request's body says how it answers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODE = os.environ.get("TOY", "")
NAME = os.environ.get("TOY_NAME", "toy")
PING_STATUS = [200]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the client's delayed ACK

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        if Path("unhealthy").exists():
            time.sleep(60)
        self._answer(503 if MODE == "never-ready" else PING_STATUS[0], b"")

    def do_POST(self) -> None:
        if MODE == "counts-bytes":
            self._count(int(self.headers["Content-Length"]))
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        word, _, rest = body.decode().partition(" ")
        if MODE == "says-headers":
            word = "headers"
        if word == "status":
            self._answer(int(rest), b"as you wish")
        elif word == "hang":
            time.sleep(60)
        elif word == "die":
            os._exit(3)
        elif word == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == "half":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
            self.close_connection = True
        elif word == "stream":
            self._stream(int(rest))
        elif word == "late-stream":
            time.sleep(float(rest))
            self._stream(3)
        elif word == "pausing-stream":
            self._stream(2, pause_s=float(rest))
        elif word == "sleep":
            time.sleep(float(rest))
            self._answer(200, b"slept")
        elif word == "work":
            # "work 0.1 text" takes its time and answers with what it was asked.
            time.sleep(float(rest.partition(" ")[0]))
            self._answer(200, f"{NAME}({body.decode()})".encode())
        elif word == "pid":
            time.sleep(float(rest or 0))
            self._answer(200, str(os.getpid()).encode())
        elif word == "hold":
            # "hold PATH" answers with its process once there is such a file.
            wait_for(Path(rest))
            self._answer(200, str(os.getpid()).encode())
        elif word == "allocate":
            held = bytearray(int(rest) << 20)
            held[::4096] = b"x" * len(held[::4096])  # only pages that were written to count
            time.sleep(20)
            self._answer(200, b"allocated")
        elif word == "large":
            self._large(int(rest))
        elif word == "env":
            self._answer(200, os.environ.get(rest, "").encode())
        elif word == "headers":
            self._answer(200, "\n".join(f"{k}: {v}" for k, v in self.headers.items()).encode())
        elif word == "read":
            self._answer(200, Path(os.environ["SM_MODEL_DIR"], rest).read_bytes())
        elif word == "unhealthy":
            Path("unhealthy").touch()
            self._answer(200, b"")
        elif word == "print":
            print(rest, flush=True)
            self._answer(200, b"")
        elif word == "flood":
            line = "x" * 99 + "\n"
            sys.stdout.write(line * int(rest))
            sys.stdout.flush()
            self._answer(200, b"")
        elif word == "child":
            child = subprocess.Popen(["sleep", "300"])
            self._answer(200, str(child.pid).encode())
        else:
            self._answer(200, f"{NAME}({body.decode()})".encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"text/{NAME}")
        self.send_header("Content-Length", str(len(body)))
        if attributes := self.headers.get("X-Amzn-SageMaker-Custom-Attributes"):
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", f"seen {attributes}")
        self.end_headers()
        self.wfile.write(body)

    def _count(self, size: int) -> None:
        """Reads a body of any size without holding it; answers with the bytes there were."""
        count = 0
        while count < size:
            piece = self.rfile.read(min(1 << 20, size - count))
            if not piece:
                break
            count += len(piece)
        self._answer(200, str(count).encode())

    def _large(self, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-large")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        while size:
            piece = b"x" * min(1 << 20, size)
            self.wfile.write(piece)
            size -= len(piece)

    def _stream(self, pieces: int, pause_s: float = 0) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(pieces):
            piece = f"piece {number}\n".encode()
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            time.sleep(pause_s)
        if MODE == "breaks-streams":
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def wait_for(path: Path, seconds: float = 30.0) -> None:
    """Returns once there is such a file; the test has failed long before the time is over."""
    deadline = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.005)


def main() -> None:
    print(f"{NAME} starts on {os.environ['SAGEMAKER_BIND_TO_PORT']}", flush=True)
    if MODE == "crash":
        print("cannot load the model: weights.bin is missing", flush=True)
        sys.exit(1)
    if MODE == "crash-once" and not Path("crashed").exists():
        Path("crashed").touch()
        sys.exit(1)
    if MODE == "held-start" and Path(os.environ["TOY_MARK"]).exists():
        wait_for(Path(os.environ["TOY_GATE"]))
    if MODE == "only-one":
        mark = Path(os.environ["TOY_MARK"])
        if mark.exists():
            print("another one has started", flush=True)
            sys.exit(1)
        mark.touch()
    if MODE == "ignores-sigterm":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: (print("asked to stop", flush=True), os._exit(0)))
    server = Server((os.environ["SERVING_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    print("ready", flush=True)
    thread.join()


if __name__ == "__main__":
    main()
