"""A runtime that speaks the Runtime API with nothing but the standard library, and misbehaves on request.

The variable TOY says how it initialises; the member "do" of an event says how it is answered.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

BASE = "/2018-06-01/runtime"
STARTED = time.time()
KEPT: list[bytes] = []


class Api:
    def __init__(self) -> None:
        self._connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"], timeout=600)

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any, bytes]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, BASE + path, body, names)
        response = self._connection.getresponse()
        return response.status, response.headers, response.read()


def error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message, "stackTrace": []}).encode()


def init(api: Api) -> None:
    mode, _, detail = os.environ.get("TOY", "").partition(" ")
    print(f"init {mode or 'well'}", flush=True)
    if mode == "sleep":
        time.sleep(float(detail))
    elif mode == "exit":
        sys.exit(int(detail))
    elif mode == "raise":
        api.call(
            "POST",
            "/init/error",
            error("Runtime.ImportModuleError", "Unable to import module 'app'"),
            Lambda_Runtime_Function_Error_Type="Runtime.ImportModuleError",
        )
        sys.exit(1)
    elif mode == "raise-once":
        mark = Path(os.environ["TOY_MARK"])
        if not mark.exists():
            mark.touch()
            api.call("POST", "/init/error", error("ValueError", "not yet"))
            sys.exit(1)
    elif mode == "exit-where":
        if Path(os.environ["TOY_MARK"]).exists():
            sys.exit(1)
    elif mode == "fill":
        KEPT.append(os.urandom(1) * (int(detail) * 1024 * 1024))


def answer(api: Api, request_id: str, headers: Any, event: Any) -> None:
    def respond(document: Any) -> None:
        respond_bytes(json.dumps(document).encode())

    def respond_bytes(body: bytes) -> int:
        return api.call("POST", f"/invocation/{request_id}/response", body)[0]

    do = event.get("do", "echo") if isinstance(event, dict) else "echo"
    if do == "echo":
        respond(event)
    elif do == "print":
        print(event["text"], flush=True)
        respond(len(event["text"]))
    elif do == "print-part":
        sys.stdout.write(event["text"])
        sys.stdout.flush()
        respond(None)
    elif do == "env":
        respond(dict(os.environ))
    elif do == "headers":
        respond({name.lower(): value for name, value in headers.items()})
    elif do == "where":
        respond({"pid": os.getpid(), "cwd": str(Path.cwd()), "started": STARTED})
    elif do == "sleep":
        time.sleep(event["s"])
        respond({"pid": os.getpid()})
    elif do == "raise":
        body = error("InvalidInput", "no such picture")
        api.call(
            "POST",
            f"/invocation/{request_id}/error",
            body,
            Lambda_Runtime_Function_Error_Type="InvalidInput",
        )
    elif do == "exit":
        sys.exit(event["code"])
    elif do == "signal":
        os.kill(os.getpid(), event["number"])
        time.sleep(60)
    elif do == "raw":
        respond_bytes(event["text"].encode())
    elif do == "large":
        status = respond_bytes(b'"' + b"x" * (event["bytes"] - 2) + b'"')
        print(f"status {status}", flush=True)
        if event.get("exit"):
            sys.exit(1)
    elif do == "fill":
        KEPT.append(os.urandom(1) * (event["mb"] * 1024 * 1024))
        if event.get("free"):
            KEPT.clear()
        time.sleep(event.get("s", 0))
        respond("filled")
    elif do == "child-fills":
        mb = event["mb"]
        script = f"import os, time; x = os.urandom(1) * ({mb} << 20); time.sleep(60)"
        subprocess.Popen([sys.executable, "-c", script])
        time.sleep(30)
        respond("survived")
    elif do == "child":
        respond(subprocess.Popen(["sleep", "300"]).pid)
    elif do == "tmp":
        Path(os.environ["TMPDIR"], event.get("name", "file")).write_bytes(b"x" * (event["mb"] << 20))
        time.sleep(event.get("s", 0))
        respond(os.environ["TMPDIR"])
    elif do == "late":  # work after the answer
        respond("early")
        time.sleep(event["s"])
        if event.get("exit"):
            sys.exit(1)
    elif do == "wrong":
        statuses = [
            api.call("POST", "/invocation/not-this-one/response", b"1")[0],
            api.call("GET", "/invocation/next")[0],
            api.call("POST", "/init/error", b"{}")[0],
            api.call("GET", "/nothing")[0],
        ]
        respond(statuses)
        late = api.call("POST", f"/invocation/{request_id}/response", b"2")[0]
        print(f"after the answer: {late}", flush=True)
    elif do == "break-off":
        connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        connection.putrequest("POST", f"{BASE}/invocation/{request_id}/response")
        connection.putheader("Content-Length", "1000")
        connection.endheaders()
        connection.send(b"x")
        connection.close()
        time.sleep(30)


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Lambda sends none to a runtime
    api = Api()
    init(api)
    while True:
        status, headers, body = api.call("GET", "/invocation/next")
        if status != 200:
            sys.exit(1)
        answer(api, headers["Lambda-Runtime-Aws-Request-Id"], headers, json.loads(body))


if __name__ == "__main__":
    main()
