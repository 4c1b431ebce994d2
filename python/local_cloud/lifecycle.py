"""Starting, stopping and looking at a local cloud from another process: what the ``local.*`` tasks call.

Imports nothing heavy: neither moto nor aiohttp. Every wait has a deadline.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from local_cloud.settings import DEFAULT_PORT, DEFAULT_REGION, HOST
from local_cloud.state import LOG_FILE, CloudInfo, holder, read_info

START_SECONDS: Final = 120.0
"""Until a new cloud must answer. It takes about 2 s; a cold disk or a busy machine takes many times that."""

STOP_SECONDS: Final = 45.0
"""Until a cloud that was told to stop must be gone: its containers have 30 s after SIGTERM, then it needs a
moment."""

RESTART_SECONDS: Final = 600.0
"""Until hosting must be up again: containers may take eight minutes to their first answer."""

_ANSWER_SECONDS: Final = 20.0
"""Until a cloud that is up must answer; one that still starts has START_SECONDS."""

_KILL_SECONDS: Final = 5.0
_HTTP_SECONDS: Final = 5.0
_READ_SECONDS: Final = 60.0
"""For an answer that takes work: reading logs loads moto's service of that name first."""

_PROBE_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.05
_TAIL_LINES: Final = 25
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LocalCloudError(RuntimeError):
    """The local cloud could not be started, reached or stopped; the message says why and what to do."""


def up(
    directory: Path,
    port: int = DEFAULT_PORT,
    *,
    images: Path | None = None,
    time_scale: float | None = None,
    region: str = DEFAULT_REGION,
    timeout: float = START_SECONDS,
) -> CloudInfo:
    """Starts a local cloud in the background, or finds the one that already runs on ``directory``.

    Args:
        directory: the cloud's state folder, such as ``.local/cloud``; made if need be.
        port: TCP port on 127.0.0.1; 0 takes any free one.
        images: the image store; ``images`` beside ``directory`` unless given.
        time_scale: how many times faster waiting constants pass; ``SERVING_LOCAL_TIME_SCALE``, else 1, unless
            given. A cloud that already runs keeps its own.
        timeout: seconds until it must answer.

    Raises:
        LocalCloudError: the port is taken, the cloud ended at once (with the tail of its log), or it does not
            answer in time.
    """
    directory = directory.absolute()
    running = _running(directory)
    if running is not None:
        return running
    if port != 0:
        _refuse_taken_port(port)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    (directory / "cloud.json").unlink(missing_ok=True)  # of a cloud that was killed
    command = [
        sys.executable, "-m", "local_cloud", "--port", str(port), "--dir", str(directory),
        "--images", str((images or directory.parent / "images").absolute()),
        "--region", region,
    ]  # fmt: skip
    if time_scale is not None:
        command += ["--time-scale", str(time_scale)]
    log_path = directory / LOG_FILE
    with log_path.open("wb") as log:
        os.fchmod(log.fileno(), 0o600)
        # A session of its own: Ctrl+C in the terminal that started it must not end it.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=_child_environment(),
        )
    info: CloudInfo | None = None

    def answers() -> bool:
        nonlocal info
        if process.poll() is not None:
            raise LocalCloudError(
                f"the local cloud ended at once with exit status {process.returncode}. "
                f"Its log, {log_path}, ends with:\n{tail(log_path)}"
            )
        info = read_info(directory)
        return info is not None and info.pid == process.pid and _answers(info)

    try:
        if _wait(answers, timeout):
            assert info is not None
            return info
    except BaseException:
        _end(process)
        raise
    _end(process)
    raise LocalCloudError(
        f"the local cloud did not answer within {timeout:.0f} s and was stopped. "
        f"Its log, {log_path}, ends with:\n{tail(log_path)}"
    )


def down(directory: Path, *, timeout: float = STOP_SECONDS, remove: bool = True) -> bool:
    """Stops the local cloud of ``directory`` with everything it runs; removes the folder unless told not to.

    Returns:
        Whether one was running.

    Raises:
        LocalCloudError: it could not be stopped.
    """
    directory = directory.absolute()
    pid = holder(directory)
    if pid is not None:
        _stop(directory, pid, timeout)
    if remove:
        shutil.rmtree(directory, ignore_errors=True)
        if directory.exists():
            raise LocalCloudError(f"{directory} could not be removed entirely: remove it by hand")
    return pid is not None


def status(directory: Path) -> dict[str, Any] | None:
    """What ``/_local/status`` says, None if no local cloud runs on ``directory``.

    Raises:
        LocalCloudError: one runs but does not answer.
    """
    info = _running(directory.absolute())
    if info is None:
        return None
    found: dict[str, Any] = json.loads(_get(info, "/_local/status"))
    return found


def restart_hosting(directory: Path, *, timeout: float = RESTART_SECONDS) -> dict[str, Any]:
    """Ends every container of the local cloud of ``directory`` and starts every endpoint anew. What S3 and
    the other services hold stays, and so do asynchronous requests that are queued.

    Returns:
        ``{"seconds": …, "endpoints": [{"name", "status", "failure_reason"}]}``.

    Raises:
        LocalCloudError: no local cloud runs, endpoints are in progress, or it did not answer in time.
    """
    info = _running(directory.absolute())
    if info is None:
        raise LocalCloudError(f"no local cloud runs on {directory}: start it with `invoke local.up`")
    request = urllib.request.Request(
        info.url + "/_local/hosting/restart", method="POST", headers={"X-Serving-Local": "1"}
    )
    found: dict[str, Any] = json.loads(_answer(info, request, timeout))
    return found


