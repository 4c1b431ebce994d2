"""Deadlines, hanging handlers, full queues and clients that hang up, against a real server process."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from serving_processes import DEADLINE_S, OBEDIENT, ServerProcess, write_model


def send(server: ServerProcess, text: str) -> socket.socket:
    """A request whose answer is not waited for."""
    body = json.dumps({"text": text}).encode()
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)
    connection.sendall(
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    return connection


def test_a_hanging_handler_gets_504_at_the_deadline_and_then_ping_fails(tmp_path: Path) -> None:
    model = write_model(tmp_path, OBEDIENT)
    with ServerProcess(model, SERVING_TIMEOUT_SECONDS="0.3", SERVING_STUCK_GRACE_SECONDS="0.3") as server:
        status, answer = server.ask("wait for ever")
        assert (status, answer["error"]["code"]) == (504, "DeadlineExceeded")
        assert "0.3 s" in answer["error"]["message"]
        while server.request("GET", "/ping")[0] == 200:
            threading.Event().wait(0.01)
        status, answer = server.ask("at once")
        assert (status, answer["error"]["code"]) == (503, "ModelNotReady")
        assert "stuck" in answer["error"]["message"]
        server.open_gate("ever")
        while server.request("GET", "/ping")[0] != 200:
            threading.Event().wait(0.01)
        assert server.ask("well again")[0] == 200


def test_a_slow_batch_within_the_time_out_leaves_ping_at_200(tmp_path: Path) -> None:
    with ServerProcess(write_model(tmp_path, OBEDIENT)) as server, send(server, "wait for it") as slow:
        server.wait_for_metrics("requests", "in_flight", value=1)
        assert server.request("GET", "/ping")[0] == 200
        server.open_gate("it")
        assert slow.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_requests_over_the_queue_get_429_and_those_in_it_are_answered(tmp_path: Path) -> None:
    with ServerProcess(write_model(tmp_path, OBEDIENT), SERVING_MAX_QUEUE="2") as server:
        accepted = [send(server, "wait for it")]
        server.wait_for_metrics("requests", "in_flight", value=1)
        accepted += [send(server, text) for text in ("first", "second")]
        server.wait_for_metrics("queue", "waiting_items", value=2)
        status, headers, body = server.invoke(b'{"text": "third"}')
        assert (status, json.loads(body)["error"]["code"]) == (429, "TooManyRequests")
        assert int(headers["retry-after"]) >= 1
        server.open_gate("it")
        for connection in accepted:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            connection.close()


def test_the_items_of_a_client_that_hangs_up_are_never_run(tmp_path: Path) -> None:
    with ServerProcess(write_model(tmp_path, OBEDIENT)) as server, send(server, "wait for it") as first:
        server.wait_for_metrics("requests", "in_flight", value=1)
        impatient = send(server, "nobody waits for this")
        server.wait_for_metrics("queue", "waiting_items", value=1)
        impatient.close()
        server.wait_for_metrics("requests", "disconnected", value=1)
        server.open_gate("it")
        assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
        server.ask("the last")
        assert server.batches() == [["wait for it"], ["the last"]]


def test_a_body_that_does_not_come_ends_at_the_deadline(tmp_path: Path) -> None:
    with (
        ServerProcess(write_model(tmp_path, OBEDIENT), SERVING_TIMEOUT_SECONDS="0.2") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as connection,
    ):
        connection.sendall(b'POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"te')
        assert connection.recv(65536).startswith(b"HTTP/1.1 504 ")
        assert server.ask("others are answered")[0] == 200


def test_many_large_bodies_at_a_time_do_not_pile_up_in_memory(tmp_path: Path) -> None:
    with ServerProcess(write_model(tmp_path, OBEDIENT), SERVING_MAX_BODY_BYTES="100000") as server:
        unfinished = []
        for _ in range(8):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)
            connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{")
            unfinished.append(connection)
        server.wait_for_metrics("requests", "in_flight", value=8)
        assert server.invoke(b" " * 90_000)[0] == 429
        assert server.ask("small ones pass")[0] == 200
        for connection in unfinished:
            connection.close()
        server.wait_for_metrics("requests", "in_flight", value=0)
        assert server.invoke(b" " * 90_000)[0] == 400


def test_a_large_body_is_prepared_beside_the_event_loop(tmp_path: Path) -> None:
    texts = [{"text": "x" * 90} for _ in range(500)]
    with ServerProcess(write_model(tmp_path, OBEDIENT)) as server:
        status, _, body = server.invoke(json.dumps(texts).encode())
        assert status == 200
        assert len(json.loads(body)) == 500
        status, _, body = server.invoke(json.dumps([*texts, {"text": 1}]).encode())
        assert (status, json.loads(body)["error"]["field"]) == (400, "[500].text")


def test_requests_from_many_clients_share_batches(tmp_path: Path) -> None:
    results: list[Any] = []
    with ServerProcess(write_model(tmp_path, OBEDIENT)) as server, send(server, "wait for it"):
        server.wait_for_metrics("requests", "in_flight", value=1)
        clients = [
            threading.Thread(target=lambda length=length: results.append((length, server.ask("a" * length))))
            for length in range(20, 23)
        ]
        for client in clients:
            client.start()
        server.wait_for_metrics("queue", "waiting_items", value=3)
        server.open_gate("it")
        for client in clients:
            client.join(DEADLINE_S)
        assert sorted(results) == [
            (length, (200, {"predicted_label": "Pos", "score": length / 100})) for length in range(20, 23)
        ]
        assert sorted(map(len, server.batches())) == [1, 3]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads CPU time from /proc")
def test_an_idle_server_wakes_up_for_nothing(tmp_path: Path) -> None:
    with ServerProcess(write_model(tmp_path, OBEDIENT)) as server:
        server.ask("warm")
        status = Path(f"/proc/{server.process.pid}/status")

        def switches() -> int:
            lines = status.read_text().splitlines()
            return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)

        before = switches()
        threading.Event().wait(1.0)
        assert switches() - before <= 5
