"""One run of a terraform command: its output as it comes, its deadline, its end."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

STOP_GRACE_S = 120.0  # after SIGINT Terraform finishes what is under way and saves its state

_running: set[subprocess.Popen[str]] = set()
_running_lock = threading.Lock()


def run_process(
    words: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    on_line: Callable[[str], None],
) -> tuple[int, list[str]]:
    """Runs a command and hands over each line of its stdout as it comes.

    Whatever ends this call early stops the process too: first as Ctrl+C would, so that Terraform saves its
    state, then for good.

    Returns:
        The exit status and the lines of stderr.

    Raises:
        OSError: it cannot be started.
        TimeoutError: it did not end within ``timeout_s``.
    """
    process = subprocess.Popen(
        words,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        # Ctrl+C in the terminal must not reach it by itself: ours would be the second interrupt, on which
        # Terraform exits at once and loses track of what it was making.
        start_new_session=True,
    )
    with _running_lock:
        _running.add(process)
    lines: queue.Queue[str | None] = queue.Queue()
    complaints: list[str] = []

    def pump() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    def collect() -> None:
        assert process.stderr is not None
        complaints.extend(process.stderr.read().splitlines())

    threads = [threading.Thread(target=work, daemon=True) for work in (pump, collect)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout_s
    try:
        while (line := _next(lines, deadline)) is not None:
            on_line(line)
        status = process.wait(timeout=max(1.0, deadline - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        _stop(process)
        raise TimeoutError from None
    except BaseException:
        _stop(process)
        raise
    finally:
        with _running_lock:
            _running.discard(process)
    for thread in threads:
        thread.join(timeout=5)
    return status, complaints


def interrupt_all() -> None:
    """Asks every command that other threads of this process are running to end, as Ctrl+C would."""
    with _running_lock:
        for process in _running:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def _next(lines: queue.Queue[str | None], deadline: float) -> str | None:
    try:
        return lines.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise TimeoutError from None


def _stop(process: subprocess.Popen[str]) -> None:
    """Asks Terraform to stop, gives it time to save its state, then makes it."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=STOP_GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
