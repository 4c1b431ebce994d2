from __future__ import annotations

import socket

from local_cloud.hosting import ports


def test_held_blocks_do_not_overlap() -> None:
    blocks = [ports.reserve_ports() for _ in range(20)]
    numbers = [
        n for block in blocks for n in (block.port, *range(block.safe_ports[0], block.safe_ports[1] + 1))
    ]
    assert len(set(numbers)) == len(numbers) == 20 * ports.BLOCK
    for block in blocks:
        block.release()
        block.release()  # harmless


def test_a_port_that_somebody_listens_on_is_passed_over(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    block = ports.reserve_ports()
    first = block.port
    block.release()
    monkeypatch.setattr(ports, "FIRST_PORT", first)
    monkeypatch.setattr(ports, "LAST_PORT", first + 2 * ports.BLOCK - 1)
    with socket.socket() as taken:
        taken.bind((ports.HOST, first))
        taken.listen()
        other = ports.reserve_ports()
        assert other.port == first + ports.BLOCK
        other.release()
