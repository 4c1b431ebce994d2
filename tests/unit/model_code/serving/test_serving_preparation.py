"""The preparation of a large body obeys what the model's queue obeys: deadlines, hang-ups, and the stop."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from pathlib import Path

import pytest
from serving_processes import DEADLINE_S, ServerProcess, write_model

from serving.interruption import Interruptible
from serving.threads import SerialThread

#: Notes what it prepares, and waits in prepare() for the file that a text names.
PREPARES_LATE = """
import time
from pathlib import Path
from serving_contracts import Sentiment

class Model:
    def __init__(self, gates):
        self.gates = gates

    def prepare(self, request):
        with (self.gates / "prepared").open("a") as notes:
            notes.write(request.text + "\\n")
        if request.text.startswith("wait for "):
            while not (self.gates / request.text.removeprefix("wait for ")).exists():
                time.sleep(0.002)
        if request.text == "sleep":
            time.sleep(0.3)
        return request.text

    def predict(self, texts):
        with (self.gates / "predicted").open("a") as notes:
            notes.writelines(text + "\\n" for text in texts)
        return [Sentiment("Pos", 0.5) for text in texts]

def load(model_dir, threads):
    return Model(Path(model_dir))
"""


def patient_server(folder: Path, *, drain_s: str = "600") -> ServerProcess:
    """No deadline passes, however busy the machine is."""
    model = write_model(folder, PREPARES_LATE)
    return ServerProcess(model, SERVING_TIMEOUT_SECONDS="600", SERVING_DRAIN_SECONDS=drain_s)


def large(text: str) -> bytes:
    """A request whose body is too large to be prepared on the event loop."""
    return json.dumps({"text": text}).encode() + b" " * 10_000


def send(server: ServerProcess, body: bytes, *, length: int | None = None) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    connection.sendall(head % (length or len(body)) + body)
    return connection


def noted(server: ServerProcess, file: str) -> list[str]:
    path = server.model_dir / file
    return path.read_text().splitlines() if path.exists() else []


def wait_until_preparing(server: ServerProcess, text: str) -> None:
    give_up = time.monotonic() + DEADLINE_S
    while text not in noted(server, "prepared"):
        assert time.monotonic() < give_up, f"{text!r} was not prepared"
        threading.Event().wait(0.005)


def test_a_preparation_that_hangs_gets_504_at_the_deadline_and_holds_up_no_small_request(
    tmp_path: Path,
) -> None:
    model = write_model(tmp_path, PREPARES_LATE)
    with ServerProcess(model, SERVING_TIMEOUT_SECONDS="1", SERVING_STUCK_GRACE_SECONDS="600") as server:
        for text in ("wait for it", "never begun"):  # the second one waits behind the first
            status, _, body = server.invoke(large(text))
            assert (status, json.loads(body)["error"]["code"]) == (504, "DeadlineExceeded")
        assert server.ask("small")[0] == 200
        server.open_gate("it")
        assert server.invoke(large("the next"))[0] == 200
        assert noted(server, "prepared") == ["wait for it", "small", "the next"]
        assert noted(server, "predicted") == ["small", "the next"]


def test_the_body_of_a_client_that_hung_up_is_not_prepared(tmp_path: Path) -> None:
    with (
        patient_server(tmp_path) as server,
        send(server, large("wait for it")) as first,
    ):
        wait_until_preparing(server, "wait for it")
        impatient = send(server, large("nobody waits for this"))
        server.wait_for_metrics("requests", "in_flight", value=2)
        impatient.close()
        server.wait_for_metrics("requests", "disconnected", value=1)
        server.open_gate("it")
        assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert server.invoke(large("the last"))[0] == 200
        assert noted(server, "prepared") == ["wait for it", "the last"]


def test_a_client_that_hangs_up_during_its_preparation_costs_the_model_nothing(tmp_path: Path) -> None:
    with patient_server(tmp_path) as server:
        with send(server, large("wait for it")):
            wait_until_preparing(server, "wait for it")
        server.wait_for_metrics("requests", "disconnected", value=1)
        server.open_gate("it")
        assert server.invoke(large("the last"))[0] == 200
        assert noted(server, "predicted") == ["the last"]


def test_sigterm_lets_a_preparation_finish(tmp_path: Path) -> None:
    with (
        patient_server(tmp_path) as server,
        send(server, large("wait for it")) as running,
    ):
        wait_until_preparing(server, "wait for it")
        server.process.terminate()
        server.logged("Stopping.")
        server.open_gate("it")
        assert running.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(DEADLINE_S) == 0


def test_a_preparation_that_hangs_does_not_keep_the_server_from_stopping(tmp_path: Path) -> None:
    with (
        patient_server(tmp_path, drain_s="0.2") as server,
        send(server, large("wait for ever")) as preparing,
        send(server, large("behind it")) as queued,
        send(server, b'{"te', length=100) as unfinished,
    ):
        wait_until_preparing(server, "wait for ever")
        server.wait_for_metrics("requests", "in_flight", value=3)
        server.process.terminate()
        for connection in (preparing, queued, unfinished):
            answer = b""
            while b"ShuttingDown" not in answer:  # the head and the body may come one after the other
                part = connection.recv(65536)
                assert part, f"the server hung up after {answer!r}"
                answer += part
            assert answer.startswith(b"HTTP/1.1 503 ")
        assert server.process.wait(DEADLINE_S) == 0
        assert server.logged("Stopped before every request was answered.")["in_flight"] == 0


def test_what_is_prepared_only_after_the_deadline_never_reaches_the_model(tmp_path: Path) -> None:
    with ServerProcess(write_model(tmp_path, PREPARES_LATE), SERVING_TIMEOUT_SECONDS="0.2") as server:
        status, answer = server.ask("sleep")  # a small body: prepared on the event loop
        assert (status, answer["error"]["code"]) == (504, "DeadlineExceeded")
        assert noted(server, "predicted") == []


async def test_a_call_whose_caller_has_gone_is_let_go_of_and_never_run() -> None:
    thread = SerialThread("test")
    gate = threading.Event()
    begun: list[str] = []

    def hold() -> None:
        begun.append("first")
        gate.wait(DEADLINE_S)

    first = asyncio.create_task(thread.call(hold))
    second = asyncio.create_task(thread.call(lambda: begun.append("second")))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    await first
    await thread.call(lambda: begun.append("third"))
    assert begun == ["first", "third"]


async def test_a_block_that_was_failed_raises_that_error_even_when_what_it_awaited_came_too() -> None:
    entered: set[Interruptible] = set()
    with pytest.raises(LookupError, match="told"):
        async with Interruptible(time.monotonic() + 600, TimeoutError, entered) as block:
            block.fail(LookupError("told"))
    assert not entered
    block.fail(LookupError("too late to matter"))


async def test_a_block_ends_at_once_when_its_deadline_has_passed() -> None:
    with pytest.raises(LookupError):
        async with Interruptible(time.monotonic() - 5, LookupError, set()):
            await asyncio.Event().wait()