def logs(
    directory: Path,
    endpoint: str | None = None,
    container: str | None = None,
    lines: int = 100,
    function: str | None = None,
) -> list[str]:
    """The last log lines, oldest first: of an endpoint's containers, of a function, or of the local cloud
    itself if neither is named.

    Raises:
        LocalCloudError: no local cloud runs (containers' logs end with it), or it does not answer.
    """
    directory = directory.absolute()
    if endpoint is None and function is None:
        return tail(directory / LOG_FILE, lines).splitlines()
    info = _running(directory)
    if info is None:
        raise LocalCloudError(f"no local cloud runs on {directory}: start it with `invoke local.up`")
    named = {"endpoint": endpoint, "container": container, "function": function}
    query = {name: value for name, value in named.items() if value} | {"lines": str(lines)}
    answer = json.loads(_get(info, "/_local/logs?" + urllib.parse.urlencode(query)))
    return [
        f"{_clock_time(event['timestamp'])} {event['stream']} {event['message']}"
        for event in answer["events"]
    ]


def tail(path: Path, lines: int = _TAIL_LINES) -> str:
    """The last lines of a text file; a note if there are none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return f"({path} does not exist)"
    return "\n".join(text.splitlines()[-lines:]) or "(nothing)"


def _running(directory: Path) -> CloudInfo | None:
    """The cloud that holds the folder's lock, None if none does. Raises LocalCloudError if it does not
    answer."""
    pid = holder(directory)
    if pid is None:
        return None
    info: CloudInfo | None = None

    def answers() -> bool:  # another process may be starting it right now
        nonlocal info
        info = read_info(directory)
        return holder(directory) is None or (info is not None and _answers(info))

    if not _wait(answers, START_SECONDS if read_info(directory) is None else _ANSWER_SECONDS):
        raise LocalCloudError(
            f"a local cloud (process {pid}) runs on {directory} but does not answer. "
            f"Stop it with `invoke local.down`. Its log ends with:\n{tail(directory / LOG_FILE)}"
        )
    return info if holder(directory) is not None else None


def _stop(directory: Path, pid: int, timeout: float) -> None:
    """Asks, then SIGTERM, then SIGKILL. The lock tells when it is gone; holding it, the process is surely
    ours."""

    def gone() -> bool:
        return holder(directory) != pid

    info = read_info(directory)
    if info is not None and info.pid == pid:
        with contextlib.suppress(OSError):
            _call(
                urllib.request.Request(
                    info.url + "/_local/shutdown", method="POST", headers={"X-Serving-Local": "1"}
                )
            )
            if _wait(gone, timeout):
                return
    for signal_number, patience in ((signal.SIGTERM, timeout), (signal.SIGKILL, _KILL_SECONDS)):
        if gone():
            return
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            return
        except PermissionError:
            raise LocalCloudError(
                f"the local cloud (process {pid}) belongs to another user and cannot be stopped from here"
            ) from None
        if _wait(gone, patience):
            return
    raise LocalCloudError(f"the local cloud (process {pid}) does not end, even after SIGKILL: see `ps {pid}`")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a cloud of this very process that did not come up."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_KILL_SECONDS)


def _refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            return
        except OSError as error:
            reason = error.strerror
    who = "another program"
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(
            _call(urllib.request.Request(f"http://{HOST}:{port}/_local/status"), _PROBE_SECONDS)
        )
        who = f"another local cloud (process {found['pid']})"
    raise LocalCloudError(
        f"port {port} of {HOST} is taken by {who} ({reason}). "
        "Stop it, or choose another port with SERVING_LOCAL_PORT."
    )


def _child_environment() -> dict[str, str]:
    """This process's environment, with the packages that this module was found beside importable."""
    environment = dict(os.environ)
    found_in = str(Path(__file__).resolve().parent.parent)
    paths = [found_in, str(Path(found_in) / "contracts"), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def _answers(info: CloudInfo) -> bool:
    try:
        return bool(json.loads(_get(info, "/_local/status", _HTTP_SECONDS))["pid"] == info.pid)
    except (LocalCloudError, ValueError, KeyError):
        return False


def _get(info: CloudInfo, path: str, timeout: float = _READ_SECONDS) -> bytes:
    return _answer(info, urllib.request.Request(info.url + path), timeout)


def _answer(info: CloudInfo, request: urllib.request.Request, timeout: float) -> bytes:
    try:
        return _call(request, timeout)
    except urllib.error.HTTPError as error:
        with error:
            raise LocalCloudError(error.read().decode(errors="replace").strip() or str(error)) from None
    except OSError as error:
        raise LocalCloudError(f"the local cloud at {info.url} does not answer: {error}") from None


def _call(request: urllib.request.Request, timeout: float = _HTTP_SECONDS) -> bytes:
    with _NO_PROXY.open(request, timeout=timeout) as response:
        body: bytes = response.read()
        return body


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _clock_time(milliseconds: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(milliseconds / 1000))
