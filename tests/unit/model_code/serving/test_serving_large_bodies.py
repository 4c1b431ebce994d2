"""Files on their way through the server: bounded memory, nothing left on disk, nobody held up."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from media_models import PNG, MediaServer
from serving_processes import DEADLINE_S

from serving.errors import ServingError
from serving.spooling import Spool

MB = 1_000_000


def start_sending(server: MediaServer, body: bytes, *, length: int | None = None) -> socket.socket:
    """A request on a connection that the caller closes; ``length`` is declared, though less be sent."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"
    connection.sendall(head % (length or len(body)) + body)
    return connection


def wait_until_running(server: MediaServer) -> None:
    """The model has begun with a request."""
    give_up = time.monotonic() + DEADLINE_S
    while not server.noted("asked"):
        assert time.monotonic() < give_up, "no request reached the model"
        threading.Event().wait(0.005)


def wait_until_gone(server: MediaServer) -> None:
    """No body lies on disk."""
    give_up = time.monotonic() + DEADLINE_S
    while server.bodies():
        assert time.monotonic() < give_up, f"left on disk: {server.bodies()}"
        threading.Event().wait(0.005)


def resident_bytes(process_id: int, field: str) -> int:
    """``VmRSS`` now, or ``VmHWM``, the most there ever was."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"/proc has no {field}")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_200_mb_go_in_and_out_in_less_than_20_mb_of_memory(tmp_path: Path) -> None:
    piece, count = PNG + b"." * (MB - len(PNG)), 200
    with MediaServer(tmp_path, SERVING_MAX_BODY_BYTES=str(2**30)) as server:
        assert server.send_file(PNG, Accept="video/mp4")[0] == 200  # what is imported late has been
        before = resident_bytes(server.process.pid, "VmRSS")
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
        headers = {"Content-Type": "image/png", "Content-Length": str(count * MB), "Accept": "video/mp4"}
        connection.request("POST", "/invocations", (piece for _ in range(count)), headers)
        response = connection.getresponse()
        assert (response.status, response.getheader("content-length")) == (200, str(count * MB))
        returned = sum(map(len, iter(lambda: response.read(MB), b"")))
        connection.close()
        assert returned == count * MB
        assert resident_bytes(server.process.pid, "VmHWM") - before < 20 * MB
        wait_until_gone(server)


def test_ping_answers_while_a_file_is_sent_and_while_the_model_works(tmp_path: Path) -> None:
    with (
        MediaServer(tmp_path) as server,
        start_sending(server, PNG, length=5 * MB),
        start_sending(server, PNG + b"wait for it"),
    ):
        wait_until_running(server)
        started = time.monotonic()
        assert server.request("GET", "/ping")[0] == 200
        assert time.monotonic() - started < 2.0
        server.open_gate("it")


def test_a_client_that_hangs_up_in_mid_file_leaves_nothing(tmp_path: Path) -> None:
    with MediaServer(tmp_path) as server:
        with start_sending(server, PNG + b"." * MB, length=5 * MB):
            server.wait_for_metrics("requests", "in_flight", value=1)
        server.wait_for_metrics("requests", "disconnected", value=1)
        wait_until_gone(server)
        assert server.noted("asked") == []


def test_a_client_that_hangs_up_while_the_model_works_stops_the_work(tmp_path: Path) -> None:
    with MediaServer(tmp_path, SERVING_TIMEOUT_SECONDS="600") as server:
        with start_sending(server, PNG + b"wait for ever"):
            wait_until_running(server)
        server.wait_for_metrics("requests", "disconnected", value=1)
        assert server.send_file(PNG)[0] == 200  # the model is free again
        assert server.noted("stopped") == ["NobodyWaits"]
        wait_until_gone(server)


def test_the_deadline_ends_a_file_that_does_not_come_and_work_that_takes_too_long(tmp_path: Path) -> None:
    with MediaServer(tmp_path, SERVING_TIMEOUT_SECONDS="0.5") as server:
        with start_sending(server, PNG, length=MB) as slow:
            assert slow.recv(65536).startswith(b"HTTP/1.1 504 ")
        error = server.error(PNG + b"wait for ever")
        assert (error["status"], error["code"]) == (504, "DeadlineExceeded")
        assert server.send_file(PNG)[0] == 200
        assert server.noted("stopped") == ["NobodyWaits"]
        wait_until_gone(server)


def test_a_body_that_declares_too_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (
        MediaServer(tmp_path, SERVING_MAX_BODY_BYTES="1000") as server,
        start_sending(server, PNG, length=1001) as connection,
    ):
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
        assert server.bodies() == []


def test_sigterm_lets_the_work_finish(tmp_path: Path) -> None:
    with (
        MediaServer(tmp_path, SERVING_TIMEOUT_SECONDS="600") as server,
        start_sending(server, PNG + b"wait for it") as running,
    ):
        wait_until_running(server)
        server.process.terminate()
        server.logged("Stopping.")
        server.open_gate("it")
        assert running.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(DEADLINE_S) == 0
        assert list(server.temporary.iterdir()) == []


def test_work_that_does_not_end_does_not_keep_the_server_from_stopping(tmp_path: Path) -> None:
    with (
        MediaServer(tmp_path, SERVING_TIMEOUT_SECONDS="600", SERVING_DRAIN_SECONDS="0.2") as server,
        start_sending(server, PNG + b"wait for ever") as running,
        start_sending(server, PNG, length=MB) as sending,
    ):
        wait_until_running(server)
        server.wait_for_metrics("requests", "in_flight", value=2)
        server.process.terminate()
        for connection in (running, sending):
            assert connection.recv(65536).startswith(b"HTTP/1.1 503 ")
        assert server.process.wait(DEADLINE_S) == 0
        assert list(server.temporary.iterdir()) == []


def test_what_a_killed_server_left_is_removed_by_the_next(tmp_path: Path) -> None:
    with MediaServer(tmp_path) as killed:
        with start_sending(killed, PNG + b"wait for ever"):
            wait_until_running(killed)
            killed.process.kill()
            killed.process.wait(DEADLINE_S)
        assert killed.bodies()
        with MediaServer(tmp_path) as server:
            assert server.bodies() == []


def test_a_model_that_is_stuck_shows_on_ping(tmp_path: Path) -> None:
    settings = {"SERVING_TIMEOUT_SECONDS": "0.2", "SERVING_STUCK_GRACE_SECONDS": "0.1"}
    stuck = "import time\nclass Model:\n    def predict(self, items):\n        time.sleep(600)\n"
    with MediaServer(
        tmp_path, stuck + "def load(model_dir, threads):\n    return Model()\n", **settings
    ) as server:
        assert server.error(PNG)["status"] == 504
        give_up = time.monotonic() + DEADLINE_S
        while server.request("GET", "/ping")[0] != 503:
            assert time.monotonic() < give_up, "/ping goes on answering 200"
            threading.Event().wait(0.02)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path)
    yield made
    made.close()


def test_the_folders_of_servers_that_run_are_left_alone(tmp_path: Path, spool: Spool) -> None:
    of_another = tmp_path / f"serving-spool-{os.getppid()}-x"
    of_nobody = tmp_path / "serving-spool-999999999-x"
    foreign = tmp_path / "something-else"
    for folder in (of_another, of_nobody, foreign):
        folder.mkdir()
    Spool(tmp_path).close()
    assert (of_another.exists(), of_nobody.exists(), foreign.exists()) == (True, False, True)


async def test_pieces_of_any_size_make_one_file(spool: Spool) -> None:
    pieces = [b"", b"a", b"b" * 300_000, b"", b"c" * 10]
    file = spool.new_file()
    for piece in pieces:
        await file.take(piece)
    await file.finish()
    assert file.path.read_bytes() == b"".join(pieces)
    assert (file.size, file.head) == (300_011, (b"a" + b"b" * 63))
    assert b"".join([piece async for piece in spool.read(file.path)]) == b"".join(pieces)
    file.remove()
    await spool.thread.call(lambda: None)
    assert not file.folder.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to /dev/full")
async def test_a_full_disk_is_said_to_be_full(spool: Spool) -> None:
    file = spool.new_file()
    file.folder.mkdir()
    file.path.symlink_to("/dev/full")
    file._file = file.path.open("wb", buffering=0)
    await file.take(b"a")
    with pytest.raises(ServingError, match="is full") as caught:
        await file.finish()
    assert (caught.value.status, json.loads(caught.value.to_json())["error"]["code"]) == (
        429,
        "TooManyRequests",
    )
