"""From the start of the process to its end."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest
from serving_processes import ALWAYS_POSITIVE, DEADLINE_S, OBEDIENT, ServerProcess, write_model

LOADS_LATE = ALWAYS_POSITIVE.replace(
    "    return Model()",
    "    import time\n"
    "    while not (model_dir / 'gate').exists():\n"
    "        time.sleep(0.005)\n"
    "    return Model()",
)


def receive(connection: socket.socket, until: bytes) -> bytes:
    received = b""
    while until not in received:
        part = connection.recv(65536)
        assert part, f"the server hung up after {received!r}"
        received += part
    return received


def in_flight(server: ServerProcess, text: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)
    body = json.dumps({"text": text}).encode()
    connection.sendall(
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    server.wait_for_metrics("requests", "in_flight", value=1)
    return connection


def test_the_socket_answers_503_until_the_model_is_loaded(tmp_path: Path) -> None:
    with ServerProcess(write_model(tmp_path, LOADS_LATE), wait_until_ready=False) as server:
        assert server.request("GET", "/ping")[0] == 503
        status, answer = server.ask("too early")
        assert (status, answer["error"]["code"]) == (503, "ModelNotReady")
        assert server.metrics()["requests"]["answers"] == {"503": 1}
        server.open_gate("gate")
        server.logged("Ready.")
        assert server.request("GET", "/ping")[0] == 200
        assert server.ask("now")[0] == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_stops_with_status_0(tmp_path: Path, number: signal.Signals) -> None:
    with ServerProcess(write_model(tmp_path, ALWAYS_POSITIVE)) as server:
        server.process.send_signal(number)
        assert server.process.wait(DEADLINE_S) == 0


def test_sigterm_while_loading_stops_with_status_0(tmp_path: Path) -> None:
    with ServerProcess(write_model(tmp_path, LOADS_LATE), wait_until_ready=False) as server:
        assert server.request("GET", "/ping")[0] == 503
        server.process.terminate()
        assert server.process.wait(DEADLINE_S) == 0


def test_sigterm_finishes_what_is_in_flight_and_refuses_what_is_new(tmp_path: Path) -> None:
    model = write_model(tmp_path, OBEDIENT)
    # Neither limit may pass on a machine that is busy with other things.
    with ServerProcess(model, SERVING_DRAIN_SECONDS="600", SERVING_TIMEOUT_SECONDS="600") as server:
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as kept,
            in_flight(server, "wait for it") as running,
        ):
            kept.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert receive(kept, until=b"}").startswith(b"HTTP/1.1 200 ")
            server.process.terminate()
            server.logged("Stopping.")
            kept.sendall(b'POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{"text": "a"}')
            assert receive(kept, until=b"ShuttingDown").startswith(b"HTTP/1.1 503 ")
            with pytest.raises(ConnectionError):
                while True:  # the listener closes a moment after the signal
                    assert server.request("GET", "/ping")[0] == 503
            server.open_gate("it")
            assert running.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(DEADLINE_S) == 0


def test_a_handler_that_never_ends_does_not_keep_the_server_from_stopping(tmp_path: Path) -> None:
    with (
        ServerProcess(write_model(tmp_path, OBEDIENT), SERVING_DRAIN_SECONDS="0.2") as server,
        in_flight(server, "wait for ever") as running,
    ):
        server.process.terminate()
        assert receive(running, until=b"ShuttingDown").startswith(b"HTTP/1.1 503 ")
        assert server.process.wait(DEADLINE_S) == 0
        assert server.logged("Stopped before every request was answered.")["level"] == "warning"


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        pytest.param(
            "def load(model_dir, threads):\n    raise OSError('weights are cut off')",
            "weights are cut off",
            id="load raises",
        ),
        pytest.param("import there_is_no_such_module", "there_is_no_such_module", id="an import fails"),
        pytest.param("def load(", "cannot be imported: SyntaxError", id="no Python"),
        pytest.param("", "no function load", id="no load"),
        pytest.param("def load(model_dir, threads):\n    return 7", "no predict", id="no predict"),
        pytest.param("def load(model_dir, threads):\n    raise SystemExit(0)", "SystemExit", id="load exits"),
    ],
)
def test_a_model_that_cannot_be_loaded_ends_the_process_and_the_log_says_why(
    tmp_path: Path, handler: str, words: str
) -> None:
    with ServerProcess(write_model(tmp_path, handler), wait_until_ready=False) as server:
        assert server.process.wait(DEADLINE_S) == 1
        line = server.logged("The model cannot be loaded.")
    assert words in line["reason"]
    assert line["level"] == "critical"
    assert line is server.lines[-1]


def test_a_model_folder_without_code_is_described(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").touch()
    with ServerProcess(tmp_path, wait_until_ready=False) as server:
        assert server.process.wait(DEADLINE_S) == 1
        assert "weights.bin" in server.logged("The model cannot be loaded.")["reason"]


def test_an_unknown_task_is_refused_and_the_known_ones_are_named(tmp_path: Path) -> None:
    with ServerProcess(
        write_model(tmp_path, ALWAYS_POSITIVE, task="divination"), wait_until_ready=False
    ) as server:
        assert server.process.wait(DEADLINE_S) == 1
        assert "sentiment" in server.logged("The model cannot be loaded.")["reason"]


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with (
        ServerProcess(write_model(tmp_path, ALWAYS_POSITIVE)) as server,
        pytest.raises(AssertionError, match="The port cannot be bound"),
    ):
        ServerProcess(tmp_path, SAGEMAKER_BIND_TO_PORT=str(server.port))


def test_a_wrong_setting_ends_the_process_with_status_2(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"SERVING_MAX_BATCH='many' is not usable"):
        ServerProcess(write_model(tmp_path, ALWAYS_POSITIVE), SERVING_MAX_BATCH="many")


def test_the_handler_finds_its_helpers_and_its_threads(tmp_path: Path) -> None:
    handler = """
import os
from helper import answer
from package.inner import LABEL

class Model:
    def __init__(self, threads):
        assert threads == 3 and os.environ["OMP_NUM_THREADS"] == "3"

    def predict(self, requests):
        return [answer(LABEL) for request in requests]

def load(model_dir, threads):
    assert (model_dir / "model.toml").is_file()
    return Model(threads)
"""
    model = write_model(tmp_path, handler)
    (model / "code/helper.py").write_text(
        "from serving_contracts import Sentiment\n\ndef answer(label):\n    return Sentiment(label, 0.25)\n"
    )
    (model / "code/package").mkdir()
    (model / "code/package/inner.py").write_text("LABEL = 'Neg'\n")
    with ServerProcess(model, SERVING_THREADS="3") as server:
        assert server.ask("a") == (200, {"predicted_label": "Neg", "score": 0.25})
